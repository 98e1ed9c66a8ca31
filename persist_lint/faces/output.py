"""Where output goes: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from persist_lint.faces.errors import FaceError


def emit(text: str, output_file: Path | None = None) -> None:
    """Write the text to the file, or else to standard output; a reader that has gone away is no error."""
    if output_file is not None:
        write_whole(output_file, text)
    elif text:
        _to_stdout(text)


def note(text: str) -> None:
    """Say something on standard error."""
    with contextlib.suppress(OSError):
        print(text.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)


def colour_wanted(choice: str, output_file: Path | None) -> bool:
    """Whether to use colours: ``always``, ``never``, or on a terminal that NO_COLOR and TERM do not speak against."""
    if choice != "auto":
        return choice == "always"
    if output_file is not None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def write_whole(path: Path, text: str) -> None:
    """Replace the file by one with this text; until then the old one stays. Raises FaceError when that fails."""
    from persist_lint.engine import files

    data = text.encode("utf-8", "backslashreplace")
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a device or pipe has nothing to lose, and must not be replaced
            return
        mode = _mode(target)
        files.write_whole(target, data)
        target.chmod(mode)
    except OSError as error:
        raise FaceError(f"{path}: cannot be written: {error.strerror or error}") from None


def _mode(target: Path) -> int:
    """The permissions the file has, or what the umask leaves a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _to_stdout(text: str) -> None:
    """Standard output in its own encoding; what that cannot spell is escaped."""
    out = sys.stdout
    try:
        out.flush()
        out.buffer.write(text.encode(out.encoding or "utf-8", "backslashreplace"))
        out.flush()
    except BrokenPipeError:
        # Python flushes once more at exit; let that go nowhere instead of failing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
