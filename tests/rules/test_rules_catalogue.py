"""The catalogue finds whole rules only, and precedence leaves one finding per defect."""

from __future__ import annotations

from types import ModuleType

import pytest
from engine.make import finding, rule

from persist_lint.model.rule import Family
from persist_lint.rules.catalogue import CatalogueError, RuleModule, load, require_distinct, rule_of
from persist_lint.rules.precedence import settle


def module(**names: object) -> ModuleType:
    made = ModuleType("persist_lint.rules.query.example", "What it is.")
    for name, value in names.items():
        setattr(made, name, value)
    return made


def check(project: object) -> list[object]:
    return []


def test_the_rules_by_number_with_their_pages() -> None:
    numbers = [entry.rule.number for entry in load()]
    assert numbers == sorted(set(numbers))
    assert [entry.module for entry in load() if not entry.rule.page] == []


def test_a_rule_of_its_module() -> None:
    entry = rule_of(module(RULE=rule(102, "n-update-loop"), check=check), Family.QUERY)
    assert (entry.rule.page, entry.check, entry.module) == ("What it is.", check, "persist_lint.rules.query.example")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"check": check}, "a rule file needs RULE = Rule(...) and check(project)"),
        ({"RULE": rule(102, "x")}, "a rule file needs RULE = Rule(...) and check(project)"),
        ({"RULE": rule(201, "x"), "check": check}, "rule 201 (transaction) does not belong here"),
        (
            {"RULE": rule(102, "x"), "check": check, "__doc__": None},
            "a rule file needs a docstring; it is the rule's page",
        ),
    ],
)
def test_half_a_rule_is_an_error(names: dict[str, object], message: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        rule_of(module(**names), Family.QUERY)
    assert str(caught.value) == f"persist_lint.rules.query.example: {message}"


@pytest.mark.parametrize(("second", "shared"), [(rule(102, "y"), "102"), (rule(103, "x"), "x")])
def test_two_rules_of_one_identity(second: object, shared: str) -> None:
    entries = [RuleModule(rule(102, "x"), check, "one"), RuleModule(second, check, "two")]  # type: ignore[arg-type]
    with pytest.raises(CatalogueError) as caught:
        require_distinct(entries)
    assert str(caught.value) == f"two: {shared} is already the rule of one"


@pytest.mark.parametrize(
    ("together", "left"),
    [
        ([102, 211], [211]),
        ([401, 205, 202, 402], [402]),
        ([401, 205], [205]),
        ([402, 406], [406]),
        ([401, 406], [406]),
        ([108, 210], [210]),
        ([301, 208], [208]),
        ([301, 303, 305], [303, 305]),
        ([105, 102], [105]),
        ([107, 103, 101], [101]),
        ([403, 407], [407]),
        ([102, 201], [201]),
        ([102, 301, 403], [102, 301, 403]),
    ],
)
def test_precedence(together: list[int], left: list[int]) -> None:
    findings = [finding(rule(number, f"rule-{number}"), "a.py", 7, column) for column, number in enumerate(together)]
    assert [int(one.code[3:]) for one in settle(findings)] == left


def test_precedence_is_for_one_line_of_one_file() -> None:
    strong = rule(211, "unawaited-session-call")
    weak = rule(102, "n-update-loop")
    findings = [finding(weak, "a.py", 1), finding(strong, "a.py", 2), finding(weak, "b.py", 2)]
    assert settle(findings) == findings
