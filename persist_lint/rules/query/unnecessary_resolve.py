"""A row is looked up for what the caller already holds.

What: a caller passes the name or another unique value of an entity that it has in hand, and the callee finds the entity
by it again; or a caller that has another form of the entity (made by ``to_pydantic()`` or its like) passes the id, and
the callee reads the row only for fields that this form has as well.

Why: the lookup is a round trip to the database whose answer is known.

Instead: pass the entity, or the fields that are wanted.

Not reported: reads by the primary key of an entity in hand (redundant-entity-fetch tells of them); lookups in which
anything else is done with the row; values of columns that are not unique; reads under a lock, through a cache, after
the entity was written or the transaction ended; lookups by an id for its existence.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.refetch import place
from persist_lint.link.repetition import graded, speaks
from persist_lint.link.resolves import Resolve, resolves
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=103,
    name="unnecessary-resolve",
    family=Family.QUERY,
    check="unnecessary_resolve",
    title="A row is looked up for what the caller holds",
    effort=Effort.S,
    principle="Query Efficiency / Fetch Once",
    severities=((Severity.MEDIUM, "everywhere but in commands"), (Severity.LOW, "where only commands lead")),
    recommendation="Pass the entity, or the fields that are wanted, instead of its key.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-a-cache",),
    bad="""
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Tenant(Base):
    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)


async def number(session: AsyncSession, slug: str) -> int:
    return (await session.scalars(select(Tenant).where(Tenant.slug == slug))).one().id  # error: [unnecessary-resolve]


async def show(session: AsyncSession, tenant: Tenant) -> str:
    return f"{tenant.slug}: {await number(session, tenant.slug)}"
""",
    good="""
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Tenant(Base):
    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)


async def show(tenant: Tenant) -> str:
    return f"{tenant.slug}: {tenant.id}"
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that looks a row up needlessly."""
    for function in project.functions():
        if speaks(function):
            yield from (_finding(function, found) for found in resolves(function))


def _finding(function: FunctionView, found: Resolve) -> Finding:
    read, held = found.read, found.held
    name = read.entity.name
    through = f" through {read.call.site.name}()" if read.effect.via is not None else ""
    wanted = f" for its {', '.join(found.wanted)}" if found.wanted else ""
    holds = f"the {found.form.name} that has it" if found.form is not None else f"the {name} itself"
    message = f"{name} is looked up{through} by {held.name}{wanted}, and line {held.at.line} holds {holds}"
    trace = [function.step(held.at, f"{holds} is at hand"), *read.call.trace(read.effect)]
    weak = read.effect.weak or found.form is not None
    confidence = Confidence.PROBABLE if weak else read.call.confidence
    holder, at = place(read)
    return holder.finding(RULE, at, message, graded(function, Severity.MEDIUM), trace=trace, confidence=confidence)
