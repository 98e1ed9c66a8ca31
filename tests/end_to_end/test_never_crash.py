"""Whatever the code is, no family fails and nothing is raised: spoilt real source, and the standard library."""

from __future__ import annotations

import random
import shutil
import sysconfig
import warnings
from datetime import date
from pathlib import Path

import msgspec
import pytest
from end_to_end.mutate import mutated
from end_to_end.tool import EXAMPLE, MANIFEST

import persist_lint
from literate import files_of, literate_files, parse
from persist_lint.audit.run import audit
from persist_lint.engine.config import Config
from persist_lint.engine.run import analyse
from persist_lint.model.severity import Confidence

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = Path(persist_lint.__file__).parent
CONFIG = msgspec.structs.replace(Config(), cache=False, min_confidence=Confidence.POSSIBLE)
LIBRARY = (
    "asyncio",
    "concurrent",
    "http",
    "json",
    "logging",
    "multiprocessing",
    "sqlite3",
    "urllib",
    "wsgiref",
    "xmlrpc",
)


def _run(root: Path) -> int:
    """The whole pipeline over a folder: how many files it read. Fails on the internal error of a family."""
    analysis = analyse([root], CONFIG)
    assert [run.note for run in analysis.families if run.status == "error"] == []
    audit(analysis, today=date(2026, 1, 1), write=False)
    return analysis.files


def _write(root: Path, sources: dict[str, str], chance: random.Random) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for name, text in {"pyproject.toml": MANIFEST, **sources}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        spoilt = mutated(text, chance) if name.endswith(".py") and chance.randrange(4) else text
        path.write_text(spoilt, "utf-8", "surrogatepass")


def _folder(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): p.read_text("utf-8") for p in sorted(root.rglob("*.py"))}


def _stem(path: Path) -> str:
    return path.stem


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Spoilt source warns about itself when it is parsed."""
    warnings.simplefilter("ignore")


@pytest.mark.parametrize("seed", range(20))
def test_the_example_spoilt(tmp_path: Path, seed: int) -> None:
    _write(tmp_path, _folder(EXAMPLE), random.Random(f"example {seed}"))
    assert _run(tmp_path) > 0


def test_our_own_source_spoilt(tmp_path: Path) -> None:
    _write(tmp_path / "persist_lint", _folder(PACKAGE), random.Random("package"))
    assert _run(tmp_path) > 0


@pytest.mark.parametrize(
    "file", sorted((*literate_files(TESTS / "cases"), *literate_files(TESTS / "golden"))), ids=_stem
)
def test_the_cases_spoilt(tmp_path: Path, file: Path) -> None:
    preamble, *sections = parse(file.read_text("utf-8"), file.name)
    shared = files_of(preamble.blocks, file.name)
    chance = random.Random(file.name)
    for section in sections:
        files = shared | files_of(section.blocks, file.name)
        if files:
            _write(tmp_path / "case", {name: block.text for name, block in files.items()}, chance)
            _run(tmp_path / "case")


def test_the_standard_library(tmp_path: Path) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    for source in sorted([*library.glob("*.py"), *(p for name in LIBRARY for p in (library / name).rglob("*.py"))]):
        target = tmp_path / "lib" / source.relative_to(library)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (tmp_path / "pyproject.toml").write_text(MANIFEST)
    assert _run(tmp_path) > 150
