"""What the pattern of a ``case`` names and binds."""

from __future__ import annotations

import ast

from persist_lint.facts.expressions import expression
from persist_lint.facts.scope import Scope
from persist_lint.model.facts import Expr


def pattern(node: ast.pattern, scope: Scope, depth: int) -> tuple[tuple[Expr, ...], tuple[str, ...]]:
    """The class expressions of the pattern and the names it binds (each once), outer ones first."""
    classes: list[Expr] = []
    binds: dict[str, None] = {}
    waiting: list[ast.pattern] = [node]
    while waiting:
        part = waiting.pop()
        _own(part, scope, depth, classes, binds)
        waiting += reversed([child for child in ast.iter_child_nodes(part) if isinstance(child, ast.pattern)])
    return tuple(classes), tuple(binds)


def _own(part: ast.pattern, scope: Scope, depth: int, classes: list[Expr], binds: dict[str, None]) -> None:
    if isinstance(part, ast.MatchClass):
        classes.append(expression(part.cls, scope, depth))
    elif isinstance(part, ast.MatchValue):
        expression(part.value, scope, depth)
    elif isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name is not None:
        binds[part.name] = None
    elif isinstance(part, ast.MatchMapping):
        for key in part.keys:
            expression(key, scope, depth)
        if part.rest is not None:
            binds[part.rest] = None
