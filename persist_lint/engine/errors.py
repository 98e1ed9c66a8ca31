"""What stops a run before it starts; each message is one line that names the file or option and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EngineError(Exception):
    """The tool cannot do its work (exit status 2)."""


class ConfigError(EngineError):
    """The configuration is wrong; the message names file and key."""


class PathError(EngineError):
    """A path to analyse does not exist or cannot be looked at."""


def hint(word: str, known: Iterable[str]) -> str:
    """``; did you mean "…"?`` for the known word nearest to this one, or an empty string."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
