"""Path patterns as in .gitignore, and where they count from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from msgspec import Struct
from pathspec import GitIgnoreSpec

from persist_lint.engine.errors import ConfigError


class Patterns(Struct, frozen=True):
    """A list of patterns that count from ``base``: "" for the project root, else a directory path ending in a slash."""

    spec: GitIgnoreSpec
    base: str = ""

    @staticmethod
    def of(lines: tuple[str, ...]) -> Patterns:
        """Patterns from the configuration; raises ConfigError for one that cannot be understood."""
        return Patterns(_spec(lines))

    @staticmethod
    def of_gitignore(text: str, base: str) -> Patterns:
        """The patterns of one .gitignore; lines that git would not understand are left out, as git does."""
        return Patterns(GitIgnoreSpec.from_lines(line for line in text.splitlines() if _is_valid(line)), base)

    def verdict(self, path: str) -> bool | None:
        """True: the last pattern that meets the path says yes; False: it is negated; None: no pattern meets it.

        ``path`` is relative to the project root; a directory's ends in a slash.
        """
        if not path.startswith(self.base) or len(path) == len(self.base):
            return None
        return self.spec.check_file(path[len(self.base) :]).include

    def match(self, path: str) -> bool:
        """Do the patterns meet the path, or a directory above it?"""
        return self.verdict(path) is True

    def below(self, base: str) -> Patterns:
        """The same patterns, counted from a directory further down."""
        return Patterns(self.spec, base)


@cache
def _spec(lines: tuple[str, ...]) -> GitIgnoreSpec:
    for line in lines:
        if not _is_valid(line):
            raise ConfigError(f'"{line}" is not a path pattern (they are written as in .gitignore)')
    return GitIgnoreSpec.from_lines(line.removeprefix("./") for line in lines)


def _is_valid(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def first_verdict(path: str, patterns: Iterable[Patterns]) -> bool:
    """What the innermost of several .gitignore files says; ``patterns`` come innermost first."""
    for one in patterns:
        verdict = one.verdict(path)
        if verdict is not None:
            return verdict
    return False
