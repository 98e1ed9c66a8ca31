"""An engine, pool or client is made for every call.

What: an engine, a connection pool, an HTTP, gRPC, cloud or LLM client, a broker or Redis connection, or a session
factory is made in code that runs per request, per message or per turn of a loop, directly or through a factory; or a
library's function that makes a client for one request (``requests.post``) is used there.

Why: each starts with an empty pool: a new TCP and TLS handshake (and for an engine the dialect's first queries) every
time, no connection is reused, certificates are read again. Engines that are not disposed of keep their connections.

Instead: make it once per process (at module level or in the lifespan), close it at shutdown, and hand it in; one per
tenant is cached by its URL.

Not reported: what is cached (``lru_cache``, a global or attribute that is filled once, application state), start-up,
jobs that make one per run, one-shot commands, engines without a pool, clients for the loop's own item. Possible only:
``requests.get`` outside loops, clients with the caller's own credentials, clients for administrators' requests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.percall import Creation
from persist_lint.link.project import Project
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=407,
    name="client-per-call",
    family=Family.RESOURCE,
    check="client_per_call",
    title="An engine, pool or client is made for every call",
    effort=Effort.M,
    principle="Resource Lifecycle / Scope",
    severities=(
        (Severity.HIGH, "engines and pools"),
        (Severity.MEDIUM, "clients, connections to caches and brokers"),
        (Severity.LOW, "session factories"),
    ),
    recommendation="Make it once per process, close it at shutdown, and hand it to the code that needs it.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/core/connections.html#basic-usage",
        "https://www.python-httpx.org/advanced/clients/",
    ),
    bad="""
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()

@app.get("/ping")
async def ping(url: str) -> int:
    engine = create_async_engine(url)  # error: [client-per-call]
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT 1"))).scalar_one()
""",
    good="""
from functools import lru_cache

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

app = FastAPI()

@lru_cache
def engine_of(url: str) -> AsyncEngine:
    return create_async_engine(url)

@app.get("/ping")
async def ping(url: str) -> int:
    async with engine_of(url).connect() as connection:
        return (await connection.execute(text("SELECT 1"))).scalar_one()
""",
    beyond_audit=True,
)
GRADES = {"engine": Severity.HIGH, "pool": Severity.HIGH, "session_factory": Severity.LOW}
CURES = {
    "engine": "Make the engine once per process and share it; one per tenant is cached by its URL (lru_cache, a dict).",
    "pool": "Open the pool once, at start-up, and close it at shutdown; it is made to be shared.",
    "session_factory": "Make the factory once, next to its engine.",
    "": "Use one session or client per process: its pool keeps the connection open for the next request.",
}
WORDS = {
    "engine": "a pool of its own, and no connection is ever reused",
    "pool": "no connection is ever reused",
    "session_factory": "a new class each time",
    "": "no connection is reused",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per place that makes one."""
    for function in project.functions():
        if not function.cold:
            for one in project.per_call.of(function):
                yield _finding(one)


def _finding(one: Creation) -> Finding:
    function = one.function
    kind = "pool" if one.target.name.endswith("create_pool") else one.kind
    often = f"in every turn of the loop in line {one.loop.at.line}" if one.loop else _often(one)
    message = f"{one.name}() {'is called' if one.kind else 'makes a client'} {often}: {WORDS.get(kind, WORDS[''])}"
    steps = [Step(c.function.module.path, c.site.at, f"{c.function.name}() calls {c.site.name}()") for c in one.callers]
    steps += [function.step(at, "and here") for at in one.again]
    cure = CURES.get(kind, RULE.recommendation)
    sure = Confidence.POSSIBLE if one.varies or one.seldom else Confidence.PROBABLE if one.weak else Confidence.DEFINITE
    return function.finding(
        RULE, one.site.at, message, GRADES.get(kind, Severity.MEDIUM), trace=steps, confidence=sure, recommendation=cure
    )


def _often(one: Creation) -> str:
    own = one.function.function.name
    if not one.callers:
        return f"in every call of {own}()"
    return f"in every call of {own}(), through {one.callers[-1].function.name}()"
