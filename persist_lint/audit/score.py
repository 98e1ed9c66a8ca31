"""Penalties and scores: the arithmetic of REPORT, "Scores", in exact decimals.

penalty = 2.0 critical + 1.0 high + 0.5 medium + 0.2 low      score = max(0, 10 - penalty)
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from msgspec import Struct

from persist_lint.model.analysis import FamilyRun
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family
from persist_lint.model.severity import Severity

WEIGHTS: dict[Severity, Decimal] = {
    Severity.CRITICAL: Decimal("2.0"),
    Severity.HIGH: Decimal("1.0"),
    Severity.MEDIUM: Decimal("0.5"),
    Severity.LOW: Decimal("0.2"),
}
_BEST = Decimal(10)
_PER_LINES = 10_000
NONE = "–"


class Tally(Struct, frozen=True):
    """How many findings there are of each severity."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0

    @property
    def total(self) -> int:
        """All findings together."""
        return self.critical + self.high + self.medium + self.low

    @property
    def penalty(self) -> Decimal:
        """The weighted sum, exact."""
        counts = zip(WEIGHTS.values(), (self.critical, self.high, self.medium, self.low), strict=True)
        return sum((weight * count for weight, count in counts), Decimal(0))


class FamilyScore(Struct, frozen=True, kw_only=True):
    """One category: how its worker ended, what it counted, its score of 0 to 10 (None unless completed)."""

    family: Family
    status: Literal["completed", "skipped", "error"]
    note: str
    tally: Tally
    score: Decimal | None


def tally(findings: Iterable[Finding]) -> Tally:
    """The findings counted by severity."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return Tally(*(counts[severity] for severity in WEIGHTS))


def family_scores(findings: Iterable[Finding], runs: Iterable[FamilyRun]) -> tuple[FamilyScore, ...]:
    """One score per family, in the order of the four categories; a family without a run counts as skipped."""
    by_family: dict[Family, list[Finding]] = {family: [] for family in Family}
    for finding in findings:
        by_family[family_of(finding)].append(finding)
    run_of = {run.family: run for run in runs}
    return tuple(
        _family_score(run_of.get(family, FamilyRun(family, "skipped", "Not part of this run.")), tally(found))
        for family, found in by_family.items()
    )


def family_of(finding: Finding) -> Family:
    """The family that a finding's code says: PSL1xx query, 2xx transaction, 3xx runtime, 4xx resource."""
    return tuple(Family)[int(finding.code[3]) - 1]


def overall(scores: Iterable[FamilyScore]) -> Decimal | None:
    """The average of the completed categories, taken unrounded and rounded half up once; None when there is none."""
    completed = [score.score for score in scores if score.score is not None]
    if not completed:
        return None
    return (sum(completed, Decimal(0)) / len(completed)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def density(penalty: Decimal, lines: int) -> Decimal | None:
    """The penalty per 10,000 lines audited, two decimals, half up; None when no lines were audited."""
    if lines <= 0:
        return None
    return (penalty * _PER_LINES / lines).quantize(Decimal("0.01"), ROUND_HALF_UP)


def shown(score: Decimal | None) -> str:
    """A score or density as printed; a dash where there is none."""
    return NONE if score is None else str(score)


def change(now: Decimal | None, before: Decimal | None) -> str:
    """The signed difference as printed (``+0.3``, ``-0.3``, ``0.0``); a dash where one of the two is missing."""
    if now is None or before is None:
        return NONE
    difference = now - before
    return f"{difference:+}" if difference else str(abs(difference))


def _family_score(run: FamilyRun, counted: Tally) -> FamilyScore:
    score = None
    if run.status == "completed":
        score = max(Decimal(0), _BEST - counted.penalty).quantize(Decimal("0.1"))
    return FamilyScore(family=run.family, status=run.status, note=run.note, tally=counted, score=score)
