"""The package under test is whole: an installed one holds every data file of the work tree."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import persist_lint

SOURCE = Path(__file__).resolve().parents[1] / "persist_lint"
TESTED = Path(persist_lint.__file__).resolve().parent


def _files(package: Path) -> set[str]:
    return {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_file_of_the_work_tree_is_in_the_tested_package() -> None:
    assert sorted(_files(SOURCE) - _files(TESTED)) == []


def test_version_is_that_of_the_distribution() -> None:
    if SOURCE == TESTED:
        pytest.skip("persist_lint is not installed: the work tree itself is tested")
    assert metadata.version("persist-lint") == persist_lint.__version__
