"""One UPDATE or DELETE per item of a loop.

What: a loop sends an UPDATE or DELETE statement for every item, or flushes or commits after each change, directly or
through any depth of calls, in turn or in a ``gather``. Also: every row of a query gets the same value or is deleted one
by one, where one statement could do it.

Why: each statement is a round trip, each commit a write to disk that is waited for; a hundred items take a hundred
times as long as the one statement that changes them all, and locks are held meanwhile.

Instead: one ``update(Model).where(Model.id.in_(ids)).values(…)`` or ``delete(…)``; for differing values
``session.execute(update(Model), [{"id": …, …}, …])``; change the entities in the loop, and flush or commit
once after it.

Not reported: changes that are flushed once after the loop; a batch per turn; retries and polling. A commit per item
with a ``try`` of its own, or a session per item, is on purpose: low. At start-up only loops over the rows of a table
are reported, as low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.repetition import graded, speaks_of_loops
from persist_lint.link.setwise import Setwise, setwise
from persist_lint.link.turns import Sent, writes_per_item
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=102,
    name="n-update-loop",
    family=Family.QUERY,
    check="n_update_delete_loop",
    title="One UPDATE or DELETE per item of a loop",
    effort=Effort.M,
    principle="Query Efficiency / Batch Operations",
    severities=(
        (Severity.HIGH, "in request handlers, queue consumers and loops of unknown length"),
        (Severity.MEDIUM, "in background jobs, or for at most ten items"),
        (Severity.LOW, "failure isolation or a session per item; one value for all rows that are loaded anyway"),
    ),
    recommendation="Write all rows with one UPDATE or DELETE … WHERE key IN (…), or flush once after the loop.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/dml.html",),
    bad="""
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    done: Mapped[bool]


async def finish(session: AsyncSession, ids: list[int]) -> None:
    for job_id in ids:
        await session.execute(update(Job).where(Job.id == job_id).values(done=True))  # error: [n-update-loop]
    await session.commit()
""",
    good="""
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    done: Mapped[bool]


async def finish(session: AsyncSession, ids: list[int]) -> None:
    await session.execute(update(Job).where(Job.id.in_(ids)).values(done=True))
    await session.commit()
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per call that writes an item, and per loop that one statement could replace."""
    for function in project.functions():
        if not speaks_of_loops(function):
            continue
        yield from (_per_item(function, sent) for sent in writes_per_item(function) if not sent.inserts)
        yield from (_whole(function, found) for found in setwise(function))


def _per_item(function: FunctionView, sent: Sent) -> Finding:
    name = "DELETE" if sent.what.kind in ("db.delete", "unit.delete") else "UPDATE"
    through = f" through {sent.call.site.name}()" if sent.effect.via is not None else ""
    how = "" if sent.pending is None else " and a commit" if sent.commits else " and a flush"
    message = (
        f"one {name} of {sent.subject}{how}{through} for every turn of the loop in line {sent.repeat.loop.at.line}"
    )
    usual = Severity.MEDIUM if sent.repeat.small or function.job else Severity.HIGH
    severity = Severity.LOW if sent.on_purpose else graded(function, usual)
    return function.finding(RULE, sent.call.at, message, severity, trace=sent.trace(), confidence=sent.confidence)


def _whole(function: FunctionView, found: Setwise) -> Finding:
    name = found.entity.name
    done = "deleted one by one" if found.deletes else f"given the same value of {found.attribute}"
    one = "DELETE" if found.deletes else "UPDATE"
    message = f"every {name} that the query in line {found.query.line} loads is {done}: one {one} … WHERE would do"
    severity = graded(function, Severity.MEDIUM if found.loaded_for_it else Severity.LOW)
    trace = [function.step(found.query, f"SELECT of {name}"), function.step(found.at, "the loop")]
    return function.finding(RULE, found.place, message, severity, trace=trace, confidence=Confidence.PROBABLE)
