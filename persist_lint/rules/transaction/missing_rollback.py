"""A failed flush, statement or commit is swallowed, and the session goes on without rollback.

What: a handler or `suppress` catches the error of a flush, commit or statement; nobody rolls back or lets the error on.

Why: after a failed flush every use of the session raises PendingRollbackError until ``rollback()``; after a failed
statement PostgreSQL refuses everything and turns a COMMIT into a ROLLBACK without a word. Inside a ``begin()`` block
that ends normally nothing is stored, and nobody is told.

Instead: put what may fail into ``begin_nested()`` (a savepoint), so that only it is undone; or call ``rollback()`` in
the handler; or let the error on to the block that rolls back.

Not reported: savepoints around the failing part, handlers that re-raise, ``with`` blocks of the session or transaction
that the error leaves, failed statements on SQLite, errors that are no database errors (NoResultFound), catching
everything around calls of one's own when the session is only closed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.aftermath import After, followed
from persist_lint.link.failures import UNIT, Failures, Swallow
from persist_lint.link.project import Project
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=204,
    name="missing-rollback",
    family=Family.TRANSACTION,
    check="missing_rollback",
    title="A failed database call is swallowed without a rollback",
    effort=Effort.S,
    principle="Transaction Correctness / Error Recovery",
    severities=(
        (Severity.CRITICAL, "the loss is silent, or the session serves later requests"),
        (Severity.HIGH, "the session is used or committed afterwards"),
        (Severity.LOW, "it is only closed afterwards, or in one-shot commands"),
    ),
    recommendation="Put what may fail into begin_nested(), or roll the session back in the handler.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/faq/sessions.html#this-session-s-transaction-has-been-rolled-back-due-to-a-previous-exception-during-flush-or-similar",
        "https://docs.sqlalchemy.org/en/20/orm/session_transaction.html#using-savepoint",
    ),
    bad="""
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

async def ensure(session: AsyncSession, tag: object) -> None:
    session.add(tag)
    try:
        await session.flush()
    except IntegrityError:  # error: [missing-rollback] HIGH
        pass
    await session.commit()
""",
    good="""
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

async def ensure(session: AsyncSession, tag: object) -> None:
    try:
        async with session.begin_nested():
            session.add(tag)
    except IntegrityError:
        pass
    await session.commit()
""",
)
NEXT = {
    "begun": "the begin() block ends normally and stores nothing",
    "shared": "the session serves others later",
    "committed": "the session is committed",
    "used": "the session is used again",
    "unknown": "the caller gets it back as it is",
    "closed": "the session is only closed",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per handler that swallows."""
    for function, swallow, after in followed(project, Failures(project, executes_matter=project.dialect != "sqlite")):
        if after.kind != "closed" or swallow.names_it or swallow.effect.via is None:
            yield _finding(function, swallow, after)


def _finding(function: FunctionView, swallow: Swallow, after: After) -> Finding:
    failed = {"flush": "flush", "txn.commit": "commit"}.get(swallow.effect.kind, "statement")
    how = "rolled back only on some ways" if swallow.sometimes else "never rolled back"
    site = swallow.effect.site
    call = f" in {site.name}()" if site is not None else ""
    message = f"a failed {failed}{call} is swallowed and {how}: {_what_follows(swallow, after)}"
    then = NEXT[after.kind] if after.effect is None else f"afterwards: {describe(after.effect)}"
    steps = [*trace(swallow.effect), Step(after.function.module.path, after.at, then)]
    sure = not swallow.doubtful and after.kind != "unknown"
    confidence = Confidence.DEFINITE if sure else Confidence.PROBABLE
    severity = Severity.LOW if function.one_shot else _severity(function, swallow, after)
    return function.finding(RULE, swallow.at, message, severity, trace=steps, confidence=confidence)


def _severity(function: FunctionView, swallow: Swallow, after: After) -> Severity:
    if after.kind == "closed":
        return Severity.LOW
    silent = swallow.effect.kind not in UNIT and function.project.dialect == "postgresql" and after.kind == "committed"
    return Severity.CRITICAL if silent or after.kind in ("begun", "shared") else Severity.HIGH


def _what_follows(swallow: Swallow, after: After) -> str:
    if after.kind not in ("used", "committed"):
        return NEXT[after.kind]
    home = "" if after.function is swallow.function else f"{after.function.dotted}, "
    return f"{NEXT[after.kind]} in {home}line {after.at.line}"
