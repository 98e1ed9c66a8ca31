"""The order of the layers, as import-linter's contract in pyproject.toml says it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def test_import_contracts_are_kept() -> None:
    # in a process of its own: import-linter puts the working directory into sys.path
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_a_place_in_the_contract() -> None:
    packages = {path.parent.name for path in (ROOT / "persist_lint").glob("*/__init__.py")}
    manifest = (ROOT / "pyproject.toml").read_text("utf-8")
    layers = next(line for line in manifest.splitlines() if line.startswith("layers = "))
    assert sorted(package for package in packages if package not in layers) == []
