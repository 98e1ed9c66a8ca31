"""One INSERT or upsert per item of a loop.

What: a loop inserts row by row: an ``insert()`` is executed for every item, an added entity is flushed, committed or
refreshed before the next one, ``merge`` is called per item (a SELECT and an INSERT each), or a query in the loop
autoflushes what the turn before has added. Directly, through any depth of calls, or in a ``gather``.

Why: the driver could send all rows in one round trip; one flush per row takes one round trip each, one commit per row
also waits for the disk each time.

Instead: ``session.add_all(rows)`` and one flush after the loop; ``session.execute(insert(Model), rows)``; for upserts
one ``insert(…).on_conflict_do_update(…)`` with all rows.

Not reported: ``session.add`` in a loop with one flush afterwards, which the unit of work sends as one statement; a
batch per turn; retries and polling; what a callee inserts where it fails, or where a row of the same key in every turn
is missing. A commit per item with a ``try`` of its own, or a session per item, is on purpose: low. At start-up only
loops over the rows of a table are reported, as low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.repetition import graded, speaks_of_loops
from persist_lint.link.turns import Sent, writes_per_item
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Effort, Severity

RULE = Rule(
    number=105,
    name="missing-bulk-operation",
    family=Family.QUERY,
    check="missing_bulk_ops",
    title="One INSERT per item of a loop",
    effort=Effort.S,
    principle="Query Efficiency / Batch Operations",
    severities=(
        (Severity.HIGH, "in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "anywhere else, or for at most ten items"),
        (Severity.LOW, "failure isolation or a session per item"),
    ),
    recommendation="Collect the rows, then session.add_all(rows) with one flush, or one execute(insert(Model), rows).",
    sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/dml.html#orm-bulk-insert-statements",),
    bad="""
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Step(Base):
    __tablename__ = "steps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def create(session: Session, name: str) -> Step:
    step = Step(name=name)
    session.add(step)
    session.commit()
    return step


def create_all(session: Session, names: list[str]) -> None:
    for name in names:
        create(session, name)  # error: [missing-bulk-operation]
""",
    good="""
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Step(Base):
    __tablename__ = "steps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def create_all(session: Session, names: list[str]) -> None:
    for name in names:
        session.add(Step(name=name))
    session.commit()
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per call that inserts an item."""
    for function in project.functions():
        if speaks_of_loops(function):
            yield from (_finding(function, sent) for sent in writes_per_item(function) if sent.inserts)


def _finding(function: FunctionView, sent: Sent) -> Finding:
    through = f" through {sent.call.site.name}()" if sent.effect.via is not None else ""
    message = f"{_what(sent)}{through} for every turn of the loop in line {sent.repeat.loop.at.line}"
    usual = Severity.MEDIUM if sent.repeat.small or not function.hot else Severity.HIGH
    severity = Severity.LOW if sent.on_purpose else graded(function, usual)
    return function.finding(RULE, sent.call.at, message, severity, trace=sent.trace(), confidence=sent.confidence)


def _what(sent: Sent) -> str:
    if sent.autoflush:
        return f"one INSERT of {sent.subject}, flushed by a query of the same loop ({sent.effect.subject}),"
    if sent.what.kind == "unit.merge":
        return f"{sent.subject} merged: a SELECT and an INSERT or UPDATE"
    how = "" if sent.pending is None else " and a commit" if sent.commits else " and a flush"
    return f"one INSERT of {sent.subject}{how}"
