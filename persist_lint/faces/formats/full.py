"""Each finding with its source line, its evidence and the way out.

app/jobs.py:7:9: PSL102 n-update-loop HIGH one UPDATE of Job per item of jobs
  7 |         await repository.close(job)
    |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  trace:
    app/jobs.py:6:5: loop over jobs
    app/repository.py:12:9: UPDATE jobs
  reached from: request app.api.close (app/api.py:4)
  confidence: definite, effort: M
  do: …
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from persist_lint.faces.colour import paint
from persist_lint.faces.formats import Page
from persist_lint.faces.formats.concise import headline, trouble
from persist_lint.faces.shown import Advisory, Shown
from persist_lint.faces.text import plain, source_line, width
from persist_lint.model.finding import Finding
from persist_lint.model.span import Span


def render(shown: Shown, page: Page) -> str:
    """Findings and diagnostics in order, then advisories; blocks are parted by an empty line."""
    blocks = [
        "\n".join(_finding(item, shown.root, page)) if isinstance(item, Finding) else trouble(item, shown.root, page)
        for item in shown.in_order()
    ]
    if shown.advisories:
        blocks.append("Advisories (not counted):")
        blocks.extend("\n".join(_advisory(item, shown.root, page)) for item in shown.advisories)
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _finding(finding: Finding, root: Path, page: Page) -> Iterator[str]:
    yield headline(finding, root, page)
    yield from _excerpt(finding.path, finding.span, page)
    if finding.trace:
        yield "  trace:"
        for step in finding.trace:
            column = page.sources.column(step.path, step.span.line, step.span.column)
            yield f"    {page.shown_path(root, step.path)}:{step.span.line}:{column}: {plain(step.what)}"
    for entry in finding.entry_points:
        place = f"{page.shown_path(root, entry.path)}:{entry.line}"
        yield f"  reached from: {entry.kind} {plain(entry.function)} ({place})"
    yield f"  confidence: {finding.confidence.name.lower()}, effort: {finding.effort.value}"
    yield f"  do: {plain(finding.recommendation)}"


def _advisory(advisory: Advisory, root: Path, page: Page) -> Iterator[str]:
    yield from _finding(advisory.finding, root, page)
    yield f"  advisory ({plain(advisory.rule)}), was {advisory.original_severity.name}:"
    yield from (f"    {plain(line)}" for line in advisory.evidence)


def _excerpt(path: str, span: Span, page: Page) -> Iterator[str]:
    """The first line of the span with carets under it; nothing where the file is gone."""
    text = page.sources.line(path, span.line)
    if not text.strip():
        return
    start = page.sources.column(path, span.line, span.column) - 1
    if span.end_line == span.line:
        end = page.sources.column(path, span.line, span.end_column) - 1
    else:
        end = len(text.rstrip())
    before, under = source_line(text[:start]), source_line(text[start:end])
    gutter = str(span.line)
    carets = paint("^" * max(width(under), 1), "red", page.colour)
    yield f"  {gutter} | {source_line(text).rstrip()}"
    yield f"  {' ' * len(gutter)} | {' ' * width(before)}{carets}"
