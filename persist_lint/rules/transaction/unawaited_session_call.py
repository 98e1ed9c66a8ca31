"""A coroutine of an async session that nobody awaits.

What: ``commit``, ``flush``, ``execute``, ``delete``, ``get`` … of an AsyncSession, AsyncConnection, AsyncTransaction,
AsyncEngine or AsyncResult is called, and the coroutine is dropped: as a statement of its own, assigned to a name that
is never read, or taken apart without ``await``.

Why: calling a coroutine function only makes an object; without ``await`` nothing is sent. A dropped ``commit`` loses
the request's writes, a dropped ``rollback`` leaves the transaction open, a dropped ``delete`` deletes nothing. Python
says so in a warning at best.

Instead: ``await`` the call, or hand the coroutine to what awaits it (``gather``, a TaskGroup, the caller).

Not reported: calls that are awaited, entered, gathered, returned, scheduled or kept in a collection; methods that are
no coroutines (``add``, ``expunge``); receivers that are known by convention only and never awaited.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.views import CallView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=211,
    name="unawaited-session-call",
    family=Family.TRANSACTION,
    check="unawaited_session_call",
    title="A coroutine of an async session is never awaited",
    effort=Effort.S,
    principle="Transaction Correctness / Effective Calls",
    severities=(
        (Severity.CRITICAL, "a write, flush, commit, rollback or savepoint"),
        (Severity.HIGH, "anything else"),
    ),
    recommendation="Await the call.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html",
        "https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines",
    ),
    bad="""
from sqlalchemy.ext.asyncio import AsyncSession

async def remove(session: AsyncSession, order: object) -> None:
    session.delete(order)  # error: [unawaited-session-call] CRITICAL
    await session.commit()
""",
    good="""
from sqlalchemy.ext.asyncio import AsyncSession

async def remove(session: AsyncSession, order: object) -> None:
    await session.delete(order)
    await session.commit()
""",
    beyond_audit=True,
)
OWNERS = frozenset({"session", "connection", "scoped_session", "transaction", "engine", "result"})
LOST = {
    "txn.commit": "nothing is committed",
    "txn.rollback": "nothing is rolled back",
    "txn.savepoint": "no savepoint is set",
    "flush": "nothing is flushed",
    "unit.delete": "nothing is deleted",
    "unit.merge": "nothing is merged",
    "db.insert": "nothing is inserted",
    "db.update": "nothing is updated",
    "db.delete": "nothing is deleted",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per dropped call."""
    for function in project.functions():
        if function.silent:
            continue
        for call in function.calls:
            if call.is_coroutine_of(OWNERS) and call.is_dropped:
                yield _finding(call)


def _finding(call: CallView) -> Finding:
    kinds = [e.kind for e in call.effects]
    lost = next((words for kind, words in LOST.items() if kind in kinds), None)
    what = "it never runs" if lost is None else f"it never runs and {lost}"
    message = f"{call.site.name}() is a coroutine that nobody awaits: {what}"
    severity = Severity.HIGH if lost is None else Severity.CRITICAL
    confidence = Confidence.DEFINITE if call.function.is_async else Confidence.PROBABLE
    return call.function.finding(RULE, call.at, message, severity, confidence=min(confidence, call.confidence))
