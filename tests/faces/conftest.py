"""The fake project, and hosts run over it in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faces import fake_engine
from faces.fake_engine import IMPORT_ROOT, Host


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that the fake engine's answers are about."""
    root = tmp_path / "project"
    for name, text in fake_engine.FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def host(project: Path, tmp_path: Path) -> Host:
    """Run a host over the project: ``host("pylint", "-j2", "app", method="spawn", stdin="…")``."""

    def run(
        name: str, *arguments: str, method: str = "fork", stdin: str = "", fault: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(IMPORT_ROOT),
            "FAKE_ENGINE_FAULT": fault,
            "FAKE_ENGINE_LOG": str(tmp_path / "log"),
            "TMPDIR": str(tmp_path),
            "PYLINTHOME": str(tmp_path / "pylint"),
        }
        return subprocess.run(
            [sys.executable, str(Path(fake_engine.__file__)), method, name, *arguments],
            cwd=project,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    return run


@pytest.fixture
def analyses(tmp_path: Path) -> Callable[[], int]:
    """How many analyses the hosts have made so far."""

    def count() -> int:
        log = tmp_path / "log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    return count
