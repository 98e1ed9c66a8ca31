"""Text of analysed programs, made safe to print.

    >>> plain("\\x1b[31mJob")
    '\\\\x1b[31mJob'

Names, messages, paths and source lines come from files that nobody vouches for: a terminal must never obey them.
"""

from __future__ import annotations

import unicodedata

_TAB = "    "
# Control, format (bidi overrides), surrogate, line and paragraph separators: all that moves a cursor or hides text.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str) -> str:
    """The text on one line, with every control character written as a backslash escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def source_line(text: str) -> str:
    """A source line to show: tabs become four spaces, everything else as ``plain``."""
    return plain(text.replace("\t", _TAB))


def width(text: str) -> int:
    """How many terminal cells the text takes: two for East Asian wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def markdown(text: str) -> str:
    """The text as Markdown that shows it as it is, also inside a table cell."""
    safe = plain(text)
    for char in ("\\", "`", "*", "_", "|", "<", ">", "[", "]", "#", "~", "&"):
        safe = safe.replace(char, "\\" + char)
    return safe


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
