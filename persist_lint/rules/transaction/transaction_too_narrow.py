"""Writes that belong together are committed apart.

What: a row is written and committed, then what belongs to it is written in the next transaction: a child by foreign
key, the rest of the same row, the rows that replace deleted ones. The first commit is the function's own, that of a
``begin()`` block, or of a helper that commits in the middle of its caller's work.

Why: a failure in between, or a reader at the wrong moment, finds one half. And a commit in the middle gives back the
row locks that protected the rest of the work.

Instead: ``flush()`` where keys are needed and one commit at the end; helpers leave the commit to who opened the
session.

Not reported: rows per item of a loop; commits behind flags; commits in front of requests, processes, waits and
messages; progress of one column; helpers that only make sure that a row is there; compensation in error handlers.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.apart import Apart, apart
from persist_lint.link.project import Project
from persist_lint.link.views import FunctionView, trace
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=203,
    name="transaction-too-narrow",
    family=Family.TRANSACTION,
    check="scope_too_narrow",
    title="Writes that belong together are committed apart",
    effort=Effort.M,
    principle="Transaction Correctness / Atomicity",
    severities=(
        (Severity.HIGH, "a parent and its children"),
        (Severity.MEDIUM, "other rows and columns that belong together"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Flush instead of the first commit, and commit once when all is written.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/session_basics.html#flushing",),
    bad="""
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))

def place(session: Session) -> None:
    order = Order()
    session.add(order)
    session.commit()  # error: [transaction-too-narrow] HIGH
    session.add(Item(order_id=order.id))
    session.commit()
""",
    good="""
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))

def place(session: Session) -> None:
    order = Order()
    session.add(order)
    session.flush()
    session.add(Item(order_id=order.id))
    session.commit()
""",
)
BONDS = {
    "foreign": "which belongs to it by foreign key",
    "row": "the same row",
    "again": "which replaces what was deleted",
}
TAKEN = "{}() commits {} along with its own {}: it is only flushed here, as its commit is left to the caller"


def check(project: Project) -> Iterator[Finding]:
    """One finding per function, at its first commit in between."""
    for view in project.functions():
        if not view.silent:
            yield from (_finding(view, found) for found in apart(view))


def _finding(view: FunctionView, found: Apart) -> Finding:
    call = found.commit.call
    helper = found.ends.via is not None and call is not None and not found.commit.is_block
    who = f"{call.site.name}() commits" if helper and call is not None else "this commits"
    message = (
        f"{who} {found.first.subject} before {found.second.subject} is written in line {found.then.at.line}, "
        f"{BONDS.get(found.bond, '')}: a failure in between leaves one half"
    )
    if found.bond == "flushed" and call is not None:
        message = TAKEN.format(call.site.name, found.first.subject, found.second.subject)
    severity = Severity.LOW if view.one_shot else Severity.HIGH if found.is_family else Severity.MEDIUM
    steps = [*trace(found.first), *trace(found.ends), *trace(found.second)]
    weak = found.first.weak or found.second.weak or found.ends.weak
    probable = weak or (found.bond == "foreign" and not found.is_family)
    sure = Confidence.POSSIBLE if found.is_doubtful else Confidence.PROBABLE if probable else Confidence.DEFINITE
    return view.finding(RULE, found.commit.at, message, severity, trace=dict.fromkeys(steps), confidence=sure)
