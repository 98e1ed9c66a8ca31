"""What the templates print: findings as rows of strings, the checks of a family, the order of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from persist_lint.audit.score import NONE, Tally, family_of, tally
from persist_lint.audit.validate import place
from persist_lint.audit.verdict import Advisory
from persist_lint.model.analysis import Analysis, FamilyRun
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Severity

TITLES: dict[Family, str] = {
    Family.QUERY: "Query Efficiency",
    Family.TRANSACTION: "Transaction Correctness",
    Family.RUNTIME: "Runtime Performance",
    Family.RESOURCE: "Resource Lifecycle",
}
_EFFORTS = "SML"


class CheckRow(Struct, frozen=True):
    """One line of a worker's Checks table; ``status`` is passed, failed, warning or skipped."""

    id: str
    title: str
    status: str
    details: str


class StepRow(Struct, frozen=True):
    location: str
    what: str


class EntryRow(Struct, frozen=True):
    kind: str
    function: str
    location: str


class FindingRow(Struct, frozen=True, kw_only=True):
    """A finding as it is printed."""

    severity: str
    category: str
    location: str
    issue: str
    principle: str
    recommendation: str
    effort: str
    code: str
    rule: str
    confidence: str
    function: str
    entry_points: tuple[EntryRow, ...]
    sources: tuple[str, ...]
    trace: tuple[StepRow, ...]


class AdvisoryRow(Struct, frozen=True, kw_only=True):
    """An advisory as it is printed."""

    severity: str
    category: str
    location: str
    issue: str
    validation: str
    evidence: str


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Findings from CRITICAL to LOW, within a severity by path, line, column, code."""
    return sorted(findings, key=lambda finding: (-finding.severity, *place(finding)))


def by_priority(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order in which to work: worst first, among equals the least effort, then the surest."""
    return sorted(
        findings,
        key=lambda it: (-it.severity, _EFFORTS.index(it.effort.value), -it.confidence, *place(it)),
    )


def finding_row(finding: Finding, principles: dict[str, str]) -> FindingRow:
    """A finding as strings; ``principles`` by rule name."""
    return FindingRow(
        severity=finding.severity.name,
        category=TITLES[family_of(finding)],
        location=f"{finding.path}:{finding.span.line}",
        issue=finding.message,
        principle=principles.get(finding.rule, NONE),
        recommendation=finding.recommendation,
        effort=finding.effort.value,
        code=finding.code,
        rule=finding.rule,
        confidence=finding.confidence.name.lower(),
        function=finding.function,
        entry_points=tuple(EntryRow(it.kind, it.function, f"{it.path}:{it.line}") for it in finding.entry_points),
        sources=finding.sources,
        trace=tuple(StepRow(f"{step.path}:{step.span.line}", step.what) for step in finding.trace),
    )


def advisory_row(advisory: Advisory) -> AdvisoryRow:
    """An advisory as strings; the label of its plan stands before the message."""
    finding = advisory.finding
    return AdvisoryRow(
        severity=advisory.original_severity.name,
        category=TITLES[family_of(finding)],
        location=f"{finding.path}:{finding.span.line}",
        issue=f"{advisory.label} {finding.message}".strip(),
        validation=advisory.rule,
        evidence="; ".join(advisory.evidence),
    )


def check_rows(analysis: Analysis, run: FamilyRun, rules: Sequence[Rule]) -> list[CheckRow]:
    """One row for every check of the family, by rule number, over the raw findings.

    Findings of CRITICAL or HIGH fail a check, milder ones make it a warning; a check is skipped when its family is,
    when its worker failed, or when its rule was not selected.
    """
    of_family = sorted((rule for rule in rules if rule.family is run.family), key=lambda rule: rule.number)
    return [_check_row(rule, analysis, run) for rule in of_family]


def counts(counted: Tally) -> str:
    """The severities in short, as in ``C:0 H:3 M:4 L:1``."""
    return f"C:{counted.critical} H:{counted.high} M:{counted.medium} L:{counted.low}"


def plural(count: int, word: str) -> str:
    """A count with its noun: ``1 finding``, ``2 findings``, ``1,234 lines``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _check_row(rule: Rule, analysis: Analysis, run: FamilyRun) -> CheckRow:
    if run.status != "completed":
        why = "worker failed" if run.status == "error" else "family skipped"
        return CheckRow(rule.check, rule.title, "skipped", f"{why}: {run.note}" if run.note else f"{why}")
    if rule.name not in analysis.rules:
        return CheckRow(rule.check, rule.title, "skipped", "not selected in this run")
    found = [finding for finding in analysis.findings if finding.rule == rule.name]
    if not found:
        return CheckRow(rule.check, rule.title, "passed", "no findings")
    status = "failed" if max(finding.severity for finding in found) >= Severity.HIGH else "warning"
    return CheckRow(rule.check, rule.title, status, f"{plural(len(found), 'finding')} ({counts(tally(found))})")
