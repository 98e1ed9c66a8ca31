"""What starting costs: the package and the help import neither hosts nor libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"pylint", "astroid", "flake8", "libcst", "sqlalchemy", "sqlglot", "rich", "jinja2", "msgspec", "yaml"}


@pytest.mark.parametrize(
    "code",
    [
        "import persist_lint",
        "from persist_lint.faces.cli import run; run(['--help'])",
        "from persist_lint.faces.cli import run; run(['check', '--help'])",
    ],
)
def test_light(code: str) -> None:
    code += "\nimport sys; print('modules', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded & HEAVY == set()
    assert "persist_lint" in loaded
