"""Where functions run: entry points from decorators, registrations and locations, carried down to what they call.

Every function knows the kinds of context it is reached in and a few entry points of each, never all paths.
"""

from __future__ import annotations

import re
from collections import deque

from msgspec import Struct

from persist_lint.link.index import Function, Module
from persist_lint.link.lattice import ClassObj, Fn, Inst, Type, Value, members
from persist_lint.link.sites import Site, Target
from persist_lint.link.world import World
from persist_lint.model.facts import Expr
from persist_lint.model.vocabulary import Row, Runs

HOT = frozenset({"request", "websocket", "stream", "worker", "dependency"})
JOBS = frozenset({"background", "scheduled"})
COLD = frozenset({"startup", "migration", "test", "cli"})
MAX_ENTRIES = 5
TEST_PATH = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
STARTUP_NAMES = frozenset(
    {"lifespan", "startup", "on_startup", "bootstrap", "create_app", "init_app", "init_db", "main"}
)


class Entry(Struct, frozen=True, eq=False):
    """One entry point: the function that the framework calls, and as what; ``in_thread`` for sync handlers."""

    function: Function
    kind: str
    in_thread: bool = False


class Contexts:
    """Entry points of the project, and for each function the entries that reach it."""

    def __init__(self, world: World, functions: list[Function], migrations: frozenset[str]) -> None:
        self._world = world
        self._migrations = migrations
        self.entries: list[Entry] = []
        self._reached: dict[Function, list[Entry]] = {}
        self._callees: dict[Function, tuple[Function, ...]] = {}
        self._imported = self._imported_modules()
        for function in functions:
            self.entries += self._entries_of(function)
        known = {(e.function, e.kind) for e in self.entries}
        for function in functions:
            self.entries += [e for e in self._registered(function) if (e.function, e.kind) not in known]
        self._spread()

    def of(self, function: Function) -> list[Entry]:
        """The entries that reach a function, nearest first; none for plain library code."""
        return self._reached.get(function, [])

    def kinds(self, function: Function) -> frozenset[str]:
        return frozenset(e.kind for e in self.of(function))

    # ------------------------------------------------------------------ entries

    def _entries_of(self, function: Function) -> list[Entry]:
        path = function.module.path
        if TEST_PATH.search(path):
            return [Entry(function, "test")]
        if path in self._migrations:
            return [Entry(function, "migration")]
        if function.is_module:
            return [Entry(function, "startup" if function.module in self._imported else "cli")]
        found = []
        for decorator in function.facts.decorators:
            row = self._world.row_of_decorator(decorator, function)
            inner = row[0] if row is not None else self._wrapped(decorator, function)
            if inner is not None and inner.marks is not None:
                in_thread = not function.is_async and inner.sync_runs == "thread"
                found.append(Entry(function, inner.marks, in_thread))
        if not found and function.name in STARTUP_NAMES and function.owner is None:
            found.append(Entry(function, "startup"))
        return found

    def _wrapped(self, decorator: Expr, function: Function) -> Row | None:
        """The row that a decorator of the project hands its function to: ``def job(fn): return queue.task(fn)``."""
        world = self._world
        for kind in members(world.decorator_value(decorator, function).type):
            if not isinstance(kind, Fn):
                continue
            inside = [kind.function, *(f for f in kind.function.module.functions if _is_within(f, kind.function))]
            for one in inside:
                rows = (t.row for site in world.flow(one).sites.values() for t in site.targets)
                applied = (r[0] for d in one.facts.decorators if (r := world.row_of_decorator(d, one)) is not None)
                found = next((r for r in (*rows, *applied) if r is not None and r.marks is not None), None)
                if found is not None:
                    return found
        return None

    def _registered(self, function: Function) -> list[Entry]:
        """Functions that this one hands to a framework: routes, jobs, callbacks, dependencies."""
        found = []
        for site in list(self._world.flow(function).sites.values()):
            for target in site.targets:
                row = target.row
                if row is None:
                    continue
                if row.gives == "injected":
                    found += self._providers(site.args + tuple(v for _, v in site.keywords))
                for run in row.runs:
                    if run.marks == "stream":
                        found += self._streams(function, site)
                    if run.marks is not None:
                        found += [
                            Entry(t.function, run.marks, not t.function.is_async and row.sync_runs == "thread")
                            for t in self._handed_over(function, site, run)
                            if t.function is not None
                        ]
        for number in range(len(function.params)):
            found += self._providers(tuple(self._world.providers(function, number)))
        return found

    def _handed_over(self, function: Function, site: Site, run: Runs) -> list[Target]:
        """What a call registers with the framework, or starts as a task."""
        found = [t for t in site.targets if t.function is not None and t.manner == run.where]
        coroutines = [s for s in list(self._world.flow(function).sites.values()) if s.group == site.at]
        return found + [t for s in coroutines for t in s.targets if t.function is not None and t.function.is_async]

    def _below(self, function: Function) -> tuple[Function, ...]:
        """What a function runs itself; what runs on its own afterwards is an entry point, not part of it."""
        if function not in self._callees:
            sites = list(self._world.flow(function).sites.values())
            alone = {
                target
                for site in sites
                for row in (t.row for t in site.targets)
                if row is not None
                for run in row.runs
                if run.marks is not None and (run.where != "task" or site.consumer == "statement")
                for target in self._handed_over(function, site, run)
            }
            called = [t.function for s in sites for t in s.targets if t.manner != "entry" and t not in alone]
            self._callees[function] = tuple(dict.fromkeys(f for f in called if f is not None))
        return self._callees[function]

    def _streams(self, function: Function, response: Site) -> list[Entry]:
        """Generators that were called to feed a streaming response."""
        return [
            Entry(target.function, "stream", not target.function.is_async)
            for site in list(self._world.flow(function).sites.values())
            if site.group == response.at
            for target in site.targets
            if target.function is not None and target.function.is_generator
        ]

    def _providers(self, values: tuple[object, ...]) -> list[Entry]:
        return [
            Entry(function, "dependency", not function.is_async)
            for value in values
            if isinstance(value, Value)
            for kind in members(value.type)
            if (function := self._called(kind)) is not None
        ]

    def _called(self, kind: Type) -> Function | None:
        """What calling a provider runs: a function, a class's constructor, an instance's ``__call__``."""
        match kind:
            case Fn(function=function):
                return function
            case ClassObj(cls=cls):
                return self._world.classes.find_method(cls, "__init__")
            case Inst(cls=cls):
                return self._world.classes.find_method(cls, "__call__")
        return None

    def _imported_modules(self) -> frozenset[Module]:
        """Modules that another one imports; the others are scripts, started from outside."""
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

    # ------------------------------------------------------------------ downward

    def _spread(self) -> None:
        """Carry each entry to everything that its function may run."""
        for entry in self.entries:
            seen = {entry.function}
            queue = deque([entry.function])
            while queue:
                function = queue.popleft()
                reached = self._reached.setdefault(function, [])
                if len([e for e in reached if e.kind == entry.kind]) >= MAX_ENTRIES:
                    continue
                reached.append(entry)
                if function.origin is not function and entry not in self._reached.setdefault(function.origin, []):
                    self._reached[function.origin].append(entry)
                for callee in self._below(function):
                    if entry.kind == "test" and not is_test(callee.module.path):
                        continue  # what tests call is not test code: it is what it would be without them
                    if callee not in seen:
                        seen.add(callee)
                        queue.append(callee)


def _is_within(function: Function, outer: Function) -> bool:
    """Whether a function is nested in another."""
    parent = function.parent
    while parent is not None and parent is not outer:
        parent = parent.parent
    return parent is outer


def is_test(path: str) -> bool:
    """Whether a path is one of tests."""
    return TEST_PATH.search(path) is not None
