"""The five Markdown documents of an audit, as text: four worker reports and the consolidated one.

Worker reports carry the raw scores, the consolidated report those after context validation. Every expression of the
templates goes through ``escape`` unless it is ``Markdown`` already: the environment's ``finalize`` sees to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from persist_lint.audit.escape import Markdown, code, escape, link, meta
from persist_lint.audit.rows import (
    TITLES,
    advisory_row,
    by_priority,
    by_severity,
    check_rows,
    counts,
    finding_row,
    plural,
)
from persist_lint.audit.score import FamilyScore, change, density, family_of, overall, shown, tally
from persist_lint.audit.verdict import Verdict
from persist_lint.model.analysis import Analysis, FamilyRun
from persist_lint.model.rule import Family, Rule

if TYPE_CHECKING:
    from jinja2 import Environment

WORKERS: dict[Family, tuple[str, str]] = {
    Family.QUERY: ("ln-651", "651-query-efficiency.md"),
    Family.TRANSACTION: ("ln-652", "652-transaction-correctness.md"),
    Family.RUNTIME: ("ln-653", "653-runtime-performance.md"),
    Family.RESOURCE: ("ln-654", "654-resource-lifecycle.md"),
}
#: Diagnostics of files that nothing was found in because they could not be understood.
_NOT_READ = ("unreadable-file", "syntax-error")


class Past(Struct, frozen=True, kw_only=True):
    """What earlier audits left: the overall score with its day, and the raw penalty per 10,000 lines with its day."""

    score: Decimal | None = None
    score_date: str = ""
    density: Decimal | None = None
    density_date: str = ""


class Audited(Struct, frozen=True, kw_only=True):
    """All that reports are made of. ``raw`` are the scores before, ``scores`` those after context validation."""

    analysis: Analysis
    verdict: Verdict
    raw: tuple[FamilyScore, ...]
    scores: tuple[FamilyScore, ...]
    rules: tuple[Rule, ...]
    today: date
    scan_path: str = "."
    past: Past = Past()
    validated: bool = True


def worker_report(audited: Audited, score: FamilyScore) -> str:
    """One family's report; ``score`` is its raw score."""
    analysis = audited.analysis
    findings = by_severity(finding for finding in analysis.findings if family_of(finding) is score.family)
    principles = {rule.name: rule.principle for rule in audited.rules}
    run = FamilyRun(score.family, score.status, score.note)
    return _render(
        "worker.md.j2",
        title=TITLES[score.family],
        meta=_meta(audited, score),
        files=analysis.files,
        lines=analysis.lines,
        score=_out_of_ten(score.score),
        penalty=str(score.tally.penalty),
        density=shown(density(score.tally.penalty, analysis.lines)),
        status=score.status.capitalize(),
        note=score.note,
        checks=check_rows(analysis, run, audited.rules),
        findings=[finding_row(finding, principles) for finding in findings],
    )


def consolidated_report(audited: Audited) -> str:
    """The report over all four families, after context validation."""
    verdict = audited.verdict
    counted = tally(verdict.findings)
    return _render(
        "consolidated.md.j2",
        date=audited.today.isoformat(),
        summary=_summary(audited),
        validated=audited.validated,
        categories=[_category(audited, raw, score) for raw, score in zip(audited.raw, audited.scores, strict=True)],
        overall=_out_of_ten(overall(audited.scores)),
        overall_notes=_overall_notes(audited),
        severities=[
            ("Critical", counted.critical),
            ("High", counted.high),
            ("Medium", counted.medium),
            ("Low", counted.low),
        ],
        advisories=[advisory_row(advisory) for advisory in verdict.advisories],
        actions=[finding_row(finding, {}) for finding in by_priority(verdict.findings)],
        sources=_sources(audited),
    )


def _meta(audited: Audited, score: FamilyScore) -> list[tuple[str, str]]:
    counted = score.tally
    return [
        ("worker", WORKERS[score.family][0]),
        ("category", TITLES[score.family]),
        ("domain", "global"),
        ("scan_path", audited.scan_path),
        ("score", shown(score.score)),
        ("total_issues", str(counted.total)),
        ("critical", str(counted.critical)),
        ("high", str(counted.high)),
        ("medium", str(counted.medium)),
        ("low", str(counted.low)),
        ("status", score.status),
    ]


def _category(audited: Audited, raw: FamilyScore, score: FamilyScore) -> dict[str, Any]:
    findings = [finding for finding in audited.verdict.findings if family_of(finding) is score.family]
    return {
        "title": TITLES[score.family],
        "score": _out_of_ten(score.score),
        "notes": _category_notes(audited, raw, score),
        "findings": [finding_row(finding, {}) for finding in by_severity(findings)],
        "empty": "No findings." if score.status == "completed" else f"{_ended(score)}.",
    }


def _category_notes(audited: Audited, raw: FamilyScore, score: FamilyScore) -> str:
    if score.status != "completed":
        return _ended(score)
    aside = sum(family_of(it.finding) is score.family for it in audited.verdict.advisories)
    lowered = sum(family_of(it.finding) is score.family for it in audited.verdict.lowered)
    parts = [f"{plural(score.tally.total, 'finding')} ({counts(score.tally)})", f"raw {_out_of_ten(raw.score)}"]
    if aside:
        parts.append("1 advisory" if aside == 1 else f"{aside} advisories")
    if lowered:
        parts.append(f"{lowered} lowered")
    per_lines = shown(density(score.tally.penalty, audited.analysis.lines))
    return "; ".join([*parts, f"penalty {score.tally.penalty}, per 10,000 lines {per_lines}"])


def _overall_notes(audited: Audited) -> str:
    past, lines = audited.past, audited.analysis.lines
    penalty, raw_penalty = _penalty(audited.scores), _penalty(audited.raw)
    raw_density = density(raw_penalty, lines)
    parts = [f"raw {_out_of_ten(overall(audited.raw))}"]
    if past.score_date:
        parts.append(f"{change(overall(audited.scores), past.score)} since {past.score_date}")
    parts.append(f"penalty {penalty}, per 10,000 lines {shown(density(penalty, lines))} (raw {shown(raw_density)}")
    if past.density_date:
        parts[-1] += f", {change(raw_density, past.density)} since {past.density_date}"
    return "; ".join(parts) + ")"


def _summary(audited: Audited) -> str:
    analysis, verdict = audited.analysis, audited.verdict
    counted = tally(verdict.findings)
    unread = len({diagnostic.path for diagnostic in analysis.diagnostics if diagnostic.kind in _NOT_READ})
    first = f"The audit of {plural(analysis.files, 'file')} with {plural(analysis.lines, 'line')} found "
    first += f"{plural(counted.total, 'issue')}: {counted.critical} critical, {counted.high} high, "
    first += f"{counted.medium} medium, {counted.low} low"
    first += f"; {plural(unread, 'file')} could not be read." if unread else "."
    aside, lowered = len(verdict.advisories), len(verdict.lowered)
    third = f"Context validation set {plural(aside, 'finding')} aside as advisory and lowered {lowered}."
    if not audited.validated:
        third = "Context validation was switched off."
    return " ".join([first, _score_sentence(audited), third])


def _score_sentence(audited: Audited) -> str:
    now, past = overall(audited.scores), audited.past
    completed = [score for score in audited.scores if score.score is not None]
    if now is None:
        return "No category was completed, so there is no overall score."
    sentence = f"The overall score is {_out_of_ten(now)}"
    if past.score is not None:
        sentence += f" ({change(now, past.score)} since {past.score_date})"
    sentence += f" over {'1 completed category' if len(completed) == 1 else f'{len(completed)} completed categories'}"
    weakest = min(completed, key=lambda score: (score.score, -score.tally.penalty))
    if not weakest.tally.total:
        return f"{sentence}."
    return f"{sentence}; the weakest is {TITLES[weakest.family]} with {_out_of_ten(weakest.score)}."


def _sources(audited: Audited) -> list[tuple[str, str]]:
    """Title and URL of every practice of the context and every source of a finding, once per URL."""
    titles: dict[str, str] = {}
    practices = audited.analysis.surroundings.practices
    for library in sorted(practices):
        for practice in practices[library]:
            titles.setdefault(practice.source, practice.title or f"{library}: {practice.topic}")
    for finding in (*audited.verdict.findings, *(it.finding for it in audited.verdict.advisories)):
        for url in finding.sources:
            titles.setdefault(url, url)
    return sorted(((title, url) for url, title in titles.items()), key=lambda it: (it[0].casefold(), it[1]))


def _ended(score: FamilyScore) -> str:
    how = "Worker failed" if score.status == "error" else "Skipped"
    return f"{how}: {score.note}".rstrip(".") if score.note else how


def _penalty(scores: Sequence[FamilyScore]) -> Decimal:
    return sum((score.tally.penalty for score in scores if score.status == "completed"), Decimal(0))


def _out_of_ten(score: Decimal | None) -> str:
    return shown(score) if score is None else f"{score}/10"


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, not HTML: finalize escapes
        finalize=lambda value: value if isinstance(value, Markdown) else escape(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=code, link=link, meta=meta)
    return environment
