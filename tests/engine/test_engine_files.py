"""Reading what may be anything, and writing whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from persist_lint.engine import files


def refusal(path: Path, limit: int = 100) -> str:
    with pytest.raises(files.ReadError) as caught:
        files.read(path, limit)
    return str(caught.value)


def test_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"\x00\xff")
    assert files.read(path, 2) == b"\x00\xff"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dir.py").mkdir()
    (tmp_path / "dangling.py").symlink_to("nothing.py")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "large.py").write_bytes(b"x" * 101)
    assert refusal(tmp_path / "pipe.py") == "not a regular file but a named pipe"
    assert refusal(tmp_path / "dir.py") == "not a regular file but a directory"
    assert refusal(tmp_path / "dangling.py") == "a symbolic link to a file that does not exist"
    assert refusal(tmp_path / "self.py") == "too many levels of symbolic links"
    assert refusal(tmp_path / "none.py") == "no such file or directory"
    assert refusal(Path("/dev/null")) == "not a regular file but a character device"
    assert refusal(tmp_path / "large.py") == (
        "larger than 100 bytes; exclude it, or raise thresholds.max-file-bytes in the configuration"
    )


def test_a_pipe_that_takes_the_place_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.touch()
    real = os.open

    def swapped(place: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(place, flags)

    monkeypatch.setattr(files.os, "open", swapped)
    assert refusal(path) == "not a regular file but a named pipe"


def test_a_file_that_is_written_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"first")
    real = os.read
    contents = [b"second!", b"third, and longer"]

    def meddling(descriptor: int, size: int) -> bytes:
        part = real(descriptor, size)
        if contents:
            path.write_bytes(contents.pop(0))
        return part

    monkeypatch.setattr(files.os, "read", meddling)
    assert files.read(path, 100) == b"third, and longer"


def test_a_file_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"")
    real = os.read

    def meddling(descriptor: int, size: int) -> bytes:
        part = real(descriptor, size)
        path.write_bytes(path.read_bytes() + b"x")
        return part

    monkeypatch.setattr(files.os, "read", meddling)
    assert refusal(path) == "it changes while it is read"


def test_a_file_that_is_replaced_is_one_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    real = os.read

    def replacing(descriptor: int, size: int) -> bytes:
        files.write_whole(path, b"new and longer")
        return real(descriptor, size)

    monkeypatch.setattr(files.os, "read", replacing)
    assert files.read(path, 100) == b"old"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.md"
    files.write_whole(path, b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_whole(path, b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("report.md", b"old")]
