"""A run made by hand: findings of all four families, an ADR that decides one, job code, a skipped family."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec.structs import replace

from persist_lint.model.analysis import (
    Analysis,
    Channel,
    Discovered,
    Engine,
    FamilyRun,
    FunctionNote,
    Model,
    Relationship,
    SessionFactory,
)
from persist_lint.model.context import Adr, Practice, Surroundings, TechStack, Trigger
from persist_lint.model.finding import Diagnostic, EntryPoint, Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

TODAY = date(2026, 11, 22)
_CHECKS = {
    102: ("n-update-loop", "n_update_delete_loop", "UPDATE or DELETE per item"),
    107: ("query-in-loop", "query_in_loop", "Query per item"),
    202: ("transaction-too-wide", "scope_too_wide", "External call in a transaction"),
    204: ("missing-rollback", "missing_rollback", "Session used on after a failure"),
    301: ("blocking-io-in-async", "blocking_io_in_async", "Blocking I/O on the event loop"),
    302: ("unnecessary-list-allocation", "unnecessary_list_allocation", "List built only to be consumed"),
    403: ("missing-resource-cleanup", "missing_cleanup", "Resource never released"),
}
RULES = tuple(
    Rule(
        number=number,
        name=name,
        family=tuple(Family)[number // 100 - 1],
        check=check,
        title=title,
        effort=Effort.M,
        principle=f"Principle of {check}",
        severities=((Severity.HIGH, "hot"),),
        recommendation=f"Mend {name}.",
        sources=(),
        bad="",
        good="",
    )
    for number, (name, check, title) in _CHECKS.items()
)
COMPLETED = tuple(FamilyRun(family, "completed") for family in Family)


def finding(
    number: int, severity: Severity, path: str = "app/services/billing.py", line: int = 41, **more: Any
) -> Finding:
    """A finding of one of RULES; ``more`` are further fields of Finding."""
    name = _CHECKS[number][0] if number in _CHECKS else more.pop("rule")
    given: dict[str, Any] = {
        "function": path.removesuffix(".py").replace("/", ".") + ".run",
        "message": f"something of {name}",
        "recommendation": f"Mend {name}.",
        "confidence": Confidence.DEFINITE,
        "effort": Effort.M,
    }
    fields = {"rule": name, "code": f"PSL{number}", "path": path, "span": Span(line, 8, line, 58), "severity": severity}
    return Finding(**{**fields, **given, **more})


def analysis(*findings: Finding, **more: Any) -> Analysis:
    """A run over 717 files with these findings; ``more`` are further fields of Analysis."""
    given: dict[str, Any] = {
        "root": "/srv/project",
        "files": 717,
        "lines": 83_974,
        "suppressed": (),
        "diagnostics": (),
        "families": COMPLETED,
        "rules": tuple(rule.name for rule in RULES),
        "surroundings": Surroundings(),
        "discovered": Discovered(),
    }
    return Analysis(findings=findings, **{**given, **more})


def adr(text: str, title: str = "A decision", status: str = "accepted", **more: Any) -> Adr:
    """ADR-007 with this text."""
    given = {"id": "ADR-007", "path": "docs/adr/0007-decision.md", "line": 1, **more}
    return Adr(title=title, status=status, text=text, **given)


def around(*adrs: Adr) -> Surroundings:
    """Surroundings that hold only these decisions."""
    return Surroundings(adrs=adrs)


def job_service() -> Analysis:
    """The run behind the golden reports."""
    close_all = finding(
        102,
        Severity.HIGH,
        "app/jobs/processor.py",
        function="app.jobs.processor.close_all",
        message="UPDATE jobs is sent once per job of the loop",
        trace=(
            Step("app/jobs/processor.py", Span(12, 4, 12, 9), "loop over jobs"),
            Step("app/repositories/job_repo.py", Span(88, 8, 88, 60), "UPDATE jobs, one statement per call"),
        ),
        entry_points=(EntryPoint("request", "app.routers.jobs.close", "app/routers/jobs.py", 7),),
        sources=("https://docs.sqlalchemy.org/en/20/orm/queryguide/dml.html",),
    )
    export = finding(
        202,
        Severity.HIGH,
        "app/services/export.py",
        19,
        function="app.services.export.Exporter.run",
        message="HTTP request to the renderer while the transaction begun for `Job` is open",
    )
    nightly = finding(
        301,
        Severity.HIGH,
        "app/tasks/report.py",
        7,
        function="app.tasks.report.nightly",
        message="open() blocks the event loop",
        effort=Effort.S,
    )
    setup = finding(
        301,
        Severity.MEDIUM,
        "app/cron/setup.py",
        3,
        function="app.cron.setup.bootstrap",
        message="requests.get() blocks the event loop",
    )
    return analysis(
        close_all,
        export,
        nightly,
        setup,
        finding(204, Severity.CRITICAL, "app/db.py", 30, message="the error is swallowed | inside begin()"),
        finding(107, Severity.LOW, "app/cli/__init__.py", 5, confidence=Confidence.PROBABLE),
        diagnostics=(Diagnostic("app/broken.py", 3, "syntax-error", "invalid syntax"),),
        families=(*COMPLETED[:3], FamilyRun(Family.RESOURCE, "skipped", "no library that holds resources is used")),
        rules=tuple(rule.name for rule in RULES if rule.number != 302),
        surroundings=Surroundings(
            stack=TechStack(db="postgresql", db_version="16", async_="asyncio", frameworks=("fastapi",)),
            triggers=(Trigger("notify", "jobs", "UPDATE", "notify_job_events", ("job_events",), "m/1.py", 31),),
            adrs=(
                adr("The run in app/services/export.py keeps its transaction open.", title="Exports hold their lock"),
            ),
            practices={
                "sqlalchemy": (
                    Practice("bulk", "Send one UPDATE.", ">=2.0", "https://docs.sqlalchemy.org/20/bulk", "Bulk DML"),
                )
            },
            sources={"tech_stack.db": "docker-compose.yml:4"},
        ),
        discovered=discovered(),
        notes={"app.cron.setup.bootstrap": FunctionNote(calls=("requests.get",), keywords=("timeout",))},
    )


def discovered() -> Discovered:
    """What link would find in the job service."""
    return Discovered(
        engines=(Engine(path="app/db.py", line=5, is_async=True, pool_size=10, max_overflow=20, pool_pre_ping=True),),
        session_factories=(
            SessionFactory(path="app/db.py", line=9, name="make_session", is_async=True, expire_on_commit=False),
        ),
        models=(
            Model(
                name="Job",
                table="jobs",
                columns=17,
                relationships={"steps": Relationship(target="JobStep", lazy="select", many=True)},
                path="app/models.py",
                line=8,
            ),
        ),
        channels=(Channel(name="job_events", path="app/stream.py", line=12, technology="postgresql", publishes=False),),
    )


def with_entries(found: Finding, *kinds: str) -> Finding:
    """The finding, entered in these ways."""
    return replace(found, entry_points=tuple(EntryPoint(kind, "app.main.enter", "app/main.py", 1) for kind in kinds))
