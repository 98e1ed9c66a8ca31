"""Same input, byte-identical output: whatever the hash seed, the jobs, the cache or the order of the files."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from end_to_end.tool import EXAMPLE, answer, tool


def _sources() -> list[Path]:
    return sorted(p for p in EXAMPLE.rglob("*") if p.is_file() and not {"__pycache__", ".audit"} & set(p.parts))


def _copy(root: Path, seed: int | None = None) -> Path:
    """The example, its files made in order of name or in that of the seed."""
    shutil.rmtree(root, ignore_errors=True)
    sources = _sources()
    if seed is not None:
        random.Random(seed).shuffle(sources)
    for source in sources:
        target = root / source.relative_to(EXAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return root


def _said(root: Path, *options: str, seed: str = "0") -> dict[str, str]:
    """Everything that check, context and audit print and write, by what it is."""
    said = {}
    for name, command in {
        "json": ("check", "--format", "json"),
        "context": ("context",),
        "audit": ("audit",),
    }.items():
        done = tool(*command, *options, cwd=root, PYTHONHASHSEED=seed)
        assert (done.returncode, "failed" in done.stderr) == (int(command[0] == "check"), False), done.stderr
        said[name] = done.stdout
    assert len(answer(said["json"])["findings"]) > 0
    reports = sorted((root / "docs" / "project").rglob("*.md"))
    return said | {path.relative_to(root).as_posix(): path.read_bytes().decode() for path in reports}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one place of all copies: the context names it."""
    return tmp_path_factory.mktemp("projects") / "service"


@pytest.fixture(scope="module")
def expected(root: Path) -> dict[str, str]:
    """What a first run says, without a cache and on one core."""
    return _said(_copy(root), "--no-cache", "--jobs", "1")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_hash_seeds(root: Path, expected: dict[str, str], seed: str) -> None:
    assert _said(_copy(root), "--no-cache", "--jobs", "1", seed=seed) == expected


def test_jobs_and_the_order_in_which_files_were_made(root: Path, expected: dict[str, str]) -> None:
    assert _said(_copy(root, seed=7), "--no-cache", "--jobs", "2", seed="3") == expected


def test_a_cold_and_a_warm_cache(root: Path, expected: dict[str, str], tmp_path: Path) -> None:
    _copy(root)
    for state in ("cold", "warm"):
        assert _said(root, "--cache-dir", str(tmp_path), seed="4") == expected, state
    assert len(list(tmp_path.glob("*.pack"))) == 1
