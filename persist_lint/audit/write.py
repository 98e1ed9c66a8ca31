"""Several files written together, each whole, all or none.

All temporary files are written and synced before the first one takes its place. When a rename fails, those already
done are undone from hard links (copies where links are not possible), so that the files are as they were.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path


class AuditWriteError(Exception):
    """A report file could not be read or written; the message is one line that names the file and a way out."""


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write every file whole, making missing directories; nothing else there is touched or deleted.

    A link in a file's place is replaced, not followed. Raises AuditWriteError, with all files as they were.
    """
    with ExitStack() as leftovers:
        staged = [(path, _stage(path, content, leftovers)) for path, content in files.items()]
        with ExitStack() as undo:
            for path, temporary in staged:
                _put(path, temporary, undo, leftovers)
            undo.pop_all()


def explain(action: str, path: Path, error: OSError) -> AuditWriteError:
    """The one line for a failed file operation; ``action`` is read or write."""
    reason = error.strerror or type(error).__name__
    way_out = "choose another place with --output-dir and --report, or print with --no-write"
    return AuditWriteError(f"cannot {action} {path}: {reason}; {way_out}")


def _stage(path: Path, content: bytes, leftovers: ExitStack) -> Path:
    temporary = _beside(path, "tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        path.parent.mkdir(parents=True, exist_ok=True)
        leftovers.callback(_discard, temporary)
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.is_file() and not path.is_symlink():
            shutil.copymode(path, temporary)
    except OSError as error:
        raise explain("write", path, error) from error
    return temporary


def _put(path: Path, temporary: Path, undo: ExitStack, leftovers: ExitStack) -> None:
    backup = _beside(path, "old")
    try:
        if os.path.lexists(path):
            leftovers.callback(_discard, backup)
            _keep(path, backup)
            undo.callback(_restore, backup, path)
        else:
            undo.callback(_discard, path)
        temporary.replace(path)
    except OSError as error:
        raise explain("write", path, error) from error


def _keep(path: Path, backup: Path) -> None:
    try:
        os.link(path, backup, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(path, backup, follow_symlinks=False)


def _restore(backup: Path, path: Path) -> None:
    with suppress(OSError):  # the first error is the one to report
        backup.replace(path)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{suffix}")
