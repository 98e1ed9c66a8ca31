"""What becomes of resources where something fails: the walk of ``fates`` with errors where statements can fail.

An error travels outward through the ``try`` statements around it: handlers catch it, ``finally`` blocks run, a handler
for everything ends its way. A session holds a connection only from its first statement to the end of the transaction;
until then an error leaves nothing behind.

    session = SessionLocal()             idle: no connection yet
    jobs = session.scalars(query)        held: an error here, or below, leaves the function with it
    session.close()                      skipped on that way
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.fates import ABSENT, ENDS, FateWalk, Store, Tracked, asks_for, handled, merged, state_after
from persist_lint.link.places import names_of, read_names
from persist_lint.link.tree import heads, post_order, targets
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS

if TYPE_CHECKING:
    from persist_lint.link.lattice import Sym

#: What takes a connection for a session, and what gives it back.
BEGINS = SQL_KINDS | {"flush", "unit.merge"}
GIVES_BACK = frozenset({"txn.commit", "txn.rollback", "session.close"})
#: What fails for reasons of its own: the other side, the disk, the data.
FAILS = SQL_KINDS | {
    "flush", "unit.merge", "txn.commit", "net", "cache", "broker", "publish", "process", "file.read", "file.write",
}  # fmt: skip
FILES = frozenset({"file.read", "file.write"})
MAX_FILE_DEPTH = 1
LIVE = frozenset({"held", "idle"})


class Failing(Struct, frozen=True, eq=False):
    """A statement that can fail; ``effect`` is what fails, None for an explicit ``raise``."""

    statement: f.Stmt
    effect: Effect | None


class Ways(Struct, eq=False):
    """How one acquisition is left behind: by an error that comes out or is caught, a jump, the last line."""

    thrown: Failing | None = None
    caught: Failing | None = None
    jump: f.Stmt | None = None
    falls: bool = False


class Guard(Struct, eq=False):
    """A ``try`` or ``suppress`` around the statement at hand; ``active`` while its body is walked."""

    final: tuple[f.Stmt, ...]
    handlers: tuple[f.Handler, ...] | None  # None: it suppresses everything
    finals: int
    points: list[Store]
    active: bool = True


class ErrorWalk(FateWalk):
    """One walk over a function; ``lazy`` are the sessions among the resources, with their symbols."""

    def __init__(
        self,
        tracked: list[Tracked],
        lazy: dict[int, Sym],
        effects: Callable[[f.Stmt], tuple[Effect, ...]],
        catches: Callable[[f.Handler, Failing], bool],
        suppresses: Callable[[f.With], bool],
        lends: bool,
    ) -> None:
        super().__init__(tracked)
        self.ways = [Ways() for _ in tracked]
        self._lazy = lazy
        self._effects = effects
        self._catches = catches
        self._suppresses = suppresses
        self._lends = lends
        self._guards: list[Guard] = []
        self._depths: dict[int, int] = {}  # in how many loops each is acquired
        self._causes: dict[int, Failing] = {}
        self._later: set[str] = set()
        self._earlier: set[str] = set()

    def block(self, body: Iterable[f.Stmt], store: Store | None) -> Store | None:
        for statement in body:
            if store is None:
                return None
            store = self.statement(statement, store)
        return store

    def run_all(self, body: tuple[f.Stmt, ...]) -> list[Ways]:
        """Walk the whole body; one answer per resource."""
        start: Store = {number: frozenset({ABSENT}) for number in range(len(self._tracked))}
        end = self.block(body, start)
        self._left(None, end)
        return self.ways

    def statement(self, statement: f.Stmt, store: Store) -> Store | None:
        match statement:
            case f.Raise():
                self._fail(Failing(statement, None), self._heads(statement, store))
                return None
            case f.Return():
                self._left(statement, self._finally(self._heads(statement, store), 0))
                return None
            case f.Jump(kind="continue"):
                left = self._finally(store, len(self._loops)) or {}
                self._left(statement, {n: s for n, s in left.items() if self._depths.get(n, 0) >= len(self._loops)})
                return None
            case f.With() if self._suppresses(statement):
                guard = Guard((), None, len(self._finals), [])
                self._guards.append(guard)
                end = self.block(statement.body, self._heads(statement, store))
                self._guards.pop()
                return merged([end, *guard.points])
        self._decided(statement)
        return super().statement(statement, store)

    def _decided(self, statement: f.Stmt) -> None:
        """Notes names that get their first value after the acquisition; ``owned = True`` belongs to it."""
        constant = isinstance(statement, f.Assign) and isinstance(statement.value, f.Const)
        for name in (name for target in targets(statement) for name in names_of(target)):
            if constant:
                self._earlier.add(name)
            elif name not in self._earlier:
                self._later.add(name)

    def _left(self, statement: f.Stmt | None, store: Store | None) -> None:
        """The function is left, or a turn of its loop ends, by ``statement`` (None: by its last line)."""
        for number, states in (store or {}).items():
            ways = self.ways[number]
            if ("held", True) in states and ways.caught is None:
                ways.caught = self._causes.get(number)
            if ("held", False) in states and statement is None:
                ways.falls = True
            elif ("held", False) in states and ways.jump is None:
                ways.jump = statement

    # ------------------------------------------------------------------ errors

    def _fail(self, failing: Failing, store: Store) -> None:
        """An error with these states: outward through the guards around it."""
        guards, finals = self._guards, self._finals
        left: Store | None = store
        for place in range(len(guards) - 1, -1, -1):
            guard = guards[place]
            if guard.active and left is not None:
                guard.points.append(left)
                for number in _holding(left):
                    self._causes.setdefault(number, failing)
                if guard.handlers is None or any(self._catches(handler, failing) for handler in guard.handlers):
                    left = None
            if left is None:
                break
            self._guards, self._finals = guards[:place], finals[: guard.finals]
            left = self.block(guard.final, left)
        self._guards, self._finals = guards, finals
        for number in _holding(left or {}):
            if self.ways[number].thrown is None:
                self.ways[number].thrown = failing if failing.effect else self._causes.get(number, failing)

    def _try(self, statement: f.Try, store: Store) -> Store | None:
        guard = Guard(statement.final, statement.handlers, len(self._finals), [])
        self._guards.append(guard)
        self._finals.append((statement.final, len(self._loops)))
        end = self.block(statement.body, dict(store))
        guard.active = False
        thrown = merged(guard.points)
        ends = [self.block(statement.orelse, end)]
        if thrown is not None:
            ends += [self.block(handler.body, handled(thrown)) for handler in statement.handlers]
        self._guards.pop()
        self._finals.pop()
        return self.block(statement.final, merged(ends))

    # ------------------------------------------------------------------ branches

    def _if(self, statement: f.If, store: Store) -> Store | None:
        store = self._heads(statement, store)
        truth, name = asks_for(statement.test)
        ends = []
        for wanted, body in ((True, statement.body), (False, statement.orelse)):
            entry = self._none(name, dict(store)) if name and wanted != truth else dict(store)
            ends.append(self.block(body, entry))
        if not read_names(statement.test) or not read_names(statement.test) <= self._later - self._earlier:
            ends = self._agreed(store, ends)
        return merged(ends)

    def _none(self, name: str, store: Store) -> Store:
        changed = dict(store)
        for number, one in enumerate(self._tracked):
            if name in one.names:
                changed[number] = frozenset(t for t in store[number] if t[0] not in LIVE) or frozenset({ABSENT})
        return changed

    def _agreed(self, before: Store, ends: list[Store | None]) -> list[Store | None]:
        """``if owns: session.close()``: a release behind a test that was decided before is taken to fit."""
        alive = [end for end in ends if end is not None]
        for number in _living(before) if len(alive) > 1 else ():
            if any(("released" in {s for s, _ in end[number]}) and number not in _living(end) for end in alive):
                for end in alive:
                    end[number] = frozenset(("released", h) if s in LIVE else (s, h) for s, h in end[number])
        return ends

    # ------------------------------------------------------------------ expressions

    def _heads(self, statement: f.Stmt, store: Store) -> Store:
        found = self._effects(statement)
        during = self._worked(store, found, BEGINS, "idle", "held")
        failed = next((e for e in found if fails(e)), None)
        after = super()._heads(statement, during)
        if failed is not None or self._resumed_by_error(statement):
            entered = isinstance(statement, f.With)  # the first manager is entered when the second is made
            self._fail(Failing(statement, failed), after if entered else during)
        return self._worked(after, found, GIVES_BACK, "held", "idle")

    def _resumed_by_error(self, statement: f.Stmt) -> bool:
        """Whether the function lends something here and gets the borrower's errors back at its ``yield``."""
        return self._lends and any(isinstance(e, f.Yield) for head in heads(statement) for e in post_order(head))

    def _worked(self, store: Store, found: tuple[Effect, ...], kinds: frozenset[str], old: str, new: str) -> Store:
        changed = dict(store)
        for number, sym in self._lazy.items():
            if any(e.kind in kinds and e.session == sym for e in found):
                changed[number] = frozenset((new if s == old else s, h) for s, h in store[number])
        return changed

    def _event(self, number: int, kind: str, store: Store) -> Store:
        changed = dict(store)
        if kind == "acquire":
            at_once = self._tracked[number].uses.get(self._tracked[number].node, "")
            fresh = "idle" if number in self._lazy else "held"
            changed[number] = frozenset({(state_after(at_once) if at_once in ENDS else fresh, False)})
            self._depths[number] = len(self._loops)
            self._earlier |= self._later
            self._later = set()
        elif kind in ENDS:
            after = state_after(kind)
            changed[number] = frozenset((after, h) if s in LIVE else (s, h) for s, h in store[number])
        return changed


def fails(effect: Effect) -> bool:
    """Whether it fails for reasons of its own; a file far down is mostly a template or a setting, read once."""
    return effect.kind in FAILS and (effect.kind not in FILES or effect.length <= MAX_FILE_DEPTH)


def _holding(store: Store) -> list[int]:
    return [number for number, states in store.items() if any(state == "held" for state, _ in states)]


def _living(store: Store) -> list[int]:
    return [number for number, states in store.items() if any(state in LIVE for state, _ in states)]
