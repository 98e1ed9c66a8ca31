"""One session used by several tasks or threads at the same time.

What: coroutines of a ``gather`` or of a task group, created tasks, jobs of an executor or threads send statements,
flush or commit on the same session or connection; or one of them does while the function that started it goes on using
the session, or closes it.

Why: a session is one connection and one transaction. An asynchronous one fails with "This session is provisioning a new
connection; concurrent operations are not permitted", or the driver with "another operation is in progress". Where
nothing fails, one task's commit or rollback ends the work of all others half done.

Instead: await the calls one after the other (on one connection they cannot run at the same time anyway), or open a
session of its own in each task from the ``sessionmaker`` and hand over ids instead of entities.

Not reported: a single coroutine, or tasks that are awaited in turn; sessions that each task opens itself; tasks that
only ``add``; ``async_scoped_session``; calls under a shared lock; reads on a blocking session by tasks of one event
loop, which cannot meet.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.concurrent import Sharing, shared_sessions
from persist_lint.link.project import Project
from persist_lint.link.shown import session_words
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=208,
    name="concurrent-session-use",
    family=Family.TRANSACTION,
    check="concurrent_session_use",
    title="One session is used by several tasks or threads at the same time",
    effort=Effort.S,
    principle="Transaction Correctness / One Unit of Work per Task",
    severities=(
        (Severity.CRITICAL, "when one of them flushes, commits, rolls back or sends a writing statement"),
        (Severity.HIGH, "when they only read"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Await the calls one after the other, or open a session of its own in each task.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks",
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks",
    ),
    bad="""
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def load(session: AsyncSession, order_id: int) -> object:
    return await session.scalar(text("SELECT total FROM orders WHERE id = :id"), {"id": order_id})

async def totals(session: AsyncSession, ids: list[int]) -> list[object]:
    return await asyncio.gather(*[load(session, i) for i in ids])  # error: [concurrent-session-use] HIGH
""",
    good="""
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

async def load(sessions: async_sessionmaker[AsyncSession], order_id: int) -> object:
    async with sessions() as session:
        return await session.scalar(text("SELECT total FROM orders WHERE id = :id"), {"id": order_id})

async def totals(sessions: async_sessionmaker[AsyncSession], ids: list[int]) -> list[object]:
    return await asyncio.gather(*[load(sessions, i) for i in ids])
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per session and group of branches that use it together."""
    for function, sharing in shared_sessions(project):
        if not function.silent:
            yield _finding(function, sharing)


def _finding(function: FunctionView, sharing: Sharing) -> Finding:
    severity = Severity.CRITICAL if sharing.writes else Severity.HIGH
    if function.one_shot:
        severity = Severity.LOW
    confidence = Confidence.PROBABLE if sharing.weak else Confidence.DEFINITE
    steps = [step for effect in sharing.uses[:2] for step in trace(effect)]
    if sharing.closes is not None:
        steps.append(Step(function.path, sharing.closes, "the block closes the session when it is left"))
    message = f"{_who(function, sharing)}: {_result(sharing)}"
    return function.finding(RULE, sharing.at, message, severity, trace=steps, confidence=confidence)


def _who(function: FunctionView, sharing: Sharing) -> str:
    session = session_words(sharing.session, function.function)
    starter, other = f"{sharing.first.call.site.name}()", sharing.other
    ours = sharing.name(sharing.first)
    if sharing.closes is not None:
        line = sharing.closes.end_line
        return f"{ours} still uses {session} when line {line} closes it, as nothing waits for {starter}"
    if sharing.first.manner == "process":
        return f"{starter} hands {session} to another process"
    if other is None:
        return f"{starter} runs {ours} once per item, all on {session}"
    theirs = sharing.name(other)
    if other.manner == "here":
        return f"{starter} runs {ours} on {session} while {theirs} in line {other.call.at.line} uses it"
    return f"{starter} runs {ours} and {theirs} at the same time on {session}"


def _result(sharing: Sharing) -> str:
    if not sharing.uses:
        return "it serves one at a time"
    written = next((e for e in sharing.uses if e.kind in ("txn.commit", "txn.rollback", "flush")), None)
    if written is None:
        return "one connection serves one statement at a time, the others fail"
    return f"{describe(written.leaf)} in the middle of the others' work, and calls that meet fail"
