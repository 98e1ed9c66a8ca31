"""What a finding is recognised by after the file has changed around it.

Rule, qualified name of the enclosing function inside its file, the flagged expression as ``ast.unparse`` writes it, and
a number that tells equal ones in one file apart. Line numbers and the path are not in it, so that it survives edits
above it and, with the path stored beside it, a rename of the file.
"""

from __future__ import annotations

import ast
import bisect
import copy
import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, structs

from persist_lint.model.finding import Finding
from persist_lint.model.span import Span

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def with_fingerprints(findings: Iterable[Finding], source: Callable[[str], bytes]) -> list[Finding]:
    """The findings, in the order given, with ``fingerprint`` (16 hex digits) filled in.

    ``source`` gives a file's content by path. Equal findings of one file are numbered in the order given.
    """
    found = list(findings)
    lines: dict[str, set[int]] = {}
    for finding in found:
        lines.setdefault(finding.path, set()).add(finding.span.line)
    texts = {path: _Text.of(source(path), wanted) for path, wanted in lines.items()}
    seen: dict[tuple[str, str], int] = {}
    done = []
    for finding in found:
        text = texts[finding.path]
        what = "\0".join((finding.rule, text.function(finding.span), text.expression(finding.span)))
        number = seen[finding.path, what] = seen.get((finding.path, what), -1) + 1
        digest = hashlib.sha256(f"{what}\0{number}".encode("utf-8", "surrogatepass")).hexdigest()
        done.append(structs.replace(finding, fingerprint=digest[:16]))
    return done


class _Text(Struct, frozen=True):
    """A file's lines, nodes by place, and definitions (first line, last line, qualified name), outermost first.

    Nodes and definitions that span none of the lines asked for are left out: most of a file.
    """

    lines: list[bytes]
    nodes: dict[tuple[int, int, int, int], ast.AST]
    definitions: list[tuple[int, int, str]]

    @staticmethod
    def of(source: bytes, wanted: Iterable[int]) -> _Text:
        nodes: dict[tuple[int, int, int, int], ast.AST] = {}
        definitions: list[tuple[int, int, str]] = []
        waiting: list[tuple[ast.AST, str]] = []
        tree = _parsed(source)
        if tree is not None:
            waiting.append((tree, ""))
        asked = sorted(wanted)
        while waiting:
            node, outer = waiting.pop()
            place = _place(node)
            if place is not None:
                if not _spans(node, place, asked):
                    continue
                # The statement of an expression has the expression's place: the outer one is met first and stays.
                nodes.setdefault(place, node)
            if isinstance(node, _DEFINITIONS):
                outer = f"{outer}.{node.name}" if outer else node.name
                definitions.append((node.lineno, node.end_lineno or node.lineno, outer))
            waiting.extend((child, outer) for child in ast.iter_child_nodes(node))
        return _Text(source.splitlines(), nodes, sorted(definitions, key=lambda one: (one[0], -one[1])))

    def function(self, span: Span) -> str:
        """The qualified name of the innermost function or class around the place, "" at module level."""
        around = [name for first, last, name in self.definitions if first <= span.line and span.end_line <= last]
        return around[-1] if around else ""

    def expression(self, span: Span) -> str:
        """The flagged code in one spelling: of a compound statement its head, of what is no node its words."""
        node = self.nodes.get((span.line, span.column, span.end_line, span.end_column))
        if node is not None:
            try:
                return ast.unparse(_head(node))
            except (RecursionError, ValueError):
                pass
        lines = self.lines[span.line - 1 : span.end_line]
        if lines:
            lines[-1] = lines[-1][: span.end_column]
            lines[0] = lines[0][span.column :]
        return b" ".join(b" ".join(lines).split()).decode("utf-8", "replace")


def _parsed(source: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _place(node: ast.AST) -> tuple[int, int, int, int] | None:
    try:
        return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    except AttributeError:
        return None


def _spans(node: ast.AST, place: tuple[int, int, int, int], lines: Sequence[int]) -> bool:
    """Whether one of the lines, which are sorted, lies in the node, its decorators included."""
    decorators = getattr(node, "decorator_list", None)
    first = decorators[0].lineno if decorators else place[0]
    following = bisect.bisect_left(lines, first)
    return following < len(lines) and lines[following] <= place[2]


def _head(node: ast.AST) -> ast.AST:
    """The node without its blocks, so that work inside a loop does not make it another loop."""
    blocks = [name for name in _BLOCKS if isinstance(getattr(node, name, None), list)]
    if not blocks:
        return node
    head = copy.copy(node)
    for name in blocks:
        setattr(head, name, [])
    return head
