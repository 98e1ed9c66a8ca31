"""One run's Analysis, shared by the processes of that run.

    run = new_run()                                   in the process that starts the lint
    findings = answer(run, "key", build, prepare)     there and in its workers: only the first worker calls build

The first worker that needs it builds the analysis under a file lock and writes it whole; the others read the file.
A run's directory belongs to the user alone (mode 0700) and is removed by the process that made the run. A process that
dies while it builds loses its lock with it, so the next one simply builds. The analysis a process has loaded is kept
by run and key: the one module-level state there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar, cast

from persist_lint.model.analysis import Analysis

Prepared = TypeVar("Prepared")

_PREFIX = "persist-lint-run-"
_POLL_SECONDS = 0.02
_STALE_SECONDS = 24 * 3600
_LOADED: dict[tuple[str, str], object] = {}


def new_run() -> str:
    """The id of a new run: ``<pid of its owner>-<random>``."""
    return f"{os.getpid()}-{secrets.token_hex(12)}"


def owner(run: str) -> int:
    """The pid of the process that made the run; 0 for text that is no run id."""
    head, _, tail = run.partition("-")
    return int(head) if head.isdecimal() and tail.isalnum() else 0


def answer(run: str, key: str, build: Callable[[], Analysis], prepare: Callable[[Analysis], Prepared]) -> Prepared:
    """What ``prepare`` makes of the run's analysis for the key; made once per process.

    In the run's owner the analysis is built here and now; in its workers it is read from the run's snapshot, or built
    and left there. Raises what ``build`` raises. Where no directory can be shared each process builds its own.
    """
    held = _LOADED.get((run, key))
    if held is None:
        analysis = build() if owner(run) == os.getpid() else _read_or_build(run, key, build)
        held = _LOADED[(run, key)] = prepare(analysis)
    return cast("Prepared", held)


def forget(run: str) -> None:
    """Drop what this process holds of the run and remove the run's directory; only its owner may do the latter."""
    for held in [place for place in _LOADED if place[0] == run]:
        del _LOADED[held]
    if owner(run) == os.getpid():
        shutil.rmtree(_directory(run), ignore_errors=True)


def _read_or_build(run: str, key: str, build: Callable[[], Analysis]) -> Analysis:
    directory = _directory(run)
    if not _made_private(directory):
        return build()
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    snapshot = directory / f"{name}.msgpack"
    with _locked(directory / f"{name}.lock"):
        analysis = _read(snapshot)
        if analysis is None:
            analysis = build()
            _write(snapshot, analysis)
        return analysis


def _directory(run: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{run}"


def _made_private(directory: Path) -> bool:
    """Make the directory if it is missing; is it ours alone? Somebody else's directory, or a link, is never used."""
    try:
        directory.mkdir(mode=0o700)
        _sweep(directory.parent)
    except FileExistsError:
        pass
    except OSError:
        return False
    return _is_private(directory)


def _is_private(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return sys.platform == "win32" or (status.st_uid == os.getuid() and status.st_mode & 0o077 == 0)


def _sweep(parent: Path) -> None:
    """Remove what runs that were killed have left behind, a day later."""
    for old in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if _is_private(old) and time.time() - old.lstat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)


def _read(path: Path) -> Analysis | None:
    import msgspec

    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Analysis)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, analysis: Analysis) -> None:
    """Write the snapshot whole; a full or read-only disk only costs the others the time to build it again."""
    import msgspec

    part = path.with_suffix(f".{os.getpid()}")
    try:
        part.write_bytes(msgspec.msgpack.encode(analysis))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file. The operating system frees it when the holder ends, however it ends.

    On a file system without locks nobody waits: work is done twice, and nothing breaks, for files are written whole.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(path.open("a+b"))
            _acquire(file)
            stack.callback(_release, file)
        yield


if sys.platform == "win32":
    import msvcrt

    def _acquire(file: IO[bytes]) -> None:
        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                time.sleep(_POLL_SECONDS)

    def _release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _release(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
