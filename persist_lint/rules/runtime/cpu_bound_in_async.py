"""Heavy computation on the event loop.

What: code that the event loop runs hashes passwords or derives keys, works on images, PDF files, workbooks or archives,
reads tables with pandas, parses HTML or XML, compresses, parses JSON of unknown size, or loads or runs a model; itself,
or through plain code that it calls at any depth (helpers, properties, constructors and their validators).

Why: there is nothing to wait for, so nothing lets the loop go on: every other request of the process waits until the
computation is done. One bcrypt check takes a quarter of a second, one PDF often longer.

Instead: ``await asyncio.to_thread(function, …)``. bcrypt, hashlib, Pillow and most of pandas let go of the interpreter
lock; pure Python (pypdf, openpyxl, Beautiful Soup) is better off in a process pool. An endpoint that awaits nothing can
be a plain ``def``: the framework runs it in a thread.

Not reported: what is handed to a thread or process; ``def`` endpoints and dependencies; start-up and command lines;
constant input, files of the package; JSON of which nothing says that it is large; what only the first call in the
process does. A cache in front of a key derivation changes nothing for the first request of each key. JSON of uploads
and files counts in handlers; elsewhere, and of request bodies, it is *possible* only: most are small.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.heavy import Heavy, heavy_calls, twin_of
from persist_lint.link.project import Project
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=305,
    name="cpu-bound-in-async",
    family=Family.RUNTIME,
    check="missing_to_thread",
    title="Heavy computation stops the event loop",
    effort=Effort.S,
    principle="Runtime Performance / Async I/O",
    severities=((Severity.MEDIUM, "wherever the event loop runs it"),),
    recommendation="Hand it to a thread: await asyncio.to_thread(function, …).",
    sources=("https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",),
    bad="""
import bcrypt
from fastapi import FastAPI

app = FastAPI()


@app.post("/login")
async def login(password: str, known: str) -> bool:
    return bcrypt.checkpw(password.encode(), known.encode())  # error: [cpu-bound-in-async]
""",
    good="""
import asyncio

import bcrypt
from fastapi import FastAPI

app = FastAPI()


@app.post("/login")
async def login(password: str, known: str) -> bool:
    return await asyncio.to_thread(bcrypt.checkpw, password.encode(), known.encode())
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per piece of heavy work on the loop."""
    for function in project.functions():
        if not function.cold:
            for heavy in heavy_calls(project.world, project.blocking, function.function):
                yield _finding(function, heavy)


def _finding(function: FunctionView, heavy: Heavy) -> Finding:
    effect, call = heavy.effect, CallView(function, heavy.site)
    leaf = effect.leaf
    note = leaf.target.row.note if leaf.target is not None and leaf.target.row is not None else ""
    what = f"{leaf.subject} {note}" if note else leaf.subject
    through = f", through {heavy.site.name}()" if effect.via is not None else ""
    often = f", in every turn of the loop in line {call.loop.at.line}" if call.loop is not None else ""
    lines = dict.fromkeys(str(site.at.line) for site in heavy.more if site.at.line != call.at.line)
    more = f"; so do the calls in lines {', '.join(lines)}" if lines else ""
    message = f"computes on the event loop: {what}{through}{often}; no other task of the process runs meanwhile{more}"
    confidence = Confidence.PROBABLE if effect.weak else call.confidence
    if heavy.source:  # small work over data of unknown size
        confidence = Confidence.PROBABLE if heavy.source == "file" and function.hot else Confidence.POSSIBLE
    return function.finding(
        RULE,
        call.at,
        message,
        Severity.MEDIUM,
        trace=call.trace(effect),
        recommendation=_cure(function, heavy),
        confidence=confidence,
    )


def _cure(function: FunctionView, heavy: Heavy) -> str:
    twin = twin_of(function.project.world, heavy.site)
    if twin:
        return f"The class has it for coroutines: await …{twin}()."
    cure = f"Hand it to a thread: await asyncio.to_thread({heavy.site.name}, …)."
    if "request" in function.kinds and not any(call.site.awaited for call in function.calls):
        return f"{cure} Or make the endpoint a plain def, as it awaits nothing: the framework runs it in a thread."
    return cure
