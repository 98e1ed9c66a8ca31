"""Annotations: as expressions, with forward references in strings read as the code they stand for.

``Mapped[list["Post"]]`` and ``"AsyncSession"`` become ``Mapped[list[Post]]`` and ``AsyncSession``; every node made from
a string has the string's span. Strings that are data stay constants: those inside ``Literal[…]`` and the metadata of
``Annotated[…]``.
"""

from __future__ import annotations

import ast

from persist_lint.facts.expressions import TABLE, span
from persist_lint.facts.scope import Scope
from persist_lint.model.facts import Bin, Expr, Name, Seq, Subscript, TypeVariable

LONGEST_REFERENCE = 500


def annotation(node: ast.expr, scope: Scope, depth: int = 0) -> Expr:
    """The lean node of an annotation."""
    kind = node.__class__
    if kind is ast.Constant:
        return _reference(node, scope, depth)  # type: ignore[arg-type]
    if kind is ast.Subscript and depth < 50:
        return _subscript(node, scope, depth)  # type: ignore[arg-type]
    if kind is ast.BinOp and depth < 50:
        return _union(node, scope, depth)  # type: ignore[arg-type]
    return TABLE[kind](node, scope, depth)


def _reference(node: ast.Constant, scope: Scope, depth: int) -> Expr:
    text = node.value
    if not isinstance(text, str) or len(text) > LONGEST_REFERENCE:
        return TABLE[ast.Constant](node, scope, depth)
    if text.isidentifier() and text.isascii():
        scope.mention(text)
        return Name(span(node), text)
    try:
        parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return TABLE[ast.Constant](node, scope, depth)
    if isinstance(parsed, ast.Constant):
        return TABLE[ast.Constant](node, scope, depth)
    for inner in ast.walk(parsed):
        if isinstance(inner, (ast.expr, ast.arg)):
            ast.copy_location(inner, node)
    return annotation(parsed, scope, depth + 1)


def type_variables(node: ast.stmt, scope: Scope) -> tuple[TypeVariable, ...]:
    """The type parameters in brackets of a definition (Python 3.12); none before."""
    found = []
    for parameter in getattr(node, "type_params", ()):
        bound = getattr(parameter, "bound", None)
        found.append(TypeVariable(parameter.name, None if bound is None else annotation(bound, scope)))
    return tuple(found)


def _subscript(node: ast.Subscript, scope: Scope, depth: int) -> Expr:
    value = TABLE[node.value.__class__](node.value, scope, depth + 1)
    index, below = node.slice, depth + 1
    head = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    lowered: Expr
    if head == "Literal":
        lowered = TABLE[index.__class__](index, scope, below)
    elif not isinstance(index, (ast.Tuple, ast.List)):
        lowered = annotation(index, scope, below)
    else:
        meant = index.elts[:1] if head == "Annotated" else index.elts
        items = [_argument(item, scope, below) for item in meant]
        items += [TABLE[item.__class__](item, scope, below) for item in index.elts[len(meant) :]]
        lowered = Seq(span(index), "tuple" if isinstance(index, ast.Tuple) else "list", tuple(items))
    return Subscript(span(node), value, lowered)


def _argument(node: ast.expr, scope: Scope, depth: int) -> Expr:
    """One argument of a subscript: ``Callable[["Job"], None]`` nests a list."""
    if isinstance(node, ast.List):
        return Seq(span(node), "list", tuple([annotation(item, scope, depth + 1) for item in node.elts]))
    return annotation(node, scope, depth)


def _union(node: ast.BinOp, scope: Scope, depth: int) -> Expr:
    if not isinstance(node.op, ast.BitOr):
        return TABLE[ast.BinOp](node, scope, depth)
    left = annotation(node.left, scope, depth + 1)
    return Bin(span(node), "|", left, annotation(node.right, scope, depth + 1))
