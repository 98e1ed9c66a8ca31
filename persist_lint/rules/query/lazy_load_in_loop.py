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

from persist_lint.link.loading import Load
from persist_lint.link.project import Project
from persist_lint.link.repetition import graded, speaks_of_loops
from persist_lint.link.shown_loads import cure, shown_place
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

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
    found: dict[tuple[FunctionView, Span], list[Load]] = {}
    told: set[object] = set()
    for function in project.functions():
        for load in project.loading.loads(function):
            if load.repeat is None or load.is_async or load.part.state != "missing":
                continue
            if speaks_of_loops(load.function) and not project.loading.in_identity_map(load):
                once = (load.root.node, load.path, function)
                if once not in told:
                    told.add(once)
                    found.setdefault((load.function, load.at), []).append(load)
    audited = set(project.functions()) if found else set()
    for (function, at), loads in found.items():
        if function in audited:
            yield _finding(function, at, loads)


def _finding(function: FunctionView, at: Span, loads: list[Load]) -> Finding:
    first = loads[0]
    assert first.repeat is not None
    names = list(dict.fromkeys(f"{load.part.owner.name}.{load.part.name}" for load in loads))
    told = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    many = any(load.part.relation is None or load.part.relation.many for load in loads)
    each = first.part.owner.name if many else f"distinct {first.part.name}"
    message = (
        f"{told} {'is' if len(names) == 1 else 'are'} loaded lazily in every turn of the loop in line "
        f"{first.repeat.loop.at.line}: one SELECT per {each}; the query in {shown_place(first)} does not load it"
    )
    steps = [function.step(first.repeat.loop.at, "the loop")]
    steps += [s for load in loads for s in (*load.steps, load.asked_in.step(load.root.node.at, "the query"))][:10]
    severity = Severity.HIGH if many and function.hot else Severity.MEDIUM
    severity = severity.lowered() if first.repeat.small else severity
    return function.finding(
        RULE, at, message, graded(function, severity), trace=steps, recommendation=cure(loads),
        confidence=Confidence.PROBABLE if all(load.weak for load in loads) else Confidence.DEFINITE,
    )  # fmt: skip
