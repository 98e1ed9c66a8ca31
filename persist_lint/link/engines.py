"""Engines and session factories of the project, with the options that reach them.

An engine that a wrapper makes is seen once per call of the wrapper (a ``Variant``): arguments are followed through
the wrapper's parameters, ``**kwargs`` and settings, and a branch that asks for the dialect decides which database it is
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.context.urls import read_url
from persist_lint.link.branches import assignments, under_tests
from persist_lint.link.callers import Callers
from persist_lint.link.choices import ANYTHING, Choices, Entries, Named, Possible, merged
from persist_lint.link.constants import Constants, Frame
from persist_lint.link.contexts import is_test
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, Fn, Inst, Type, members
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, post_order, spelled, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_WRAPPERS = 3
MAX_VARIANTS = 12
DIALECTS = ("sqlite", "postgres", "mysql", "mariadb", "oracle", "mssql")
FLASK = "flask_sqlalchemy.SQLAlchemy"
FLASK_OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
FLASK_URLS = ("SQLALCHEMY_DATABASE_URI",)


class Option(Struct, frozen=True, eq=False):
    """One option of an engine: its possible values; none at all where it is not given (``absent``)."""

    choices: tuple[Possible | None, ...] = ()

    @property
    def absent(self) -> bool:
        """Whether it is certainly left at the default; None as a value means the same to SQLAlchemy's pools."""
        return all(p is None or p.value is None for p in self.choices)

    @property
    def unknown(self) -> bool:
        """Whether it may be anything."""
        return any(p is not None and p.value is ANYTHING for p in self.choices)

    @property
    def off(self) -> bool:
        """Whether it is certainly off: not given, or given as something that counts as false."""
        return all(p is None or (p.value is not ANYTHING and not p.value) for p in self.choices)

    @property
    def value(self) -> object:
        """The one known value; None where there is none or there are several."""
        return (
            self.choices[0].value
            if len(self.choices) == 1 and self.choices[0] is not None and not self.unknown
            else None
        )

    @property
    def settable(self) -> bool:
        """Whether its value is the default of a setting."""
        return any(p is not None and p.settable for p in self.choices)

    def named(self, *names: str) -> bool:
        """Whether it may be a library class of one of these last names."""
        found = [
            p.value.dotted.rpartition(".")[2] for p in self.choices if p is not None and isinstance(p.value, Named)
        ]
        return not set(names).isdisjoint(found)

    def may_be(self, *values: object) -> bool:
        """Whether one of its values is among those given; identity of type counts (``0`` is not False)."""
        return any(
            p is not None and any(p.value == v and type(p.value) is type(v) for v in values) for p in self.choices
        )


class Variant(Struct, frozen=True, eq=False):
    """An engine as one chain of calls makes it. ``urls`` as text with holes; ``side`` is the dialect that the branches
    around the call say: "" where they say nothing, "server" for the other branch of a test for SQLite. ``asked``: the
    branches lead there only after somebody changed a setting."""

    frame: Frame
    options: Entries
    urls: Choices
    side: str = ""
    asked: bool = False

    def option(self, name: str) -> Option:
        """An option by name, unknown where the options may hold more than is seen."""
        found = self.options.items.get(name)
        if found is None:
            return Option((Possible(ANYTHING),)) if self.options.open else Option()
        return Option(found)

    def connect_arg(self, *names: str) -> Option:
        """The first of these entries of ``connect_args`` that is given."""
        return self.nested("connect_args", *names)

    def nested(self, option: str, *names: str) -> Option:
        """The first of these entries that a mapping given as an option holds."""
        outer = self.option(option)
        if outer.unknown:
            return outer
        for possible in outer.choices:
            if possible is not None and isinstance(possible.value, Entries):
                for name in names:
                    if name in possible.value.items:
                        return Option(possible.value.items[name])
                if possible.value.open:
                    return Option((Possible(ANYTHING),))
        return Option()

    @property
    def outermost(self) -> Function:
        """The function where the chain of calls begins."""
        return self.frame.outermost

    @property
    def pool(self) -> str | None:
        """The last name of the class given as ``poolclass``; None where none is given or it is not known."""
        value = self.option("poolclass").value
        return value.dotted.rpartition(".")[2] if isinstance(value, Named) else None

    @property
    def text(self) -> str | None:
        """The URL, if it is known at all."""
        return next((p.value for p in self.urls if isinstance(p.value, str)), None)

    def dialect(self, declared: str | None) -> str | None:
        """The database it talks to: that of a URL written out, of the branch it stands in, the one declared for the
        project (which beats a default of a setting), that default."""
        known = [(p, url.db) for p in self.urls if isinstance(p.value, str) and (url := read_url(p.value)) is not None]
        written = [db for p, db in known if not p.settable]
        if written and len(written) == len(self.urls):
            return next((db for db in written if db != "sqlite"), written[0])
        if self.side and self.side != "server":
            return self.side
        if self.side == "server":
            servers = [db for _, db in known if db != "sqlite"]
            return servers[0] if servers else declared if declared not in (None, "sqlite") else "server"
        if written:
            return next((db for db in written if db != "sqlite"), written[0])
        if declared is not None:
            return declared
        return known[0][1] if known else None


class EngineView(Struct, frozen=True, eq=False):
    """One place that makes an engine."""

    function: Function
    site: Site
    is_async: bool
    variants: tuple[Variant, ...]


class FactoryView(Struct, frozen=True, eq=False):
    """One place that makes a session factory; ``options`` as an engine's."""

    function: Function
    site: Site
    name: str
    is_async: bool
    variant: Variant


class Engines:
    """The engines and session factories of the project, found through the flows."""

    def __init__(self, world: World, functions: list[Function], callers: Callers) -> None:
        self._world = world
        self._callers = callers
        self.constants = Constants(world)
        self.all: list[EngineView] = []
        self.factories: list[FactoryView] = []
        for function in functions:
            if not is_test(function.module.path):
                self._collect(function)

    def _collect(self, function: Function) -> None:
        for site in sorted(self._world.flow(function).sites.values(), key=lambda s: s.at):
            if not isinstance(site.node, f.Call):
                continue
            for target in site.targets:
                row = target.row
                if row is None or (row.level != "application" and target.makes != FLASK):
                    continue
                kind = self._world.kind_of(target.makes or row.gives)
                name = target.makes or row.gives
                if kind == "engine" or target.makes == FLASK:
                    self.all.append(EngineView(function, site, "Async" in name, tuple(self._variants(function, site))))
                elif kind == "session_factory":
                    variant = self._variant(site.node, Frame(function))
                    self.factories.append(
                        FactoryView(function, site, assigned(function, site.node), "async" in name, variant)
                    )

    def of(self, function: Function) -> list[EngineView]:
        """The engines that a function makes."""
        return [view for view in self.all if view.function is function]

    def may_be_poolless(self, function: Function, site: Site) -> bool:
        """Whether a call makes an engine that perhaps keeps no connection (``NullPool``): nothing is left open."""
        view = next((v for v in self.all if v.function is function and v.site is site), None)
        pools = [v.option("poolclass") for v in view.variants] if view is not None else []
        return any(pool.unknown or pool.named("NullPool") for pool in pools)

    # ------------------------------------------------------------------ variants

    def _variants(self, function: Function, site: Site) -> Iterator[Variant]:
        assert isinstance(site.node, f.Call)
        if any(t.makes == FLASK for t in site.targets):
            yield self._flask(site.node, Frame(function))
            return
        for frame in self.frames(function)[:MAX_VARIANTS]:
            yield self._variant(site.node, frame)

    def frames(self, function: Function, hops: int = MAX_WRAPPERS) -> list[Frame]:
        """The ways in which a function is entered; itself alone where nobody is seen to call it."""
        if function.is_module or hops == 0 or not function.params:
            return [Frame(function)]
        found: list[Frame] = []
        for caller in self._callers.of(function):
            if (
                not isinstance(caller.site.node, f.Call)
                or is_test(caller.function.module.path)
                or caller.function is function
            ):
                continue
            if caller.target.manner != "here" or caller.target.arguments is not None:
                continue
            bound = caller.target.bound is not None or function.name == "__init__"
            found += [
                self.constants.enter(function, caller.site.node, frame, bound)
                for frame in self.frames(caller.function, hops - 1)
            ]
            if len(found) >= MAX_VARIANTS:
                break
        return found or [Frame(function)]

    def options(self, call: f.Call, frame: Frame) -> Entries:
        """The keyword arguments of a call, with ``**mappings`` taken apart."""
        options = Entries({})
        for keyword in call.keywords:
            if keyword.name is None:
                options = merged(options, self.constants.entries(keyword.value, frame), True)
            else:
                options = merged(options, Entries({keyword.name: self.constants.of(keyword.value, frame)}), True)
        return options

    def _variant(self, call: f.Call, frame: Frame) -> Variant:
        options = self.options(call, frame)
        plain = [a for a in call.args if not isinstance(a, f.Star)]
        urls: Choices = self.constants.of(plain[0], frame) if plain else ()
        if not urls and "url" in options.items:
            urls = tuple(p for p in options.items["url"] if p is not None)
        if any(isinstance(a, f.Star) for a in call.args) and not urls:
            urls = self._passed_on(frame)
        around = list(self._around(call, frame))
        said = [self._dialect_of(test, truth, home) for test, truth, home in around]
        other = [one for one, word in zip(around, said, strict=True) if not word]
        asked = any(self.constants.taken((test, truth), home) is False for test, truth, home in other)
        left = (one for one in self._around(call, frame, left=True) if _spells_dialect(one[0]))
        words = (self._dialect_of(test, truth, home) for test, truth, home in left)
        side = next((word for word in chain(said, words) if word), "")
        if not side and not any(isinstance(p.value, str) for p in urls):
            side = self._side_of_instances(frame.function)
        return Variant(frame, options, urls, side, asked)

    def _passed_on(self, frame: Frame) -> Choices:
        """The first argument that reaches ``create_engine(*args)``."""
        caller = frame.caller
        if caller is None:
            return ()
        for one in self._callers.of(frame.function):
            call = one.site.node
            if one.function is caller.function and isinstance(call, f.Call) and call.args and self._enters(call, frame):
                return self.constants.of(call.args[0], caller)
        return ()

    @staticmethod
    def _enters(call: f.Call, frame: Frame) -> bool:
        return [k.value for k in call.keywords] == [e for _, e, _ in frame.extra] if frame.extra else not call.keywords

    def _flask(self, call: f.Call, frame: Frame) -> Variant:
        """Flask-SQLAlchemy takes the options from ``engine_options=`` or from the application's configuration."""
        options = Entries({})
        for keyword in call.keywords:
            if keyword.name == "engine_options":
                options = merged(options, self.constants.entries(keyword.value, frame), True)
        for function, value in self._configured(FLASK_OPTIONS):
            options = merged(options, self.constants.entries(value, Frame(function)), True)
        urls: Choices = ()
        for name in FLASK_URLS:
            for function, value in self._configured(name):
                urls = (*urls, *(Possible(p.value, True) for p in self.constants.of(value, Frame(function))))
        return Variant(frame, options, urls)

    def _configured(self, key: str) -> Iterator[tuple[Function, f.Expr]]:
        """What is assigned to a configuration key: ``KEY = …`` in a class or module, ``app.config["KEY"] = …``."""
        for module in self._world.index.modules.values():
            if is_test(module.path):
                continue
            for statement in [s for c in module.classes for s in statements(c.facts.body)] + list(
                statements(module.facts.body)
            ):
                if _sets(statement, key):
                    yield module.top, statement.value  # type: ignore[union-attr, misc]
            for function in module.functions:
                if key in function.facts.names or "config" in function.facts.names:
                    for statement in statements(function.body):
                        if _sets(statement, key):
                            yield function, statement.value  # type: ignore[union-attr, misc]

    # ------------------------------------------------------------------ dialect branches

    def _around(self, call: f.Call, frame: Frame, left: bool = False) -> Iterator[tuple[f.Expr, bool, Frame]]:
        """The conditions around a call, the innermost first, then those around the calls that lead there.

        With ``left`` those before it, too, that would have left the function.
        """
        home: Frame | None = frame
        inner: f.Call | None = call
        while home is not None and inner is not None:
            for statement, tests in under_tests(home.function.body, left=left):
                if tests and holds_call(statement, inner):
                    yield from ((test, truth, home) for test, truth in reversed(tests))
            inner, home = home.call, home.caller

    def _side_of_instances(self, method: Function) -> str:
        """The dialect for which a method's class is made, if the branches around all the calls that make one say it."""
        cls = method.owner
        found: set[str] = set()
        for function in self._world.index.functions() if cls is not None else ():
            if cls is not None and cls.name in function.facts.names and not is_test(function.module.path):
                for call in self._instances(function, cls):
                    tests = self._around(call, Frame(function))
                    words = (self._dialect_of(test, truth, home) for test, truth, home in tests)
                    found.add(next((word for word in words if word), ""))
        return found.pop() if len(found) == 1 else ""

    def _instances(self, function: Function, cls: Class) -> Iterator[f.Call]:
        """The calls in a function that make an instance of a class."""
        for node in (n for s in statements(function.body) for head in heads(s) for n in post_order(head)):
            if isinstance(node, f.Call) and spelled(node.func).rpartition(".")[2] == cls.name:
                made = self._world.evaluate_inside(function, node.func)
                if any(isinstance(kind, ClassObj) and kind.cls is cls for kind in members(made.type)):
                    yield node

    def _dialect_of(self, test: f.Expr, truth: bool, frame: Frame, depth: int = 0) -> str:
        match test:
            case f.Unary(op="not", operand=operand):
                return self._dialect_of(operand, not truth, frame, depth)
            case f.Compare(ops=("!=" | "is not" | "not in",)):
                truth = not truth
        word = self._word(test, frame, depth)
        if word == "sqlite":
            return "sqlite" if truth else "server"
        return ("postgresql" if word == "postgres" else word) if word and truth else ""

    def _word(self, test: f.Expr, frame: Frame, depth: int) -> str:
        """The dialect that a condition asks for: named in it, or in the variable, property or function it is about."""
        nodes = list(post_order(test))
        for node in nodes:
            found = self._spelled(node, frame)
            if found:
                return found
        if depth < 2:
            for node in nodes:
                for expr, home in self._behind(node, frame) if isinstance(node, f.Name | f.Attr) else ():
                    found = self._word(expr, home, depth + 1)
                    if found:
                        return found
        return ""

    def _spelled(self, node: f.Expr, frame: Frame) -> str:
        """A dialect spelled as text, or by a constant such as a member of an enumeration."""
        if isinstance(node, f.Const):
            values: list[object] = [node.value]
        elif isinstance(node, f.Attr):
            values = [p.value for p in self.constants.of(node, frame) if not p.settable]
        else:
            return ""
        text = values[0].lower() if len(values) == 1 and isinstance(values[0], str) else ""
        return next((d for d in DIALECTS if text.startswith(d)), "")

    def _behind(self, node: f.Name | f.Attr, frame: Frame) -> Iterator[tuple[f.Expr, Frame]]:
        """The expressions that a name, property or function stands for."""
        if isinstance(node, f.Name):
            sites = self._world.flow(frame.function).sites
            for value, _, _ in assignments(frame.function.body, node.id):
                site = sites.get(value)
                if (
                    site is None or self._world.kind(site.result.type) != "engine"
                ):  # whether it is there, not what it is
                    yield value, frame
        owner = self._world.evaluate_inside(frame.function, node.value if isinstance(node, f.Attr) else node)
        for kind in members(owner.type):
            method = self._method(kind, node)
            if method is not None:
                for statement in statements(method.body):
                    if isinstance(statement, f.Return) and statement.value is not None:
                        yield statement.value, Frame(method)

    def _method(self, kind: Type, node: f.Name | f.Attr) -> Function | None:
        if isinstance(kind, Fn):
            return kind.function
        if isinstance(kind, Inst) and isinstance(node, f.Attr):
            return self._world.classes.find_method(kind.cls, node.name)
        return None


def assigned(function: Function, node: f.Node) -> str:
    """The name that the value of a call is assigned to; "" where there is none."""
    for statement in statements(function.body):
        if isinstance(statement, f.Assign) and statement.value is node:
            target = statement.targets[0]
            return target.id if isinstance(target, f.Name) else target.name if isinstance(target, f.Attr) else ""
        if isinstance(statement, f.AnnAssign) and statement.value is node and isinstance(statement.target, f.Name):
            return statement.target.id
    return ""


def _spells_dialect(test: f.Expr) -> bool:
    """Whether a condition itself names a dialect: what names and properties stand for is not worth looking up here."""
    texts = (node.value for node in post_order(test) if isinstance(node, f.Const))
    return any(isinstance(text, str) and text.lower().startswith(DIALECTS) for text in texts)


def holds_call(statement: f.Stmt, call: f.Call) -> bool:
    """Whether a call stands in the statement itself (not in its blocks)."""
    return any(node is call for expr in heads(statement) for node in post_order(expr))


def _sets(statement: f.Stmt, key: str) -> bool:
    match statement:
        case f.Assign(targets=(f.Name(id=name),)) | f.AnnAssign(target=f.Name(id=name)):
            return name == key and getattr(statement, "value", None) is not None
        case f.Assign(targets=(f.Subscript(index=f.Const(value=name)),)):
            return bool(name == key)
    return False
