"""What the traversal carries along: one ``Unit`` per file, one ``Scope`` per code block."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from persist_lint.model.facts import ClassFacts, Expr, FunctionFacts, Import, Stmt

# Trees deeper than this are cut: an expression below becomes ``Other``. Readers may so recurse over a tree without
# fear, and what they see does not depend on how deep the caller's own stack was.
MAX_DEPTH = 200

LowerExpression = Callable[[Any, "Scope", int], Expr]
LowerStatement = Callable[[Any, "Scope", int], "Stmt | list[Import]"]


class HeadLines(Protocol):
    """Records the physical lines of a statement that spans several."""

    def record(self, node: ast.stmt | ast.excepthandler) -> None: ...

    def record_case(self, node: ast.match_case) -> None: ...


class Unit:
    """What one file has yielded so far; ``functions`` and ``classes`` hold None for those still being read."""

    __slots__ = ("classes", "functions", "heads", "imports", "table")

    def __init__(self, table: Mapping[type[ast.AST], LowerStatement], heads: HeadLines) -> None:
        self.table = table
        self.heads = heads
        self.functions: list[FunctionFacts | None] = []
        self.classes: list[ClassFacts | None] = []
        self.imports: list[Import] = []


class Scope:
    """A module, class, function or lambda body.

    ``names`` are the identifiers mentioned so far, ``mention`` adds one; ``function`` is the index of the nearest
    enclosing function and ``owner`` that of the class whose body this is (-1: none); ``prefix`` starts the qualified
    names of the definitions inside.
    """

    __slots__ = ("function", "is_generator", "mention", "names", "owner", "prefix", "unit")

    def __init__(self, unit: Unit, names: set[str], function: int, owner: int, prefix: str) -> None:
        self.unit = unit
        self.names = names
        self.mention = names.add
        self.function = function
        self.owner = owner
        self.prefix = prefix
        self.is_generator = False
