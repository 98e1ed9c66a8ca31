"""What a program can see of the style: sizes, and nothing of the machine that something was written on."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "persist_lint"
FILE_LINES = 500
FUNCTION_LINES = 60
RULE_LINES = 120
#: An absolute path below somebody's home, root's, or a work folder; URLs and relative paths are none.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:root|work|home/\w+|Users/\w+)/[\w.]")


def _sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not in a git checkout: the files of the project are not known")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_over_500_lines() -> None:
    assert [f"{_name(path)}: {_lines(path)}" for path in _sources() if _lines(path) > FILE_LINES] == []


def test_no_function_is_over_60_lines() -> None:
    long = [
        f"{_name(path)}:{node.lineno} {node.name}: {size}"
        for path in _sources()
        for node in _functions(path)
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


def test_no_rule_file_is_over_120_lines() -> None:
    rules = sorted((PACKAGE / "rules").glob("*/*.py"))
    assert [f"{_name(path)}: {_lines(path)}" for path in rules if _lines(path) > RULE_LINES] == []


def test_no_path_of_a_machine() -> None:
    found = []
    for path in _tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{_name(path)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("see /{}/main/x.py", True),
        ("see https://example.org/{}/x.py", False),
        ("src/{}/x.py", False),
        ("'/{}'", False),
    ],
)
def test_machine_paths_are_told_from_others(text: str, seen: bool) -> None:
    assert bool(MACHINE_PATH.search(text.format("root"))) is seen
