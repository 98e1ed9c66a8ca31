"""Where a project begins, seen from any path inside it.

Upward from the path, the first directory wins that holds a pyproject.toml with a build system or our table, a
setup.cfg, a setup.py, a .persist-lint.toml or a .git. Where none is found, the project is the directory itself, left
upwards as long as it is a Python package.
"""

from __future__ import annotations

import re
from pathlib import Path

CONFIG_NAME = ".persist-lint.toml"
MARKERS = ("setup.cfg", "setup.py", CONFIG_NAME, ".git")
#: Asked of the text, because a pyproject.toml that does not parse still marks a project.
_TABLES = re.compile(rb"^[ \t]*\[[ \t]*(?:build-system|tool[ \t]*\.[ \t]*persist-lint)\b", re.MULTILINE)


def find_root(start: Path) -> Path:
    """The absolute root of the project that holds ``start``, a file or directory that need not exist."""
    place = start.absolute()
    directory = place if place.is_dir() else place.parent
    for candidate in (directory, *directory.parents):
        if is_marked(candidate):
            return candidate
    while (directory / "__init__.py").exists() and directory.parent != directory:
        directory = directory.parent
    return directory


def is_marked(directory: Path) -> bool:
    """Does the directory hold one of the files that mark a project?"""
    try:
        if any((directory / marker).exists() for marker in MARKERS):
            return True
        manifest = directory / "pyproject.toml"
        return manifest.is_file() and _TABLES.search(manifest.read_bytes()) is not None
    except OSError:
        return False
