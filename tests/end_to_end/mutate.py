"""Real source, spoilt: the same text and seed give the same variant.

Half of the variants mostly do not parse (lines and tokens are left out, doubled or exchanged); the others always do
(names are exchanged, expressions put in each other's place, statements left out), so that link and rules meet code that
makes no sense.
"""

from __future__ import annotations

import ast
import copy
import io
import itertools
import random
import tokenize
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
#: A statement or expression of so many nodes is not copied to another place.
LARGE = 200


def mutated(text: str, chance: random.Random) -> str:
    """A variant of a module's text."""
    return chance.choice((_lines, _tokens, _names, _grafted, _grafted))(text, chance)


def _lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(chance.randint(1, 4)):
        if lines:
            place = chance.randrange(len(lines))
            line = lines.pop(place)
            match chance.randrange(3):
                case 0:
                    lines[place:place] = [line, line]
                case 1:
                    lines.insert(chance.randint(0, len(lines)), line)
    return "".join(lines)


def _tokens(text: str, chance: random.Random) -> str:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return _lines(text, chance)
    lines = text.splitlines(keepends=True)
    chosen = sorted(
        chance.sample(tokens, min(len(tokens), chance.randint(1, 4))), key=lambda one: one.start, reverse=True
    )
    for token in chosen:
        (row, start), (last, end) = token.start, token.end
        if row == last and row <= len(lines):
            other = chance.choice(tokens).string if chance.randrange(2) else ""
            lines[row - 1] = lines[row - 1][:start] + other + lines[row - 1][end:]
    return "".join(lines)


def _names(text: str, chance: random.Random) -> str:
    """Some names of the module take each other's places, wherever they stand."""
    tree = _parsed(text)
    if tree is None:
        return _lines(text, chance)
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    attributes = sorted({node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)})
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not chance.randrange(12):
            node.id = chance.choice(names)
        elif isinstance(node, ast.Attribute) and not chance.randrange(12):
            node.attr = chance.choice(attributes)
    return _text(tree, text)


def _grafted(text: str, chance: random.Random) -> str:
    """Expressions in each other's place, statements left out, doubled or exchanged."""
    tree = _parsed(text)
    if tree is None:
        return _lines(text, chance)
    expressions = [
        n for n in ast.walk(tree) if isinstance(n, ast.expr) and isinstance(getattr(n, "ctx", ast.Load()), ast.Load)
    ]
    blocks = [
        b for n in ast.walk(tree) for name in ("body", "orelse") if isinstance(b := getattr(n, name, None), list) and b
    ]
    holders = [
        n
        for n in ast.walk(tree)
        if isinstance(
            n, ast.Call | ast.Assign | ast.Return | ast.For | ast.Await | ast.Attribute | ast.arg | ast.withitem
        )
    ]
    for _ in range(chance.randint(1, 8)):
        if holders and expressions and chance.randrange(3):
            _graft(chance.choice(holders), _small(chance.choice(expressions), ast.Name("x")), chance)
        elif blocks:
            block = chance.choice(blocks)
            block[chance.randrange(len(block))] = _small(chance.choice(chance.choice(blocks)), ast.Pass())
    return _text(tree, text)


def _small(node: Node, instead: Node) -> Node:
    """A copy of the node, so that no tree ever holds itself; ``instead`` where it would make the tree much larger."""
    large = next(itertools.islice(ast.walk(node), LARGE, None), None) is not None
    return instead if large else copy.deepcopy(node)


def _graft(holder: ast.AST, expression: ast.expr, chance: random.Random) -> None:
    match holder:
        case ast.Call():
            if holder.args and chance.randrange(2):
                holder.args[chance.randrange(len(holder.args))] = expression
            else:
                holder.func = expression
        case ast.Assign() | ast.Return() | ast.Await() | ast.Attribute():
            holder.value = expression
        case ast.For():
            holder.iter = expression
        case ast.arg():
            holder.annotation = expression
        case ast.withitem():
            holder.context_expr = expression


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def _text(tree: ast.Module, before: str) -> str:
    """The tree as text; the text before where the tree has become one that has none."""
    try:
        return ast.unparse(tree)
    except (RecursionError, ValueError, AttributeError):
        return before
