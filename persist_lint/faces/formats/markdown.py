"""Markdown: a table of findings, then advisories and diagnostics where there are any (CommonMark + GFM tables)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from persist_lint.faces.diagnostics import BY_NAME
from persist_lint.faces.formats import Page
from persist_lint.faces.shown import Shown, counts, number
from persist_lint.faces.text import markdown
from persist_lint.model.finding import Diagnostic, Finding

_COLUMNS = ("Severity", "Location", "Rule", "Issue", "Recommendation", "Effort")


def render(shown: Shown, page: Page) -> str:
    """The document; it ends in a newline."""
    return "\n".join(_document(shown, page)) + "\n"


def _document(shown: Shown, page: Page) -> Iterator[str]:
    yield "# persist-lint"
    yield ""
    yield f"{number(shown.files, 'file')}, {number(shown.lines, 'line')}. {counts(shown)}."
    if shown.findings:
        yield from ("", "## Findings", "")
        yield from table(_COLUMNS, (_row(finding, shown, page) for finding in shown.findings))
    if shown.advisories:
        yield from ("", "## Advisories", "")
        rows = (
            (
                *_row(item.finding, shown, page),
                item.original_severity.name,
                item.rule,
                "; ".join(item.evidence),
            )
            for item in shown.advisories
        )
        yield from table((*_COLUMNS, "Was", "Validation", "Evidence"), rows)
    if shown.diagnostics:
        yield from ("", "## Diagnostics", "")
        yield from table(("Location", "Kind", "Message"), (_trouble(item, shown, page) for item in shown.diagnostics))


def _row(finding: Finding, shown: Shown, page: Page) -> tuple[str, ...]:
    return (
        finding.severity.name,
        f"{page.path(shown.root, finding.path)}:{finding.span.line}",
        f"{finding.code} {finding.rule}",
        finding.message,
        finding.recommendation,
        finding.effort.value,
    )


def _trouble(item: Diagnostic, shown: Shown, page: Page) -> tuple[str, ...]:
    kind = BY_NAME[item.kind]
    return (f"{page.path(shown.root, item.path)}:{item.line}", f"{kind.code} {kind.name}", item.message)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a GFM table; cells are shown as they are."""
    cells = list(head)
    yield "| " + " | ".join(cells) + " |"
    yield "|" + "---|" * len(cells)
    for row in rows:
        yield "| " + " | ".join(markdown(cell) for cell in row) + " |"
