"""What is installed: uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile.lock.

The TOML ones are written by machines in one form and are megabytes long, so they are searched, not parsed: a regular
expression is a hundred times faster than the standard library's TOML reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as Pep440

from persist_lint.context.dependencies import Dependency
from persist_lint.context.files import LARGE, SMALL, Folder, join, line_of
from persist_lint.context.manifests import read_toml, table

_TOML_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_PACKAGE = re.compile(r'^\[\[packages?\]\]\s*\nname\s*=\s*"([^"\n]+)"\s*\nversion\s*=\s*"([^"\n]+)"', re.MULTILINE)


def locked(folder: Folder, where: str) -> Iterator[Dependency]:
    """The locked versions of one folder. Where a lock holds several of one distribution, the range they span."""
    names = set(folder.files(where))
    for name in _TOML_LOCKS:
        if name in names:
            yield from _toml_lock(folder, join(where, name))
    if "Pipfile.lock" in names:
        yield from _pipfile_lock(folder, join(where, "Pipfile.lock"))


def _toml_lock(folder: Folder, path: str) -> Iterator[Dependency]:
    text = folder.text(path, LARGE)
    if text is None:
        return
    found: dict[str, list[tuple[str, int]]] = {}
    line, seen = 1, 0
    for match in _PACKAGE.finditer(text):
        line, seen = line + text.count("\n", seen, match.start(2)), match.start(2)
        found.setdefault(canonicalize_name(match.group(1)), []).append((match.group(2), line))
    if not found and len(text) <= SMALL:
        read_toml(folder, path)
    for name, versions in sorted(found.items()):
        different = {version for version, _ in versions}
        if len(different) == 1:
            yield Dependency(name, "", versions[0][0], path, versions[0][1], locked=True)
        else:
            yield Dependency(name, _span(different), None, path, versions[0][1], locked=True)


def _span(versions: set[str]) -> str:
    try:
        ordered = sorted(versions, key=Pep440)
    except InvalidVersion:
        return ""
    return f"<={ordered[-1]},>={ordered[0]}"


def _pipfile_lock(folder: Folder, path: str) -> Iterator[Dependency]:
    text = folder.text(path, LARGE)
    if text is None:
        return
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        folder.broken(path, "JSON", error)
        return
    for section, optional in (("default", False), ("develop", True)):
        for name, value in sorted(table(data, section).items()):
            version = value.get("version") if isinstance(value, dict) else None
            if isinstance(version, str) and version.startswith("=="):
                line = line_of(text, f'"{name}": {{')
                yield Dependency(
                    canonicalize_name(name), "", version[2:], path, line, locked=True, optional=optional
                )  # fmt: skip
