"""What is told to others before the data it is about is committed: the walk of ``states`` with another question.

Here W means that something is written or pending (added, changed, deleted, or sent by a statement) and not yet
committed; I that nothing was; C that it was committed or undone. Where C is possible, a commit that this walk cannot
decide about (a wrapper that commits unless it is called within another) may have been before. Which session a changed
entity belongs to is seldom said where it is changed: such changes stand under ``PENDING``, and any session's commit,
rollback or close ends them.

    order.state = "paid"                 PENDING: W
    await queue.enqueue_job("ship")      an Occurrence in {PENDING: W}: the worker may read the old state
    await session.commit()               PENDING: C
"""

from __future__ import annotations

from persist_lint.link.crossing import OUTSIDE
from persist_lint.link.effects import Effect
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import UNKNOWN_SYM, Sym
from persist_lint.link.lifewalk import StateWalk
from persist_lint.link.sites import Guard
from persist_lint.link.states import Life, Lives
from persist_lint.link.transitions import (
    ENDS,
    ENTRY,
    IDLE,
    NEW,
    WRITTEN,
    States,
    Store,
    after,
    begins_of,
    ended_with,
    first,
)
from persist_lint.link.world import World
from persist_lint.model import facts as f

#: What leaves something to commit; ``flush`` only sends what is pending already.
WRITES = frozenset({"db.insert", "db.update", "db.delete", "unit.add", "unit.delete", "unit.merge", "unit.change"})
#: The changes of entities whose session nobody names.
PENDING: Sym = ("global", "what is pending")
COMMITTED = "C"
DONE: States = frozenset({COMMITTED})
#: Libraries by which mail goes out.
MAILERS = frozenset({"smtplib", "aiosmtplib", "resend", "django"})
#: Arguments that put the work off until the commit is long over.
DEFERS = frozenset({"countdown", "eta", "_defer_by", "_defer_until"})
DEFERRING = frozenset({"enqueue_in", "enqueue_at", "schedule_by_time", "schedule_by_cron"})


class Uncommitted(Lives):
    """Life of what is written and not committed, for all functions that were asked for."""

    def holds(self, states: States) -> bool:
        return WRITTEN in states and COMMITTED not in states

    def walk(self, function: Function, assumed: tuple[Guard, ...] = (), level: int = 0, resumed: bool = False) -> Life:
        return _Walk(self, function, assumed, level, resumed).run()


class _Walk(StateWalk):
    def __init__(self, lives: Lives, function: Function, assumed: tuple[Guard, ...], level: int, resumed: bool) -> None:
        super().__init__(lives, function, assumed, level, resumed)
        self.changes: dict[int, list[Effect]] = {}
        for effect in lives.summaries.own(function):
            if effect.kind == "unit.change" and effect.site is None and effect.key[0] != "new":
                self.changes.setdefault(effect.at.line, []).append(effect)

    def effect(self, effect: Effect, store: Store) -> Store:
        if effect.target is not None and effect.target.manner not in ("here", "thread"):
            return store
        if effect.kind in OUTSIDE:
            if announces(effect, self.lives):
                self.happens(effect, store)
            return store
        sym = effect.session
        if effect.kind in ENDS:
            ended = {**store, PENDING: DONE}
            return ended if sym == UNKNOWN_SYM else {**ended_with(sym, {**ended, sym: NEW}), sym: DONE}
        if effect.kind == "txn.begin" and sym != UNKNOWN_SYM:
            states = frozenset(IDLE if s == COMMITTED else s for s in store.get(sym, first(sym)))
            return {**store, sym: after("txn.begin", states, begins_of(self.world, effect, self.autocommit))}
        return self._written(effect, store) if effect.kind in WRITES else store

    def _written(self, effect: Effect, store: Store) -> Store:
        sym = PENDING if effect.session == UNKNOWN_SYM else effect.session
        states = store.get(sym, first(sym))
        begins = "statement" if sym == PENDING else begins_of(self.world, effect, self.autocommit)
        moved = after("db.update", states, begins)
        if WRITTEN in moved and WRITTEN not in states:
            self._begins(sym, effect, ENTRY not in states)
        return {**store, sym: moved}

    def _heads(self, statement: f.Stmt, store: Store) -> Store:
        store = super()._heads(statement, store)
        if self.changes:
            for line in range(statement.at.line, statement.at.end_line + 1):
                for effect in self.changes.get(line, ()):
                    store = self._written(effect, store)
        return store

    def left(self, statement: f.With, store: Store, entry: Store, failed: bool) -> Store:
        """Leaving a ``with`` that ends a session ends what is pending, too."""
        found = super().left(statement, store, entry, failed)
        ended = [sym for sym, states in store.items() if found.get(sym) == NEW and states != NEW]
        return {**found, **dict.fromkeys((*ended, PENDING), DONE)} if ended else found


# ---------------------------------------------------------------------- what announces


def announces(effect: Effect, lives: Lives) -> bool:
    """Whether others get to know: a task is enqueued for now, an event published, a mail or webhook sent."""
    target, site = effect.target, effect.site
    if target is None or site is None:
        return False
    name = target.name.rpartition(".")[2]
    if effect.kind == "broker":
        return name not in DEFERRING and not any(keyword in DEFERS for keyword, _ in site.keywords)
    if effect.kind == "publish":
        is_sql = target.row is not None and "db.statement" in target.row.does
        return effect.session == UNKNOWN_SYM and not is_sql  # NOTIFY waits for the commit itself
    return effect.kind == "net" and (_is_mail(target.name) or addressee(effect, lives.world) is not None)


def _is_mail(name: str) -> bool:
    return name.split(".")[0] in MAILERS and name.rpartition(".")[2].startswith("send")


def addressee(effect: Effect, world: World) -> Class | None:
    """The entity a column of which is the address of a request: somebody left it there to be told about that entity."""
    node = effect.site.node if effect.site is not None else None
    if effect.kind != "net" or not isinstance(node, f.Call):
        return None
    touches = world.flow(effect.function).touches
    found = (touches.get(expr) for expr in node.args)
    return next((cls for t in found if t is not None and (cls := world.models.entity_class(t.base)) is not None), None)
