"""Updates that a live trigger announces, followed by more of them before the transaction is committed.

A notification is delivered at commit, and identical ones once. So of two updates in one transaction whose table's
trigger notifies, the first is never seen:

    await jobs.set_progress(job_id, 10)        Unseen: table jobs, trigger jobs_notify
    …
    await jobs.set_progress(job_id, 60)        (later)
    await session.commit()

One structured walk per function, with the first update of every table that is still uncommitted on its session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Manager, Sym, members, mentions
from persist_lint.link.sites import Loop
from persist_lint.link.tree import heads, post_order
from persist_lint.model import facts as f
from persist_lint.model.context import Trigger

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

LIVE = frozenset({"stream", "websocket"})
ENDS = frozenset({"txn.commit", "txn.rollback", "session.close"})
#: What happens within one call is taken in this order: what is changed, what is sent, what ends.
ORDER = ("unit.change", "db.update", "flush", "txn.commit", "txn.rollback", "session.close")


class Unseen(Struct, frozen=True, eq=False):
    """An update that stays invisible: its call and effect, the trigger that would tell, the next one or the loop.

    ``same_row`` is false where both updates are known to be about different rows.
    """

    call: CallView
    effect: Effect
    trigger: Trigger
    later: CallView | None
    loop: Loop | None
    same_row: bool = True


class Sent(Struct, frozen=True, eq=False):
    """An update that is not yet committed; ``row`` is the symbol of its key, ``call`` None while only assigned."""

    call: CallView | None
    effect: Effect
    row: Sym


#: Uncommitted updates by (session, table); what is changed and not flushed by ("", table).
State = dict[tuple[Sym | str, str], Sent]


def unseen(function: FunctionView, triggers: Mapping[str, Trigger]) -> list[Unseen]:
    """The first such update of every transaction of the function; ``triggers`` by the table they are on."""
    walk = _Walk(function, triggers)
    if walk.may_speak():
        walk.block(function.function.body, {})
    return sorted(walk.found.values(), key=lambda found: found.call.at)


def audience(project: Project, trigger: Trigger) -> str:
    """Who hears of the trigger's channels: ``live`` if a project that listens also feeds streams or websockets."""
    if not any(not c.publishes and (c.wildcard or c.name in trigger.channels) for c in project.channels):
        return "nobody"
    return "live" if any(entry.kind in LIVE for entry in project.contexts.entries) else "some"


class _Walk:
    def __init__(self, function: FunctionView, triggers: Mapping[str, Trigger]) -> None:
        self.function = function
        self.triggers = triggers
        self.found: dict[int, Unseen] = {}
        self.calls = {call.site.node: call for call in function.calls}

    def may_speak(self) -> bool:
        """Whether the function updates one of the tables at all."""
        return any(self._trigger(e) for e in self.function.summary if e.kind in ("db.update", "unit.change"))

    # ------------------------------------------------------------------ statements

    def block(self, body: Iterable[f.Stmt], state: State) -> State | None:
        """The updates that are uncommitted after the statements; None where their end is not reached."""
        current: State | None = state
        for statement in body:
            if current is None:
                return None
            current = self._statement(statement, current)
        return current

    def _statement(self, statement: f.Stmt, state: State) -> State | None:
        state = self._heads(statement, dict(state))
        match statement:
            case f.If(body=body, orelse=orelse):
                return _union([self.block(body, state), self.block(orelse, state)])
            case f.Match(cases=cases):
                return _union([state, *(self.block(c.body, state) for c in cases)])
            case f.For(body=body, orelse=orelse) | f.While(body=body, orelse=orelse):
                turn = _union([state, self.block(body, state)])
                turn = _union([state, self.block(body, turn or state)])
                return self.block(orelse, turn or state)
            case f.With(body=body):
                end = self.block(body, state)
                return None if end is None else self._left(statement, end)
            case f.Try(body=body, handlers=handlers, orelse=orelse, final=final):
                end = self.block(body, state)
                thrown = _union([state, end]) or state
                after = None if end is None else self.block(orelse, end)
                ended = _union([after, *(self.block(h.body, thrown) for h in handlers)])
                return None if ended is None else self.block(final, ended)
            case f.Return() | f.Raise():
                return None
            case f.Jump(kind=kind):
                return state if kind == "pass" else None
        return state

    def _left(self, statement: f.With, state: State) -> State:
        """Leaving ``with`` ends the transaction of the session that it is about; a savepoint ends nothing."""
        about: set[Sym] = set()
        for item, manager in zip(statement.items, self.function.flow.managers.get(statement, ()), strict=False):
            site = self.function.flow.sites.get(item.context)
            rows = [t for t in site.targets if t.row is not None] if site is not None else []
            if any(t.row is not None and "txn.savepoint" in t.row.does for t in rows):
                continue
            about.add(manager.sym)
            about |= {t.bound.sym for t in rows if t.bound is not None}
            about |= {kind.of.sym for kind in members(manager.type) if isinstance(kind, Manager)}
        return {key: sent for key, sent in state.items() if key[0] not in about}

    # ------------------------------------------------------------------ calls and assignments

    def _heads(self, statement: f.Stmt, state: State) -> State:
        for head in heads(statement):
            for node in post_order(head):
                call = self.calls.get(node)
                if call is not None:
                    for effect in sorted(call.effects, key=_order):
                        if effect.kind in ORDER and effect.manner == "here":
                            state = self._effect(call, effect, state)
        for effect in self._assigned(statement):
            state = self._changed(effect, state)
        return state

    def _assigned(self, statement: f.Stmt) -> Iterator[Effect]:
        """Attributes of entities that the statement itself assigns."""
        own = self.function.project.summaries.own(self.function.function)
        return (e for e in own if e.kind == "unit.change" and e.site is None and _is_in(e, statement))

    def _changed(self, effect: Effect, state: State) -> State:
        trigger = self._trigger(effect)
        return state if trigger is None else {("", trigger.table): Sent(None, effect, effect.key), **state}

    def _effect(self, call: CallView, effect: Effect, state: State) -> State:
        if effect.kind == "unit.change":
            return self._changed(effect, state)
        session = effect.session
        if session in (UNKNOWN_SYM, INNER_SYM):
            return state
        if effect.kind == "db.update":
            trigger = self._trigger(effect)
            return state if trigger is None else self._sent(call, effect, effect.key, trigger, session, state)
        if effect.kind == "flush":
            for (kind, table), waiting in list(state.items()):
                if kind == "":
                    state = {key: sent for key, sent in state.items() if key != ("", table)}
                    state = self._sent(call, effect, waiting.row, self.triggers[table], session, state)
            return state
        if effect.via is not None and effect.kind == "txn.rollback":
            return state  # a helper's rollback belongs to its error
        return {key: sent for key, sent in state.items() if key[0] != session}

    def _sent(self, call: CallView, effect: Effect, row: Sym, trigger: Trigger, session: Sym, state: State) -> State:
        first = state.get((session, trigger.table))
        if first is None or first.call is None:
            return {**state, (session, trigger.table): Sent(call, effect, row)}
        again = first.call is call
        if not again:
            same = UNKNOWN_SYM in (first.row, row) or first.row == row
            self._keep(Unseen(first.call, first.effect, trigger, call, None, same))
        elif call.loop is not None:
            self._keep(Unseen(call, effect, trigger, None, call.loop, not mentions(row, call.loop.place)))
        return state

    def _keep(self, found: Unseen) -> None:
        """One per first update: what another statement adds says more than the loop."""
        known = self.found.get(id(found.call))
        if known is None or (known.later is None and found.later is not None):
            self.found[id(found.call)] = found

    # ------------------------------------------------------------------ tables and columns

    def _trigger(self, effect: Effect) -> Trigger | None:
        """The trigger that an update or change fires, as far as the columns are known."""
        table = self._table(effect)
        trigger = self.triggers.get(table) if table is not None else None
        if trigger is None or not trigger.columns:
            return trigger
        sets = self._sets(effect)
        return trigger if not sets or "*" in sets or not sets.isdisjoint(trigger.columns) else None

    def _table(self, effect: Effect) -> str | None:
        if effect.entity is not None:
            return self.function.project.world.models.info(effect.entity).table
        return effect.subject if effect.statement is not None and effect.statement.text is not None else None

    def _sets(self, effect: Effect) -> set[str]:
        if effect.kind == "db.update":
            return set() if effect.statement is None else set(effect.statement.sets)
        leaf = effect.leaf
        touches = self.function.project.world.flow(leaf.function).touches.values()
        return {touch.name for touch in touches if touch.written and touch.at == leaf.at}


def _order(effect: Effect) -> int:
    return ORDER.index(effect.kind) if effect.kind in ORDER else 0


def _is_in(effect: Effect, statement: f.Stmt) -> bool:
    match statement:
        case f.Assign(targets=targets):
            return any(t.at == effect.at for t in targets)
        case f.AnnAssign(target=target) | f.AugAssign(target=target):
            return target.at == effect.at
    return False


def _union(states: list[State | None]) -> State | None:
    """What may be uncommitted after one of several ways; None if none of them gets there."""
    alive = [state for state in states if state is not None]
    if not alive:
        return None
    merged: State = {}
    for state in alive:
        for key, sent in state.items():
            merged.setdefault(key, sent)
    return merged
