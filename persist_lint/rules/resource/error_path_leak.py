"""A resource is released on the normal path only.

What: a session, connection, client, file or executor is closed where everything goes well, but a statement in between
can fail, a handler swallows the error, or an early ``return`` or ``continue`` leaves before the ``close()``; or a
generator that lends a session closes it after its ``yield`` without ``try``/``finally``.

Why: errors come in bursts. Each leaves a connection checked out, with its transaction open, until the garbage collector
finds it; the pool runs dry just when the service has trouble already.

Instead: ``with``/``async with``, or ``try``/``finally`` from the line after the acquisition on.

Not reported: what no path releases (missing-resource-cleanup); a Session that holds no connection yet, or whose error
path rolls back; statements that only compute; releases behind a flag that says who owns it; start-up, migrations,
tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.errorpaths import Leak, leaks
from persist_lint.link.project import Project
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=405,
    name="error-path-leak",
    family=Family.RESOURCE,
    check="error_path_leak",
    title="A resource is released on the normal path only",
    effort=Effort.S,
    principle="Resource Lifecycle / Cleanup",
    severities=(
        (Severity.CRITICAL, "sessions, connections and engines in requests, streams and queue consumers"),
        (Severity.HIGH, "other resources there"),
        (Severity.MEDIUM, "in the background and in plain library code; files in requests"),
        (Severity.LOW, "in one-shot commands; files elsewhere"),
    ),
    recommendation="Enter it by with (async with), or release it in a finally block.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/session_basics.html#opening-and-closing-a-session",),
    bad="""
import sqlalchemy
from sqlalchemy import text

def rows(engine: sqlalchemy.Engine) -> int:
    connection = engine.connect()  # error: [error-path-leak]
    found = connection.execute(text("SELECT count(*) FROM jobs")).scalar_one()
    connection.close()
    return found
""",
    good="""
import sqlalchemy
from sqlalchemy import text

def rows(engine: sqlalchemy.Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM jobs")).scalar_one()
""",
)
GRAVE = frozenset({"session", "connection", "engine"})


def check(project: Project) -> Iterator[Finding]:
    """One finding per acquisition that some way leaves behind and another does not."""
    for function in project.functions():
        if not function.silent:
            for leak in leaks(function):
                yield _finding(function, leak)


def _finding(function: FunctionView, leak: Leak) -> Finding:
    one, effect = leak.one, leak.effect
    what = one.made.name.rpartition(".")[2]
    release = f"{leak.release.by}()" if leak.release.by in one.made.release else "its release"
    skipped = f"{release} in line {leak.release.at.line}"
    message = f"{what} is left open {_when(leak)}: {skipped} is skipped"
    steps = list(trace(effect)) if effect is not None else [function.step(leak.at, "this way leaves it open")]
    if one.through is not None:
        steps.insert(0, Step(one.through.module.path, one.through.facts.at, f"{one.through.name}() hands it over open"))
    steps.append(function.step(leak.release.at, "released only here"))
    weak = any(t.weak for t in one.site.targets) or (effect is not None and effect.weak)
    sure = Confidence.PROBABLE if weak else Confidence.DEFINITE
    cure = f"Open {one.names[0]} by with (async with), or put {release} into a finally block."
    return function.finding(
        RULE, one.site.at, message, _grade(function, one.made.kind), trace=steps, confidence=sure, recommendation=cure
    )


def _when(leak: Leak) -> str:
    line = leak.at.line
    if leak.way == "jump":
        return f"by the jump in line {line}"
    if leak.way == "lent":
        return f"when whoever borrowed it fails at the yield in line {line}"
    if leak.effect is None:
        return f"when line {line} raises" if leak.way == "thrown" else f"when the error of line {line} is caught"
    failed = f"when line {line} fails ({describe(leak.effect)})"
    return failed if leak.way == "thrown" else f"{failed} and the error is caught"


def _grade(function: FunctionView, kind: str) -> Severity:
    if function.one_shot:
        return Severity.LOW
    severity = (
        Severity.CRITICAL if function.hot and kind in GRAVE else Severity.HIGH if function.hot else Severity.MEDIUM
    )
    return severity.lowered() if kind == "file" else severity
