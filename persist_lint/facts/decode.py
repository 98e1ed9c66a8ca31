"""Source bytes → text, as CPython decodes them (PEP 263), or why that is impossible.

Spans count UTF-8 bytes of the *text*: in a Latin-1 file the column after ``é`` is one more than its byte offset on
disk. Line ends of all three kinds become ``\\n``; a form feed ends no line.
"""

from __future__ import annotations

import io
import tokenize

from persist_lint.facts.text import storable
from persist_lint.model.facts import Problem

# A file larger than this is data in Python's clothes. One full of short elements is so sooner: CPython's own tree takes
# about a kilobyte for each.
MAX_BYTES = 5_000_000
MAX_MARKS = 500_000
_MARKS = b",.()[]{}+-*/%|&^@<>=:!~"

UNREADABLE = "unreadable-file"
_UTF8_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def decode(source: bytes) -> str | Problem:
    """The text with ``\\n`` line ends and without a byte order mark, or the problem that hides it."""
    if len(source) > MAX_BYTES:
        size = f"{len(source) / 1e6:.1f} MB"
        return Problem(1, UNREADABLE, f"the file is too large: {size}, the limit is {MAX_BYTES / 1e6:.0f} MB")
    if len(source) > MAX_MARKS and len(source) - len(source.translate(None, _MARKS)) > MAX_MARKS:
        return Problem(1, UNREADABLE, f"the file is too large: over {MAX_MARKS:,} operators, brackets and commas")
    if b"\0" in source:
        return _with_null_bytes(source)
    if b"\r" in source:
        source = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        encoding = _encoding(source)
        text = source.decode(encoding)
    except SyntaxError as error:
        return Problem(1, UNREADABLE, f"the encoding is not known: {storable(str(error.msg))}")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        return Problem(line, UNREADABLE, f"not decodable as {error.encoding}: {error.reason}")
    except (ValueError, LookupError) as error:
        return Problem(1, UNREADABLE, f"not decodable: {storable(str(error))}")
    return text.removeprefix("\ufeff")


def _encoding(source: bytes) -> str:
    """The codec's name. Raises SyntaxError for an unknown one, or for a cookie that contradicts the BOM."""
    head = source[:2000].split(b"\n", 2)[:2]
    if any(b"coding" in line for line in head):
        return tokenize.detect_encoding(io.BytesIO(source).readline)[0]
    return "utf-8-sig" if source.startswith(_UTF8_BOM) else "utf-8"


def _with_null_bytes(source: bytes) -> Problem:
    for bom, name in _WIDE_BOMS.items():
        if source.startswith(bom):
            return Problem(1, UNREADABLE, f"the file is {name}, which Python does not read as source; save it as UTF-8")
    line = source.count(b"\n", 0, source.index(b"\0")) + 1
    return Problem(line, UNREADABLE, "the file contains null bytes: it is not Python source text")
