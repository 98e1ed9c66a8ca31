"""A SELECT per item of a loop (N+1).

What: a query runs once for every turn of a loop, comprehension, or gathered list, directly or through any depth of
calls.

Why: each round trip costs network and planning time; a hundred items make a hundred and one queries where one would do.

Instead: read all rows before the loop with one ``select(…).where(Model.key.in_(keys))`` and look them up in a dict;
hoist a query that does not depend on the item; load related rows with the first query.

Not reported: chunks, retries, polling, steps of a worker; a first hit; a query in an error handler, behind a full batch
or a cache that outlives the function; the row that the call goes on to change (``n-update-loop``); one-shot commands;
start-up, but for loops over the rows of a table (low). Small loops are one level lower, a session per item is low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Effect
from persist_lint.link.project import Project
from persist_lint.link.repetition import Repeat, is_workflow, own_session, repeat_of, same_every_turn, speaks_of_loops
from persist_lint.link.turns import read_per_item, writes_per_item
from persist_lint.link.views import CallView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=107,
    name="query-in-loop",
    family=Family.QUERY,
    check="query_in_loop",
    title="A query runs once per item of a loop",
    effort=Effort.M,
    principle="Query Efficiency / Batch Operations",
    severities=(
        (Severity.HIGH, "in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "in background and scheduled jobs"),
        (Severity.LOW, "anywhere else"),
    ),
    recommendation="Read all rows before the loop with one SELECT … WHERE key IN (…) and look them up in a dict.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/select.html",),
    bad="""
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


async def totals(session: AsyncSession, ids: list[int]) -> list[int]:
    return [(await session.get_one(Order, one)).total for one in ids]  # error: [query-in-loop]
""",
    good="""
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


async def totals(session: AsyncSession, ids: list[int]) -> list[int]:
    orders = await session.scalars(select(Order).where(Order.id.in_(ids)))
    return [order.total for order in orders]
""",
    beyond_audit=True,
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per call line that leads to a SELECT per item."""
    for function in project.functions():
        if not speaks_of_loops(function):
            continue
        written = {sent.call.at: sent for sent in writes_per_item(function)}
        for call in function.calls:
            repeat = repeat_of(call)
            found = read_per_item(call, written.get(call.at)) if repeat is not None else None
            if repeat is not None and found is not None:
                yield _finding(call, repeat, found)


def _finding(call: CallView, repeat: Repeat, effect: Effect) -> Finding:
    function, loop = call.function, repeat.loop
    through = f" through {call.site.name}()" if effect.via is not None else ""
    turns = f"for every turn of the loop in line {loop.at.line}"
    if repeat.distinct:
        turns = f"for every new key of the loop in line {loop.at.line}, as the cache starts empty"
    hoist = "; it reads the same every time, hoist it out of the loop" if same_every_turn(call, loop) else ""
    message = f"SELECT of {effect.subject}{through} {turns}{hoist}"
    trace = [function.step(loop.at, "the loop"), *call.trace(effect)]
    usual = Confidence.PROBABLE if effect.weak else call.confidence
    confidence = Confidence.POSSIBLE if is_workflow(call, effect) else usual
    return function.finding(RULE, call.at, message, _severity(call, repeat, effect), trace=trace, confidence=confidence)


def _severity(call: CallView, repeat: Repeat, effect: Effect) -> Severity:
    function = call.function
    if own_session(call, effect, repeat.loop):
        return Severity.LOW
    severity = Severity.HIGH if function.hot else Severity.MEDIUM if function.job else Severity.LOW
    return severity.lowered() if repeat.small or (repeat.distinct and severity is Severity.HIGH) else severity
