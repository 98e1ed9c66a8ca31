# ruff: noqa: E501  (tables of file contents and SQL read better unbroken)
from __future__ import annotations

from pathlib import Path

import pytest
from context.helpers import write

from persist_lint.context.adrs import decisions
from persist_lint.context.files import Folder
from persist_lint.model.context import Adr


def read(root: Path, files: dict[str, str]) -> tuple[Adr, ...]:
    write(root, files)
    return decisions(Folder(root))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("0007-poll.md", "---\nstatus: Accepted\n---\n\n# Poll the jobs\n", ("ADR-007", "Poll the jobs", "accepted", 5)),
        ("0001-x.md", "# 1. Record decisions\n\n## Status\n\nSuperseded by [2](2.md)\n", ("ADR-001", "Record decisions", "superseded by", 1)),
        ("x.md", "# ADR-12: One commit\n\n* Status: proposed\n", ("ADR-012", "One commit", "proposed", 1)),
        ("adr_3_y.md", "# Long title\n\n**Status:** Deprecated\n", ("ADR-003", "Long title", "deprecated", 1)),
        ("plain.md", "no heading\n", ("plain", "plain", "", 1)),
    ],
)  # fmt: skip
def test_a_record(tmp_path: Path, name: str, text: str, expected: tuple[str, str, str, int]) -> None:
    (found,) = read(tmp_path, {f"docs/adr/{name}": text})
    assert (found.id, found.title, found.status, found.line) == expected
    assert found.path == f"docs/adr/{name}"


def test_where_records_are_looked_for(tmp_path: Path) -> None:
    places = ("docs/adr", "docs/adrs", "docs/architecture/decisions", "docs/decisions", "docs/reference/adrs")
    files = {f"{place}/0001-a.md": "# A\n" for place in places} | {
        "docs/adr/README.md": "# no\n",
        "docs/adr/template.md": "# no\n",
    }
    assert sorted(adr.path for adr in read(tmp_path, files)) == sorted(f"{place}/0001-a.md" for place in places)


def test_decisions_of_an_architecture_document(tmp_path: Path) -> None:
    text = "# Architecture\n\n## Layers\n\nx\n\n## Decisions\n\n### Hold the lock\n\nWe do.\n\n## Rest\n\ny\n"
    assert read(tmp_path, {"docs/architecture.md": text}) == (
        Adr("architecture:9", "Hold the lock", "", "We do.", "docs/architecture.md", 9),
    )


def test_items_of_a_roadmap(tmp_path: Path) -> None:
    text = "# Roadmap\n\n## Next\n\n- [ ] EPIC-3 Batch the **updates**\n- [x] Pool\n\n## Done\n- Split\n\n## Later\n\nRewrite the worker.\n"
    assert read(tmp_path, {"ROADMAP.md": text}) == (
        Adr("EPIC-3", "EPIC-3 Batch the updates", "planned", "EPIC-3 Batch the updates", "ROADMAP.md", 5),
        Adr("roadmap:6", "Pool", "done", "Pool", "ROADMAP.md", 6),
        Adr("roadmap:9", "Split", "done", "Split", "ROADMAP.md", 9),
        Adr("roadmap:11", "Later", "planned", "Rewrite the worker.", "ROADMAP.md", 11),
    )
