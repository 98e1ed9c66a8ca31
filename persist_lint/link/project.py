"""The linked project: what rules, engine and printers ask.

project = link(modules, vocabulary, surroundings, audited=paths)
for function in project.functions():          # FunctionView, those that are audited and relevant
    for call in function.calls:               # CallView
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from persist_lint.link.admins import Admins
from persist_lint.link.blocking import Blocking
from persist_lint.link.callers import Callers
from persist_lint.link.channels import ChannelView, channels
from persist_lint.link.classes import Classes
from persist_lint.link.constants import Frame
from persist_lint.link.contexts import Contexts, is_test
from persist_lint.link.discovered import discovered
from persist_lint.link.displays import writes
from persist_lint.link.effects import Summaries
from persist_lint.link.engines import Engines
from persist_lint.link.index import Function, Index
from persist_lint.link.lattice import Sym
from persist_lint.link.makers import Maker, Makers
from persist_lint.link.names import Scopes
from persist_lint.link.percall import PerCall
from persist_lint.link.pools import Pools
from persist_lint.link.relevance import relevant
from persist_lint.link.resolve import Resolver
from persist_lint.link.resources import Resources
from persist_lint.link.roots import Roots
from persist_lint.link.rows import Rows
from persist_lint.link.sessions import SessionView, configurations
from persist_lint.link.sites import Site
from persist_lint.link.states import Lives
from persist_lint.link.uncommitted import Uncommitted
from persist_lint.link.unused import Unused
from persist_lint.link.views import FunctionView
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.analysis import Discovered, FunctionNote
from persist_lint.model.context import Surroundings
from persist_lint.model.facts import ModuleFacts
from persist_lint.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from persist_lint.link.loading import Loading

#: Walks nest: an expression asks for a callee's return, that for an attribute, and so on (at most World's depth).
RECURSION = 12_000


def link(
    modules: Mapping[str, ModuleFacts],
    vocabulary: Vocabulary,
    surroundings: Surroundings,
    *,
    audited: frozenset[str] | None = None,
    src: Iterable[str] = (),
) -> Project:
    """Tie all files together; ``audited`` are the paths that findings may stand in (None: all), ``src`` import roots
    that the layout does not show."""
    if sys.getrecursionlimit() < RECURSION:
        sys.setrecursionlimit(RECURSION)
    readable = {path: facts for path, facts in modules.items() if facts.problem is None}
    roots = Roots(readable, src)
    index = Index(readable, {path: roots.dotted(path) for path in readable})
    scopes = Scopes(index, roots, vocabulary)
    resolver = Resolver(scopes, vocabulary)
    classes = Classes(index, resolver)
    world = World(index, scopes, resolver, classes, vocabulary)
    return Project(world, surroundings, audited)


class Project:
    """Read-only; everything is computed when first asked for."""

    def __init__(self, world: World, surroundings: Surroundings, audited: frozenset[str] | None) -> None:
        self.world = world
        self.surroundings = surroundings
        self.summaries = Summaries(world)
        self.lives = Lives(world, self.summaries)
        self._audited = audited
        self._views: dict[Function, FunctionView] = {}
        self._sessions: dict[tuple[Function, Sym], SessionView] = {}

    @cached_property
    def relevant(self) -> list[Function]:
        """The functions that any rule could speak of, in order of path and place; all walked, in that order.

        What a walk finds can depend on which one was begun first (cycles); so the order is fixed here.
        """
        found = relevant(self.world.index, self.world.vocabulary)
        self.world.settle(found)
        return found

    @cached_property
    def uncommitted(self) -> Uncommitted:
        """What is written and not yet committed where."""
        return Uncommitted(self.world, self.summaries)

    @cached_property
    def contexts(self) -> Contexts:
        """Entry points and what they reach."""
        return Contexts(self.world, self.relevant, frozenset(self.surroundings.migrations))

    @cached_property
    def admins(self) -> Admins:
        """Which entry points only administrators reach."""
        return Admins(self.world, self.relevant)

    @cached_property
    def blocking(self) -> Blocking:
        """Which calls hold the event loop."""
        return Blocking(self.world, self.summaries, self.relevant, self.contexts.plain_on_loop)

    @cached_property
    def callers(self) -> Callers:
        """Who calls whom, backwards."""
        return Callers(self.world, self.relevant)

    @cached_property
    def engines(self) -> Engines:
        """The engines and session factories that the code makes."""
        return Engines(self.world, self.relevant, self.callers)

    @cached_property
    def makers(self) -> Makers:
        """Which calls of the library make a session, a factory, an engine."""
        return Makers(self)

    @cached_property
    def configurations(self) -> list[tuple[Frame, f.Call, tuple[Maker, ...]]]:
        """What changes the options of session factories later."""
        return configurations(self)

    def session(self, function: Function, sym: Sym) -> SessionView:
        """The one view of a session (or connection) that a function knows by a symbol: its options, its engine."""
        key = (function, sym)
        if key not in self._sessions:
            self._sessions[key] = SessionView(self, function, sym)
        return self._sessions[key]

    @cached_property
    def loading(self) -> Loading:
        """Which attributes of entities are read where their queries did not load them."""
        from persist_lint.link.loading import Loading

        return Loading(self)

    @cached_property
    def pools(self) -> Pools:
        """What surrounds the engines' pools."""
        return Pools(self)

    @cached_property
    def resources(self) -> Resources:
        """What functions acquire, and what becomes of it."""
        return Resources(self.world, self.summaries, self.engines.may_be_poolless)

    @cached_property
    def rows(self) -> Rows:
        """Rows of queries in the hands of functions, and what becomes of them."""
        return Rows(self.world, self.summaries)

    @cached_property
    def per_call(self) -> PerCall:
        """What is made for every call and should live as long as the process."""
        return PerCall(self)

    @cached_property
    def unused(self) -> Unused:
        """Which functions are dead."""
        return Unused(self)

    @cached_property
    def channels(self) -> tuple[ChannelView, ...]:
        """The places that publish or listen; tests left out."""
        functions = [f for f in self.relevant if not is_test(f.module.path)]
        return tuple(channels(self.world, functions, self.summaries, self.engines.constants))

    def functions(self) -> Iterator[FunctionView]:
        """The relevant functions of audited files, module levels included."""
        return iter(self._relevant_views)

    @cached_property
    def _relevant_views(self) -> tuple[FunctionView, ...]:
        return tuple(self._views_of(self.relevant))

    def all_functions(self) -> Iterator[FunctionView]:
        """All functions of audited files; those that are not relevant are walked only when asked about."""
        return self._views_of(self.relevant and self.world.index.functions())

    def wrappers(self) -> Iterator[FunctionView]:
        """The wrappers of the project's own decorators in audited files, once for each function that they stand for.

        As written they call something unknown; only these know what.
        """
        return self._views_of(self._wrappers)

    @cached_property
    def _wrappers(self) -> list[Function]:
        found = [wrapper for one in self.relevant for wrapper in self.world.decorated.around(one)]
        return sorted(found, key=lambda one: (one.module.path, one.number, one.order))

    def changes_something(self, site: Site) -> bool:
        """Whether a call may run a project function that has effects of its own kind, assigns attributes or appends."""
        functions = [target.function for target in site.targets if target.function is not None]
        return any(writes(self.world, self.summaries, function) for function in functions)

    def audits(self, path: str) -> bool:
        """Whether findings may stand in a file."""
        return (self._audited is None or path in self._audited) and path not in self._silent

    def _views_of(self, functions: Iterable[Function]) -> Iterator[FunctionView]:
        for function in functions:
            if self.audits(function.module.path):
                yield self.view(function)

    @cached_property
    def _silent(self) -> frozenset[str]:
        """Migrations are read for context; rules that name them ask for them."""
        return frozenset(self.surroundings.migrations)

    def view(self, function: Function) -> FunctionView:
        """The one view of a function."""
        if function not in self._views:
            self._views[function] = FunctionView(self, function)
        return self._views[function]

    def function_named(self, dotted: str) -> Function | None:
        """A function by its full dotted name, as in ``app.repo.Repo.get``."""
        return self._by_name.get(dotted)

    @cached_property
    def _by_name(self) -> dict[str, Function]:
        """The first function of each name."""
        found: dict[str, Function] = {}
        for function in self.world.index.functions():
            found.setdefault(function.dotted, function)
        return found

    @cached_property
    def autoflushes(self) -> bool:
        """Whether queries flush what is pending: no session or factory of the project says ``autoflush=False``."""
        off = ("const", False)
        sites = (site for function in self.relevant for site in self.world.flow(function).sites.values())
        return not any(name == "autoflush" and value.sym == off for site in sites for name, value in site.keywords)

    @property
    def dialect(self) -> str | None:
        """The database that the project is meant for (postgresql, mysql, sqlite, …); None where nothing says."""
        return self.surroundings.stack.db

    def is_test(self, path: str) -> bool:
        return is_test(path)

    # ------------------------------------------------------------------ for the engine

    def discovered(self) -> Discovered:
        """What the project context lists: engines, factories, models, channels."""
        return discovered(self)

    def note(self, dotted: str) -> FunctionNote:
        """What context validation needs to know of a function."""
        function = self.function_named(dotted)
        return FunctionNote() if function is None else self.view(function).note()
