"""What every face shows of a run: the findings after context validation, from the lowest severity asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from persist_lint.audit.verdict import Advisory
from persist_lint.model.analysis import Analysis, FamilyRun, Suppressed
from persist_lint.model.finding import Diagnostic, Finding
from persist_lint.model.rule import Rule
from persist_lint.model.severity import Severity

__all__ = ["Advisory", "Shown", "counts", "number", "show"]


class Shown(Struct, frozen=True, kw_only=True):
    """One run as it is shown; everything is ordered by path, line, column, code.

    Paths are relative to ``root``, which is absolute; ``rules`` are the catalogue's, by name.
    """

    root: Path
    files: int
    lines: int
    findings: tuple[Finding, ...]
    advisories: tuple[Advisory, ...]
    suppressed: tuple[Suppressed, ...]
    diagnostics: tuple[Diagnostic, ...]
    families: tuple[FamilyRun, ...]
    rules: Mapping[str, Rule]

    def in_order(self) -> list[Finding | Diagnostic]:
        """Findings and diagnostics together, by path and line."""
        return sorted((*self.findings, *self.diagnostics), key=_place)


def show(analysis: Analysis, min_severity: Severity) -> Shown:
    """Validate the findings of the analysis and keep those of at least ``min_severity``."""
    from persist_lint.audit.validate import validate
    from persist_lint.rules import catalogue

    verdict = validate(analysis)
    return Shown(
        root=Path(analysis.root),
        files=analysis.files,
        lines=analysis.lines,
        findings=tuple(finding for finding in verdict.findings if finding.severity >= min_severity),
        advisories=tuple(item for item in verdict.advisories if item.original_severity >= min_severity),
        suppressed=tuple(
            sorted(
                (item for item in analysis.suppressed if item.finding.severity >= min_severity),
                key=lambda item: (*_place(item.finding), item.line),
            )
        ),
        diagnostics=tuple(sorted(analysis.diagnostics, key=_place)),
        families=analysis.families,
        rules={entry.rule.name: entry.rule for entry in catalogue.load()},
    )


def counts(shown: Shown) -> str:
    """How much was found, in words, as in ``3 findings (1 high, 2 low), 1 diagnostic``."""
    parts = [number(len(shown.findings), "finding")]
    by_severity = [
        f"{count} {severity.name.lower()}"
        for severity in reversed(Severity)
        if (count := sum(finding.severity is severity for finding in shown.findings))
    ]
    if by_severity:
        parts[0] += f" ({', '.join(by_severity)})"
    if shown.diagnostics:
        parts.append(number(len(shown.diagnostics), "diagnostic"))
    if shown.advisories:
        parts.append(number(len(shown.advisories), "advisory", "advisories"))
    return ", ".join(parts)


def number(count: int, one: str, many: str = "") -> str:
    """The count with its noun, as in ``1 file`` or ``2 files``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _place(item: Finding | Diagnostic) -> tuple[str, int, int, str, str]:
    if isinstance(item, Finding):
        return item.path, item.span.line, item.span.column, item.code, item.message
    return item.path, item.line, 0, item.kind, item.message
