"""One line per finding: ``path:line:col: CODE name severity message``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from persist_lint.faces.colour import SEVERITY, paint
from persist_lint.faces.diagnostics import BY_NAME
from persist_lint.faces.formats import Page
from persist_lint.faces.shown import Shown
from persist_lint.faces.text import plain
from persist_lint.model.finding import Diagnostic, Finding


def render(shown: Shown, page: Page) -> str:
    """Findings and diagnostics by path, line, column and code."""
    return "".join(f"{line}\n" for line in lines(shown, page))


def lines(shown: Shown, page: Page) -> Iterator[str]:
    """The lines, without their ends."""
    for item in shown.in_order():
        if isinstance(item, Finding):
            yield headline(item, shown.root, page)
        else:
            yield trouble(item, shown.root, page)


def headline(finding: Finding, root: Path, page: Page) -> str:
    """The finding on one line."""
    column = page.sources.column(finding.path, finding.span.line, finding.span.column)
    place = f"{page.shown_path(root, finding.path)}:{finding.span.line}:{column}"
    severity = paint(finding.severity.name, SEVERITY[finding.severity], page.colour)
    return f"{paint(place, 'bold', page.colour)}: {finding.code} {finding.rule} {severity} {plain(finding.message)}"


def trouble(diagnostic: Diagnostic, root: Path, page: Page) -> str:
    """The diagnostic on one line; it has no severity."""
    place = f"{page.shown_path(root, diagnostic.path)}:{max(diagnostic.line, 1)}:1"
    code = BY_NAME[diagnostic.kind].code
    return f"{paint(place, 'bold', page.colour)}: {code} {diagnostic.kind} {plain(diagnostic.message)}"
