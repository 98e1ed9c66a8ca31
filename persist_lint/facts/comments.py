"""The comments that suppress findings.

    # noqa: PSL102        # flake8: noqa        # persist-lint: ignore[rule] reason        # pylint: disable=rule

``tokenize`` costs more than parsing, and in some projects every sixth file holds such a comment. To tell comments from
strings it takes less: a file that parses consists of strings, comments, and text without quotes and ``#``. (Inside the
braces of an f-string that is only nearly so; a suppression there is not seen.)
"""

from __future__ import annotations

import re

from persist_lint.facts.text import storable
from persist_lint.model.facts import Comment

_WORDS = ("noqa", "persist-lint", "pylint")
_PRAGMA = re.compile(r"\bnoqa\b|\bpersist-lint\s*:|\bpylint\s*:", re.IGNORECASE)
_STRING_OR_COMMENT = re.compile(
    r'''
    \#[^\n]*
    | """ [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* """
    | \'\'\' [^'\\]* (?: (?: \\. | '(?!\'\') ) [^'\\]* )* \'\'\'
    | " [^"\\\n]* (?: \\. [^"\\\n]* )* "
    | ' [^'\\\n]* (?: \\. [^'\\\n]* )* '
    ''',
    re.VERBOSE | re.DOTALL,
)


def suppressions(text: str) -> tuple[Comment, ...]:
    """The suppression comments of a file that parses, in source order; columns are 0-based UTF-8 bytes."""
    if not _may_hold_any(text):
        return ()
    found = []
    line, counted = 1, 0
    for match in _STRING_OR_COMMENT.finditer(text):
        comment = match.group()
        if comment[0] != "#" or not _PRAGMA.search(comment):
            continue
        start = match.start()
        line += text.count("\n", counted, start)
        counted = start
        before = text[text.rfind("\n", 0, start) + 1 : start]
        found.append(Comment(line, len(before.encode()), storable(comment), not before.strip()))
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
