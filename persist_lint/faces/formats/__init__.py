"""Output formats of ``check``: each module renders a Shown as text; imported when asked for."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from persist_lint.faces.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from persist_lint.faces.shown import Shown
    from persist_lint.faces.source import Sources

FORMATS: tuple[str, ...] = ("concise", "full", "json", "markdown")


class Page(Struct, frozen=True):
    """What a format needs besides the findings: their source lines, where paths start from, and may it use colour?"""

    sources: Sources
    cwd: Path
    colour: bool = False

    def path(self, root: Path, path: str) -> str:
        """A project path as seen from the working directory, with forward slashes."""
        try:
            return Path(os.path.relpath(root / path, self.cwd)).as_posix()
        except ValueError:  # another drive
            return (root / path).as_posix()

    def shown_path(self, root: Path, path: str) -> str:
        """The same, safe to print."""
        return plain(self.path(root, path))


def render(name: str, shown: Shown, page: Page) -> str:
    """The findings in the format of that name; the text ends in a newline unless it is empty."""
    module = importlib.import_module(f"persist_lint.faces.formats.{name}")
    return cast("Callable[[Shown, Page], str]", module.render)(shown, page)
