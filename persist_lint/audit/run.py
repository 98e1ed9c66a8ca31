"""One audit: validate, score, render, and write the five files with the row of the results log.

analysis ──validate──▶ Verdict ──score──▶ FamilyScore × 4 ──report──▶ five texts ──write──▶ docs/project/…
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.audit.history import encode_log, past, read_log, with_row
from persist_lint.audit.report import WORKERS, Audited, consolidated_report, worker_report
from persist_lint.audit.rows import counts
from persist_lint.audit.score import FamilyScore, family_scores, overall, shown
from persist_lint.audit.validate import unvalidated, validate
from persist_lint.audit.verdict import Verdict
from persist_lint.audit.write import write_all
from persist_lint.model.analysis import Analysis
from persist_lint.model.rule import Family, Rule

AUDIT_FOLDER = Path("docs/project/.audit")
REPORT_PATH = Path("docs/project/persistence_audit.md")
RESULTS_LOG = AUDIT_FOLDER / "results_log.md"


class Document(Struct, frozen=True):
    """One report: where it belongs and what it says."""

    path: Path
    text: str


class AuditResult(Struct, frozen=True, kw_only=True):
    """What an audit made.

    ``workers`` are the four worker reports in the order of the categories, ``report`` the consolidated one;
    ``summary`` the printed lines, two per worker when files were written, one otherwise. ``raw`` scores are those
    before, ``scores`` those after context validation; ``overall`` is None when no family was completed. ``failed``
    are the families whose worker failed: the caller ends with status 2 for them.
    """

    verdict: Verdict
    workers: tuple[Document, ...]
    report: Document
    summary: tuple[str, ...]
    raw: tuple[FamilyScore, ...]
    scores: tuple[FamilyScore, ...]
    overall: Decimal | None
    failed: tuple[Family, ...]


def default_output_dir(today: date) -> Path:
    """Where worker reports go, relative to the project root: ``docs/project/.audit/ln-650/2026-11-22``."""
    return AUDIT_FOLDER / "ln-650" / today.isoformat()


def audit(
    analysis: Analysis,
    *,
    today: date,
    output_dir: Path | None = None,
    report_path: Path | None = None,
    write: bool = True,
    scan_path: str = ".",
    rules: Sequence[Rule] | None = None,
    validated: bool = True,
) -> AuditResult:
    """Validate, score and report one run; with ``write`` also replace the day's files and its row of the log.

    ``output_dir`` and ``report_path`` are taken relative to the working directory; left out, they stand in the
    project. ``scan_path`` is what was audited, relative to the root. ``rules`` default to the catalogue;
    without ``validated`` the findings stay as the rules graded them.
    Raises AuditWriteError when a file cannot be read or written; then all files are as they were.
    """
    root = Path(analysis.root)
    folder = root / default_output_dir(today) if output_dir is None else output_dir
    log_path = root / RESULTS_LOG
    log = read_log(log_path)
    audited = _audited(analysis, validate(analysis) if validated else unvalidated(analysis), today, rules)
    audited = replace(audited, scan_path=scan_path, validated=validated, past=past(log, folder, today))
    workers = tuple(Document(folder / WORKERS[score.family][1], worker_report(audited, score)) for score in audited.raw)
    report = Document(report_path or root / REPORT_PATH, consolidated_report(audited))
    total = overall(audited.scores)
    if write:
        files = {document.path: document.text.encode() for document in (*workers, report)}
        write_all({**files, log_path: encode_log(with_row(log, today, total))})
    return AuditResult(
        verdict=audited.verdict,
        workers=workers,
        report=report,
        summary=_summary(workers, audited.raw, write),
        raw=audited.raw,
        scores=audited.scores,
        overall=total,
        failed=tuple(run.family for run in analysis.families if run.status == "error"),
    )


def consolidated(analysis: Analysis, *, today: date, rules: Sequence[Rule] | None = None) -> str:
    """The consolidated report alone, for hosts that print it; reads and writes no file, so it knows no past."""
    return consolidated_report(_audited(analysis, validate(analysis), today, rules))


def catalogue_rules() -> tuple[Rule, ...]:
    """The rules that the catalogue holds, by number."""
    from persist_lint.rules.catalogue import load

    return tuple(sorted((module.rule for module in load()), key=lambda rule: rule.number))


def _audited(analysis: Analysis, verdict: Verdict, today: date, rules: Sequence[Rule] | None) -> Audited:
    return Audited(
        analysis=analysis,
        verdict=verdict,
        raw=family_scores(analysis.findings, analysis.families),
        scores=family_scores(verdict.findings, analysis.families),
        rules=catalogue_rules() if rules is None else tuple(rules),
        today=today,
    )


def _summary(workers: Sequence[Document], scores: Sequence[FamilyScore], written: bool) -> tuple[str, ...]:
    lines: list[str] = []
    for document, score in zip(workers, scores, strict=True):
        if written:
            lines.append(f"Report written: {_near(document.path)}")
        points = shown(score.score) if score.score is None else f"{score.score}/10"
        lines.append(f"Score: {points} | Issues: {score.tally.total} ({counts(score.tally)})")
    return tuple(lines)


def _near(path: Path) -> str:
    """The path as a user at the working directory would write it, with forward slashes."""
    if not path.is_absolute():
        return path.as_posix()
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()
