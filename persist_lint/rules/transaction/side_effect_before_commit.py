"""Others are told of data that is not committed yet.

What: a task is enqueued, an event published, a mail or webhook sent while what it is about is written or pending in the
session, and the commit comes later: further down, in a caller, or in the dependency that gave the session.

Why: the worker or reader of the event may be faster than the commit; it then finds the old state, or nothing at all.
And when the commit fails or is rolled back, the message cannot be taken back.

Instead: commit first, then tell; or collect the messages and send them in an ``after_commit`` hook; or write them to an
outbox table in the same transaction.

Not reported: messages that a wrapper of the project only collects; NOTIFY and rows written in the same transaction;
work that is put off (``countdown``, ``eta``, ``_defer_by``); messages in tasks of their own; requests to other services
whose address is no column of an entity (they are transaction-too-wide).
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.announced import Backgrounded, backgrounded, committed, too_early, written
from persist_lint.link.held import Held
from persist_lint.link.project import Project
from persist_lint.link.streaming import teardown
from persist_lint.link.views import trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=207,
    name="side-effect-before-commit",
    family=Family.TRANSACTION,
    check="side_effect_before_commit",
    title="Others are told before the data is committed",
    effort=Effort.M,
    principle="Transaction Correctness / Visibility",
    severities=(
        (Severity.HIGH, "in requests, queue consumers, jobs, and where nothing says who calls"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Commit first; or collect the messages and send them after the commit; or write them to an outbox.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/events.html#sqlalchemy.orm.SessionEvents.after_commit",
        "https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-transactions",
    ),
    bad="""
from arq import ArqRedis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def ship(session: AsyncSession, queue: ArqRedis, order_id: int) -> None:
    await session.execute(text("UPDATE orders SET state = 'paid' WHERE id = :id"), {"id": order_id})
    await queue.enqueue_job("ship_order", order_id)  # error: [side-effect-before-commit] HIGH
    await session.commit()
""",
    good="""
from arq import ArqRedis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def ship(session: AsyncSession, queue: ArqRedis, order_id: int) -> None:
    await session.execute(text("UPDATE orders SET state = 'paid' WHERE id = :id"), {"id": order_id})
    await session.commit()
    await queue.enqueue_job("ship_order", order_id)
""",
    beyond_audit=True,
)
TOLD = {"broker": "enqueues a task", "publish": "publishes an event", "net": "tells others"}
RISKS = {
    "broker": "a worker may run it before the data is there",
    "publish": "who hears it may read the old state",
    "net": "it is told even if the commit fails",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that tells first, and per background task that runs before its dependency's commit."""
    for place in too_early(project):
        yield _finding(place)
    when = teardown(project)
    if when != "before" and "fastapi" in project.surroundings.versions:
        for function in project.functions():
            if function.hot:
                for task in backgrounded(function):
                    yield _background(task, when == "after")


def _finding(place: Held) -> Finding:
    frames = [frame.function for frame in place.frames]
    leaf = place.effect.leaf
    call = leaf.target.name if leaf.target is not None else leaf.subject
    through = f", through {place.effect.site.name}()," if place.effect.via is not None and place.effect.site else ""
    message = (
        f"{call}(){through} {TOLD[leaf.kind]} before {written(place)} is committed{committed(place)}: "
        f"{RISKS[leaf.kind]}, and a rollback does not take it back"
    )
    severity = Severity.LOW if all(view.one_shot for view in frames) else Severity.HIGH
    confidence = Confidence.PROBABLE if place.weak else Confidence.DEFINITE
    return place.function.finding(
        RULE, place.at, message, severity, trace=place.trace(), confidence=confidence, frames=frames
    )


def _background(task: Backgrounded, known: bool) -> Finding:
    which = "" if known else " (with FastAPI up to 0.105 or from 0.118 on; which version is in use is not known)"
    message = (
        f"the background task runs before {task.provider.name} commits what is written here{which}: it may find the "
        "old state, and the commit can still fail"
    )
    steps = [] if task.began is None else [*trace(task.began)]
    place = task.provider
    steps.append(Step(place.module.path, place.facts.at, f"{place.dotted} commits after its yield"))
    sure = Confidence.DEFINITE if known else Confidence.PROBABLE
    advice = "Commit in the handler before the task is handed over."
    return task.function.finding(
        RULE, task.site.at, message, Severity.HIGH, trace=steps, confidence=sure, recommendation=advice
    )
