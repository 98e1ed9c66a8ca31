"""An attribute that an asynchronous session would have to load when it is read.

What: an entity of an AsyncSession is asked for a relationship or deferred column that its query did not load, for a
relationship of an object just stored, or for anything after a commit, rollback or failed flush has expired it.

Why: reading the attribute would send a SELECT, and plain attribute access cannot await: SQLAlchemy raises
MissingGreenlet (``lazy="raise"``: InvalidRequestError), often on rare paths only, in error handlers and converters.

Instead: load it with the query (``selectinload``, ``joinedload``), ``await session.refresh(entity, ["attribute"])``,
``await entity.awaitable_attrs.attribute``; sessions with ``expire_on_commit=False``; keep ids before a rollback.

Not reported: what is eager loaded, refreshed, assigned before it is read, or a parent in the identity map; pending
objects; options that cannot be seen; code below ``run_sync``; entities whose origin is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.shown_stale import Stale, cure_of, grouped, told_of, way_of
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=210,
    name="async-lazy-load",
    family=Family.TRANSACTION,
    check="async_lazy_load",
    title="An attribute of an AsyncSession's entity is read unloaded or expired",
    effort=Effort.S,
    principle="Transaction Correctness / Loading in Async Code",
    severities=((Severity.HIGH, "always: it is an error at run time"),),
    recommendation="Load the attribute with the query, or refresh it before it is read.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession",
    ),
    bad="""
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship()


async def buyer(session: AsyncSession, order_id: int) -> str:
    order = await session.get_one(Order, order_id)
    return order.customer.name  # error: [async-lazy-load]
""",
    good="""
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship()


async def buyer(session: AsyncSession, order_id: int) -> str:
    order = await session.get_one(Order, order_id, options=[joinedload(Order.customer)])
    return order.customer.name
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per touch, or per query whose entities others touch."""
    for stale in grouped(project):
        if not stale.matters:
            continue
        yield stale.function.finding(
            RULE, stale.at, told_of(stale), Severity.HIGH, trace=way_of(stale), recommendation=cure_of(stale),
            confidence=_confidence(stale),
        )  # fmt: skip


def _confidence(stale: Stale) -> Confidence:
    return Confidence.PROBABLE if stale.doubtful else Confidence.DEFINITE
