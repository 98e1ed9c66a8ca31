"""Which physical lines belong to one statement: a ``# noqa`` on any of them suppresses what is found on the others."""

from __future__ import annotations

import ast
import re

# From the end of the head's last expression to its colon there are only brackets, commas, a name and comments.
_TO_COLON = re.compile(r"(?:[^:#]|#[^\n]*)*:")


class Heads:
    """Collects (first, last) line pairs of simple statements, and of the heads of compound ones, that span several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[str] = []
        self.found: list[tuple[int, int]] = []

    def record(self, node: ast.stmt | ast.excepthandler | ast.match_case) -> None:
        """Notes the statement's lines, unless there is only one."""
        if isinstance(node, ast.match_case):
            first, body = node.pattern.lineno, node.body
        else:
            first = node.lineno
            body = node.cases if isinstance(node, ast.Match) else getattr(node, "body", None)  # type: ignore[assignment]
        if body is None:
            last = node.end_lineno  # type: ignore[union-attr]
        else:
            last = self._head_end(node, first, body[0])
        if last is not None and last != first:
            self.found.append((first, last))

    def _head_end(self, node: ast.AST, first: int, below: ast.stmt | ast.match_case) -> int:
        """The line of the colon; looked for only where the body starts further down than on the next line."""
        start = below.pattern.lineno if isinstance(below, ast.match_case) else below.lineno
        for decorator in getattr(below, "decorator_list", ()):
            start = min(start, decorator.lineno)
        if start <= first + 1:
            return first
        line, column = _last_position(node)
        if not self._lines:
            self._lines = self._text.split("\n")
        # The first body statement bounds the search, so that no lambda or slice of it can be taken for the colon.
        window = self._lines[line - 1 : start]
        window[0] = window[0].encode()[column:].decode(errors="replace")
        found = _TO_COLON.match("\n".join(window))
        return line if found is None else min(line + found.group().count("\n"), start)


def _last_position(node: ast.AST) -> tuple[int, int]:
    """The end of the last expression in the head, or where the statement starts when it has none."""
    ends = [(node.lineno, node.col_offset)] if hasattr(node, "lineno") else []
    for field, value in ast.iter_fields(node):
        if field in ("body", "orelse", "handlers", "finalbody", "cases", "decorator_list"):
            continue
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, (ast.withitem, ast.arguments)):
                ends += [_end(inner) for inner in ast.iter_child_nodes(part)]
            elif isinstance(part, ast.AST):
                ends.append(_end(part))
    return max(ends)


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
