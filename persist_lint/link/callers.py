"""Who calls a function: the reverse of the calls that the flows resolved."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from persist_lint.link.decorated import is_same, undecorated
from persist_lint.link.index import Function
from persist_lint.link.sites import Site, Target
from persist_lint.link.world import World


class Caller(Struct, frozen=True, eq=False):
    """One call of a function."""

    function: Function
    site: Site
    target: Target


class Callers:
    """The callers of every function, in order of path and place; made in one pass over the relevant functions."""

    def __init__(self, world: World, functions: Iterable[Function]) -> None:
        self._world = world
        self._by_callee: dict[Function, list[Caller]] = {}
        for function in functions:
            for site in sorted(world.flow(function).sites.values(), key=lambda s: s.at):
                for target in site.targets:
                    callee = target.function
                    while callee is not None:  # a wrapper stands for what it decorates
                        self._by_callee.setdefault(callee.origin, []).append(Caller(function, site, target))
                        callee = callee.decorates

    def of(self, function: Function) -> list[Caller]:
        """Every call of a function (and of its copies for the classes of its receivers)."""
        return self._by_callee.get(function.origin, [])

    def nearest(self, function: Function) -> list[Caller]:
        """The calls that run a function at once: those of the wrapper that stands for it, if there is one."""
        found = [
            Caller(wrapper, site, target)
            for wrapper in self._world.decorated.caller_of(function)
            for site in self._world.flow(wrapper).sites.values()
            for target in site.targets
            if target.function is not None and is_same(target.function, function)
        ] or self.of(function)
        if function.decorates is None:
            return found
        return [one for one in found if one.target.function is not None and _stands_for(one.target.function, function)]


def _stands_for(called: Function, wrapper: Function) -> bool:
    """Whether a call of a wrapper, or of one around it, runs the wrapper of that very function."""
    inner: Function | None = called
    while inner is not None and inner.origin is not wrapper.origin:
        inner = inner.decorates
    return inner is not None and undecorated(inner).origin is undecorated(wrapper).origin
