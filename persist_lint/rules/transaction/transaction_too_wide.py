"""A call over the network, to a process or to a file inside an open transaction.

What: a request (HTTP, gRPC, mail, object store, search, LLM), a subprocess, a cache server, a broker or a file is
waited for while a transaction is open on a session. It is open from the first statement or flush on (a SELECT
suffices) until commit, rollback or close; a ``refresh`` after a commit opens the next one.

Why: the answer takes as long as the other side likes. Meanwhile one of the pool's few connections is taken and row
locks are held: a slow partner empties the pool and stops everybody. What was sent cannot be taken back by a rollback.

Instead: read what is needed and commit (or close the session), make the call, then open a new short transaction for its
result; or enqueue a job, after the commit, that makes the call.

Not reported: sessions on which nothing was executed since the last commit or rollback; calls handed to tasks or run
after the response; wrappers that buffer until after the commit; AUTOCOMMIT; SQLite; start-up, migrations, tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.held import Held, held
from persist_lint.link.project import Project
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=202,
    name="transaction-too-wide",
    family=Family.TRANSACTION,
    check="scope_too_wide",
    title="A call to the outside happens inside an open transaction",
    effort=Effort.M,
    principle="Transaction Correctness / Short Transactions",
    severities=(
        (Severity.HIGH, "over the network or to a process"),
        (Severity.MEDIUM, "to a cache server, a broker or a file"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Commit or close the session before the call, or enqueue a job that makes it.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/session_basics.html#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it",
        "https://www.postgresql.org/docs/current/routine-vacuuming.html",
    ),
    bad="""
import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def pay(session: AsyncSession, client: httpx.AsyncClient, order_id: int) -> None:
    await session.execute(text("SELECT total FROM orders WHERE id = :id FOR UPDATE"), {"id": order_id})
    await client.post("https://payments.example/charge")  # error: [transaction-too-wide] HIGH
    await session.commit()
""",
    good="""
import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

async def pay(session: AsyncSession, client: httpx.AsyncClient, order_id: int) -> None:
    await session.execute(text("UPDATE orders SET state = 'charging' WHERE id = :id"), {"id": order_id})
    await session.commit()
    await client.post("https://payments.example/charge")
    await session.execute(text("UPDATE orders SET state = 'paid' WHERE id = :id"), {"id": order_id})
    await session.commit()
""",
)
GRADES = {
    "net": Severity.HIGH,
    "process": Severity.HIGH,
    "cache": Severity.MEDIUM,
    "broker": Severity.MEDIUM,
    "file.read": Severity.MEDIUM,
    "file.write": Severity.MEDIUM,
}
WORDS = {
    "net": "goes over the network",
    "process": "runs a process",
    "cache": "asks the cache server",
    "broker": "goes to the broker",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that is the first call to the outside of a transaction."""
    if project.dialect == "sqlite":
        return
    for place in held(project, frozenset(GRADES)):
        frames = [frame.function for frame in place.frames]
        severity = max(GRADES[kind] for kind in place.kinds)
        if all(view.one_shot for view in frames):
            severity = Severity.LOW
        confidence = Confidence.PROBABLE if place.weak else Confidence.DEFINITE
        message, steps = _message(place), place.trace()
        yield place.function.finding(
            RULE, place.at, message, severity, trace=steps, confidence=confidence, frames=frames
        )


def _message(place: Held) -> str:
    leaf, frame = place.effect.leaf, place.frames[0]
    call = leaf.target.name if leaf.target is not None else leaf.subject
    through = f", through {place.effect.site.name}()," if place.effect.via is not None and place.effect.site else ""
    what = f"{call}(){through} {WORDS.get(leaf.kind, 'reads or writes a file')} while a transaction is open"
    also = f"; {len(frame.later)} more such calls follow in it" if len(frame.later) > 1 else ""
    return f"{what}{place.since}: its connection and locks are held until the call is done{also}"
