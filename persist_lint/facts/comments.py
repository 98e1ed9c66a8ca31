"""The comments that suppress findings.

    # noqa: PSL102        # flake8: noqa        # persist-lint: ignore[rule] reason        # pylint: disable=rule

Tokenising costs more than parsing, so only the few files that hold such a word after a ``#`` are tokenised.
"""

from __future__ import annotations

import io
import re
import tokenize

from persist_lint.facts.text import storable
from persist_lint.model.facts import Comment

_WORDS = ("noqa", "persist-lint", "pylint")
_PRAGMA = re.compile(r"\bnoqa\b|\bpersist-lint\s*:|\bpylint\s*:", re.IGNORECASE)


def suppressions(text: str) -> tuple[Comment, ...]:
    """The suppression comments of a file that parses, in source order; columns are 0-based UTF-8 bytes."""
    if not _may_hold_any(text):
        return ()
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type == tokenize.COMMENT and _PRAGMA.search(token.string):
                before = token.line[: token.start[1]]
                column = len(before.encode())
                found.append(Comment(token.start[0], column, storable(token.string), not before.strip()))
    except (tokenize.TokenError, SyntaxError):
        # The file parses, so that this is a quirk of tokenize at its end: what was found before stands.
        pass
    return tuple(found)


def _may_hold_any(text: str) -> bool:
    lowered = text.lower()
    if not any(word in lowered for word in _WORDS):
        return False
    for line in text.split("\n"):
        start = line.find("#")
        if start >= 0 and _PRAGMA.search(line, start):
            return True
    return False
