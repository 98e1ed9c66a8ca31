"""Context validation: which findings are decided or planned for, and which matter less where they run.

Only findings of severity HIGH or MEDIUM are looked at. Critical ones are never touched, nor are statements issued
per item on a hot path. Rule 1 (``planned``) comes first; what it does not set aside goes to Rule 6 (``execution``).
"""

from __future__ import annotations

from msgspec.structs import replace

from persist_lint.audit.execution import HOT, signals
from persist_lint.audit.planned import Plans
from persist_lint.audit.verdict import Advisory, Lowered, Reason, Verdict
from persist_lint.model.analysis import Analysis
from persist_lint.model.finding import Finding
from persist_lint.model.severity import Severity

#: So many signals of harmless context set a finding aside; fewer lower it.
ENOUGH_SIGNALS = 3


def validate(analysis: Analysis) -> Verdict:
    """The findings of a run after context validation: what counts, what was lowered, what became an advisory.

    Pure and deterministic; source: REPORT, "Aggregation and context validation".
    """
    plans = Plans(analysis)
    findings: list[Finding] = []
    advisories: list[Advisory] = []
    lowered: list[Lowered] = []
    for finding in sorted(analysis.findings, key=place):
        spared = exempt(finding)
        planned = None if spared else plans.match(finding)
        signs = () if spared or planned else signals(finding, analysis.notes.get(finding.function))
        if planned is not None:
            advisories.append(_advisory(finding, planned))
        elif len(signs) >= ENOUGH_SIGNALS:
            advisories.append(_advisory(finding, Reason(rule="execution-context", evidence=signs)))
        elif signs:
            lowered.append(_lowered(finding, signs))
            findings.append(lowered[-1].finding)
        else:
            findings.append(finding)
    return Verdict(findings=tuple(findings), advisories=tuple(advisories), lowered=tuple(lowered))


def unvalidated(analysis: Analysis) -> Verdict:
    """The findings of a run as the rules graded them, in the same order."""
    return Verdict(findings=tuple(sorted(analysis.findings, key=place)))


def exempt(finding: Finding) -> bool:
    """Whether validation must leave a finding alone: critical, already low, or n-update-loop on a hot path."""
    if finding.severity not in (Severity.HIGH, Severity.MEDIUM):
        return True
    return finding.rule == "n-update-loop" and any(entry.kind in HOT for entry in finding.entry_points)


def place(finding: Finding) -> tuple[str, int, int, str, str]:
    """The order in which findings are listed everywhere: path, line, column, code (message where all agree)."""
    return finding.path, finding.span.line, finding.span.column, finding.code, finding.message


def _advisory(finding: Finding, why: Reason) -> Advisory:
    return Advisory(
        finding=finding,
        original_severity=finding.severity,
        rule=why.rule,
        evidence=why.evidence,
        label=why.label,
    )


def _lowered(finding: Finding, evidence: tuple[str, ...]) -> Lowered:
    milder = replace(finding, severity=finding.severity.lowered())
    return Lowered(finding=milder, original_severity=finding.severity, rule="execution-context", evidence=evidence)
