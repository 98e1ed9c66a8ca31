"""The file in the documentation is read, and its word lists are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from persist_lint.model.effect import ContextKind, EffectKind, Gives
from persist_lint.model.vocabulary import LibraryType, Row, Where
from persist_lint.vocabulary import load

PAGE = Path(__file__).parents[2].joinpath("docs", "vocabulary.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(PAGE.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    merged = load([], [path])
    assert merged.types["acme.Client"].method["fetch_again"] == merged.types["acme.Client"].method["fetch"]
    assert merged.functions["acme.session"].gives == "sqlalchemy.ext.asyncio.AsyncSession"


@pytest.mark.parametrize(
    "words",
    [get_args(EffectKind), get_args(ContextKind), get_args(Gives), get_args(Where)]
    + [tuple(field.removesuffix("_") for field in model.__struct_fields__) for model in (Row, LibraryType)],
)
def test_every_word_is_told(words: tuple[str, ...]) -> None:
    told = set(re.findall(r"`([a-z_.]+)`", PAGE))
    assert [word for word in words if word not in told] == []
