"""Words of prose and of messages, made comparable for Rule 1."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:-]*")
_PROSE = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_COINED = re.compile(r"[A-Za-z0-9][_.:-][A-Za-z0-9]|[a-z0-9][A-Z]")
_SHORTEST = 4
#: Words of every finding or every text; they say nothing.
_EMPTY = frozenset((
    "this", "that", "with", "from", "into", "over", "under", "each", "every", "more", "than", "then", "when",
    "where", "while", "which", "whose", "what", "have", "been", "being", "does", "will", "would", "should", "could",
    "must", "also", "only", "once", "same", "after", "before", "between", "within", "without", "because", "here",
    "there", "them", "they", "their", "call", "called", "calls", "code", "line", "lines", "function", "file",
    "missing", "wrong", "instead", "other", "another", "some",
))  # fmt: skip


def tokens(text: str) -> set[str]:
    """The words, identifiers and paths of a text, without punctuation or line numbers at their ends."""
    found = (re.sub(r":\d+$", "", token.rstrip("./:-")) for token in _TOKEN.findall(text))
    return {token.rstrip("./:-") for token in found} - {""}


def prose(text: str) -> dict[str, str]:
    """Stem → first spelling, in alphabetical order, of the plain words of a text; names and paths are left out."""
    parts = sorted(part.lower() for token in tokens(text) if _PROSE.fullmatch(token) for part in token.split("-"))
    stems: dict[str, str] = {}
    for part in parts:
        if len(part) >= _SHORTEST and part not in _EMPTY:
            stems.setdefault(stem(part), part)
    return stems


def stem(word: str) -> str:
    """A crude stem of a lower-case word: commit, commits, committed and committing meet, as do query and queries."""
    if word.endswith("ies") and len(word) > _SHORTEST + 1:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    word = word.removesuffix("e")
    return word[:-1] if len(word) > 1 and word[-1] == word[-2] else word


def is_coined(name: str) -> bool:
    """Whether a name is none that prose uses by chance: snake_case, CamelCase with two humps, dotted, dashed."""
    return bool(_COINED.search(name))
