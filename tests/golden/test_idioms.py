"""docs/idioms.md: every case that the table names exists, and its status is that of the case's heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from golden.runner import GAP

TESTS = Path(__file__).parent.parent
TABLE = TESTS.parent / "docs" / "idioms.md"
ROW = re.compile(r"^\| (?P<idiom>.+) \| (?P<file>[\w/-]+\.(?:md|py)): (?P<case>.+) \| (?P<status>.+) \|$")


def _rows() -> list[dict[str, str]]:
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ")]
    found = [(line, ROW.match(line)) for line in lines if not line.startswith("| idiom |")]
    assert [line for line, match in found if match is None] == []
    return [match.groupdict() for _, match in found if match is not None]


ROWS = _rows()


@pytest.mark.parametrize("row", ROWS, ids=[row["idiom"] for row in ROWS])
def test_the_case_exists_and_is_what_the_table_says(row: dict[str, str]) -> None:
    text = (TESTS / row["file"]).read_text("utf-8")
    if row["file"].endswith(".py"):
        names = set(re.findall(r"^def (test_\w+)", text, re.M))
    else:
        names = set(re.findall(r"^## (.+)$", text, re.M))
    gap = f"{GAP} {row['case']}"
    known = "understood" if row["case"] in names else "known gap" if gap in names else "no such case"
    assert known == row["status"]


@pytest.mark.parametrize("path", sorted((TESTS / "golden").glob("idiom*.md")), ids=lambda path: path.name)
def test_every_golden_case_of_an_idiom_is_in_the_table(path: Path) -> None:
    named = {row["case"] for row in ROWS if row["file"] == f"golden/{path.name}"}
    headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.M)
    assert [heading for heading in headings if heading.removeprefix(f"{GAP} ") not in named] == []
