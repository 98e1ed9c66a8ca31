"""The JSON Schema (draft 2020-12) of ``check --format json``; ``regenerate`` writes it to docs/schemas."""

from __future__ import annotations

from typing import Any, get_args

from persist_lint.faces.diagnostics import KINDS
from persist_lint.faces.formats.json import SCHEMA_VERSION
from persist_lint.model.effect import ContextKind
from persist_lint.model.rule import Family
from persist_lint.model.severity import Confidence, Effort, Severity

_TEXT = {"type": "string"}
_LINE = {"type": "integer", "minimum": 1}
_COLUMN = {"type": "integer", "minimum": 1, "description": "1-based, in code points"}
_PATH = {"type": "string", "description": "relative to the working directory, with forward slashes"}
_SEVERITY = {"enum": [severity.name for severity in reversed(Severity)]}


def findings_schema() -> dict[str, Any]:
    """The schema, as plain data."""
    finding = _finding()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Findings of persist-lint",
        **_object(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "tool": _object({"name": {"const": "persist-lint"}, "version": _TEXT}),
                "root": _PATH,
                "files": {"type": "integer", "minimum": 0},
                "lines": {"type": "integer", "minimum": 0},
                "findings": _list(_object(finding)),
                "advisories": _list(_object({**finding, **_advisory()})),
                "suppressed": _list(_object({**finding, **_suppressed()})),
                "errors": _list(_object(_error())),
            }
        ),
    }


def _finding() -> dict[str, Any]:
    return {
        "rule": _TEXT,
        "code": {"type": "string", "pattern": "^PSL[1-4][0-9]{2}$"},
        "family": {"enum": [family.value for family in Family]},
        "check": _TEXT,
        "severity": _SEVERITY,
        "confidence": {"enum": [confidence.name.lower() for confidence in reversed(Confidence)]},
        "effort": {"enum": [effort.value for effort in Effort]},
        "principle": _TEXT,
        "path": _PATH,
        "line": _LINE,
        "column": _COLUMN,
        "end_line": _LINE,
        "end_column": _COLUMN,
        "function": _TEXT,
        "message": _TEXT,
        "recommendation": _TEXT,
        "sources": _list(_TEXT),
        "entry_points": _list(
            _object({"kind": {"enum": list(get_args(ContextKind))}, "function": _TEXT, "path": _PATH, "line": _LINE})
        ),
        "trace": _list(_object({"path": _PATH, "line": _LINE, "column": _COLUMN, "what": _TEXT})),
        "fingerprint": _TEXT,
        "fix": {"type": "null"},
    }


def _advisory() -> dict[str, Any]:
    rules = {"enum": ["planned-or-decided", "execution-context"]}
    return {"original_severity": _SEVERITY, "validation": _object({"rule": rules, "evidence": _list(_TEXT)})}


def _suppressed() -> dict[str, Any]:
    fields = {
        "kind": {"enum": ["noqa", "pylint", "persist-lint"]},
        "path": _PATH,
        "line": _LINE,
        "reason": {"type": ["string", "null"]},
    }
    return {"suppression": _object(fields)}


def _error() -> dict[str, Any]:
    return {
        "path": _PATH,
        "line": {"type": "integer", "minimum": 0, "description": "0 where the trouble is with the whole file"},
        "kind": {"enum": [kind.name for kind in KINDS]},
        "message": _TEXT,
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}
