"""What happens outside the database while a transaction is open, told once per place.

The walk over sessions (``states``) says for each function what happens meanwhile, calls of callees included. The same
request two calls below an endpoint is therefore known to the function that makes it, to the one that opened the
transaction, and to all between. Here these are told once, where the deepest frame that holds the session makes the call.

    async def pay(session, id):                  frames: pay, where the transaction is open
        order = await session.get(Order, id)     began: the SELECT
        await self.charge(session, order)        place: the request in charge, which holds the session itself
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym
from persist_lint.link.states import OPEN, Occurrence
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

#: Tasks and what runs after the response do not happen within the caller's transaction.
MEANWHILE = frozenset({"here", "thread", "process"})


class Frame(Struct, frozen=True, eq=False):
    """A function in which the transaction is open; ``sym`` is the session in its terms, ``began`` what opened it.

    ``effect`` is what happens, in the function's terms; ``later`` is what else happens outside in that transaction.
    """

    function: FunctionView
    sym: Sym
    effect: Effect
    began: Effect | None
    later: tuple[Effect, ...] = ()


class Held(Struct, frozen=True, eq=False):
    """One place at which something happens in open transactions: ``effect`` in the terms of its function."""

    function: FunctionView
    at: Span
    effect: Effect
    frames: tuple[Frame, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of effects that hold these transactions, later ones included."""
        return frozenset(e.kind for frame in self.frames for e in (frame.effect, *frame.later))

    @property
    def own(self) -> bool:
        """Whether the transaction is known to be open without looking at callers."""
        return any(frame.function is self.function for frame in self.frames)


def held(project: Project, kinds: frozenset[str]) -> Iterator[Held]:
    """The first effect of these kinds in every transaction, once per place, in order of path and place."""
    audited = {view.function.origin for view in project.functions()}
    found: dict[tuple[str, Span], list[tuple[Occurrence, Frame]]] = {}
    for view in project.functions():
        if view.silent:
            continue
        for occurrence, frame in _first_of_each(view, kinds):
            if occurrence.holder.origin in audited:
                found.setdefault((occurrence.holder.module.path, occurrence.at), []).append((occurrence, frame))
    for _, meant in sorted(found.items(), key=lambda item: item[0]):
        occurrence = meant[0][0]
        holder = project.view(_view_of(occurrence.holder, meant))
        yield Held(holder, occurrence.at, occurrence.held, tuple(frame for _, frame in meant))


def _view_of(holder: Function, meant: list[tuple[Occurrence, Frame]]) -> Function:
    """The holder as the frames see it: the copy for a receiver only if one of them is that copy."""
    return holder if any(frame.function.function is holder for _, frame in meant) else holder.origin


def _first_of_each(view: FunctionView, kinds: frozenset[str]) -> Iterator[tuple[Occurrence, Frame]]:
    """The first occurrence in each of the transactions of a function, with its frame."""
    groups: dict[tuple[Sym, Span | None], list[tuple[Occurrence, Effect | None]]] = {}
    for occurrence in view.life.summary.occurrences:
        if occurrence.effect.kind not in kinds or occurrence.effect.manner not in MEANWHILE:
            continue
        began = dict(occurrence.began)
        for sym, states in occurrence.states:
            if states & OPEN:
                start = began.get(sym)
                groups.setdefault((sym, start.at if start is not None else None), []).append((occurrence, start))
    for (sym, _), members in groups.items():
        first, start = min(members, key=lambda member: (member[0].effect.at, member[0].at))
        later = tuple(o.effect for o, _ in members if o is not first)
        yield first, Frame(view, sym, first.effect, start, later)
