"""Reading files that may be anything, and writing files whole.

A path that ends in .py can be a pipe, a device, a socket, a link to nothing, or change while it is read. ``read``
opens regular files only, never waits, and never returns a mixture of two contents.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)
_ATTEMPTS = 3
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class ReadError(Exception):
    """The file cannot be read; the message says why, without the path."""


def read(path: Path | str, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes; raises ReadError."""
    for _ in range(_ATTEMPTS):
        try:
            content = _read_once(path, limit)
        except OSError as error:
            raise ReadError(_reason(path, error)) from None
        if content is not None:
            return content
    raise ReadError("it changes while it is read")


def _reason(path: Path | str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and Path(path).is_symlink():
        return "a symbolic link to a file that does not exist"
    return (error.strerror or type(error).__name__).lower()


def _read_once(path: Path | str, limit: int) -> bytes | None:
    """The content, or None when the file changed meanwhile."""
    _require_regular(Path(path).stat())
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        _require_regular(before)
        if before.st_size > limit:
            raise ReadError(
                f"larger than {limit:,} bytes; exclude it, or raise thresholds.max-file-bytes in the configuration"
            )
        content = _read_all(file.fileno(), before.st_size)
        after = os.fstat(descriptor)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return content if same and len(content) == before.st_size else None


def _read_all(descriptor: int, size: int) -> bytes:
    parts = []
    # One byte more than announced, so that a file that has grown is noticed.
    missing = size + 1
    while missing and (part := os.read(descriptor, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "something else")
        raise ReadError(f"not a regular file but {kind}")


def write_whole(path: Path, content: bytes) -> None:
    """Puts the content in place at once: whoever reads sees the old file or the new one. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
