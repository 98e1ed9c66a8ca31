"""The snapshot of a run: built once, read by the others, owned by one user, gone when the run ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from faces import fake_engine
from faces.fake_engine import IMPORT_ROOT

from persist_lint.faces import snapshot
from persist_lint.model.analysis import Analysis


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(snapshot, "_LOADED", {})


def same(analysis: Analysis) -> Analysis:
    return analysis


class Engine:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Analysis:
        self.asked += 1
        return fake_engine.answer(Path("/project"))


FOREIGN = "1-0123456789abcdef01234567"


def reader() -> None:
    """Make this process forget what it has loaded, as a worker that starts."""
    snapshot._LOADED.clear()


def test_the_owner_builds_in_memory(tmp_path: Path) -> None:
    engine, run = Engine(), snapshot.new_run()
    answers = [snapshot.answer(run, "key", engine, same) for _ in range(2)]
    assert answers[0] is answers[1]
    assert (engine.asked, list(tmp_path.iterdir())) == (1, [])
    snapshot.forget(run)
    snapshot.answer(run, "key", engine, same)
    assert engine.asked == 2


def test_the_first_worker_builds_and_the_others_read() -> None:
    engine = Engine()
    answers = []
    for _ in range(3):
        reader()
        answers.append(snapshot.answer(FOREIGN, "key", engine, same))
    assert answers[0] == answers[1] == answers[2] == fake_engine.answer(Path("/project"))
    assert engine.asked == 1


def test_keys_and_runs_are_apart() -> None:
    engine = Engine()
    for run, key in ((FOREIGN, "a"), (FOREIGN, "b"), (FOREIGN.replace("1-", "2-"), "a")):
        reader()
        snapshot.answer(run, key, engine, same)
    assert engine.asked == 3


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    snapshot.answer(FOREIGN, "key", Engine(), same)
    (directory,) = tmp_path.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("trap", ["open", "link", "file"])
def test_a_directory_that_others_could_have_made_is_not_used(tmp_path: Path, trap: str) -> None:
    place = tmp_path / f"persist-lint-run-{FOREIGN}"
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    if trap == "open":
        place.mkdir()
        place.chmod(0o755)
    elif trap == "link":
        place.symlink_to(other)
    else:
        place.write_text("")
    engine = Engine()
    for _ in range(2):
        reader()
        snapshot.answer(FOREIGN, "key", engine, same)
    assert (engine.asked, list(other.iterdir())) == (2, [])


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03"])
def test_a_damaged_snapshot_is_built_again(tmp_path: Path, content: bytes) -> None:
    engine = Engine()
    snapshot.answer(FOREIGN, "key", engine, same)
    (file,) = tmp_path.glob("*/*.msgpack")
    file.write_bytes(content)
    reader()
    assert snapshot.answer(FOREIGN, "key", engine, same) == fake_engine.answer(Path("/project"))
    assert engine.asked == 2


def test_a_builder_that_dies_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from persist_lint.faces import snapshot\n"
        "snapshot.answer(sys.argv[2], 'key', lambda: os._exit(7), print)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(IMPORT_ROOT)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), FOREIGN], env=environment, timeout=30)
    assert done.returncode == 7
    assert [path.suffix for path in tmp_path.glob("*/*")] == [".lock"]
    engine = Engine()
    snapshot.answer(FOREIGN, "key", engine, same)
    assert engine.asked == 1


def test_a_builder_that_fails_fails_for_itself_alone() -> None:
    def broken() -> Analysis:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        snapshot.answer(FOREIGN, "key", broken, same)
    engine = Engine()
    snapshot.answer(FOREIGN, "key", engine, same)
    assert engine.asked == 1


def test_only_the_owner_removes_a_run(tmp_path: Path) -> None:
    snapshot.answer(FOREIGN, "key", Engine(), same)
    snapshot.forget(FOREIGN)
    assert len(list(tmp_path.iterdir())) == 1
    own = f"{os.getpid()}-0123456789abcdef01234567"
    (tmp_path / f"persist-lint-run-{own}").mkdir()
    snapshot.forget(own)
    assert [path.name for path in tmp_path.iterdir()] == [f"persist-lint-run-{FOREIGN}"]


def test_leftovers_go_a_day_later(tmp_path: Path) -> None:
    for name, age in (("old", 25 * 3600), ("young", 3600)):
        left = tmp_path / f"persist-lint-run-{name}"
        left.mkdir(mode=0o700)
        os.utime(left, (time.time() - age,) * 2)
    snapshot.answer(FOREIGN, "key", Engine(), same)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"persist-lint-run-{FOREIGN}", "persist-lint-run-young"]
    )


@pytest.mark.parametrize(
    ("text", "pid"), [("12-ab", 12), ("", 0), ("12", 0), ("x-ab", 0), ("12-../x", 0), ("-ab", 0), ("²-ab", 0)]
)
def test_owner(text: str, pid: int) -> None:
    assert snapshot.owner(text) == pid
