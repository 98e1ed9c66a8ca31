"""A SELECT per item of a loop (N+1).

What: a query runs once for every turn of a loop, comprehension, or gathered list, directly or through any depth of
calls.

Why: each round trip costs network and planning time; a hundred items make a hundred and one queries where one would do.

Instead: read all rows before the loop with one ``select(…).where(Model.key.in_(keys))`` and look them up in a dict;
hoist a query that does not depend on the item; load related rows with the first query.

Not reported: chunks, retries and polling; loops known to be small are one level lower; loops that stop at the first
hit; calls that are resolved by nothing but their name.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Effect
from persist_lint.link.project import Project
from persist_lint.link.sites import Loop
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
    bad='''
async def totals(session: AsyncSession, ids: list[int]) -> list[int]:
    found = []
    for order_id in ids:
        order = await session.get(Order, order_id)  # error: [query-in-loop]
        found.append(order.total)
    return found
''',
    good='''
async def totals(session: AsyncSession, ids: list[int]) -> list[int]:
    orders = await session.scalars(select(Order).where(Order.id.in_(ids)))
    return [order.total for order in orders]
''',
    beyond_audit=True,
)
READS = frozenset({"db.select", "unit.merge"})


def check(project: Project) -> Iterator[Finding]:
    """One finding per call line that leads to a SELECT per item."""
    for function in project.functions():
        if function.silent:
            continue
        for call in function.calls:
            loop = call.loop
            if loop is None or loop.first_hit:
                continue
            found = next((e for e in call.queries(READS) if e.manner in ("here", "task", "thread")), None)
            if found is not None:
                yield _finding(call, loop, found)


def _finding(call: CallView, loop: Loop, effect: Effect) -> Finding:
    function = call.function
    severity = Severity.HIGH if function.hot else Severity.MEDIUM if function.job else Severity.LOW
    if loop.bound == "small":
        severity = severity.lowered()
    what = effect.leaf.subject
    hoist = "" if call.per_item(effect, loop) else "; it does not depend on the item and can be hoisted out of the loop"
    through = f" through {call.site.name}()" if effect.via is not None else ""
    message = f"SELECT of {what}{through} for every turn of the loop in line {loop.at.line}{hoist}"
    trace = [function.step(loop.at, "the loop"), *call.trace(effect)]
    confidence = Confidence.PROBABLE if effect.weak else call.confidence
    return function.finding(RULE, call.at, message, severity, trace=trace, confidence=confidence)
