"""What blocks the event loop: the calls of a function on the loop whose effects hold its thread.

On the loop are coroutines (also ``@asynccontextmanager`` and async generators), tornado's generator coroutines, and
plain functions that are scheduled as callbacks (``loop.call_later``) or that a framework calls there (handlers of
Tornado, Sanic, Litestar). Plain code below them is followed through the effect summaries; an awaited coroutine answers
for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from persist_lint.link.effects import Effect, Summaries
from persist_lint.link.index import Function
from persist_lint.link.lattice import PACKAGE_SYM
from persist_lint.link.sites import Site
from persist_lint.link.twins import Twins
from persist_lint.link.world import World

COROUTINES = frozenset({"tornado.gen.coroutine"})
#: The longest waits first: which of several effects of one call is named.
RANK = ("net", "process", "broker", "publish", "listen", "cache", "wait", "sleep")


class Blocked(Struct, frozen=True, eq=False):
    """One call on the loop, with the effects that block there, the gravest first."""

    site: Site
    effects: tuple[Effect, ...]

    @property
    def worst(self) -> Effect:
        return self.effects[0]


class Blocking:
    """Answers for all functions of a project."""

    def __init__(
        self, world: World, summaries: Summaries, functions: Iterable[Function], handlers: frozenset[Function]
    ) -> None:
        self._world = world
        self._summaries = summaries
        self._twins = Twins(world)
        self._callbacks = handlers.union(self._scheduled(functions))

    def on_loop(self, function: Function) -> bool:
        """Whether the loop runs the function itself: a coroutine, a scheduled callback, a plain handler on it."""
        return function.is_async or function.origin in self._callbacks or self._is_tornado(function)

    def calls(self, function: Function, kinds: frozenset[str]) -> list[Blocked]:
        """The calls of a function on the loop that block it by effects of those kinds, in order of place."""
        if not self.on_loop(function):
            return []
        found = [self._blocked(function, site, kinds) for site in self._world.flow(function).sites.values()]
        return sorted((b for b in found if b is not None), key=lambda b: b.site.at)

    def _blocked(self, function: Function, site: Site, kinds: frozenset[str]) -> Blocked | None:
        effects = [
            effect
            for effect in self._summaries.at_site(function, site)
            if effect.kind in kinds and effect.blocking and effect.manner == "here" and self._counts(effect, kinds)
        ]
        return Blocked(site, tuple(sorted(effects, key=_rank))) if effects else None

    def _counts(self, effect: Effect, kinds: frozenset[str]) -> bool:
        """Not through a coroutine, which answers for itself, nor in place of one; not a file of the package; not a
        handle's second use."""
        if any(self.on_loop(e.function) for e in effect.chain[1:]) or not self._twins.runs(effect):
            return False
        if _is_package(effect) and effect.kind in ("open", "file.read") and not _writes(effect.leaf):
            return False
        return not self._is_follow_up(effect.leaf, kinds)

    def _is_follow_up(self, leaf: Effect, kinds: frozenset[str]) -> bool:
        """Whether it works on a handle (receiver or argument) whose opening in the same function blocks so already."""
        if leaf.site is None or leaf.target is None:
            return False
        values = [*leaf.site.args, *(v for _, v in leaf.site.keywords)]
        values += [leaf.target.bound] if leaf.target.bound is not None else []
        places = {value.sym[1] for value in values if value.sym[0] == "open"}
        return any(
            (e.at.line, e.at.column) in places and e.kind in kinds and e.blocking and e.site is not leaf.site
            for e in self._summaries.own(leaf.function)
        )

    # ------------------------------------------------------------------ who is on the loop

    def _scheduled(self, functions: Iterable[Function]) -> Iterator[Function]:
        """Plain functions handed to the loop as callbacks."""
        for function in functions:
            for site in list(self._world.flow(function).sites.values()):
                for target in site.targets:
                    if target.manner == "loop" and target.function is not None and not target.function.is_async:
                        yield target.function.origin

    def _is_tornado(self, function: Function) -> bool:
        if not function.is_generator or "coroutine" not in function.decorator_names:
            return False
        home = function.parent or function.module.top
        return any(
            self._world.resolver.dotted(d, function.module, home) in COROUTINES for d in function.facts.decorators
        )


def _is_package(effect: Effect) -> bool:
    """Whether it is about a file of the package, or an entry of one of its directories."""
    return effect.key == PACKAGE_SYM or (effect.leaf.key[0] == "item" and effect.leaf.key[2] == PACKAGE_SYM)


def _writes(leaf: Effect) -> bool:
    """Whether a file is opened by a mode that says it is written; ``mode`` is the argument after the path."""
    if leaf.site is None or leaf.target is None:
        return False
    mode = leaf.site.argument(0 if leaf.target.bound is not None else 1, "mode")
    return mode is not None and not set("wax+").isdisjoint(str(mode.sym[1:]))


def _rank(effect: Effect) -> tuple[int, int, str]:
    kind = RANK.index(effect.kind) if effect.kind in RANK else len(RANK)
    return (kind, effect.length, effect.kind)
