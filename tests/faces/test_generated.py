"""The committed generated files are those that ``python -m persist_lint.faces.regenerate`` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faces import fake_engine

from persist_lint.engine.select import DIAGNOSTICS
from persist_lint.faces.diagnostics import KINDS
from persist_lint.faces.regenerate import RULE_PAGES, documents, regenerate

ROOT = Path(__file__).parents[2]


def test_the_committed_files_are_up_to_date() -> None:
    wanted = documents()
    pages = {path.relative_to(ROOT) for path in (ROOT / RULE_PAGES).glob("*.md")}
    assert pages == {path for path in wanted if path.parent == RULE_PAGES}
    stale = [str(path) for path, text in wanted.items() if (ROOT / path).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python -m persist_lint.faces.regenerate"


def test_pages_of_rules_that_are_gone_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persist_lint.rules.catalogue.load", fake_engine.load)
    old = tmp_path / RULE_PAGES / "gone.md"
    old.parent.mkdir(parents=True)
    old.write_text("# gone\n")
    regenerate(tmp_path)
    assert sorted(path.name for path in old.parent.iterdir()) == [
        "n-update-loop.md",
        "suppression-without-reason.md",
        "sync-sleep-in-async.md",
        "syntax-error.md",
        "unreadable-file.md",
        "unused-suppression.md",
    ]
    assert json.loads((tmp_path / "docs/schemas/findings.schema.json").read_text())["type"] == "object"


def test_diagnostics_are_those_of_the_engine() -> None:
    assert {kind.code: kind.name for kind in KINDS} == DIAGNOSTICS
