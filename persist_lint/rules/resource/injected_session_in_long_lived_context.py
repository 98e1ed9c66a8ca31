"""A request's session is handed to something that outlives the request.

What: a session that the framework injected (directly, through another dependency, or held by an object that was built
with it) is used by a created task, a thread, a scheduled job or a background task that nobody waits for.

Why: the framework closes the session when the request is done. The task then executes on a closed session, which
silently begins anew on a connection that nobody gives back, or it shares one session with the request and its teardown
(IllegalStateChangeError, lost rows); where background tasks run first, it holds the request's connection meanwhile.

Instead: hand over ids, and let the task open a session of its own from the factory.

Not reported: tasks that the request itself waits for; factories and ids; sessions that nobody closes at the end of the
request; streams and websockets on an injected session (streaming-resource-holding); tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.handover import HandOver, HandOvers
from persist_lint.link.project import Project
from persist_lint.link.streaming import teardown
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=406,
    name="injected-session-in-long-lived-context",
    family=Family.RESOURCE,
    check="factory_vs_injection",
    title="A request's session is handed to something that outlives the request",
    effort=Effort.M,
    principle="Resource Lifecycle / Ownership",
    severities=(
        (Severity.HIGH, "tasks, threads, scheduled jobs; background tasks that run after the session's teardown"),
        (Severity.MEDIUM, "background tasks that run before the teardown, or FastAPI's version is not known"),
    ),
    recommendation="Hand over ids, and open a session of its own inside, from the session factory.",
    sources=(
        "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/",
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks",
    ),
    bad="""
import asyncio
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

app = FastAPI()
Session = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/app", pool_pre_ping=True))

async def get_session() -> AsyncIterator[AsyncSession]:
    async with Session() as session:
        yield session

async def run(session: AsyncSession) -> None:
    await session.execute(text("UPDATE jobs SET status = 'done'"))
    await session.commit()

@app.post("/run")
async def start(session: AsyncSession = Depends(get_session)) -> None:
    asyncio.create_task(run(session))  # error: [injected-session-in-long-lived-context]
""",
    good="""
import asyncio

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

app = FastAPI()
Session = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/app", pool_pre_ping=True))
running = set()

async def run() -> None:
    async with Session.begin() as session:
        await session.execute(text("UPDATE jobs SET status = 'done'"))

@app.post("/run")
async def start() -> None:
    task = asyncio.create_task(run())
    running.add(task)
""",
)
WAYS = {
    "later": "a background task",
    "task": "a task that nobody waits for",
    "thread": "a thread",
    "process": "another process",
    "loop": "a callback of the event loop",
    "entry": "a scheduled job",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per call that hands a request's session over."""
    found = HandOvers(project)
    for function in project.functions():
        if not function.cold:
            for one in found.of(function):
                yield _finding(function, one, teardown(project))


def _finding(function: FunctionView, one: HandOver, when: str) -> Finding:
    closed = "closes it when the request is done"
    if one.way == "later" and when != "before":
        closed = "keeps its connection until the task is done" if when == "after" else "closes it with the request"
    what = f" ({describe(one.use)})" if one.use is not None else ""
    message = f"The request's session is used by {WAYS[one.way]}{what}, but {one.provider.name}() {closed}"
    steps = [Step(one.provider.module.path, one.provider.facts.at, "the dependency that opens and closes the session")]
    steps += list(trace(one.use)) if one.use is not None else []
    severity = Severity.MEDIUM if one.way == "later" and when != "before" else Severity.HIGH
    sure = Confidence.PROBABLE if one.weak else Confidence.DEFINITE
    return function.finding(RULE, one.at, message, severity, trace=steps, confidence=sure)
