"""Which rules a configuration lets speak."""

from __future__ import annotations

import pytest
from engine.make import finding, rule
from msgspec import structs

from persist_lint.engine.config import Config
from persist_lint.engine.errors import ConfigError
from persist_lint.engine.select import Selection, at_least, selection
from persist_lint.model.finding import Diagnostic
from persist_lint.model.severity import Severity

RULES = [
    rule(101, "redundant-entity-fetch"),
    rule(102, "n-update-loop"),
    rule(201, "missing-intermediate-commit"),
    rule(403, "missing-resource-cleanup"),
]
DIAGNOSTICS = ["suppression-without-reason", "syntax-error", "unreadable-file", "unused-suppression"]


def chosen(**options: object) -> Selection:
    return selection(structs.replace(Config(), **options), RULES)


def codes(**options: object) -> list[int]:
    names = chosen(**options).names
    return [one.number for one in RULES if one.name in names]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [101, 102, 201, 403]),
        ({"select": ("all",)}, [101, 102, 201, 403]),
        ({"select": ("PSL102",)}, [102]),
        ({"select": ("psl1",)}, [101, 102]),
        ({"select": ("PSL40",)}, [403]),
        ({"select": ("n-update-loop", "transaction")}, [102, 201]),
        ({"select": ("query",), "extend_select": ("PSL4",)}, [101, 102, 403]),
        ({"ignore": ("PSL1",)}, [201, 403]),
        ({"ignore": ("PSL1",), "extend_select": ("PSL102",)}, [102, 201, 403]),
        ({"select": ("PSL102",), "ignore": ("query",)}, [102]),
        ({"select": ("query",), "ignore": ("PSL102",)}, [101]),
        ({"select": ("PSL1",), "ignore": ("PSL1",)}, []),
        ({"select": ("PSL1",), "ignore": ("all",)}, [101, 102]),
    ],
)
def test_rules(options: dict[str, object], expected: list[int]) -> None:
    assert codes(**options) == expected


def test_diagnostics_run_unless_ignored() -> None:
    assert sorted(chosen(select=("PSL102",)).names) == ["n-update-loop", *DIAGNOSTICS]
    assert sorted(chosen(select=("PSL102",), ignore=("PSL004", "syntax-error")).names) == [
        "n-update-loop",
        "unreadable-file",
        "unused-suppression",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"select": ("n-updat-loop",)},
            'select: "n-updat-loop" names no rule, code or family; did you mean "n-update-loop"?',
        ),
        ({"ignore": ("PSL9",)}, 'ignore: "PSL9" names no rule, code or family'),
        ({"per_file_ignores": {"a.py": ("E501",)}}, 'per-file-ignores."a.py": "E501" names no rule, code or family'),
        ({"severity": {"quer": Severity.LOW}}, 'severity: "quer" names no rule, code or family; did you mean "query"?'),
    ],
)
def test_a_selector_that_names_nothing(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(**options)
    assert str(caught.value) == message


def test_per_file_ignores_and_severity_overrides() -> None:
    known = chosen(
        per_file_ignores={"scripts/*.py": ("PSL1",), "old/": ("all",)},
        severity={"query": Severity.LOW, "PSL102": Severity.CRITICAL},
    )
    findings = [finding(one, path, 1) for path in ("a.py", "old/x/b.py", "scripts/c.py") for one in RULES[:3]]
    assert [(one.path, one.code, one.severity.name) for one in known.findings(findings)] == [
        ("a.py", "PSL101", "LOW"),
        ("a.py", "PSL102", "CRITICAL"),
        ("a.py", "PSL201", "HIGH"),
        ("scripts/c.py", "PSL201", "HIGH"),
    ]
    diagnostics = [Diagnostic(path, 1, "syntax-error", "") for path in ("a.py", "old/b.py")]
    assert known.diagnostics(diagnostics) == diagnostics[:1]


def test_at_least() -> None:
    findings = [finding(RULES[0], "a.py", line, severity=Severity(line)) for line in (1, 2, 3, 4)]
    assert at_least(findings, Severity.HIGH) == findings[2:]
