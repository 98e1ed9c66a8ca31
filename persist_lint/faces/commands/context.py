"""``persist-lint context``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from persist_lint.faces.output import emit
from persist_lint.faces.run import analysed, configured
from persist_lint.faces.text import plain

_INDENT = "  "


def run(
    *,
    path: Path,
    form: str | None,
    output_file: Path | None,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Print the project context: JSON, or readable text when asked for or on a terminal."""
    from persist_lint.audit.context import project_context

    analysis = analysed((path,), configured(path, options))
    content = project_context(analysis, today=date.today())
    on_terminal = output_file is None and sys.stdout.isatty()
    if form == "text" or (form is None and on_terminal):
        text = "".join(f"{line}\n" for line in _lines(content, ""))
    else:
        text = json.dumps(content, indent=2) + "\n"
    emit(text, output_file)
    return 0


def _lines(content: dict[str, Any], indent: str) -> Iterator[str]:
    """One line per plain value, nested tables indented; what is empty is left out."""
    for key, value in content.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            yield f"{indent}{plain(key)}:"
            yield from _lines(value, indent + _INDENT)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield f"{indent}{plain(key)}:"
            for item in value:
                yield f"{indent}{_INDENT}- {_row(item)}"
        else:
            yield f"{indent}{plain(key)}: {_word(value)}"


def _row(item: dict[str, Any]) -> str:
    return ", ".join(f"{plain(key)} {_word(value)}" for key, value in item.items() if value not in (None, "", [], {}))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_word(item) for item in value)
    return plain(str(value))
