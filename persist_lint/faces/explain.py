"""A rule's page and the table of rules, from the catalogue: for people, as JSON, as Markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from persist_lint.faces.diagnostics import KINDS, Kind
from persist_lint.faces.errors import FaceError
from persist_lint.faces.formats.markdown import table
from persist_lint.model.rule import Family, Rule

_FAMILIES = {
    Family.QUERY: "Query efficiency",
    Family.TRANSACTION: "Transaction correctness",
    Family.RUNTIME: "Runtime performance",
    Family.RESOURCE: "Resource lifecycle",
}


def find(word: str) -> Rule | Kind:
    """The rule or diagnostic of that name, code or pylint id. Raises FaceError with the nearest names."""
    from persist_lint.engine.errors import hint
    from persist_lint.rules import catalogue

    known: list[Rule | Kind] = [*(entry.rule for entry in catalogue.load()), *KINDS]
    for rule in known:
        if word.lower() in (rule.name, rule.code.lower(), rule.pylint_id.lower()):
            return rule
    names = [rule.name for rule in known] + [rule.code for rule in known]
    near = hint(word, names) or '; "persist-lint rules" lists them'
    raise FaceError(f'"{word}" names no rule{near}')


def summary(rule: Rule) -> str:
    """The rule in one paragraph, as pylint's help shows it: its page, then what to do."""
    return f"{rule.title[:1].upper()}{rule.title[1:]}. {' '.join(rule.page.split())} Instead: {rule.recommendation}"


def page(rule: Rule | Kind, form: str) -> str:
    """The page of a rule or diagnostic in the form text, markdown or json; it ends in a newline."""
    if form == "json":
        return json.dumps(as_dict(rule), indent=2) + "\n"
    lines = _diagnostic_page(rule) if isinstance(rule, Kind) else _rule_page(rule)
    return "\n".join(lines).rstrip() + "\n"


def as_dict(rule: Rule | Kind) -> dict[str, Any]:
    """The rule or diagnostic as plain data, keys in a fixed order."""
    if isinstance(rule, Kind):
        return {
            "name": rule.name,
            "code": rule.code,
            "pylint_id": rule.pylint_id if rule.in_hosts else None,
            "title": rule.title,
            "page": rule.page,
        }
    return {
        "name": rule.name,
        "code": rule.code,
        "pylint_id": rule.pylint_id,
        "family": rule.family.value,
        "check": rule.check,
        "title": rule.title,
        "page": rule.page,
        "recommendation": rule.recommendation,
        "principle": rule.principle,
        "effort": rule.effort.value,
        "severities": [{"severity": severity.name, "when": when} for severity, when in rule.severities],
        "bad": _code(rule.bad),
        "good": _code(rule.good),
        "sources": list(rule.sources),
        "beyond_audit": rule.beyond_audit,
    }


def rules_table(form: str) -> str:
    """All rules and diagnostics as a table in the form text, markdown or json; it ends in a newline."""
    from persist_lint.rules import catalogue

    rules = [entry.rule for entry in catalogue.load()]
    if form == "json":
        held: list[Rule | Kind] = [*rules, *KINDS]
        return json.dumps([as_dict(rule) for rule in held], indent=2) + "\n"
    if form == "markdown":
        return "\n".join(_markdown_table(rules)) + "\n"
    rows = [(rule.code, rule.name, rule.family.value, rule.title) for rule in rules]
    rows += [(kind.code, kind.name, "project", kind.title) for kind in KINDS]
    return "".join(f"{line}\n" for line in _columns(rows))


def _columns(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))


def _markdown_table(rules: Iterable[Rule]) -> Iterator[str]:
    held = list(rules)
    yield "# Rules"
    for family, title in _FAMILIES.items():
        yield from ("", f"## {title}", "")
        yield "| Code | pylint | Rule | What | Check | Effort |"
        yield "|---|---|---|---|---|---|"
        for rule in (rule for rule in held if rule.family is family):
            link = f"[{rule.name}](rules/{rule.name}.md)"
            title_cell = rule.title.replace("|", "\\|")
            yield f"| {rule.code} | {rule.pylint_id} | {link} | {title_cell} | `{rule.check}` | {rule.effort.value} |"
    yield from ("", "## Diagnostics", "", "Trouble with files and comments; outside the score.", "")
    rows = ((kind.code, kind.pylint_id if kind.in_hosts else "–", kind.name, kind.title) for kind in KINDS)
    yield from table(("Code", "pylint", "Kind", "What"), rows)


def _rule_page(rule: Rule) -> Iterator[str]:
    yield f"# {rule.name} ({rule.code}, {rule.pylint_id})"
    yield ""
    yield f"{rule.title}"
    yield ""
    yield f"Family: {rule.family.value} · Check: {rule.check} · Effort: {rule.effort.value} · {rule.principle}"
    yield ""
    yield rule.page
    yield from ("", "## Severity", "")
    yield from (f"- {severity.name}: {when}" for severity, when in rule.severities)
    yield from ("", "## Bad", "", *_block(rule.bad))
    yield from ("", "## Good", "", *_block(rule.good))
    yield from ("", "## Instead", "", rule.recommendation)
    yield from ("", "## Sources", "")
    yield from (f"- <{source}>" if source.startswith("http") else f"- {source}" for source in rule.sources)


def _diagnostic_page(kind: Kind) -> Iterator[str]:
    yield f"# {kind.name} ({kind.code})"
    yield ""
    yield kind.title
    yield ""
    yield kind.page


def _code(example: str) -> str:
    return textwrap.dedent(example).strip("\n")


def _block(example: str) -> Iterator[str]:
    """The example as Markdown: literate ones hold their own fences, plain code gets one."""
    code = _code(example)
    if "```" in code:
        yield code
    else:
        yield from ("```python", code, "```")
