"""Places in source text.

A span keeps what CPython's ``ast`` gives: 1-based lines and 0-based UTF-8 byte columns. Only this module converts.
"""

from __future__ import annotations

from msgspec import Struct


class Span(Struct, frozen=True, array_like=True, gc=False, order=True):
    """From (line, column) up to, not including, (end_line, end_column); lines 1-based, columns 0-based UTF-8 bytes."""

    line: int
    column: int
    end_line: int
    end_column: int


def code_points(text: str, byte_column: int) -> int:
    """The 0-based code-point column of a 0-based UTF-8 byte column in one line of text."""
    if text.isascii():
        return byte_column
    return len(text.encode("utf-8", "surrogatepass")[:byte_column].decode("utf-8", "ignore"))


def utf16_units(text: str, byte_column: int) -> int:
    """The 0-based UTF-16 column (as editors count) of a 0-based UTF-8 byte column in one line of text."""
    if text.isascii():
        return byte_column
    head = text.encode("utf-8", "surrogatepass")[:byte_column].decode("utf-8", "ignore")
    return len(head.encode("utf-16-le", "surrogatepass")) // 2
