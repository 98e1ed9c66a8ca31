"""What the turns of a loop write to the database: statements, and flushes of what the unit of work holds.

    for order in orders:
        order.paid = True            pending: unit.change
        await session.commit()       sends it: one UPDATE, one commit per turn

``session.add`` alone sends nothing; a flush after the loop writes all at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Coll, Statement, Sym, members
from persist_lint.link.repetition import RUNS, Repeat, is_workflow, loops_below, own_session, repeat_of, takes_many
from persist_lint.link.seldom import only_the_first_time, only_where_it_fails
from persist_lint.link.sites import Loop
from persist_lint.link.tree import statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.finding import Step
from persist_lint.model.severity import Confidence
from persist_lint.model.span import Span

SENDS = frozenset({"flush", "txn.commit"})
PENDING = frozenset({"unit.add", "unit.change", "unit.delete"})
WRITES = frozenset({"db.insert", "db.update", "db.delete"})
READS = frozenset({"db.select", "unit.merge"})
HIDDEN = (UNKNOWN_SYM, INNER_SYM)


class Sent(Struct, frozen=True, eq=False):
    """One write per turn: ``effect`` is the statement or the flush, ``pending`` what is flushed (None for statements).

    With ``autoflush`` the effect is a query on whose way the unit of work is flushed. ``inserts``: new rows are written
    (else rows are changed or deleted).
    """

    call: CallView
    effect: Effect
    repeat: Repeat
    inserts: bool
    pending: Effect | None = None
    autoflush: bool = False

    @property
    def what(self) -> Effect:
        """The effect that says what is written."""
        return self.effect if self.pending is None else self.pending

    @property
    def subject(self) -> str:
        """What is written, for messages."""
        entity = self.what.entity
        if entity is not None:
            return entity.name
        return self.effect.subject if self.pending is None else "an entity"

    @property
    def commits(self) -> bool:
        """Whether the turn ends the transaction as well."""
        return any(e.kind == "txn.commit" and not only_where_it_fails(self.call, e) for e in _effects(self.call))

    @property
    def on_purpose(self) -> bool:
        """Whether items are kept apart: by a ``try`` each, or a session each."""
        return self.repeat.isolated or own_session(self.call, self.effect, self.repeat.loop)

    @property
    def confidence(self) -> Confidence:
        """How sure: a long piece of work per item is hardly to be done in bulk."""
        if is_workflow(self.call, self.effect):
            return Confidence.POSSIBLE
        weak = self.effect.weak or self.what.weak
        return Confidence.PROBABLE if weak else self.call.confidence

    def trace(self) -> list[Step]:
        """The loop, then the way down to what is written and to what sends it."""
        first = self.call.function.step(self.repeat.loop.at, "the loop")
        return list(dict.fromkeys([first, *self._way(self.what), *self._way(self.effect)]))

    def _way(self, effect: Effect) -> Iterator[Step]:
        return self.call.trace(effect)


class _Event(Struct, frozen=True, eq=False):
    """Something that is left pending in a loop: by a call, or by an assignment (``call`` is None)."""

    at: Span
    effect: Effect
    loops: tuple[Loop, ...]
    call: CallView | None


def writes_per_item(function: FunctionView) -> Iterator[Sent]:
    """Every place of a function where a loop writes once per item; one per call."""
    if not any(c.site.loops for c in function.calls):
        return
    tries = [one for one in statements(function.function.body) if isinstance(one, f.Try)]
    repeated = [
        (c, repeat)
        for c in function.calls
        if c.site.loops
        and (repeat := repeat_of(c)) is not None
        and not takes_many(c, repeat.loop)
        and not _falls_back(function, tries, repeat.loop)
    ]
    if not repeated:
        return
    pending = _pending(function)
    for call, repeat in repeated:
        effects = [
            e
            for e in _effects(call)
            if not _switched_off(function, e) and not _many_rows(e) and not _seldom(call, e, repeat.loop)
        ]
        statement = next((e for e in effects if e.kind in WRITES), None) or next(
            (e for e in effects if e.kind == "unit.merge"), None
        )
        send = next((e for e in effects if e.kind in SENDS), None)
        held, new = _held(call, effects, send, repeat.loop, pending) if send is not None else (None, False)
        if held is not None and send is not None and (statement is None or new):
            yield Sent(call, send, repeat, new, held)
        elif statement is not None:
            yield Sent(call, statement, repeat, statement.kind in ("db.insert", "unit.merge"))
    if function.project.autoflushes and "no_autoflush" not in function.function.facts.names:
        yield from _autoflushed(function, pending)


def _falls_back(function: FunctionView, tries: list[f.Try], loop: Loop) -> bool:
    """Whether a loop does one by one, in an error handler, what has just failed as a batch."""
    return any(
        any(_holds(handler.body, loop.at) for handler in statement.handlers)
        and any(
            _holds(statement.body, c.at) and any(e.kind in WRITES | SENDS for e in c.effects) for c in function.calls
        )
        for statement in tries
    )


def _holds(body: tuple[f.Stmt, ...], at: Span) -> bool:
    return bool(body) and body[0].at.line <= at.line <= body[-1].at.end_line


def read_per_item(call: CallView, sent: Sent | None) -> Effect | None:
    """The nearest SELECT of a repeated call; not the one for the row that it goes on to change, if ``sent`` does so."""
    changed = sent is not None and not sent.inserts
    about = sent.what.entity if sent is not None else None
    for effect in call.effects:
        if effect.kind not in READS or effect.manner not in RUNS or loops_below(effect):
            continue
        if not changed or (about is not None and effect.entity is not about):
            return effect
    return None


def is_new(effect: Effect, call: CallView) -> bool:
    """Whether an added entity is a new row: made here, or of unknown origin and not read or changed before."""
    if effect.kind != "unit.add":
        return False
    if effect.key[0] == "new":
        return True
    if effect.entity is not None and effect.key not in HIDDEN and effect.key[0] not in ("param", "item"):
        return False
    return not any(_came_before(e, effect, call) for e in call.effects if e.kind in ("db.select", "unit.change"))


def _came_before(other: Effect, added: Effect, call: CallView) -> bool:
    """Whether an entity that is added was read or changed before: then its row is there already."""
    if other.kind == "unit.change":
        return other.key == added.key and added.key not in HIDDEN and added.entity is not None
    if other.leaf.target is not None and other.leaf.target.name.endswith(".refresh"):
        return False
    if other.leaf.function.origin is added.leaf.function.origin:
        return other.leaf.at < added.leaf.at and (other.entity is added.entity or None in (other.entity, added.entity))
    if other.entity is None or added.entity is None:
        return False
    classes = call.function.project.world.classes
    return other.entity in classes.mro(added.entity) or added.entity in classes.mro(other.entity)


def _autoflushed(function: FunctionView, pending: list[_Event]) -> Iterator[Sent]:
    """Entities that are added in one turn and flushed by the query of the next."""
    told: list[CallView] = []
    for event in pending:
        call, effect = event.call, event.effect
        repeat = repeat_of(call) if call is not None else None
        if call is None or repeat is None or call in told or effect.kind != "unit.add" or effect.key[0] != "new":
            continue
        near = [c for c in function.calls if repeat.loop in c.site.loops]
        if effect.session in HIDDEN or any(e.kind in SENDS for c in near for e in _effects(c)):
            continue
        reads = [e for c in near if repeat_of(c) for e in c.effects if e.kind == "db.select" and e.manner in RUNS]
        query = next((e for e in reads if e.session == effect.session), None)
        if query is not None:
            told.append(call)
            yield Sent(call, query, repeat, True, effect, autoflush=True)


def _held(
    call: CallView, effects: list[Effect], send: Effect, loop: Loop, pending: list[_Event]
) -> tuple[Effect | None, bool]:
    """What a flush in the loop sends, and whether it is new rows: what its own call left pending, else what the turn
    did since the flush before.
    """
    found = [(e, call) for e in effects if e.kind in PENDING and _same(e.session, send.session)]
    if not found:
        found = [
            (e.effect, e.call or call)
            for e in pending
            if _flushed_by(e, call, send, loop) and not (e.call is not None and _seldom(e.call, e.effect, loop))
        ]
    new = next((effect for effect, origin in found if is_new(effect, origin)), None)
    if new is not None:
        return new, True
    deleted = next((effect for effect, _ in found if effect.kind == "unit.delete"), None)
    return deleted or next((effect for effect, _ in found), None), False


def _flushed_by(event: _Event, call: CallView, send: Effect, loop: Loop) -> bool:
    """Whether this is the flush that follows a pending change of the same turn."""
    if loop not in event.loops or event.call is call or not _same(event.effect.session, send.session):
        return False
    senders = [c for c in call.function.calls if loop in c.site.loops and any(e.kind in SENDS for e in _effects(c))]
    later = [c for c in senders if _end(c) >= (event.at.line, event.at.column)] or senders
    return bool(later) and later[0] is call


def _end(call: CallView) -> tuple[int, int]:
    """Where a call has its effect: a ``with`` block that commits does so at its end."""
    frames = call.function.places.frames(call.site.node)
    if call.site.consumer == "with" and frames:
        statement = frames[-1].block[frames[-1].index]
        return statement.at.end_line, statement.at.end_column
    return call.at.line, call.at.column


def _pending(function: FunctionView) -> list[_Event]:
    """What the function's calls and assignments leave to the unit of work, each with its loops."""
    found = [
        _Event(call.at, effect, call.site.loops, call)
        for call in function.calls
        for effect in call.effects
        if effect.kind in PENDING and effect.manner in RUNS and not _many_rows(effect)
    ]
    loops = {call.at: call.site.loops for call in function.calls}
    loops |= {touch.at: touch.loops for touch in function.flow.touches.values() if touch.written}
    for effect in function.project.summaries.own(function.function):
        if effect.site is None and effect.kind in PENDING and effect.at in loops:
            found.append(_Event(effect.at, effect, loops[effect.at], None))
    return found


def _effects(call: CallView) -> list[Effect]:
    """What a call does in the turn itself; a ``with`` also what leaving it does."""
    found = [e for e in call.effects if e.manner in RUNS]
    if call.site.consumer == "with":
        own = call.function.project.summaries.own(call.function.function)
        found += [e for e in own if e.site is None and e.at == call.at]
    return found


def _many_rows(effect: Effect) -> bool:
    """Whether one turn writes many rows: a list of rows, a condition with IN, a loop further down."""
    leaf = effect.leaf
    if effect.kind not in WRITES | PENDING:
        return False
    if loops_below(effect) or _of_many(effect.statement):
        return True
    return leaf.site is not None and any(isinstance(k, Coll) for v in leaf.site.args for k in members(v.type))


def _of_many(statement: Statement | None) -> bool:
    return statement is not None and (bool(statement.inside) or statement.many)


def _same(one: Sym, other: Sym) -> bool:
    """Whether two sessions may be the same: unknown ones may."""
    return one == other or one in HIDDEN or other in HIDDEN


def _seldom(call: CallView, effect: Effect, loop: Loop) -> bool:
    """Whether a callee writes in few turns: where it fails, or for a row that the first turn leaves for the others."""
    if effect.kind not in WRITES | PENDING | SENDS | {"unit.merge"}:
        return False
    return only_where_it_fails(call, effect) or only_the_first_time(call, effect, loop)


def _switched_off(function: FunctionView, effect: Effect) -> bool:
    """Whether it depends on a flag of this function that is off by default."""
    params = function.function.params
    for number, kind, expected in effect.guards:
        default = params[number].default if isinstance(number, int) and number < len(params) else None
        if isinstance(default, f.Const) and kind == "truth" and bool(default.value) != expected:
            return True
    return False
