"""The knowledge base of advice: ``practices/*.toml``, one file per library, looked up once per survey."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.resources import files

from msgspec import Struct, convert

from persist_lint.context.versions import overlaps
from persist_lint.model.context import Practice, TechStack, Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class PracticeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One TOML file: the distribution whose version ``applies_to`` speaks of, and its advice."""

    distribution: str
    practice: tuple[Practice, ...]


def read(library: str) -> PracticeFile:
    """The knowledge base of one library. Raises ``FileNotFoundError`` for a library without one."""
    text = files("persist_lint.context").joinpath("practices").joinpath(f"{library}.toml").read_text("utf-8")
    return convert(tomllib.loads(text), PracticeFile)


def practices(stack: TechStack, versions: Mapping[str, Version]) -> dict[str, tuple[Practice, ...]]:
    """Advice for what the project uses; what is for other versions than the known ones is left out."""
    used = {
        "asyncio": stack.async_ == "asyncio",
        "fastapi": "fastapi" in stack.frameworks,
        "postgresql": stack.db == "postgresql",
        "sqlalchemy": stack.orm in {"sqlalchemy", "sqlmodel"},
    }
    found: dict[str, tuple[Practice, ...]] = {}
    for library, applies in used.items():
        if applies:
            base = read(library)
            known = _database(stack) if library == "postgresql" else versions.get(base.distribution)
            found[library] = tuple(entry for entry in base.practice if overlaps(known, entry.applies_to))
    return found


def _database(stack: TechStack) -> Version | None:
    return Version(stack.db_version, "", "") if stack.db_version else None
