"""A session lives as long as a stream.

What: an SSE or streaming response, a websocket or a generator that feeds one keeps a session (and so a connection) on
which something was executed, for as long as the client stays.

Why: every open stream takes a connection out of the pool. A few dozen browser tabs exhaust it, and the whole service
waits; the transaction stays open meanwhile, holding back vacuum and locks.

Instead: read what the stream needs in a short session that is closed before the response is returned, or end the
transaction as the last act before it; inside the generator open a session per read and close it before each yield.

Not reported: sessions on which nothing was executed, or whose transaction was ended before; sessions that the generator
opens and closes between two yields; teardown before the response (FastAPI 0.106 to 0.117, Flask without
``stream_with_context``, BaseHTTPMiddleware) unless the generator uses the session.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.streaming import Holding, holdings, teardown
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=402,
    name="streaming-resource-holding",
    family=Family.RESOURCE,
    check="streaming_resource_holding",
    title="A stream holds a session for as long as the client stays",
    effort=Effort.M,
    principle="Resource Lifecycle / Streaming",
    severities=(
        (Severity.CRITICAL, "the session is known to live as long as the stream"),
        (Severity.HIGH, "the framework's version, and so the time of its teardown, is not known"),
    ),
    recommendation="Close the session, or end its transaction, before the stream begins; open short ones inside it.",
    sources=(
        "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/",
        "https://fastapi.tiangolo.com/release-notes/",
    ),
    bad="""
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

router = APIRouter()


async def rows(sessions: async_sessionmaker[AsyncSession]):
    async with sessions() as session:  # error: [streaming-resource-holding]
        for row in await session.execute(text("SELECT name FROM jobs")):
            yield row.name


@router.get("/names")
async def names(request) -> StreamingResponse:
    return StreamingResponse(rows(request.app.state.sessions))
""",
    good="""
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

router = APIRouter()


async def rows(sessions: async_sessionmaker[AsyncSession]):
    async with sessions() as session:
        found = (await session.execute(text("SELECT name FROM jobs"))).all()
    for row in found:
        yield row.name


@router.get("/names")
async def names(request) -> StreamingResponse:
    return StreamingResponse(rows(request.app.state.sessions))
""",
)
WORDS = {
    "injected": "the injected session has a transaction open here and is given back only when the stream ends",
    "dependency": "the dependency {}() left a transaction open on the injected session, kept until the stream ends",
    "middleware": "the session that {}() opened around the application has a transaction open until the stream ends",
    "context": "stream_with_context() keeps the request's session, in its transaction, until the client goes",
    "endpoint": "the injected session has a transaction open at every yield, for as long as the client stays",
    "poll": "the request waits for a change with the injected session's transaction open",
    "captured": "the stream works on the handler's session for as long as the client stays",
    "own": "the session is held across every yield, for as long as the client stays",
    "websocket": "the injected session has a transaction open while the websocket waits for messages",
}
#: Held only where the framework tears injected sessions down after the response.
TORN_DOWN = frozenset({"injected", "dependency"})


def check(project: Project) -> Iterator[Finding]:
    """One finding per response, generator's ``with`` or websocket parameter."""
    when = teardown(project)
    for function in project.functions():
        if function.silent:
            continue
        for holding in holdings(function):
            if holding.way not in TORN_DOWN or when != "before":
                yield _finding(function, holding, when)


def _finding(function: FunctionView, holding: Holding, when: str) -> Finding:
    unsure = holding.way in TORN_DOWN and when == "unknown"
    message = WORDS[holding.way].format(holding.feeder.name if holding.feeder is not None else "")
    if unsure:
        message += " (with FastAPI up to 0.105 or from 0.118 on; which version is in use is not known)"
    severity = Severity.HIGH if unsure or holding.way == "poll" else Severity.CRITICAL
    weak = holding.since is not None and holding.since.weak
    sure = Confidence.PROBABLE if weak else Confidence.DEFINITE
    return function.finding(RULE, holding.at, message, severity, trace=holding.trace(function), confidence=sure)
