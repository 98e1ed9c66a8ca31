"""Plain functions that are awaited: what of them can have run.

A function with a synchronous and an asynchronous face gives a coroutine in one branch and works at once in the other,
or a decorator puts the coroutine function in its place:

    def run(job):                         @dispatches(asend)
        if job.is_async:                  def send(self, text):
            return run_async(job)             post(text)
        return run_now(job)
                                          await self.send("hello")    runs asend, or something that awaits
    await run(job)    the first branch

``await`` on what the other branch gives would raise a TypeError, so its effects are none of the awaited call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import Coll, Coro, Value, members
from persist_lint.link.narrow import exits
from persist_lint.link.places import Frame, Places
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.effects import Effect
    from persist_lint.link.world import World

#: Decorators that leave a function what it is.
PLAIN = frozenset(
    {"staticmethod", "classmethod", "abstractmethod", "overload", "override", "final", "property", "cached_property"}
)


class Twins:
    """Answers for all functions of a project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._synchronous: dict[Function, frozenset[Site]] = {}

    def runs(self, effect: Effect) -> bool:
        """Whether an effect of an awaited call can be its, as far as plain functions hand the coroutine on."""
        site = effect.site
        if site is None or not (site.awaited or _is_awaited_later(effect.function, site)):
            return True
        for step in effect.chain:
            below = step.via
            callee = step.target.function if step.target is not None else None
            if below is None or callee is None or callee.is_async or step.manner != "here":
                return True
            if self._is_replaced(callee) or below.site in self._at_once(callee):
                return False
            if below.site is None or below.site.consumer != "return":
                return True
        return True

    def _is_replaced(self, function: Function) -> bool:
        """Whether a decorator must have made something else of it, as it gives nothing to await itself."""
        return not function.decorator_names <= PLAIN and not _gives_coroutine(self._world.returned(function))

    def _at_once(self, function: Function) -> frozenset[Site]:
        """The calls of a plain function in branches other than those that give a coroutine."""
        if function not in self._synchronous:
            sites = list(self._world.flow(function).sites.values())
            giving = [s for s in sites if s.consumer in ("return", "assign") and _gives_coroutine(s.result)]
            places = Places(function) if giving else None
            self._synchronous[function] = frozenset(
                site
                for site in sites
                if places is not None
                and site not in giving
                and any(_apart(places.frames(site.node), places.frames(one.node)) for one in giving)
            )
        return self._synchronous[function]


def _gives_coroutine(value: Value) -> bool:
    return any(
        isinstance(k, Coro) or (isinstance(k, Coll) and k.kind == "async_generator") for k in members(value.type)
    )


def _is_awaited_later(function: Function, site: Site) -> bool:
    """``coro = self.send(text)``, and ``await coro`` further down."""
    if site.consumer != "assign":
        return False
    names = {
        target.id
        for s in statements(function.body)
        if isinstance(s, f.Assign) and s.value is site.node
        for target in s.targets
        if isinstance(target, f.Name)
    }
    nodes = (n for s in statements(function.body) for head in heads(s) for n in post_order(head)) if names else ()
    return any(isinstance(n, f.Await) and isinstance(n.value, f.Name) and n.value.id in names for n in nodes)


def _apart(one: tuple[Frame, ...], other: tuple[Frame, ...]) -> bool:
    """Whether no run of the function comes to both places: other arms of an ``if``, or behind an arm that leaves."""
    for depth, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine.block is not theirs.block:
            return isinstance(mine.owner, f.If) and mine.owner is theirs.owner
        if mine.index != theirs.index:
            first = one if mine.index < theirs.index else other
            arm = first[depth + 1 : depth + 2]
            return any(isinstance(frame.owner, f.If) and exits(frame.block) for frame in arm)
    return False
