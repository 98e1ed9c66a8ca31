"""Which physical lines belong to one statement: a ``# noqa`` on any of them suppresses what is found on the others.

if (              lines 1 to 4 are one head; the body below has lines of its own
    ready
    and willing
):  # noqa: PSL102
"""

from __future__ import annotations

import ast

_BELOW_THE_HEAD = frozenset({"body", "orelse", "handlers", "finalbody", "cases", "decorator_list"})


class Heads:
    """Collects (first, last) line pairs of simple statements, and of the heads of compound ones, that span several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._split: list[str] = []
        self.found: list[tuple[int, int]] = []

    def record(self, node: ast.stmt | ast.excepthandler) -> None:
        """Notes the lines of a statement, or of its head, unless there is only one."""
        first = node.lineno
        body = getattr(node, "body", None)
        if body:
            # The most frequent case by far: the body stands alone on the next line, so that the head has only one.
            if body[0].lineno > first + 1 or (body[0].lineno > first and not self._stands_alone(body[0])):
                self._add_head(node, first, _start(body[0]))
        elif isinstance(node, ast.Match):
            self._add_head(node, first, node.cases[0].pattern.lineno)
        elif node.end_lineno is not None and node.end_lineno > first:
            self.found.append((first, node.end_lineno))

    def record_case(self, node: ast.match_case) -> None:
        """The same for ``case``, to which ``ast`` gives no place of its own."""
        first = node.pattern.lineno
        if _start(node.body[0]) == first:
            return
        lines = self._lines()
        while first > 1 and not lines[first - 1].lstrip().startswith("case"):
            first -= 1
        self._add_head(node, first, _start(node.body[0]))

    def _add_head(self, node: ast.AST, first: int, below: int) -> None:
        """Looks for the colon from the end of the head's last expression to the first line of the body.

        Nothing else stands there but brackets, commas, ``as name`` and comments.
        """
        line, column = _last_position(node, first)
        lines = self._lines()
        code = lines[line - 1].encode()[column:].decode(errors="replace").partition("#")[0]
        while ":" not in code and line < below:
            line += 1
            code = lines[line - 1].partition("#")[0]
        if line > first:
            self.found.append((first, line))

    def _stands_alone(self, statement: ast.stmt) -> bool:
        line = self._lines()[statement.lineno - 1]
        return len(line) - len(line.lstrip()) == statement.col_offset

    def _lines(self) -> list[str]:
        if not self._split:
            self._split = self._text.split("\n")
        return self._split


def _start(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *[decorator.lineno for decorator in decorators]])


def _last_position(node: ast.AST, first: int) -> tuple[int, int]:
    """The end of the last expression in the head, or where the statement starts when it has none."""
    ends = [(first, 0)]
    for field, value in ast.iter_fields(node):
        if field in _BELOW_THE_HEAD:
            continue
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, (ast.withitem, ast.arguments)):
                ends += [_end(inner) for inner in ast.iter_child_nodes(part)]
            elif isinstance(part, ast.AST):
                ends.append(_end(part))
    return max(ends)


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
