"""Rules and findings for tests of the engine."""

from __future__ import annotations

from typing import Any

from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

FAMILIES = {1: Family.QUERY, 2: Family.TRANSACTION, 3: Family.RUNTIME, 4: Family.RESOURCE}


def rule(number: int, name: str) -> Rule:
    """A rule with this identity, in the family of its number."""
    return Rule(
        number=number,
        name=name,
        family=FAMILIES[number // 100],
        check=name.replace("-", "_"),
        title=name,
        effort=Effort.S,
        principle="Principle",
        severities=((Severity.HIGH, "always"),),
        recommendation="mend it",
        sources=(),
        bad="",
        good="",
        page="page",
    )


def finding(of: Rule, path: str, line: int, column: int = 0, width: int = 1, **fields: Any) -> Finding:
    """A finding of the rule on one line."""
    values: dict[str, Any] = {
        "rule": of.name,
        "code": of.code,
        "path": path,
        "span": Span(line, column, line, column + width),
        "function": "app.f",
        "message": "message",
        "recommendation": of.recommendation,
        "severity": Severity.HIGH,
        "confidence": Confidence.DEFINITE,
        "effort": of.effort,
    }
    return Finding(**(values | fields))
