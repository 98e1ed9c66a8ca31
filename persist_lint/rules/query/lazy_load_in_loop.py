"""A lazy load per item of a loop (N+1 that no query shows).

What: a relationship, or a deferred column, is read of every entity of a collection, also in a callee, a property or a
converter, while the query that selected the entities did not load it.

Why: each first access sends a SELECT of its own; a hundred jobs whose owner is shown make a hundred and one queries.

Instead: load it with the query: ``selectinload(Job.steps)`` for collections, ``joinedload(Job.owner)`` for one object,
``undefer(Job.log)`` for a column; or select just the columns that are shown.

Not reported: what the model or the query loads eagerly, ``raise`` and ``noload``; a parent in the identity map (reached
through its own collection, named by the query's foreign key, read before as a whole); options that cannot be seen;
entities of asynchronous sessions, where it is an error (``async-lazy-load``). Small loops are one level lower.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.repetition import graded, speaks_of_loops
from persist_lint.link.shown_loads import cure, repeated_loads, told_per_item, trace_of
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=108,
    name="lazy-load-in-loop",
    family=Family.QUERY,
    check="lazy_load_in_loop",
    title="An attribute is loaded lazily once per item of a loop",
    effort=Effort.S,
    principle="Query Efficiency / Eager Loading",
    severities=(
        (Severity.HIGH, "a collection or column in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "one object per distinct parent, and anywhere else"),
        (Severity.LOW, "in one-shot commands and at start-up"),
    ),
    recommendation="Load it with the query: selectinload() for collections, joinedload() for one object.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html",),
    bad="""
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines: Mapped[list[Line]] = relationship()


def sizes(session: Session) -> list[int]:
    return [len(order.lines) for order in session.scalars(select(Order))]  # error: [lazy-load-in-loop]
""",
    good="""
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines: Mapped[list[Line]] = relationship()


def sizes(session: Session) -> list[int]:
    return [len(order.lines) for order in session.scalars(select(Order).options(selectinload(Order.lines)))]
""",
    beyond_audit=True,
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per line that leads to lazy loads per item, naming all of them."""
    for function, at, loads in repeated_loads(project):
        if not speaks_of_loops(function):
            continue
        many = any(load.part.relation is None or load.part.relation.many for load in loads)
        severity = Severity.HIGH if many and function.hot else Severity.MEDIUM
        if all(load.repeat is not None and load.repeat.small for load in loads):
            severity = severity.lowered()
        confidence = Confidence.PROBABLE if all(load.weak for load in loads) else Confidence.DEFINITE
        yield function.finding(
            RULE, at, told_per_item(loads, many), graded(function, severity), trace=trace_of(loads),
            recommendation=cure(loads), confidence=confidence,
        )  # fmt: skip
