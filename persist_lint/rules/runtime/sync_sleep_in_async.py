"""``time.sleep`` on the event loop.

What: a coroutine, or plain code that it calls at any depth, sleeps with ``time.sleep``.

Why: it is the thread that sleeps, and the loop has only one: every other request and task of the process waits as long.

Instead: ``await asyncio.sleep(seconds)``; make the helpers on the way coroutines, or hand them to a thread.

Not reported: sleeps in threads (``def`` endpoints, ``asyncio.to_thread``), in processes, at start-up and in command
lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.blocking import Blocked
from persist_lint.link.project import Project
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=303,
    name="sync-sleep-in-async",
    family=Family.RUNTIME,
    check="sync_sleep_in_async",
    title="time.sleep stops the event loop",
    effort=Effort.S,
    principle="Runtime Performance / Async I/O",
    severities=(
        (Severity.HIGH, "in request handlers, websockets, streams and queue consumers"),
        (Severity.MEDIUM, "in background and scheduled work, and where nothing says who awaits it"),
    ),
    recommendation="await asyncio.sleep(…); plain helpers on the way become coroutines or go to asyncio.to_thread.",
    sources=("https://docs.python.org/3/library/asyncio-task.html#sleeping",),
    bad="""
import time


async def poll(ready: list[bool]) -> None:
    while not ready:
        time.sleep(1)  # error: [sync-sleep-in-async]
""",
    good="""
import asyncio


async def poll(ready: list[bool]) -> None:
    while not ready:
        await asyncio.sleep(1)
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per call on the loop that sleeps."""
    for function in project.functions():
        if not function.cold:
            for blocked in project.blocking.calls(function.function, frozenset({"sleep"})):
                yield _finding(function, blocked)


def _finding(function: FunctionView, blocked: Blocked) -> Finding:
    effect, call = blocked.worst, CallView(function, blocked.site)
    through = f", through {blocked.site.name}()" if effect.via is not None else ""
    often = f" in every turn of the loop in line {call.loop.at.line}" if call.loop is not None else ""
    seconds = effect.leaf.key[1] if effect.leaf.key[0] == "const" else None
    long = f" for {seconds} s" if seconds is not None else ""
    message = f"{effect.leaf.subject} stops the event loop{long}{often}{through}: every other task of the process waits"
    severity = Severity.HIGH if function.hot else Severity.MEDIUM
    confidence = Confidence.PROBABLE if effect.weak else call.confidence
    return function.finding(RULE, call.at, message, severity, trace=call.trace(effect), confidence=confidence)
