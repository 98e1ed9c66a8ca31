"""The arithmetic of penalties, scores and changes."""

from decimal import Decimal
from fractions import Fraction

import pytest
from audit.samples import COMPLETED, finding
from hypothesis import given
from hypothesis import strategies as st

from persist_lint.audit.score import Tally, change, density, family_scores, overall, shown, tally
from persist_lint.model.analysis import FamilyRun
from persist_lint.model.rule import Family
from persist_lint.model.severity import Severity

COUNTS = st.integers(0, 60)
TALLIES = st.builds(Tally, COUNTS, COUNTS, COUNTS, COUNTS)


def scored(*tallies):
    """Four family scores with these numbers of findings."""
    numbers = dict(zip((102, 202, 301, 403), tallies, strict=False))
    found = [
        finding(number, severity)
        for number, counted in numbers.items()
        for severity, count in zip(
            sorted(Severity, reverse=True), (counted.critical, counted.high, counted.medium, counted.low), strict=True
        )
        for _ in range(count)
    ]
    return family_scores(found, COMPLETED)


@pytest.mark.parametrize(
    ("counted", "penalty", "score"),
    [
        (Tally(), "0", "10.0"),
        (Tally(low=1), "0.2", "9.8"),
        (Tally(0, 3, 4, 1), "5.2", "4.8"),
        (Tally(1, 1, 1, 1), "3.7", "6.3"),
        (Tally(5), "10.0", "0.0"),
        (Tally(6, 1, 1, 1), "13.7", "0.0"),
    ],
)
def test_penalty_and_score(counted, penalty, score):
    assert counted.penalty == Decimal(penalty)
    assert shown(scored(counted)[0].score) == score


@given(TALLIES)
def test_penalty_is_the_formula(counted):
    expected = 2 * counted.critical + counted.high + Fraction(counted.medium, 2) + Fraction(counted.low, 5)
    assert Fraction(counted.penalty) == expected


@given(TALLIES, st.sampled_from(["critical", "high", "medium", "low"]))
def test_one_more_finding_never_raises_the_score(counted, severity):
    from msgspec.structs import replace

    more = replace(counted, **{severity: getattr(counted, severity) + 1})
    assert more.penalty > counted.penalty
    assert max(Decimal(0), 10 - more.penalty) <= max(Decimal(0), 10 - counted.penalty)


@given(st.lists(st.builds(Tally, *[st.integers(0, 4)] * 4), min_size=4, max_size=4))
def test_overall_rounds_the_exact_average_half_up_once(tallies):
    exact = sum((max(Fraction(0), 10 - Fraction(it.penalty)) for it in tallies), Fraction(0)) / 4
    assert Fraction(overall(scored(*tallies))) == Fraction(int(exact * 10 + Fraction(1, 2)), 10)


def test_half_is_rounded_up():
    # (9.8 + 10 + 10 + 10) / 4 = 9.95; binary floats and bankers' rounding give 9.9 or 10.0 by luck
    assert str(overall(scored(Tally(low=1), Tally(), Tally(), Tally()))) == "10.0"
    assert str(overall(scored(Tally(low=1), Tally(low=1), Tally(low=1), Tally()))) == "9.9"


def test_only_completed_families_count():
    runs = [
        FamilyRun(Family.QUERY, "completed"),
        FamilyRun(Family.TRANSACTION, "skipped", "why"),
        FamilyRun(Family.RUNTIME, "error", "what"),
    ]
    scores = family_scores([finding(102, Severity.HIGH)], runs)
    assert [(it.family, it.status, shown(it.score)) for it in scores] == [
        (Family.QUERY, "completed", "9.0"),
        (Family.TRANSACTION, "skipped", "–"),
        (Family.RUNTIME, "error", "–"),
        (Family.RESOURCE, "skipped", "–"),
    ]
    assert str(overall(scores)) == "9.0"
    assert overall(scores[1:]) is None


def test_tally():
    found = [finding(102, severity) for severity in (Severity.LOW, Severity.HIGH, Severity.LOW, Severity.CRITICAL)]
    assert tally(found) == Tally(critical=1, high=1, medium=0, low=2)


@pytest.mark.parametrize(
    ("penalty", "lines", "expected"),
    [("5.2", 83_974, "0.62"), ("0", 10, "0.00"), ("1.25", 100_000, "0.13"), ("3", 0, None)],
)
def test_density(penalty, lines, expected):
    assert density(Decimal(penalty), lines) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [("4.8", "4.5", "+0.3"), ("4.5", "4.8", "-0.3"), ("4.8", "4.8", "0.0"), ("4.8", None, "–"), (None, "4.8", "–")],
)
def test_change(now, before, expected):
    assert change(now and Decimal(now), before and Decimal(before)) == expected
