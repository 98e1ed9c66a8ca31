"""Lists that hold one element at most: made empty, filled by a single ``append`` outside of loops."""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.tree import blocks, heads, post_order, statements, targets
from persist_lint.model import facts as f

#: Calls that leave a list as it is.
READERS = frozenset({"len", "bool", "list", "tuple", "sorted", "set", "str", "repr", "any", "all", "enumerate", "iter"})


def holds_one_at_most(body: tuple[f.Stmt, ...], name: str) -> bool:
    """Whether the function makes the list itself, and nothing puts a second element into it.

    Functions that hold others are left alone: those may fill it as well.
    """
    bound = [s for s in statements(body) if any(isinstance(t, f.Name) and t.id == name for t in targets(s))]
    if len(bound) != 1 or not _is_empty_list(bound[0]) or any(_shares(s, name) for s in statements(body)):
        return False
    appends = [in_loop for node, in_loop in _nodes(body, False) if _is_append(node, name)]
    return len(appends) == 1 and not appends[0] and not any(_may_grow(node, name) for node, _ in _nodes(body, False))


def _is_empty_list(statement: f.Stmt) -> bool:
    value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
    return isinstance(value, f.Seq) and not value.items


def _shares(statement: f.Stmt, name: str) -> bool:
    """Whether a statement gives the list a second name, or makes it known to an inner function."""
    if isinstance(statement, f.FuncDef):
        return True
    value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
    return isinstance(value, f.Name) and value.id == name


def _is_append(node: f.Expr, name: str) -> bool:
    match node:
        case f.Call(func=f.Attr(value=f.Name(id=found), name="append"), args=(_,)):
            return found == name
    return False


def _may_grow(node: f.Expr, name: str) -> bool:
    """Whether a list of this name is handed on, stored, or changed otherwise than by ``append``."""
    match node:
        case f.Call(func=f.Attr(value=f.Name(id=found), name=method)) if found == name and method != "append":
            return True
        case f.Call(func=func, args=args, keywords=keywords):
            reads = isinstance(func, f.Name) and func.id in READERS
            given = (*args, *(k.value for k in keywords))
            return not reads and any(isinstance(g, f.Name) and g.id == name for g in given)
        case f.Lambda():
            return True
    return False


def _nodes(body: tuple[f.Stmt, ...], in_loop: bool) -> Iterator[tuple[f.Expr, bool]]:
    """All expressions, each with whether a loop repeats it."""
    for statement in body:
        loops = in_loop or isinstance(statement, f.For | f.While)
        for head in heads(statement):
            yield from ((node, loops) for node in post_order(head))
        for block in blocks(statement):
            yield from _nodes(block, loops)
