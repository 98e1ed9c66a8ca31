"""A resource is acquired and never released.

What: a session, connection, engine, streamed result, client, pub/sub, file, pool or executor is acquired, and no normal
path closes it, enters it by ``with``, or hands it on; an inline ``f(Session())``; a handle that is overwritten while it
is open; a session used after its ``with`` closed it; a generator driven by hand (``next(get_session())``).

Why: each call leaves a connection checked out until the garbage collector finds it; the pool runs dry.

Instead: ``with``/``async with``; one application-wide engine or client that start-up opens and shutdown closes.

Not reported: what is returned, yielded, stored, registered with a teardown or handed to something unknown; a Session
whose every path ends in commit or rollback (it holds no connection then); start-up, migrations, tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.index import Function
from persist_lint.link.project import Project
from persist_lint.link.resources import Acquisition, Reopened
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=403,
    name="missing-resource-cleanup",
    family=Family.RESOURCE,
    check="missing_cleanup",
    title="A resource is acquired and never released",
    effort=Effort.S,
    principle="Resource Lifecycle / Cleanup",
    severities=(
        (
            Severity.CRITICAL,
            "a generator driven by hand that commits after its yield: the commit runs too early or never",
        ),
        (Severity.HIGH, "sessions, connections and engines"),
        (Severity.MEDIUM, "files, clients, results, pub/subs, processes, pools and executors"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Enter it by with (async with), or release it in a finally block.",
    sources=("https://docs.sqlalchemy.org/en/20/orm/session_basics.html#opening-and-closing-a-session",),
    bad="""
import sqlalchemy
from sqlalchemy import text

def is_up(engine: sqlalchemy.Engine) -> bool:
    connection = engine.connect()  # error: [missing-resource-cleanup]
    return connection.execute(text("SELECT 1")).scalar() == 1
""",
    good="""
import sqlalchemy
from sqlalchemy import text

def is_up(engine: sqlalchemy.Engine) -> bool:
    with engine.connect() as connection:
        return connection.execute(text("SELECT 1")).scalar() == 1
""",
)
GRAVE = frozenset({"session", "connection", "engine", "session_factory"})


def check(project: Project) -> Iterator[Finding]:
    """One finding per acquisition that no normal path releases."""
    for function in project.functions():
        if function.silent:
            continue
        for one in function.acquisitions:
            what = _left(function, one) if one.generator is None else _driven(project, one.generator, one)
            if what is not None:
                yield _finding(function, one, *what)
        for again in project.resources.reopened(function.function):
            yield _reopened(function, again)


def _left(function: FunctionView, one: Acquisition) -> tuple[str, Severity] | None:
    """What is wrong with it; None where it is released, handed on, or holds nothing."""
    fate, name = one.fate, one.made.name.rpartition(".")[2]
    severity = Severity.HIGH if one.made.kind in GRAVE else Severity.MEDIUM
    if fate.overwritten is not None:
        return f"{name} is overwritten in line {fate.overwritten.line} while it is open", severity
    if not fate.leaks or (fate.endless and one.made.kind not in GRAVE):
        return None
    if one.made.kind == "session" and function.ends_idle(one):
        return None
    if not one.names:
        return f"{name} is made in passing, so that nobody can close it", severity
    return f"{name} is never closed: no path of {function.function.name}() releases {one.names[0]}", severity


def _driven(project: Project, generator: Function, one: Acquisition) -> tuple[str, Severity] | None:
    driven = f"{generator.name}() is driven by hand:"
    if project.resources.commits_after_yield(generator):
        return f"{driven} its commit after the yield runs too early or never", Severity.CRITICAL
    if any(use.kind == "released" for use in one.uses):
        return None
    return f"{driven} its clean-up runs too early or never", Severity.HIGH


def _finding(function: FunctionView, one: Acquisition, what: str, severity: Severity) -> Finding:
    trace = [Step(g.module.path, g.facts.at, "the generator") for g in (one.generator,) if g is not None]
    if one.through is not None:
        trace.append(Step(one.through.module.path, one.through.facts.at, f"{one.through.name}() hands it over open"))
    confidence = Confidence.PROBABLE if any(t.weak for t in one.site.targets) else Confidence.DEFINITE
    return function.finding(RULE, one.site.at, what, _grade(function, severity), trace=trace, confidence=confidence)


def _reopened(function: FunctionView, again: Reopened) -> Finding:
    ended = f"uses the session after its with ended in line {again.block.at.end_line}"
    message = f"{again.site.name}() {ended}: it begins a new transaction, on a connection that nobody gives back"
    trace = [function.step(again.block.at, "the with that closes the session")]
    return function.finding(RULE, again.site.at, message, _grade(function, Severity.HIGH), trace=trace)


def _grade(function: FunctionView, severity: Severity) -> Severity:
    return Severity.LOW if function.one_shot else severity
