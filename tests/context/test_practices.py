from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import persist_lint.context
from persist_lint.context.knowledge import read

LIBRARIES = sorted(path.stem for path in (Path(persist_lint.context.__file__).parent / "practices").glob("*.toml"))
OFFICIAL = re.compile(
    r"https://(docs\.sqlalchemy\.org|www\.postgresql\.org/docs|docs\.python\.org/3|fastapi\.tiangolo\.com)/"
)


def test_the_libraries() -> None:
    assert LIBRARIES == ["asyncio", "fastapi", "postgresql", "sqlalchemy"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_entries(library: str) -> None:
    entries = read(library).practice
    assert 5 <= len(entries) <= 10
    for entry in entries:
        SpecifierSet(entry.applies_to)
        assert OFFICIAL.match(entry.source)
        assert entry.title and entry.topic
        assert entry.advice.endswith(".") and 40 < len(entry.advice) < 300
    assert len({entry.topic for entry in entries}) == len(entries)
