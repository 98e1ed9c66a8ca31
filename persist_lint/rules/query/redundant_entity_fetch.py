"""An entity is read again by the same key.

What: a row is selected although the function, or its caller, already holds the same entity and it is still good: the
same key is read twice in one function, or a caller that holds the entity passes its id and the callee fetches it.

Why: the second read costs a round trip and brings nothing new; on a hot path it doubles the queries of a request.

Instead: pass the entity instead of its id; keep the first result; load needed relationships with the first query.

Not reported: reads after a commit, rollback, expire or write of that entity, with or after a row lock, with
``populate_existing``, in error handlers, through a cached getter, ``refresh``; different keys. ``session.get`` of an
entity that the same session holds sends no SQL: low. A second read that adds loader options: low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.refetch import Refetch, place, refetches
from persist_lint.link.repetition import graded, speaks
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=101,
    name="redundant-entity-fetch",
    family=Family.QUERY,
    check="redundant_fetch",
    title="An entity at hand is read again",
    effort=Effort.S,
    principle="Query Efficiency / Fetch Once",
    severities=(
        (Severity.HIGH, "in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "anywhere else"),
        (Severity.LOW, "the identity map answers without SQL, or only loader options are added"),
    ),
    recommendation="Pass the entity on instead of its key, or keep the first result.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-a-cache",),
    bad="""
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


async def find(session: AsyncSession, job_id: int) -> Job:
    return (await session.scalars(select(Job).where(Job.id == job_id))).one()


async def show(session: AsyncSession, job_id: int) -> str:
    job = await find(session, job_id)
    return f"{job.id}: {(await find(session, job.id)).title}"  # error: [redundant-entity-fetch]
""",
    good="""
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


async def find(session: AsyncSession, job_id: int) -> Job:
    return (await session.scalars(select(Job).where(Job.id == job_id))).one()


async def show(session: AsyncSession, job_id: int) -> str:
    job = await find(session, job_id)
    return f"{job.id}: {job.title}"
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that reads an entity again."""
    for function in project.functions():
        if speaks(function):
            yield from (_finding(function, found) for found in refetches(function))


def _finding(function: FunctionView, found: Refetch) -> Finding:
    second = found.second
    name = second.entity.name
    through = f" through {second.call.site.name}()" if second.effect.via is not None else ""
    known = "read" if found.first is not None else "at hand"
    message = f"{name} is read again{through} by the key of the one {known} in line {found.held.line}"
    if found.free:
        message += "; the identity map answers without SQL while the entity is unexpired"
    elif found.for_options:
        message += ", with other loader options: load them with the first read"
    severity = (
        Severity.LOW
        if found.free or found.for_options
        else graded(function, Severity.HIGH if function.hot else Severity.MEDIUM)
    )
    trace = [function.step(found.held, f"{name} is at hand"), *second.call.trace(second.effect)]
    weak = second.effect.weak or (found.first is not None and found.first.effect.weak)
    confidence = Confidence.PROBABLE if weak else second.call.confidence
    holder, at = place(second)
    return holder.finding(RULE, at, message, severity, trace=trace, confidence=confidence)
