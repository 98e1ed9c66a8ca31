"""The real command line over real folders: in a process of its own, or in this one where many cases must be quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import persist_lint

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "job_service"
#: Where children find the package under test, be it the work tree's or an installed one.
IMPORT_ROOT = Path(persist_lint.__file__).resolve().parents[1]
MANIFEST = "[build-system]\nrequires = []\n"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The files below the root, which becomes a project unless it brings a manifest of its own."""
    for name, content in {"pyproject.toml": MANIFEST, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def tool(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; it is given a minute."""
    return subprocess.run(
        [sys.executable, "-m", "persist_lint", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(IMPORT_ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def answer(output: str) -> dict[str, Any]:
    """What ``--format json`` printed."""
    found: dict[str, Any] = json.loads(output)
    return found


def diagnostics(found: Mapping[str, Any]) -> list[tuple[str, int, str, str]]:
    """Path, line, kind and message of each."""
    return [(one["path"], one["line"], one["kind"], one["message"]) for one in found["errors"]]


def places(found: Mapping[str, Any], path: str) -> list[tuple[str, int]]:
    """Rule and line of the findings in one file."""
    return [(one["rule"], one["line"]) for one in found["findings"] if one["path"] == path]
