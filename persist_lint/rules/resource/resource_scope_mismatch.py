"""A connection is taken for longer, or twice as often, as the work needs it.

What: a helper opens a session of its own while its caller's session has a transaction open; a dependency (auth,
tenant) begins a transaction on the request's session, and the endpoint, which does not use it, does something slow; a
connection is checked out before something slow that precedes its first statement; a session is never used.

Why: a pool has a few connections. Requests that hold one and wait for a second block each other for good once all of
them are out; one that idles through a slow call keeps others waiting.

Instead: hand the caller's session to the helper; end the dependency's transaction (or close its session) before the
slow work; check the connection out where it is used.

Not reported: slow calls within an open transaction (transaction-too-wide, long-held-transaction) and streams
(streaming-resource-holding); helpers that open one only under a condition; SQLite; start-up, commands, tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.slots import Mismatch, mismatches
from persist_lint.link.views import describe, trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=401,
    name="resource-scope-mismatch",
    family=Family.RESOURCE,
    check="resource_scope_mismatch",
    title="A connection is taken for longer, or twice as often, as it is needed",
    effort=Effort.M,
    principle="Resource Lifecycle / Scope",
    severities=(
        (Severity.HIGH, "over requests, processes and waits"),
        (Severity.MEDIUM, "a second connection while the first is held"),
        (Severity.LOW, "opened and never used"),
    ),
    recommendation="Open the session where it is used, and hand it to the helpers that need it.",
    sources=(
        "https://docs.sqlalchemy.org/en/20/orm/session_basics.html#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it",
    ),
    bad="""
import httpx
import sqlalchemy
from sqlalchemy import text

def save_rate(engine: sqlalchemy.Engine, client: httpx.Client) -> None:
    with engine.connect() as connection:  # error: [resource-scope-mismatch]
        rate = client.get("https://rates.example/today").text
        connection.execute(text("INSERT INTO rates VALUES (:rate)"), {"rate": rate})
        connection.commit()
""",
    good="""
import httpx
import sqlalchemy
from sqlalchemy import text

def save_rate(engine: sqlalchemy.Engine, client: httpx.Client) -> None:
    rate = client.get("https://rates.example/today").text
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO rates VALUES (:rate)"), {"rate": rate})
        connection.commit()
""",
)
GRADES = {"second": Severity.MEDIUM, "idle": Severity.HIGH, "early": Severity.HIGH, "unused": Severity.LOW}
CURES = {
    "second": "Hand {} to the helper, or call it after the transaction ended.",
    "idle": "End the transaction in {} (commit or close), or read there with a session of its own.",
    "early": "Check the connection out after the slow call, right before its first statement.",
    "unused": "Remove {}.",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per parameter, ``with``, or helper's call."""
    if project.dialect != "sqlite":
        for one in mismatches(project):
            yield _finding(one)


def _finding(one: Mismatch) -> Finding:
    steps = []
    if one.dependency is not None:
        steps.append(Step(one.dependency.module.path, one.dependency.facts.at, "the dependency that begins"))
    if one.since is not None:
        steps.append(Step(one.since.function.module.path, one.since.at, f"takes a connection: {describe(one.since)}"))
    steps += list(trace(one.meanwhile)) if one.meanwhile is not None else []
    weak = any(e is not None and e.weak for e in (one.since, one.meanwhile))
    named = one.dependency.name + "()" if one.dependency is not None else one.name
    return one.view.finding(
        RULE, one.at, _message(one), GRADES[one.way], trace=steps, recommendation=CURES[one.way].format(named),
        confidence=Confidence.PROBABLE if weak else Confidence.DEFINITE,
    )  # fmt: skip


def _message(one: Mismatch) -> str:
    during = describe(one.meanwhile) if one.meanwhile is not None else ""
    if one.way == "second":
        return (
            f"A second session is opened here ({during}) while {one.name} holds a connection: two of the pool at once"
        )
    if one.way == "idle":
        began = one.dependency.name if one.dependency is not None else "a dependency"
        return f"{began}() leaves a transaction open on the request's session, which is idle here while {during}"
    if one.way == "early":
        return f"The connection is checked out here and idle while {during}: its first statement comes after that"
    return f"{one.name} is opened and never used"
