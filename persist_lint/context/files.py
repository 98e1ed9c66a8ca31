"""Bounded, regular-file-only reading below one root; whatever is wrong with a file becomes a line in ``conflicts``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

#: What no human-written manifest, document or template exceeds.
SMALL = 512 * 1024
#: Lock files and migrations of large projects are longer.
LARGE = 16 * 1024 * 1024

_MOST_ENTRIES = 5_000
_ASIDE = frozenset(
    {"test", "tests", "testing", "example", "examples", "sample", "samples", "docs", "doc", "benchmarks", "vendor"}
)
_SKIPPED = frozenset({"node_modules", "venv", "env", "site-packages", "build", "dist", "__pycache__"})


class Folder:
    """The project root as its readers see it. ``conflicts`` collects sentences about files that are broken."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.conflicts: list[str] = []

    def text(self, relative: str, limit: int = SMALL) -> str | None:
        """The file's text; None (and a conflict, unless it is merely missing) when it cannot be had.

        Only regular files below the root are opened: a FIFO would block, a link may lead anywhere.
        """
        path = self.root / relative
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self.root) or not stat.S_ISREG(real.stat().st_mode):
                return None
            with real.open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, RuntimeError, ValueError) as error:
            self.conflicts.append(f"{relative}: cannot be read ({type(error).__name__}); it is left out.")
            return None
        if len(data) > limit:
            self.conflicts.append(f"{relative}: larger than {limit // 1024} KiB; it is left out.")
            return None
        if b"\0" in data:
            self.conflicts.append(f"{relative}: not a text file; it is left out.")
            return None
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            self.conflicts.append(f"{relative}: not UTF-8 text; it is left out.")
            return None

    def broken(self, relative: str, what: str, error: BaseException) -> None:
        """Note that a file does not follow its format."""
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        self.conflicts.append(f"{relative}: not valid {what} ({reason}); it is left out.")

    def entries(self, relative: str) -> tuple[tuple[str, bool], ...]:
        """The names in a directory with whether each is a directory, sorted; none when it cannot be listed."""
        found: list[tuple[str, bool]] = []
        try:
            with os.scandir(self.root / relative) as entries:
                for entry in entries:
                    found.append((entry.name, entry.is_dir(follow_symlinks=False)))
                    if len(found) >= _MOST_ENTRIES:
                        break
        except OSError:
            return ()
        return tuple(sorted(found))

    def files(self, relative: str) -> tuple[str, ...]:
        """The names of what is not a directory in a directory, sorted."""
        return tuple(name for name, is_directory in self.entries(relative) if not is_directory)

    def directories(self, relative: str, depth: int) -> Iterator[str]:
        """The directories down to ``depth`` levels below one, in name order; hidden and foreign ones left out."""
        for name, is_directory in self.entries(relative):
            if is_directory and not name.startswith(".") and name not in _SKIPPED:
                below = join(relative, name)
                yield below
                if depth > 1:
                    yield from self.directories(below, depth - 1)


def join(folder: str, name: str) -> str:
    """The relative path of a name in a folder; the root folder is the empty string."""
    return f"{folder}/{name}" if folder else name


def line_at(text: str, offset: int) -> int:
    """The 1-based line of an offset."""
    return text.count("\n", 0, offset) + 1


def line_of(text: str, needle: str) -> int:
    """The 1-based line of the first occurrence; 1 where it is spelt differently."""
    return line_at(text, max(text.find(needle), 0))


def is_aside(path: str) -> bool:
    """Whether a module is test, example or documentation code, which says nothing about what production uses."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    return not _ASIDE.isdisjoint(parts[:-1]) or name.startswith("test_") or name in {"conftest.py", "setup.py"}


def code_folders(modules: Mapping[str, object]) -> tuple[str, ...]:
    """Folders at most two levels down that hold production modules, those with most modules first, then the root.

    A folder's own manifest describes its modules better than the root's does.
    """
    counts: dict[str, int] = {}
    for path in modules:
        if is_aside(path):
            continue
        parents = PurePosixPath(path).parts[:-1]
        for depth in range(1, min(2, len(parents)) + 1):
            folder = "/".join(parents[:depth])
            counts[folder] = counts.get(folder, 0) + 1
    return (*sorted(counts, key=lambda folder: (-counts[folder], -folder.count("/"), folder)), "")
