"""Every case of every case file, and every rule's own examples; see docs/testing.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases.runner import BROKEN, Case, cases_of, differences, example, failed_families, reports_of, run
from literate import literate_files
from persist_lint.rules import catalogue

HERE = Path(__file__).parent
RULES = {entry.rule.name: entry.rule for entry in catalogue.load()}
FILES = list(literate_files(HERE))
#: Kinds of diagnostics, which a case may assert like a rule.
DIAGNOSTICS = BROKEN | {"unused-suppression", "suppression-without-reason"}


def _name(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def _cases() -> list[Case]:
    return [case for path in FILES for case in cases_of(path.read_text("utf-8"), path.stem, _name(path))]


def _id(case: Case) -> str:
    return f"{case.where.rpartition(':')[0]}::{case.title}"


CASES = _cases()


def check(case: Case, root: Path) -> None:
    analysis = run(case, root)
    assert not failed_families(analysis), f"{case.where}: {failed_families(analysis)}"
    wrong = differences(case, reports_of(analysis))
    if case.known_gap:
        assert wrong, f"{case.where}: the gap is mended; take 'known gap:' off its heading"
    else:
        assert not wrong, "\n".join([f"{case.where} {case.title}", *wrong])


@pytest.mark.parametrize("case", CASES, ids=[_id(case) for case in CASES])
def test_case(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.parametrize("name", sorted(RULES))
def test_bad_example_raises_exactly_its_marked_lines(name: str, tmp_path: Path) -> None:
    case = example(RULES[name].bad, name, f"{name} (bad)")
    assert case.loud, f"the bad example of {name} marks no line"
    check(case, tmp_path)


@pytest.mark.parametrize("name", sorted(RULES))
def test_good_example_is_silent(name: str, tmp_path: Path) -> None:
    case = example(RULES[name].good, name, f"{name} (good)")
    assert not case.assertions, f"the good example of {name} marks a line"
    check(case, tmp_path)


@pytest.mark.parametrize("path", FILES, ids=[_name(path) for path in FILES])
def test_file_is_about_a_rule_and_has_as_many_silent_cases_as_loud_ones(path: Path) -> None:
    rule = RULES.get(path.stem)
    assert rule is not None, f"{_name(path)}: no rule has this name"
    assert path.parent == HERE / rule.family.value, f"{_name(path)}: belongs into {rule.family.value}/"
    cases = [case for case in cases_of(path.read_text("utf-8"), path.stem, _name(path)) if not case.known_gap]
    loud = sum(case.loud for case in cases)
    assert loud >= 1, f"{_name(path)}: no loud case"
    assert len(cases) - loud >= loud, f"{_name(path)}: {loud} loud cases, only {len(cases) - loud} silent ones"


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_has_a_case_file(name: str) -> None:
    assert (HERE / RULES[name].family.value / f"{name}.md").is_file()


@pytest.mark.parametrize("case", CASES, ids=[_id(case) for case in CASES])
def test_case_asserts_only_what_exists(case: Case) -> None:
    assert {assertion.rule for assertion in case.assertions} <= RULES.keys() | DIAGNOSTICS
