"""JSON: the schema is ``docs/schemas/findings.schema.json``. ASCII only, two spaces, keys in the documented order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from persist_lint import __version__
from persist_lint.faces.formats import Page
from persist_lint.faces.shown import Advisory, Shown
from persist_lint.model.analysis import Suppressed
from persist_lint.model.finding import Diagnostic, EntryPoint, Finding, Step

SCHEMA_VERSION = 1


def render(shown: Shown, page: Page) -> str:
    """The whole answer as one JSON object."""
    writer = _Writer(shown, page)
    answer = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "persist-lint", "version": __version__},
        "root": page.path(shown.root, "."),
        "files": shown.files,
        "lines": shown.lines,
        "findings": [writer.finding(item) for item in shown.findings],
        "advisories": [writer.advisory(item) for item in shown.advisories],
        "suppressed": [writer.suppressed(item) for item in shown.suppressed],
        "errors": [writer.error(item) for item in shown.diagnostics],
    }
    return json.dumps(answer, indent=2) + "\n"


class _Writer:
    def __init__(self, shown: Shown, page: Page) -> None:
        self._root: Path = shown.root
        self._rules = shown.rules
        self._page = page

    def finding(self, finding: Finding) -> dict[str, Any]:
        rule = self._rules[finding.rule]
        line, column, end_line, end_column = self._page.sources.place(finding.path, finding.span)
        return {
            "rule": finding.rule,
            "code": finding.code,
            "family": rule.family.value,
            "check": rule.check,
            "severity": finding.severity.name,
            "confidence": finding.confidence.name.lower(),
            "effort": finding.effort.value,
            "principle": rule.principle,
            "path": self._path(finding.path),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "function": finding.function,
            "message": finding.message,
            "recommendation": finding.recommendation,
            "sources": list(finding.sources or rule.sources),
            "entry_points": [self._entry_point(entry) for entry in finding.entry_points],
            "trace": [self._step(step) for step in finding.trace],
            "fingerprint": finding.fingerprint,
            "fix": None,
        }

    def advisory(self, advisory: Advisory) -> dict[str, Any]:
        return {
            **self.finding(advisory.finding),
            "original_severity": advisory.original_severity.name,
            "validation": {"rule": advisory.rule, "evidence": list(advisory.evidence)},
        }

    def suppressed(self, item: Suppressed) -> dict[str, Any]:
        return {
            **self.finding(item.finding),
            "suppression": {
                "kind": item.kind,
                "path": self._path(item.path),
                "line": item.line,
                "reason": item.reason,
            },
        }

    def error(self, trouble: Diagnostic) -> dict[str, Any]:
        return {
            "path": self._path(trouble.path),
            "line": trouble.line,
            "kind": trouble.kind,
            "message": trouble.message,
        }

    def _entry_point(self, entry: EntryPoint) -> dict[str, Any]:
        return {
            "kind": entry.kind,
            "function": entry.function,
            "path": self._path(entry.path),
            "line": entry.line,
        }

    def _step(self, step: Step) -> dict[str, Any]:
        return {
            "path": self._path(step.path),
            "line": step.span.line,
            "column": self._page.sources.column(step.path, step.span.line, step.span.column),
            "what": step.what,
        }

    def _path(self, path: str) -> str:
        return self._page.path(self._root, path)
