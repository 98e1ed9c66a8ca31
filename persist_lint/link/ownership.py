"""Who owns a resource: what each use of a value in a function does with it, followed into what it is passed to.

    released   closed, entered by ``with``, given back, drained
    returned   handed to the caller
    wrapped    handed to the caller inside something made of it (a session factory of an engine)
    kept       stored on the method's own instance
    moved      yielded for good, stored where it outlives the call, handed to something unknown
    used       anything else

A value is followed by the names it is bound to. What is made of it (a session of a connection, a repository of a
session) is followed too: where that goes, the resource goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Union

from msgspec import Struct

from persist_lint.link.answers import Answers
from persist_lint.link.index import Function
from persist_lint.link.lattice import Fn, Inst, Lib, LibFn, LibMethod, members
from persist_lint.link.sites import Flow, Site, Target
from persist_lint.link.tree import heads, parts, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.span import Span
from persist_lint.model.vocabulary import Row

if TYPE_CHECKING:
    from persist_lint.link.effects import Summaries
    from persist_lint.link.world import World

Kind = Literal["released", "moved", "kept", "wrapped", "returned", "used"]
Parent = Union[f.Expr, f.Stmt]
STRENGTH: tuple[Kind, ...] = ("released", "moved", "kept", "wrapped", "returned")
CLOSES = frozenset({"close", "session.close"})
#: Builtins that look at a value and keep nothing of it.
LOOKERS = frozenset(
    {"print", "len", "isinstance", "issubclass", "id", "repr", "str", "bool", "type", "getattr", "hasattr", "callable",
     "hash", "format", "vars", "dir", "sorted", "list", "tuple", "set", "frozenset", "dict", "sum", "min", "max", "any",
     "all", "next", "iter", "enumerate", "zip", "map", "filter", "int", "float", "anext", "aiter", "reversed", "ascii"}
)  # fmt: skip
#: Methods after which nothing is left to release.
DRAINS = {
    "result": ("all", "fetchall", "first", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none"),
    "http_response": ("read", "json", "text", "readlines"),
}
TEARDOWNS = frozenset({"enter_context", "enter_async_context", "push", "push_async_exit", "closing", "aclosing"})
BODIES = frozenset({"content", "text"})
MANAGERS = frozenset({"contextmanager", "asynccontextmanager", "fixture"})
MAX_CLIMB = 24


class Use(Struct, frozen=True, eq=False):
    """One use: the node at which it happens in the order of evaluation, and what it does."""

    node: f.Node
    kind: Kind
    at: Span
    by: str = ""  # what does it, for messages


class Resource(Struct, frozen=True, eq=False):
    """What is followed: the kind of thing, and the methods that release it."""

    kind: str
    release: frozenset[str]


class Ownership:
    """Follows values through functions, with a memo for parameters."""

    def __init__(self, world: World, summaries: Summaries) -> None:
        self._world = world
        self._summaries = summaries
        self._parents: dict[Function, dict[f.Node, Parent]] = {}
        self._names: dict[Function, dict[str, list[f.Name]]] = {}
        self._taken = Answers()

    def parents(self, function: Function) -> dict[f.Node, Parent]:
        """The node or statement in which each expression of a function stands."""
        if function not in self._parents:
            table: dict[f.Node, Parent] = {}
            names: dict[str, list[f.Name]] = {}
            for statement in statements(function.body):
                for head in _heads(statement):
                    table[head] = statement
                    _note(head, table, names)
            self._parents[function], self._names[function] = table, names
        return self._parents[function]

    def uses(self, function: Function, node: f.Node, resource: Resource) -> list[Use]:
        """Every use of the value that a call gives, in order of place."""
        found = _Follow(self, function, resource, node)
        found.climb(node, node, False)
        found.names()
        return sorted(found.uses, key=lambda use: use.at)

    def bound_to(self, function: Function, node: f.Node, resource: Resource) -> list[str]:
        """The names that the value of a call is bound to."""
        found = _Follow(self, function, resource, node)
        found.climb(node, node, False)
        found.names()
        return [name for name, derived in found.aliases.items() if not derived]

    def takes(self, function: Function, number: int, resource: Resource) -> Kind:
        """What a function does with a parameter: the strongest of its uses."""
        key = (function.origin, number, resource.kind)
        provisional: Kind = "used"
        return self._taken.get(key, lambda: self._take(function, number, resource), provisional)

    def _take(self, function: Function, number: int, resource: Resource) -> Kind:
        if number >= len(function.params) or function.params[number].kind in ("args", "kwargs"):
            return "moved"
        name = function.params[number].name
        found = _Follow(self, function, resource, f.Name(function.facts.at, name))
        found.aliases[name] = False
        found.names()
        kinds = {use.kind for use in found.uses}
        for kind in STRENGTH:
            if kind in kinds:
                return kind
        return "used"

    def reads(self, function: Function, name: str) -> bool:
        """Whether the body of a nested function, or of one nested in it, reads a name (decorators run outside)."""
        self.parents(function)
        if name in self._names[function]:
            return True
        return any(one.parent is function and self.reads(one, name) for one in function.module.functions)

    def closes(self, function: Function) -> bool:
        """Whether a function closes anything, at any depth."""
        return any(e.kind in CLOSES for e in self._summaries.of(function))


class _Follow:
    """One value in one function; ``aliases`` are its names, True for those of things made of it."""

    def __init__(self, ownership: Ownership, function: Function, resource: Resource, origin: f.Node) -> None:
        self._o = ownership
        self._world = ownership._world
        self.function = function
        self.resource = resource
        self.origin = origin
        self.flow: Flow = self._world.flow(function)
        self.parents = ownership.parents(function)
        self.aliases: dict[str, bool] = {}
        self.uses: list[Use] = []
        self._outer = {
            name for s in statements(function.body) if isinstance(s, f.Scope) for name in s.names
        }  # fmt: skip

    def names(self) -> None:
        """Follow every name, and the names that those are bound to in turn."""
        done: set[str] = set()
        while len(done) < len(self.aliases):
            for name, derived in list(self.aliases.items()):
                if name not in done:
                    done.add(name)
                    for node in self._o._names[self.function].get(name, ()):
                        if not self._is_target(node):
                            self.climb(node, node, derived)
                    self._captured(name)

    def _is_target(self, node: f.Name) -> bool:
        match self.parents.get(node):
            case f.Assign(targets=targets):
                return any(t is node for t in targets)
            case f.AnnAssign(target=target) | f.For(target=target) | f.Walrus(target=target):
                return target is node
            case f.With(items=items):
                return any(i.target is node for i in items)
        return False

    def _captured(self, name: str) -> None:
        """A nested function that reads the name may do anything with it at any time."""
        for nested in self.function.module.functions:
            if nested.parent is not self.function or any(p.name == name for p in nested.params):
                continue
            if name in nested.facts.names and self._o.reads(nested, name):
                self.uses.append(Use(self.origin, "moved", nested.facts.at, nested.name))

    def note(self, start: f.Node, kind: Kind, at: f.Node, by: str = "") -> None:
        self.uses.append(Use(start, kind, at.at, by))

    # ------------------------------------------------------------------ upward from one occurrence

    def climb(self, start: f.Node, node: f.Node, derived: bool) -> None:
        """What the code around an occurrence does with it."""
        for _ in range(MAX_CLIMB):
            parent = self.parents.get(node)
            if parent is None:
                return
            following = self._step(start, node, parent, derived)
            if following is None:
                return
            node, derived = following

    def _step(self, start: f.Node, node: f.Node, parent: Parent, derived: bool) -> tuple[f.Node, bool] | None:
        match parent:
            case f.Await() | f.Star():
                return parent, derived
            case f.IfExp(test=test):
                return None if test is node else (parent, derived)
            case f.Bool():
                return parent, derived
            case f.Walrus(target=f.Name(id=name)):
                self._alias(name, derived)
                return parent, derived
            case f.Attr(name=name):
                return self._attribute(start, parent, derived)
            case f.Call():
                return self._passed(start, node, parent, derived)
            case f.Seq() | f.DictLit() | f.Comp() | f.Lambda():
                self._collected(start, node, parent)
                return None
            case f.Yield(is_from=is_from):
                if is_from:
                    self.note(start, "released", parent)
                elif not self._hands_out():
                    self.note(start, "moved", parent)
                return None
            case f.Subscript() | f.FString() | f.Compare() | f.Unary() | f.Bin() | f.Slice():
                return None
        self._statement(start, node, parent, derived)
        return None

    def _statement(self, start: f.Node, node: f.Node, parent: Parent, derived: bool) -> None:
        match parent:
            case f.Return():
                self.note(start, "wrapped" if derived else "returned", parent)
            case f.Assign(targets=targets):
                for target in targets:
                    self._bind(start, target, derived)
            case f.AnnAssign(target=target):
                self._bind(start, target, derived)
            case f.With(items=items):
                item = next(i for i in items if i.context is node)
                if not self._keeps(node):
                    self.note(start, "released", parent)
                if isinstance(item.target, f.Name):
                    self._alias(item.target.id, derived)
            case f.For(target=f.Name(id=name)) if self.resource.kind not in ("result", "generator", "file"):
                self._alias(name, derived)
            case f.For():
                if self.resource.kind in ("result", "generator") and not self._left_early(parent):
                    self.note(start, "released", parent)

    def _alias(self, name: str, derived: bool) -> None:
        self.aliases[name] = self.aliases.get(name, True) and derived

    def _bind(self, start: f.Node, target: f.Expr, derived: bool) -> None:
        if isinstance(target, f.Name) and target.id not in self._outer:
            self._alias(target.id, derived)
        elif isinstance(target, f.Attr) and self._is_self(target.value):
            self.note(start, "kept", target, target.name)
        else:
            self.note(start, "moved", target)

    def _is_self(self, expr: f.Expr) -> bool:
        function = self.function
        return isinstance(expr, f.Name) and function.is_method and expr.id == function.params[0].name

    def _collected(self, start: f.Node, node: f.Node, parent: f.Expr) -> None:
        """Put into a display: into the names it is unpacked to, else out of sight."""
        outer = self.parents.get(parent)
        if isinstance(parent, f.Comp) and any(node is g.iter or node in g.ifs for g in parent.generators):
            if self.resource.kind in ("result", "generator"):
                self.note(start, "released", parent)
            return
        if isinstance(parent, f.Seq) and isinstance(outer, f.Assign) and len(outer.targets) == 1:
            target = outer.targets[0]
            if isinstance(target, f.Seq) and len(target.items) == len(parent.items):
                number = next(i for i, item in enumerate(parent.items) if item is node)
                self._bind(start, target.items[number], False)
                return
        self.note(start, "moved", parent)

    def _hands_out(self) -> bool:
        """Whether a ``yield`` of the function only lends: control comes back (context managers, dependencies)."""
        return bool(self.function.decorator_names & MANAGERS) or (len(self.flow.yields) == 1 and not self._in_loop())

    def _in_loop(self) -> bool:
        loops = [s for s in statements(self.function.body) if isinstance(s, f.For | f.While)]
        return any(isinstance(e, f.Yield) for s in loops for inner in statements(s.body) for e in _all(inner))

    def _left_early(self, loop: f.For) -> bool:
        """Whether a loop may end before its last turn; a generator's consumer may stop at any ``yield``."""
        for inner in statements(loop.body):
            if isinstance(inner, f.Return) or (isinstance(inner, f.Jump) and inner.kind == "break"):
                return True
            if self.function.is_generator and any(isinstance(e, f.Yield) for e in _all(inner)):
                return True
        return False

    def _keeps(self, node: f.Node) -> bool:
        """Whether leaving a ``with`` on the value leaves it open (a driver connection commits, nothing more)."""
        value = self._world.evaluate_inside(self.function, node)  # type: ignore[arg-type]
        found = [self._world.library_type(k.name) for k in members(value.type) if isinstance(k, Lib)]
        return any(t is not None and t.keeps for t in found)

    # ------------------------------------------------------------------ methods and attributes

    def _attribute(self, start: f.Node, attr: f.Attr, derived: bool) -> tuple[f.Node, bool] | None:
        call = self.parents.get(attr)
        if not (isinstance(call, f.Call) and call.func is attr):
            if self.resource.kind == "http_response" and attr.name in BODIES:
                self.note(start, "released", attr, attr.name)  # read to its end, the connection goes back
            bound = self.flow.names.get(attr)
            method = bound is not None and any(isinstance(k, LibMethod | Fn) for k in members(bound.type))
            if method or (attr.name in self.resource.release and not isinstance(call, f.Attr | f.Compare)):
                self.note(start, "moved", attr, attr.name)  # ``atexit.register(engine.dispose)``
            return None
        if attr.name in ("__enter__", "__aenter__"):
            return call, derived  # entered by hand: what that gives is the same thing
        if not derived and (attr.name in self.resource.release or attr.name in ("__exit__", "__aexit__")):
            self.note(start, "released", call, attr.name)
            return None
        return self._method(start, attr, call, derived)

    def _method(self, start: f.Node, attr: f.Attr, call: f.Call, derived: bool) -> tuple[f.Node, bool] | None:
        site = self.flow.sites.get(call)
        for target in site.targets if site is not None else ():
            row = target.row
            if target.function is not None:
                if not target.function.is_method or target.manner != "here":
                    continue
                if derived and self._o.closes(target.function):
                    self.note(start, "released", call, attr.name)
                elif not derived:
                    taken = self._o.takes(target.function, 0, self.resource)
                    if taken != "used":
                        self.note(start, taken, call, attr.name)
                continue
            if row is None:
                continue
            if not derived and ((CLOSES.intersection(row.does) and row.of == "") or "spawn" in row.does):
                self.note(start, "released" if "spawn" not in row.does else "moved", call, attr.name)
            elif attr.name in DRAINS.get(self.resource.kind, ()):
                self.note(start, "released", call, attr.name)
            elif row.gives == "self" or (self.resource.kind == "result" and self._kind(row.gives) == "result"):
                return call, derived
        return None

    def _kind(self, name: str) -> str:
        return self._world.kind_of(name)

    # ------------------------------------------------------------------ arguments

    def _passed(self, start: f.Node, node: f.Node, call: f.Call, derived: bool) -> tuple[f.Node, bool] | None:
        """Passed to a call; where to go on if the call gives the value back or makes something of it."""
        if call.func is node:  # calling it: a factory makes something of its own
            return None
        site = self.flow.sites.get(call)
        if site is None or (not site.targets and self._result_class(site) is None):
            if site is None or not self._only_looks(site):
                self.note(start, "moved", call)
            return None
        if not site.targets:
            return call, True  # an instance of a class without constructor of its own
        found = [self._argument(start, node, call, site, target) for target in site.targets if self._gets(target)]
        onward = next((o for o in found if o is not None), None)
        return onward if onward is None else (onward[0], onward[1] or derived)

    @staticmethod
    def _gets(target: Target) -> bool:
        return target.arguments is None

    def _result_class(self, site: Site) -> object:
        return next((k for k in members(site.result.type) if isinstance(k, Inst)), None)

    def _only_looks(self, site: Site) -> bool:
        for kind in members(site.callee.type):
            match kind:
                case LibFn(name=name) if name.startswith("builtins.") and name.rpartition(".")[2] in LOOKERS:
                    return True
                case LibMethod(owner="builtins", name="join" | "format" | "index" | "count"):
                    return True
        return False

    def _argument(
        self, start: f.Node, node: f.Node, call: f.Call, site: Site, target: Target
    ) -> tuple[f.Node, bool] | None:
        if target.function is not None:
            return self._project(start, node, call, target)
        row = target.row
        assert row is not None
        last = target.name.rpartition(".")[2]
        if last in TEARDOWNS or (CLOSES.intersection(row.does) and self._is_about(row, call, node)):
            self.note(start, "released", call, last)
            return (call, False) if row.gives == "argument" else None
        takes_over = self._kind(target.makes or row.gives) in ("response", "stream_response")
        if takes_over or any(run.where not in ("here", "thread") for run in row.runs):
            self.note(start, "moved", call, last)
            return None
        if row.gives == "argument" and self._is_about(row, call, node):
            return call, False
        if target.makes or row.level == "application":
            return call, self.resource.kind != "file"
        if target.name.startswith("builtins.") and last not in LOOKERS and not row.does:
            self.note(start, "moved", call, last)
        return None

    @staticmethod
    def _is_about(row: Row, call: f.Call, node: f.Node) -> bool:
        for word in row.of.split("|"):
            if word.startswith("arg") and word[3:].isdigit() and int(word[3:]) < len(call.args):
                return call.args[int(word[3:])] is node
            if word.startswith("kw:") and any(k.name == word[3:] and k.value is node for k in call.keywords):
                return True
        return False

    def _project(self, start: f.Node, node: f.Node, call: f.Call, target: Target) -> tuple[f.Node, bool] | None:
        function = target.function
        assert function is not None
        number = parameter_of(function, target, call, node)
        if number is None:
            self.note(start, "moved", call, function.name)
            return None
        if function.name == "__init__":
            taken = self._o.takes(function, number, self.resource)
            if taken == "released":
                self.note(start, "released", call, function.name)
                return None
            if taken == "moved":
                self.note(start, "moved", call, function.name)
            return (call, True) if taken == "kept" else None
        taken = self._o.takes(function, number, self.resource)
        if taken in ("returned", "wrapped"):
            return call, taken == "wrapped"
        if taken != "used":
            self.note(start, taken, call, function.name)
            return None
        return (call, True) if function.is_generator and not function.decorator_names & MANAGERS else None


def parameter_of(function: Function, target: Target, call: f.Call, node: f.Node) -> int | None:
    """The parameter that an argument expression goes to; None where it is swallowed by ``*args`` or ``**kwargs``."""
    bound = (target.bound is not None or function.name == "__init__") and function.is_method
    places = [i for i, p in enumerate(function.params) if i >= bound and p.kind in ("positional", "normal")]
    for place, arg in zip(places, call.args, strict=False):
        if isinstance(arg, f.Star):
            return None
        if arg is node:
            return place
    names = {p.name: i for i, p in enumerate(function.params) if p.kind in ("normal", "keyword")}
    return next((names.get(k.name) for k in call.keywords if k.value is node and k.name is not None), None)


def _heads(statement: f.Stmt) -> tuple[f.Expr, ...]:
    extra: tuple[f.Expr, ...] = ()
    if isinstance(statement, f.With):
        extra = tuple(i.target for i in statement.items if i.target is not None)
    elif isinstance(statement, f.For):
        extra = (statement.target,)
    return (*heads(statement), *extra)


def _note(expr: f.Expr, table: dict[f.Node, Parent], names: dict[str, list[f.Name]]) -> None:
    stack: list[f.Expr] = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, f.Name):
            names.setdefault(node.id, []).append(node)
        inner = (node.body,) if isinstance(node, f.Lambda) else parts(node)
        for part in inner:
            table[part] = node
            stack.append(part)


def _all(statement: f.Stmt) -> Iterator[f.Expr]:
    for head in heads(statement):
        yield from post_order(head)
