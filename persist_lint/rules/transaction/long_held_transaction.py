"""A transaction stays open while the program waits, computes, or goes on without end.

What: a sleep, a lock, a queue, a thread's or future's result, ``asyncio.run`` or heavy computation inside an open
transaction; a stream or endless loop that writes per turn and commits only after the last; a session stored in an
attribute or global with its transaction open; more than 50 lines between two statements of one transaction.

Why: meanwhile one of the pool's few connections is taken, row locks are held, and PostgreSQL cannot clean up rows
that the transaction might still see ("idle in transaction"). Who waits for a lock behind it waits as long.

Instead: commit (or close the session) before the wait and begin anew after it; compute on plain data after the block;
commit every few hundred rows; commit what a stored session has read.

Not reported: sessions on which nothing was executed since the last commit; AUTOCOMMIT; calls over the network, to
processes and files (transaction-too-wide); loops that commit; own tasks; unpacked blobs; start-up, migrations, tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Effect
from persist_lint.link.held import Held
from persist_lint.link.lingering import Drain, Gap, Kept, drains, gaps, kept, waits
from persist_lint.link.project import Project
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

RULE = Rule(
    number=205,
    name="long-held-transaction",
    family=Family.TRANSACTION,
    check="long_held_transaction",
    title="A transaction stays open over waiting or long work",
    effort=Effort.M,
    principle="Transaction Correctness / Short Transactions",
    severities=(
        (Severity.HIGH, "over sleeps, waits and heavy computation"),
        (Severity.MEDIUM, "over streams, endless loops and long code, and in stored sessions"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Commit or close the session before it, and begin a new transaction for what follows.",
    sources=(
        "https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT",
    ),
    bad="""
import time
from sqlalchemy import text
from sqlalchemy.orm import Session

def retry_failed(session: Session) -> None:
    session.execute(text("UPDATE jobs SET state = 'queued' WHERE state = 'failed'"))
    time.sleep(30)  # error: [long-held-transaction] HIGH
    session.commit()
""",
    good="""
import time
from sqlalchemy import text
from sqlalchemy.orm import Session

def retry_failed(session: Session) -> None:
    session.execute(text("UPDATE jobs SET state = 'queued' WHERE state = 'failed'"))
    session.commit()
    time.sleep(30)
""",
)
DOES = {"sleep": "sleeps", "wait": "waits", "cpu": "computes"}


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that holds a transaction."""
    for place in waits(project):
        yield _waiting(place)
    for view in project.functions():
        if not view.silent:
            yield from (_drain(view, one) for one in drains(view))
            yield from (_kept(view, one) for one in kept(view))
            yield from (_gap(view, one) for one in gaps(view))


def _waiting(place: Held) -> Finding:
    leaf, frames = place.effect.leaf, [frame.function for frame in place.frames]
    call = leaf.target.name if leaf.target is not None else leaf.subject
    through = f", through {place.effect.site.name}()," if place.effect.via and place.effect.site else ""
    message = f"{call}(){through} {DOES[leaf.kind]} while a transaction is open{place.since}, which is held as long"
    severity = Severity.LOW if all(view.one_shot for view in frames) else Severity.HIGH
    sure = Confidence.PROBABLE if place.weak else Confidence.DEFINITE
    steps = place.trace()
    return place.function.finding(RULE, place.at, message, severity, trace=steps, confidence=sure, frames=frames)


def _drain(view: FunctionView, one: Drain) -> Finding:
    what = "the stream is drained" if one.streams else "the loop goes on"
    message = (
        f"{what} in one transaction: {describe(one.write)} in every turn, and nothing is committed until it ends; "
        "locks add up, and a failure loses all"
    )
    advice = "Commit every few hundred rows (each batch read by its own query), or hand a batch to each job."
    return _medium(view, one.loop.at, message, one.write, advice, Confidence.PROBABLE)


def _kept(view: FunctionView, one: Kept) -> Finding:
    message = (
        f"{describe(one.began)} opens a transaction on a session that stays in {one.where}: it is idle in transaction"
    )
    return _medium(view, one.began.at, message, one.began, "Commit right after it.", Confidence.DEFINITE)


def _gap(view: FunctionView, one: Gap) -> Finding:
    message = f"{one.lines} lines without database work follow in an open transaction, until line {one.last.at.line}"
    return _medium(view, one.first.at, message, None, "", Confidence.POSSIBLE)


def _medium(
    view: FunctionView, at: Span, message: str, effect: Effect | None, advice: str, sure: Confidence
) -> Finding:
    steps, severity = () if effect is None else trace(effect), Severity.LOW if view.one_shot else Severity.MEDIUM
    return view.finding(RULE, at, message, severity, trace=steps, recommendation=advice, confidence=sure)
