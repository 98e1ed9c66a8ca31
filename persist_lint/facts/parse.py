"""Text → ``ast``, or why not. The text is parsed, never compiled further and never run."""

from __future__ import annotations

import ast
import re
import sys

from persist_lint.facts.decode import UNREADABLE
from persist_lint.facts.text import storable
from persist_lint.facts.type_comments import parse_with_comments
from persist_lint.model.facts import Problem

TOO_DEEP = Problem(1, UNREADABLE, "the code is too deeply nested to be analysed")

# What a line that does not parse may be in a newer Python: (since, how it is called, how it looks).
_NEWER: tuple[tuple[tuple[int, int], str, re.Pattern[str]], ...] = (
    ((3, 11), "`except*`", re.compile(r"\s*except\s*\*")),
    ((3, 11), "an unpacked subscript", re.compile(r".*\w\[\s*([^\]\n]*,\s*)?\*\w")),
    ((3, 13), "type parameter defaults", re.compile(r"\s*(async\s+)?(def|class|type)\s+\w+\s*\[[^\]\n]*=")),
    ((3, 12), "a `type` statement", re.compile(r"\s*type\s+\w+\s*(\[.*\])?\s*=")),
    ((3, 12), "type parameters", re.compile(r"\s*(async\s+)?(def|class)\s+\w+\s*\[")),
    ((3, 14), "a t-string", re.compile(r""".*(?<!\w)([tT][rR]?|[rR][tT])["']""")),
    (
        (3, 14),
        "`except` with several types and no parentheses",
        re.compile(r"\s*except\*?\s+[\w.]+(\s*,\s*[\w.]*\b[A-Z]\w*)+\s*:"),
    ),
    ((3, 15), "a lazy import", re.compile(r"\s*lazy\s+(import|from)\s")),
)
_LONGEST = 1000
_F_STRING = re.compile(r""".*(?<!\w)([fF][rR]?|[rR][fF])["']""")


def parse(text: str) -> ast.Module | Problem:
    """The tree, or a syntax error. Raises RecursionError or MemoryError when the text nests too deeply."""
    try:
        return parse_with_comments(text) or ast.parse(text)
    except SyntaxError as error:
        return _syntax_error(error, text)
    except UnicodeEncodeError:
        return Problem(1, UNREADABLE, "the file contains lone surrogates: it is not Python source text")
    except (ValueError, OverflowError, SystemError) as error:
        return Problem(1, "syntax-error", storable(str(error)))


def _syntax_error(error: SyntaxError, text: str) -> Problem:
    message = storable(str(error.msg))
    line = max(error.lineno or 1, 1)
    newer = _newer_syntax(message, line, text)
    if newer is not None:
        since, what = newer
        running = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
        message = f"{message} ({what} needs Python {since[0]}.{since[1]}, this is {running}: run with a newer one)"
    return Problem(line, "syntax-error", message)


def _newer_syntax(message: str, line: int, text: str) -> tuple[tuple[int, int], str] | None:
    """The form that only newer interpreters parse, if the line that failed, or the one before, looks like one."""
    running = sys.version_info[:2]
    lines = text.split("\n")
    for number in (line, line - 1):
        suspect = lines[number - 1][:_LONGEST] if 0 < number <= len(lines) else ""
        for since, what, form in _NEWER:
            if running < since and form.match(suspect):
                return since, what
        if running < (3, 12) and (message.startswith("f-string") or _F_STRING.match(suspect)):
            return (3, 12), "an f-string with nested quotes, backslashes or comments"
    return None
