"""Updates that a live trigger announces, followed by more of them before the transaction is committed.

A notification is delivered at commit, and identical ones once. So of two updates in one transaction whose table's
trigger notifies, the first is never seen:

    await jobs.set_progress(job_id, 10)        Unseen: table jobs, trigger jobs_notify
    …
    await jobs.set_progress(job_id, 60)        (later)
    await session.commit()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Sym
from persist_lint.link.sites import Loop
from persist_lint.model.context import Trigger

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

LIVE = frozenset({"stream", "websocket"})
ENDS = frozenset({"txn.commit", "txn.rollback", "session.close"})


class Unseen(Struct, frozen=True, eq=False):
    """An update that stays invisible: its call and effect, the trigger that would tell, the next one or the loop."""

    call: CallView
    effect: Effect
    trigger: Trigger
    later: CallView | None
    loop: Loop | None


def unseen(function: FunctionView, triggers: Mapping[str, Trigger]) -> Iterator[Unseen]:
    """The first such update of every transaction of the function; ``triggers`` by the table they are on."""
    first: dict[Sym, Unseen] = {}
    told: set[Sym] = set()
    for call in function.calls:
        for session, effect in _steps(call):
            if effect.kind in ENDS:
                first.pop(session, None)
                told.discard(session)
                continue
            trigger = triggers.get(_table(function, effect) or "")
            if trigger is None or session in told:
                continue
            before = first.get(session)
            loop = call.loop
            if before is not None and before.trigger is trigger and not _apart(function, before.call, call):
                told.add(session)
                yield Unseen(before.call, before.effect, trigger, call, None)
            elif loop is not None and not _ends_in(function, loop, session):
                told.add(session)
                yield Unseen(call, effect, trigger, None, loop)
            else:
                first[session] = Unseen(call, effect, trigger, None, None)


def audience(project: Project, trigger: Trigger) -> str:
    """Who hears of the trigger's channels: ``live`` if a project that listens also feeds streams or websockets."""
    if not any(not c.publishes and (c.wildcard or c.name in trigger.channels) for c in project.channels):
        return "nobody"
    return "live" if any(entry.kind in LIVE for entry in project.contexts.entries) else "some"


def _steps(call: CallView) -> Iterator[tuple[Sym, Effect]]:
    """The updates and the ends of transactions of one call, per session that this function knows.

    A callee that updates and commits has shown its update: only the end counts.
    """
    effects = [e for e in call.effects if e.manner == "here" and e.session not in (UNKNOWN_SYM, INNER_SYM)]
    ended = {e.session for e in effects if e.kind in ENDS}
    for effect in effects:
        if effect.kind in ENDS or (effect.kind == "db.update" and effect.session not in ended):
            yield effect.session, effect


def _table(function: FunctionView, effect: Effect) -> str | None:
    if effect.entity is not None:
        return function.project.world.models.info(effect.entity).table
    return effect.subject if effect.statement is not None and effect.statement.text is not None else None


def _apart(function: FunctionView, one: CallView, other: CallView) -> bool:
    """Whether two calls stand in different arms of one statement, so that only one of them runs."""
    ours = {id(frame.owner): frame.part for frame in function.places.frames(one.site.node) if frame.owner is not None}
    theirs = {id(f.owner): f.part for f in function.places.frames(other.site.node) if f.owner is not None}
    return any(owner in theirs and theirs[owner] != part for owner, part in ours.items())


def _ends_in(function: FunctionView, loop: Loop, session: Sym) -> bool:
    """Whether a turn of the loop ends the transaction."""
    inside = (c for c in function.calls if any(one is loop for one in c.site.loops))
    return any(s == session and e.kind in ENDS for c in inside for s, e in _steps(c))
