"""More is loaded than anyone on the path uses.

What: a query loads rows that are only counted, tested for, sliced, filtered, or reduced to one value in Python; whole
rows of many columns of which a few are read; relationships that nobody reads, by the query's options or the model's
``lazy=``. A helper that returns rows is judged at each call of it, also where it converts them first. ``first()`` and
``scalar()`` of a result take one row of all that the database sends.

Why: every row costs the database a read, the network its bytes and Python an object; a list that is loaded for its
length, or for a few of its items, grows with the table; large columns and relationships multiply that.

Instead: say in SQL what is wanted: ``count()``, ``exists()``, ``limit(1)``, a condition, an aggregate, the columns.

Not reported: rows that go where they cannot be followed (stored in an object, yielded, handed to a library), or come
from a helper that changes them; a query that names one row by its key, has a limit or takes locks; filters that SQL
cannot say, that let all rows pass under some condition, or that the statement has already; two filters by one column,
which may be two halves; columns of rows that are written, or of a single row. Filters that only leave some out, and
``first()`` under conditions that may name one row, are *possible* only. One-shot commands and start-up.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.surplus_told import all_told
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Effort, Severity

RULE = Rule(
    number=104,
    name="over-fetching",
    family=Family.QUERY,
    check="over_fetching",
    title="More is loaded than is used",
    effort=Effort.S,
    principle="Query Efficiency / Fetch What Is Needed",
    severities=(
        (Severity.MEDIUM, "rows without bound, or wide columns, in requests and jobs"),
        (Severity.LOW, "anywhere else"),
    ),
    recommendation="Say in SQL what is wanted: count(), exists(), limit(1), a condition, the columns that are read.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/select.html",),
    bad="""
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


def backlog(session: Session) -> int:
    return len(session.scalars(select(Job).where(Job.state == "new")).all())  # error: [over-fetching]
""",
    good="""
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


def backlog(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Job).where(Job.state == "new")) or 0
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that gets more than it uses, one per relationship or column that is loaded in vain."""
    for told in all_told(project):
        busy = any(view.hot or view.job for view in told.frames)
        yield told.view.finding(
            RULE,
            told.at,
            told.message,
            Severity.MEDIUM if told.grave and busy else Severity.LOW,
            trace=told.steps,
            confidence=told.confidence,
            recommendation=told.instead,
            frames=told.frames,
        )
