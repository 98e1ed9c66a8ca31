"""Entry points: the functions that frameworks, queues, schedulers and shells call.

They are known by their decorators, by calls that register them (also in lists, in mappings, and by name in a string),
by the library class that theirs derives from, by the settings class that lists them, and by where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from persist_lint.link.decorated import undecorated
from persist_lint.link.index import Class, Function, Module
from persist_lint.link.lattice import ClassObj, Coll, Fn, Inst, Type, Value, members
from persist_lint.link.libcall import targets_of
from persist_lint.link.names import Variable
from persist_lint.link.sites import Site, Target
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.effect import ContextKind
from persist_lint.model.vocabulary import Handles, Row, Runs

HOT = frozenset({"request", "websocket", "stream", "worker", "dependency"})
JOBS = frozenset({"background", "scheduled"})
TEST_PATH = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
STARTUP_NAMES = frozenset(
    {"lifespan", "startup", "on_startup", "bootstrap", "create_app", "init_app", "init_db", "main"}
)
#: Names of a settings class that must stand together where its module does not import the library.
MIN_ALIKE = 2
MAX_NESTING = 6


class Entry(Struct, frozen=True, eq=False):
    """One entry point: the function that is called from outside, and as what.

    ``in_thread``: a plain function that the framework runs in a thread; ``on_loop``: one that it runs on the event
    loop. ``starts`` are what it begins with, where that is not the function itself: the calls under
    ``if __name__ == "__main__"`` of a module, the wrapper of its decorators.
    """

    function: Function
    kind: str
    in_thread: bool = False
    on_loop: bool = False
    starts: tuple[Function, ...] | None = None


def is_test(path: str) -> bool:
    """Whether a path is one of tests."""
    return TEST_PATH.search(path) is not None


def entry(called: Function, kind: str, sync_runs: str) -> Entry:
    """A function that a library calls as ``kind``, a plain one where ``sync_runs`` says.

    Of a wrapper, the entry point is the function that it stands for.
    """
    plain, function = not called.is_async, undecorated(called)
    starts = None if called is function else (called, function)
    on_loop = plain and sync_runs == "loop" and kind in HOT | JOBS
    return Entry(function, kind, plain and sync_runs == "thread", on_loop, starts)


class Finder:
    """Finds the entry points of a project; ``all`` are those that something says, ``by_name`` the last resort."""

    def __init__(self, world: World, functions: list[Function], migrations: frozenset[str]) -> None:
        self._world = world
        self._migrations = migrations
        self._guarded: dict[Module, tuple[range, ...]] = {}
        self._declared: dict[str, tuple[Handles, ...]] = {}
        relevant = frozenset(functions)
        found = [e for function in functions for e in self._marked(function) if e.function.origin in relevant]
        found += [e for e in self._derived() if e.function.origin in relevant]
        known = {(e.function, e.kind) for e in found}
        self._registrars: set[Module] = {e.function.module for e in found if e.kind in HOT | JOBS}
        for function in functions:
            registered = [e for e in self._registered(function) if (e.function, e.kind) not in known]
            if function.is_module and any(e.kind in HOT | {"scheduled"} for e in registered):
                self._registrars.add(function.module)
            found += registered
        imported = self._imported_modules()
        for function in functions:
            if function.is_module and not self._is_apart(function):
                found += self._module(function, function.module in imported)
        self.all: list[Entry] = list({(e.function, e.kind, e.in_thread, e.starts): e for e in found}.values())
        self.by_name = [
            Entry(one, "startup")
            for one in functions
            if one.name in STARTUP_NAMES and one.owner is None and not one.is_module and not self._is_apart(one)
        ]

    # ------------------------------------------------------------------ by place

    def _is_apart(self, function: Function) -> bool:
        """Tests and migrations, which are entry points by where they stand and by nothing else."""
        path = function.module.path
        return is_test(path) or path in self._migrations

    def _module(self, top: Function, imported: bool) -> Iterator[Entry]:
        """A module's own statements run when it is imported; as a command where nothing imports or serves it.

        What stands under ``if __name__ == "__main__"`` runs only as a command.
        """
        serves = imported or top.module in self._registrars or self._makes_app(top)
        yield Entry(top, "startup" if serves else "cli")
        guarded = [
            t.function
            for site in list(self._world.flow(top).sites.values())
            if self.is_guarded(top, site)
            for t in site.targets
            if t.function is not None and t.manner != "entry"
        ]
        if guarded:
            yield Entry(top, "cli", starts=tuple(dict.fromkeys(guarded)))

    def _makes_app(self, top: Function) -> bool:
        """Whether the module holds an application object, which a server imports by its name."""
        return any(
            self._world.kind(kind) == "app" for v in self._world.flow(top).env.values() for kind in members(v.type)
        )

    def is_guarded(self, top: Function, site: Site) -> bool:
        """Whether a call of a module's own statements stands under ``if __name__ == "__main__"``."""
        if top.module not in self._guarded:
            self._guarded[top.module] = tuple(
                range(s.body[0].at.line, s.body[-1].at.end_line + 1)
                for s in top.module.facts.body
                if isinstance(s, f.If) and _is_main(s.test) and s.body
            )
        return any(site.at.line in lines for lines in self._guarded[top.module])

    def _imported_modules(self) -> frozenset[Module]:
        """Modules that another one imports; the others are scripts, or what a server loads."""
        scopes = self._world.scopes
        found: set[Module] = set()
        for module in self._world.index.modules.values():
            for statement in module.facts.imports:
                if not statement.level and statement.module:
                    home = scopes.module_named(statement.module, module)
                    found.update([home] if isinstance(home, Module) else [])
                bound = scopes.imported(module, statement)
                source = bound if isinstance(bound, Module) else getattr(bound, "module", None)
                if isinstance(source, Module) and source is not module:
                    found.add(source)
        return frozenset(found)

    # ------------------------------------------------------------------ by decorator

    def _marked(self, function: Function) -> list[Entry]:
        if is_test(function.module.path):
            return [Entry(function, "test")]
        if function.module.path in self._migrations:
            return [Entry(function, "migration")]
        found = []
        for decorator in function.facts.decorators:
            row = self._world.row_of_decorator(decorator, function)
            inner = row[0] if row is not None else self._wrapped(decorator, function)
            if inner is not None and inner.marks is not None:
                called = self._world.decorated.beneath(function, decorator)
                found.append(entry(called, inner.marks, _plain_runs(inner, decorator)))
                found += self._validators(function, decorator) if inner.validates else ()
        return found

    def _validators(self, function: Function, decorator: f.Expr) -> Iterator[Entry]:
        """What checks an endpoint's arguments, on the loop, and what it gives, where the endpoint itself runs."""
        world = self._world
        for number in range(len(function.params)):
            if not world.providers(function, number):
                for method in self._checking(world.parameter(function, number).type):
                    yield Entry(method, "dependency", on_loop=True)
        shown = _argument(decorator, "kw:response_model") or function.facts.returns
        for method in self._checking(world.resolver.annotation(shown, function.module, function, function.owner)):
            yield Entry(method, "dependency", not function.is_async, function.is_async)

    def _checking(self, kind: Type) -> list[Function]:
        kinds = [one.item if isinstance(one, Coll) else one for one in members(kind)]
        return [m for one in kinds if isinstance(one, Inst) for m in self._world.classes.validators(one.cls)]

    def _wrapped(self, decorator: f.Expr, function: Function) -> Row | None:
        """The row that a decorator of the project hands its function to: ``def job(fn): return queue.task(fn)``."""
        world = self._world
        for kind in members(world.decorator_value(decorator, function).type):
            if not isinstance(kind, Fn):
                continue
            inside = [kind.function, *(one for one in kind.function.module.functions if _is_within(one, kind.function))]
            for one in inside:
                rows = (t.row for site in world.flow(one).sites.values() for t in site.targets)
                applied = (r[0] for d in one.facts.decorators if (r := world.row_of_decorator(d, one)) is not None)
                found = next((r for r in (*rows, *applied) if r is not None and r.marks is not None), None)
                if found is not None:
                    return found
        return None

    # ------------------------------------------------------------------ by class

    def _derived(self) -> Iterator[Entry]:
        """Methods (and listed functions) of classes that a library calls: views, handlers, tasks, commands."""
        alike = {name: kind for name, kind in self._world.vocabulary.types.items() if kind.like}
        for cls in self._world.index.classes():
            if is_test(cls.module.path) or cls.module.path in self._migrations:
                continue
            for name in self._world.classes.library_bases(cls):
                yield from self._handlers(cls, self._handles(name, 0))
            for name, kind in alike.items():
                if self._is_alike(cls, name, kind.like):
                    yield from self._handlers(cls, kind.handlers)

    def _handles(self, name: str, depth: int) -> tuple[Handles, ...]:
        """The handlers of a library class and of the library classes above it."""
        if name not in self._declared:
            found = self._world.library_type(name)
            above = found.bases if found is not None and depth < MAX_NESTING else ()
            own = found.handlers if found is not None else ()
            self._declared[name] = (*own, *(h for base in above for h in self._handles(base, depth + 1)))
        return self._declared[name]

    def _is_alike(self, cls: Class, name: str, like: tuple[str, ...]) -> bool:
        assigned = {t.id for s in cls.facts.body for t in _targets(s) if isinstance(t, f.Name)}
        root = name.split(".")[0]
        imports = any(one.module.split(".")[0] == root for one in cls.module.facts.imports if not one.level)
        return len(assigned & {*like}) >= (1 if imports else MIN_ALIKE)

    def _handlers(self, cls: Class, handles: tuple[Handles, ...]) -> Iterator[Entry]:
        world = self._world
        for one in handles:
            for name in one.methods:
                method = world.classes.find_method(cls, name)
                if method is not None:
                    meant = world.variants.of(method, Value(Inst(cls)), {})
                    yield entry(world.decorated.runs(meant), one.marks, one.sync_runs)
                for value in _assigned(cls, name):
                    yield from self._shown(value, cls.module.top, one.marks, one.sync_runs, 0)

    # ------------------------------------------------------------------ by registration

    def _registered(self, function: Function) -> list[Entry]:
        """Functions that this one hands to a framework: routes, jobs, callbacks, dependencies."""
        found = []
        for site in list(self._world.flow(function).sites.values()):
            for target in site.targets:
                row = target.row
                if row is None:
                    continue
                if row.gives == "injected":
                    found += self._providers(site.args + tuple(v for _, v in site.keywords), row)
                for run in row.runs:
                    if run.marks == "stream":
                        found += self._streams(function, site)
                    if run.marks is not None:
                        found += self._by_run(function, site, row, run)
        for number in range(len(function.params)):
            found += [_dependency(one) for one in self._called(self._world.providers(function, number))]
        return found

    def _by_run(self, function: Function, site: Site, row: Row, run: Runs) -> Iterator[Entry]:
        assert run.marks is not None, "asked only about runs that mark entry points"
        sync_runs = _plain_runs(row, site.node)
        given = self._given(site, run) if len(row.runs) > 1 else None
        for target in self.handed_over(function, site, run):
            if target.function is not None and (given is None or target.function.origin in given):
                yield entry(target.function, run.marks, sync_runs)
        if run.where in ("entry", "later"):
            shown = _argument(site.node, run.arg)
            if isinstance(shown, f.Seq | f.DictLit | f.Name | f.Const):
                yield from self._shown(shown, function, run.marks, sync_runs, 0)

    def _given(self, site: Site, run: Runs) -> frozenset[Function]:
        """The functions that a call gives for one of the arguments that it runs."""
        values = [
            site.args[i] for i, a in enumerate(getattr(site.node, "args", ())) if a is _argument(site.node, run.arg)
        ]
        values += [v for k, v in site.keywords if f"kw:{k}" in run.arg.split("|")]
        found = (t.function for v in values for t in targets_of(self._world, v, run.where, ()))
        return frozenset(function.origin for function in found if function is not None)

    def handed_over(self, function: Function, site: Site, run: Runs) -> list[Target]:
        """What a call registers with the framework, or starts as a task."""
        found = [t for t in site.targets if t.function is not None and t.manner == run.where]
        coroutines = [s for s in list(self._world.flow(function).sites.values()) if s.group == site.at]
        return found + [t for s in coroutines for t in s.targets if t.function is not None and t.function.is_async]

    def _shown(self, expr: f.Expr, scope: Function, marks: ContextKind, sync_runs: str, depth: int) -> Iterator[Entry]:
        """The functions that an expression shows: in a display or a mapping, in a call that marks them, by a string."""
        if depth > MAX_NESTING:
            return
        for part in _parts(expr):
            yield from self._shown(part, scope, marks, sync_runs, depth + 1)
        match expr:
            case f.Const(value=str(dotted)):
                named = self._named(dotted, scope.module)
                if named is not None:
                    yield entry(self._world.decorated.runs(named), marks, sync_runs)
            case f.Call():
                known = self._world.row_of_callee(self._world.evaluate_inside(scope, expr.func))
                for run in known[0].runs if known is not None else ():
                    argument = _argument(expr, run.arg)
                    if argument is not None and run.marks is not None and known is not None:
                        yield from self._shown(argument, scope, run.marks, _plain_runs(known[0], expr), depth + 1)
            case f.Name() | f.Attr():
                bound = self._world.resolver.binding(expr, scope.module, scope)
                if isinstance(bound, Variable) and any(isinstance(v, f.Seq | f.DictLit) for v in bound.values):
                    for value in bound.values:
                        yield from self._shown(value, bound.module.top, marks, sync_runs, depth + 1)
                elif isinstance(bound, Function) or bound is None:
                    held = self._world.evaluate_inside(scope, expr)
                    kinds = (k for k in members(held.type) if isinstance(k, Fn))
                    runs = self._world.decorated.runs
                    yield from (entry(runs(kind.function), marks, sync_runs) for kind in kinds)

    def _named(self, dotted: str, importer: Module) -> Function | None:
        """The function that a string names: ``app.tasks.send`` or ``app.tasks:send``."""
        path, _, name = dotted.replace(":", ".").rpartition(".")
        if not path or not name.isidentifier():
            return None
        home = self._world.scopes.module_named(path, importer)
        found = self._world.scopes.lookup(home, name) if isinstance(home, Module) else None
        return found if isinstance(found, Function) else None

    def _streams(self, function: Function, response: Site) -> list[Entry]:
        """Generators that were called to feed a streaming response."""
        return [
            entry(target.function, "stream", "thread")
            for site in list(self._world.flow(function).sites.values())
            if site.group == response.at
            for target in site.targets
            if target.function is not None and target.function.is_generator
        ]

    def _providers(self, values: tuple[object, ...], row: Row) -> list[Entry]:
        found = self._called([value for value in values if isinstance(value, Value)])
        return [entry(function, "dependency", row.sync_runs) for function in found]

    def _called(self, values: Iterable[Value]) -> Iterator[Function]:
        """What calling providers runs: functions, constructors of classes, ``__call__`` of instances."""
        for value in values:
            for kind in members(value.type):
                found = self._provider(kind)
                if found is not None:
                    yield found

    def _provider(self, kind: Type) -> Function | None:
        match kind:
            case Fn(function=function):
                return self._world.decorated.runs(function)
            case ClassObj(cls=cls):
                return self._world.classes.find_method(cls, "__init__")
            case Inst(cls=cls):
                return self._world.classes.find_method(cls, "__call__")
        return None


def _dependency(function: Function) -> Entry:
    return entry(function, "dependency", "thread")


def _is_within(function: Function, outer: Function) -> bool:
    """Whether a function is nested in another."""
    parent = function.parent
    while parent is not None and parent is not outer:
        parent = parent.parent
    return parent is outer


def _is_main(test: f.Expr) -> bool:
    """Whether a condition is ``__name__ == "__main__"``."""
    if not isinstance(test, f.Compare) or test.ops != ("==",):
        return False
    sides = (test.left, test.rights[0])
    return any(isinstance(s, f.Name) and s.id == "__name__" for s in sides) and any(
        isinstance(s, f.Const) and s.value == "__main__" for s in sides
    )


def _plain_runs(row: Row, call: f.Node) -> str:
    """Where a plain function that a call marks runs: as the row says, or in a thread where the call asks for it."""
    given = _argument(call, row.to_thread) if row.to_thread else None
    return "thread" if isinstance(given, f.Const) and given.value is True else row.sync_runs


def _argument(call: f.Node, words: str) -> f.Expr | None:
    """The expression that argument words name in a call."""
    if not isinstance(call, f.Call):
        return None
    for word in words.split("|"):
        if word.startswith("arg") and word[3:].isdigit() and int(word[3:]) < len(call.args):
            return call.args[int(word[3:])]
        named = next((k.value for k in call.keywords if word == f"kw:{k.name}"), None)
        if named is not None:
            return named
    return None


def _parts(expr: f.Expr) -> tuple[f.Expr, ...]:
    """What a display, a mapping or a sum of them is made of."""
    match expr:
        case f.Seq(items=items):
            return items
        case f.DictLit(values=values):
            return values
        case f.Star(value=value):
            return (value,)
        case f.Bin(op="+", left=left, right=right):
            return (left, right)
    return ()


def _targets(statement: f.Stmt) -> tuple[f.Expr, ...]:
    match statement:
        case f.Assign(targets=targets):
            return targets
        case f.AnnAssign(target=target) if statement.value is not None:
            return (target,)
    return ()


def _assigned(cls: Class, name: str) -> Iterator[f.Expr]:
    """What a class's own statements assign to a name."""
    for statement in cls.facts.body:
        names = (t.id for t in _targets(statement) if isinstance(t, f.Name))
        if isinstance(statement, f.Assign | f.AnnAssign) and statement.value is not None and name in names:
            yield statement.value
