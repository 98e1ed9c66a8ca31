"""Write the generated documents: ``python -m persist_lint.faces.regenerate`` in the root of the repository.

The rules' pages, their table and the JSON Schemas follow from the catalogue and the types; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path

from persist_lint.faces.diagnostics import KINDS, Kind
from persist_lint.faces.explain import page, rules_table
from persist_lint.faces.output import write_whole
from persist_lint.faces.schema import findings_schema
from persist_lint.model.rule import Rule
from persist_lint.rules import catalogue

#: Every page in here is generated; one that is not belongs to a rule that is gone.
RULE_PAGES = Path("docs/rules")


def documents() -> dict[Path, str]:
    """The text of every generated file, by its path below the root of the repository."""
    rules: list[Rule | Kind] = [*(entry.rule for entry in catalogue.load()), *KINDS]
    return {
        Path("docs/rules.md"): rules_table("markdown"),
        **{RULE_PAGES / f"{rule.name}.md": page(rule, "markdown") for rule in rules},
        Path("docs/schemas/findings.schema.json"): json.dumps(findings_schema(), indent=2) + "\n",
    }


def regenerate(root: Path) -> None:
    """Bring the generated files below the root up to date and remove the pages of rules that are gone."""
    wanted = documents()
    for path, text in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(root / path, text)
    for old in (root / RULE_PAGES).glob("*.md"):
        if old.relative_to(root) not in wanted:
            old.unlink()


if __name__ == "__main__":
    regenerate(Path.cwd())
