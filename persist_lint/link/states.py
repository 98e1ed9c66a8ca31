"""Sessions and transactions through a function: one structured walk with a set of possible states per session.

    E  as at entry (a session that came from outside, nothing done to it yet)
    I  idle: no transaction        R  a transaction is open, only read        W  open, written

A statement on an idle session begins a transaction (autobegin; ``transitions`` knows what begins one elsewhere);
commit, rollback and close end it; leaving a ``with`` does what the manager does. Callees transform states by their own
summaries. What is no database work (a request, a sleep) is recorded with the states around it: an ``Occurrence``.
Where the state is still E, the caller decides.

    async def pay(session, order):            charge happens in {session: E, W}: the caller may have begun; the
        session.add(Payment(...))              flush certainly has
        await session.flush()
        await charge(order)
"""

from __future__ import annotations

from msgspec import Struct

from persist_lint.link.assume import assumptions
from persist_lint.link.conditions import Assumed
from persist_lint.link.effects import Effect, Summaries, components
from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym, Value
from persist_lint.link.sites import Guard
from persist_lint.link.transitions import (
    ENDS,
    ENTRY,
    IDLE,
    NEW,
    OPEN,
    READ,
    START,
    WRITTEN,
    States,
    Store,
    first,
    merge,
)
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.span import Span

MAX_ROUNDS = 3
MAX_LEVEL = 4
Outward = tuple[tuple[Sym, States], ...]


class Occurrence(Struct, frozen=True, eq=False):
    """Something outside the database that happens while sessions are in known states.

    ``states`` are those of the sessions of the function at hand; ``holder`` is the deepest frame that holds one of
    them, with the place there; ``effect`` is in the function's terms; ``began`` says, per session, which place began
    the transaction.
    """

    effect: Effect
    states: Outward
    holder: Function
    at: Span
    held: Effect
    began: tuple[tuple[Sym, Effect], ...] = ()


class StateSummary(Struct, frozen=True, eq=False):
    """What a function does to the sessions it gets: their states at its normal end, what happened meanwhile.

    ``raised`` are the states in which an error leaves it (None: nothing in it can raise). For a generator ``entered``
    are the states at its yields, ``entering`` what happened until the first. ``anew`` are the sessions whose
    transaction, as ``began`` says it, cannot be one that was open at the entry. ``stirred`` is what blocks of its own,
    which are part of a transaction that is open at the entry, have done.
    """

    exits: Outward = ()
    occurrences: tuple[Occurrence, ...] = ()
    began: tuple[tuple[Sym, Effect], ...] = ()
    raised: Outward | None = None
    entered: Outward = ()
    entering: tuple[Occurrence, ...] = ()
    anew: frozenset[Sym] = frozenset()
    stirred: Outward = ()


class Life(Struct, eq=False):
    """The walk's result for one function: states of sessions before each site, and at the function's exits."""

    function: Function
    before: dict[f.Node, Store]
    exits: list[tuple[f.Node | None, Store]]
    summary: StateSummary
    yields: list[tuple[f.Node, Store]]
    commits: list[tuple[Effect, Store]]


class Lives:
    """State summaries of all functions that were asked for."""

    def __init__(self, world: World, summaries: Summaries) -> None:
        self.world = world
        self.summaries = summaries
        self._lives: dict[Function, Life] = {}
        self._done: dict[Function, tuple[Effect, ...]] = {}
        self._assuming: dict[tuple[Function, tuple[Guard, ...], int, bool], StateSummary] = {}

    def of(self, function: Function) -> Life:
        """The life of the sessions of a function."""
        if function not in self._lives:
            for component in components(self.world, function, self._done):
                self._solve(component)
        return self._lives[function]

    def known(self, function: Function) -> StateSummary | None:
        """The summary as far as it is known now; None for a function that is being computed for the first time."""
        found = self._lives.get(function)
        return None if found is None else found.summary

    def under(self, function: Function, known: dict[int, Value], outer: Assumed, level: int) -> StateSummary | None:
        """The summary for one call: branches on flags that its arguments decide are not both taken.

        ``level`` counts the calls above that were looked at in this way; it is part of the question, so that the answer
        does not depend on where it was asked first.
        """
        general = self.known(function)
        if general is None or function not in self._done or level > MAX_LEVEL:
            return general
        if not (general.exits or general.occurrences or general.entered):
            return general
        assumed = assumptions(function, self.summaries.of(function), known, outer)
        return self._walked(function, assumed, level, False) if assumed else general

    def leaving(self, function: Function, known: dict[int, Value], outer: Assumed, level: int) -> StateSummary | None:
        """What a context manager written as a generator does after its ``yield``: entry is the state at the end of the
        ``with`` block, ``exits`` hold where it ended well and ``raised`` where an error came out of it."""
        if function not in self._done or level > MAX_LEVEL:
            return None
        assumed = assumptions(function, self.summaries.of(function), known, outer)
        return self._walked(function, assumed, level, True)

    def holds(self, states: States) -> bool:
        """Whether something is held in one of these states."""
        return bool(states & OPEN)

    def walk(self, function: Function, assumed: tuple[Guard, ...] = (), level: int = 0, resumed: bool = False) -> Life:
        """One walk over a function; another kind of walk asks other questions of the same statements."""
        from persist_lint.link.lifewalk import StateWalk

        return StateWalk(self, function, assumed, level, resumed).run()

    def _walked(self, function: Function, assumed: tuple[Guard, ...], level: int, resumed: bool) -> StateSummary:
        key = (function, assumed, level, resumed)
        if key not in self._assuming:
            self._assuming[key] = StateSummary()
            self._assuming[key] = self.walk(function, assumed, level, resumed).summary
        return self._assuming[key]

    def _solve(self, component: list[Function]) -> None:
        for _ in range(MAX_ROUNDS if len(component) > 1 else 1):
            for function in component:
                self._lives[function] = self.walk(function)
        for function in component:
            self._done[function] = ()


__all__ = [
    "ENDS", "ENTRY", "IDLE", "NEW", "OPEN", "READ", "START", "WRITTEN", "Life", "Lives", "Occurrence", "StateSummary",
    "States", "Store", "first", "merge",
]  # fmt: skip
