"""What becomes of names inside one function: which are read again, and how.

A coroutine that is assigned to a name nobody reads is as lost as one that is not assigned at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.index import Function
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f


def assigned_name(function: Function, node: f.Node) -> str | None:
    """The one plain name that the value of ``node`` is assigned to, if that is what its statement does."""
    for statement in statements(function.body):
        match statement:
            case f.Assign(targets=(f.Name(id=name),), value=value) if value is node:
                return name
            case f.AnnAssign(target=f.Name(id=name), value=value) if value is node:
                return name
    return None


def is_read(function: Function, name: str) -> bool:
    """Whether the function, or one nested in it, reads the name anywhere."""
    if any(name in nested.facts.names for nested in function.module.functions if nested.parent is function):
        return True
    return name in _reads(function)


def is_taken_apart(function: Function, node: f.Node) -> bool:
    """Whether an attribute of the node's value is asked for on the spot, as in ``session.execute(…).all()``."""
    return any(isinstance(e, f.Attr) and e.value is node for s in statements(function.body) for e in _expressions(s))


def _reads(function: Function) -> set[str]:
    found: set[str] = set()
    for statement in statements(function.body):
        bound = {id(t) for t in _bound(statement)}
        found |= {e.id for e in _expressions(statement) if isinstance(e, f.Name) and id(e) not in bound}
    return found


def _bound(statement: f.Stmt) -> tuple[f.Expr, ...]:
    match statement:
        case f.Assign(targets=targets):
            return targets
        case f.AnnAssign(target=target):
            return (target,)
    return ()


def _expressions(statement: f.Stmt) -> Iterator[f.Expr]:
    for head in heads(statement):
        for node in post_order(head):
            yield node
            if isinstance(node, f.Lambda):
                yield from post_order(node.body)
