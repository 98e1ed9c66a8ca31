"""``persist-lint explain`` and ``persist-lint rules``."""

from __future__ import annotations

from pathlib import Path

from persist_lint.faces import explain as pages
from persist_lint.faces.output import emit


def explain(rule: str, form: str | None, output_file: Path | None) -> int:
    """Print the page of a rule or diagnostic. Raises FaceError when there is none of that name."""
    emit(pages.page(pages.find(rule), form or "text"), output_file)
    return 0


def rules(form: str | None, output_file: Path | None) -> int:
    """Print the table of rules."""
    emit(pages.rules_table(form or "text"), output_file)
    return 0
