"""The source lines that findings stand on, read on demand, for columns and excerpts."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping
from pathlib import Path

from persist_lint.model.span import Span, code_points

_BOM = b"\xef\xbb\xbf"
# The line ends that Python's parser knows; str.splitlines knows more and would miscount.
_LINE_END = re.compile(r"\r\n|\r|\n")


class Sources:
    """Lines of the project's files. ``overlay`` holds texts that stand for files (standard input), by project path."""

    def __init__(self, root: Path, overlay: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._overlay = overlay or {}
        self._files: dict[str, list[str]] = {}

    def line(self, path: str, number: int) -> str:
        """The line (1-based) without its end; "" where the file or the line is not (any longer) there."""
        lines = self._lines(path)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def column(self, path: str, line: int, byte_column: int) -> int:
        """The 1-based code-point column of a 0-based UTF-8 byte column."""
        return code_points(self.line(path, line), byte_column) + 1

    def place(self, path: str, span: Span) -> tuple[int, int, int, int]:
        """(line, column, end line, end column) with 1-based code-point columns; the end column is one past the end."""
        return (
            span.line,
            self.column(path, span.line, span.column),
            span.end_line,
            self.column(path, span.end_line, span.end_column),
        )

    def _lines(self, path: str) -> list[str]:
        if path not in self._files:
            text = self._overlay.get(path)
            self._files[path] = _LINE_END.split(text if text is not None else _read(self._root / path))
        return self._files[path]


def _read(path: Path) -> str:
    """The file's text as Python would decode it; undecodable bytes become replacement characters."""
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError:
        return ""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:
        encoding = "utf-8"
    return data.removeprefix(_BOM).decode(encoding, "replace")
