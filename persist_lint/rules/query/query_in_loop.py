"""A SELECT per item of a loop (N+1).

What: a query runs once for every turn of a loop, comprehension, or gathered list, directly or through any depth of
calls.

Why: each round trip costs network and planning time; a hundred items make a hundred and one queries where one would do.

Instead: read all rows before the loop with one ``select(…).where(Model.key.in_(keys))`` and look them up in a dict;
hoist a query that does not depend on the item; load related rows with the first query.

Not reported: chunks, retries, polling and the steps of a worker; loops that stop at the first hit; a query in an error
handler, behind a full batch, or behind a cache that outlives the function; the row that the same call goes on to change
(``n-update-loop``); a start-up or one-shot command. Loops known to be small are one level
lower, a session opened per item on purpose is low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Effect
from persist_lint.link.project import Project
from persist_lint.link.repetition import RUNS, Repeat, is_workflow, loops_below, own_session, repeat_of, same_every_turn
from persist_lint.link.turns import Sent, writes_per_item
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
    found = []
    for order_id in ids:
        order = await session.get_one(Order, order_id)  # error: [query-in-loop]
        found.append(order.total)
    return found
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
READS = frozenset({"db.select", "unit.merge"})


def check(project: Project) -> Iterator[Finding]:
    """One finding per call line that leads to a SELECT per item."""
    for function in project.functions():
        if function.silent or function.one_shot:
            continue
        written = {sent.call.at: sent for sent in writes_per_item(function)}
        for call in function.calls:
            repeat = repeat_of(call)
            found = _query(call, written.get(call.at)) if repeat is not None else None
            if repeat is not None and found is not None:
                yield _finding(call, repeat, found)


def _query(call: CallView, sent: Sent | None) -> Effect | None:
    """The nearest SELECT; not the one for the row that the same call goes on to change, which is that finding's."""
    changed = sent is not None and not sent.inserts
    about = sent.what.entity if sent is not None else None
    for effect in call.queries(READS):
        if effect.manner not in RUNS or loops_below(effect):
            continue
        if not changed or (about is not None and effect.entity is not about):
            return effect
    return None


def _finding(call: CallView, repeat: Repeat, effect: Effect) -> Finding:
    function, loop = call.function, repeat.loop
    through = f" through {call.site.name}()" if effect.via is not None else ""
    turns = f"for every turn of the loop in line {loop.at.line}"
    if repeat.distinct:
        turns = f"for every new key of the loop in line {loop.at.line}, as the cache starts empty"
    hoist = "; it reads the same every time, hoist it out of the loop" if same_every_turn(call, loop) else ""
    message = f"SELECT of {effect.subject}{through} {turns}{hoist}"
    trace = [function.step(loop.at, "the loop"), *call.trace(effect)]
    confidence = Confidence.PROBABLE if effect.weak else call.confidence
    if is_workflow(call, effect):
        confidence = Confidence.POSSIBLE
    return function.finding(RULE, call.at, message, _severity(call, repeat, effect), trace=trace, confidence=confidence)


def _severity(call: CallView, repeat: Repeat, effect: Effect) -> Severity:
    function = call.function
    if own_session(call, effect, repeat.loop):
        return Severity.LOW
    severity = Severity.HIGH if function.hot else Severity.MEDIUM if function.job else Severity.LOW
    return severity.lowered() if repeat.small or (repeat.distinct and severity is Severity.HIGH) else severity
