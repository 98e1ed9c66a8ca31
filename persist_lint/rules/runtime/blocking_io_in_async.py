"""Synchronous I/O on the event loop.

What: code that the event loop runs (a coroutine, a scheduled callback, or plain code that they call at any depth) waits
for a file, the network, a process, a lock or the database in a way that holds the thread.

Why: the loop has one thread. Until the call returns no other request, task or heartbeat of the process gets a turn:
one slow answer stops the service.

Instead: use the asynchronous client (``httpx.AsyncClient``, ``AsyncSession``, ``redis.asyncio``, an asyncio
subprocess), or hand the function to a thread: ``await asyncio.to_thread(read, path)``. Arguments are evaluated before:
``to_thread(f, g())`` runs ``g`` on the loop.

Not reported: what is handed to a thread or process; ``def`` endpoints, dependencies and background tasks (the
framework runs them in threads); functions given to ``AsyncSession.run_sync``; files of the package itself; cheap
metadata (``exists``, ``mkdir``); start-up and command lines. A coroutine that is awaited answers for itself. Calls of
a synchronous database layer are one finding per coroutine, at the first.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.blocking import Blocked
from persist_lint.link.project import Project
from persist_lint.link.views import CallView, FunctionView, describe
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=301,
    name="blocking-io-in-async",
    family=Family.RUNTIME,
    check="blocking_io_in_async",
    title="Synchronous I/O blocks the event loop",
    effort=Effort.S,
    principle="Runtime Performance / Async I/O",
    severities=(
        (Severity.HIGH, "in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "in background and scheduled work, and where nothing says who awaits it"),
    ),
    recommendation="Use the asynchronous client, or hand the call to a thread: await asyncio.to_thread(function, …).",
    sources=("https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",),
    bad="""
import httpx
from fastapi import FastAPI

app = FastAPI()


@app.get("/rates")
async def rates() -> str:
    return httpx.get("https://example.org/rates").text  # error: [blocking-io-in-async]
""",
    good="""
import httpx
from fastapi import FastAPI

app = FastAPI()
client = httpx.AsyncClient()


@app.get("/rates")
async def rates() -> str:
    return (await client.get("https://example.org/rates")).text
""",
)
DATABASE = SQL_KINDS | {"unit.merge", "flush", "txn.commit", "txn.rollback", "session.open"}
FILES = frozenset({"file.read", "file.write", "open"})
OUTSIDE = FILES | {"net", "cache", "broker", "publish", "listen", "process", "wait"}
DATABASE_CURE = (
    "Use AsyncSession with an async driver, make the endpoint a plain def (the framework runs it in a thread), or hand "
    "the whole piece of database work to asyncio.to_thread with a session of its own."
)
FILE_CURE = "Hand the file work to a thread: await asyncio.to_thread(function, …), or use aiofiles or anyio.Path."
PROCESS_CURE = "Use asyncio.create_subprocess_exec, or await asyncio.to_thread(function, …)."
CURES = {**dict.fromkeys(FILES, FILE_CURE), "process": PROCESS_CURE}


def check(project: Project) -> Iterator[Finding]:
    """One finding per blocking call line; one per coroutine for a synchronous database layer."""
    told: set[tuple[str, int]] = set()
    for function in (*project.functions(), *project.wrappers()):
        if function.cold:
            continue
        outside = _new(function, OUTSIDE, told)
        for blocked in outside:
            yield _finding(function, blocked, "", CURES.get(blocked.worst.kind, RULE.recommendation))
        told.update((function.path, b.site.at.line) for b in outside)
        database = _new(function, DATABASE, told)
        told.update((function.path, b.site.at.line) for b in database)
        if database:
            lines = [str(line) for line in dict.fromkeys(b.site.at.line for b in database[1:])]
            more = f"; so do the database calls in lines {', '.join(lines)}" if lines else ""
            yield _finding(function, database[0], more, DATABASE_CURE)


def _new(function: FunctionView, kinds: frozenset[str], told: set[tuple[str, int]]) -> list[Blocked]:
    found = function.project.blocking.calls(function.function, kinds)
    return [blocked for blocked in found if (function.path, blocked.site.at.line) not in told]


def _finding(function: FunctionView, blocked: Blocked, more: str, cure: str) -> Finding:
    effect, call = blocked.worst, CallView(function, blocked.site)
    through = f", through {blocked.site.name}()" if effect.via is not None else ""
    what = f"{describe(effect.leaf)}{through}"
    message = f"blocks the event loop: {what}; no other task of the process runs meanwhile{more}"
    severity = Severity.HIGH if function.hot else Severity.MEDIUM
    confidence = Confidence.PROBABLE if effect.weak else call.confidence
    return function.finding(
        RULE, call.at, message, severity, trace=call.trace(effect), recommendation=cure, confidence=confidence
    )
