"""Walking lean trees: the parts of an expression in the order of evaluation, the expressions of a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from persist_lint.model import facts as f


def parts(expr: f.Expr) -> tuple[f.Expr, ...]:
    """The direct sub-expressions, in order of evaluation; a lambda's body is none (it runs later)."""
    found = _PARTS.get(type(expr))
    return () if found is None else found(expr)


def post_order(expr: f.Expr) -> Iterator[f.Expr]:
    """The expression's nodes, operands before what uses them."""
    stack: list[f.Expr] = [expr]
    # Users first and the last operand before the first: read backwards, that is the order wanted.
    backwards: list[f.Expr] = []
    while stack:
        node = stack.pop()
        backwards.append(node)
        found = _PARTS.get(type(node))
        if found is not None:
            stack.extend(found(node))
    return reversed(backwards)


def heads(statement: f.Stmt) -> tuple[f.Expr, ...]:
    """The expressions that a statement evaluates itself, in order (those of its blocks left out)."""
    found = _HEADS.get(type(statement))
    return () if found is None else tuple(e for e in found(statement) if e is not None)


def blocks(statement: f.Stmt) -> tuple[tuple[f.Stmt, ...], ...]:
    """The blocks of a compound statement, in order."""
    found = _BLOCKS.get(type(statement))
    return () if found is None else found(statement)


def statements(body: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """All statements, nested ones included, in order of place."""
    stack = list(reversed(body))
    while stack:
        statement = stack.pop()
        yield statement
        found = _BLOCKS.get(type(statement))
        if found is not None:
            for block in reversed(found(statement)):
                stack.extend(reversed(block))


def targets(statement: f.Stmt) -> tuple[f.Expr, ...]:
    """What the statement itself binds or deletes."""
    match statement:
        case f.Assign(targets=found) | f.Delete(targets=found):
            return found
        case f.AnnAssign(target=target) | f.AugAssign(target=target) | f.For(target=target):
            return (target,)
        case f.With(items=items):
            return tuple(item.target for item in items if item.target is not None)
    return ()


def is_name(expr: f.Expr, name: str) -> bool:
    """Whether an expression is that plain name."""
    return isinstance(expr, f.Name) and expr.id == name


def spelled(expr: f.Expr) -> str:
    """The callee as written, for messages: ``self.repo.get``."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, name=name):
            return f"{spelled(value)}.{name}"
        case f.Call(func=func):
            return f"{spelled(func)}()"
        case f.Subscript(value=value):
            return f"{spelled(value)}[…]"
        case f.Await(value=value):
            return spelled(value)
    return "…"


def _comp(e: f.Comp) -> tuple[f.Expr, ...]:
    clauses = [part for g in e.generators for part in (g.iter, g.target, *g.ifs)]
    return (*clauses, e.elt) if e.value is None else (*clauses, e.elt, e.value)


def _some(*found: f.Expr | None) -> tuple[f.Expr, ...]:
    return tuple(e for e in found if e is not None)


_PARTS: dict[type, Callable[..., tuple[f.Expr, ...]]] = {
    f.Attr: lambda e: (e.value,),
    f.Call: lambda e: (e.func, *e.args, *(k.value for k in e.keywords)),
    f.Await: lambda e: (e.value,),
    f.Star: lambda e: (e.value,),
    f.Comp: _comp,
    f.Bin: lambda e: (e.left, e.right),
    f.Bool: lambda e: e.values,
    f.Unary: lambda e: (e.operand,),
    f.Compare: lambda e: (e.left, *e.rights),
    f.IfExp: lambda e: (e.test, e.body, e.orelse),
    f.Subscript: lambda e: (e.value, e.index),
    f.Slice: lambda e: _some(e.lower, e.upper, e.step),
    f.Seq: lambda e: e.items,
    f.DictLit: lambda e: (*(k for k in e.keys if k is not None), *e.values),
    f.FString: lambda e: e.parts,
    f.Yield: lambda e: _some(e.value),
    f.Walrus: lambda e: (e.value,),
}

_BLOCKS: dict[type, Callable[..., tuple[tuple[f.Stmt, ...], ...]]] = {
    f.If: lambda s: (s.body, s.orelse),
    f.For: lambda s: (s.body, s.orelse),
    f.While: lambda s: (s.body, s.orelse),
    f.With: lambda s: (s.body,),
    f.Try: lambda s: (s.body, *(h.body for h in s.handlers), s.orelse, s.final),
    f.Match: lambda s: tuple(c.body for c in s.cases),
}

_HEADS: dict[type, Callable[..., tuple[f.Expr | None, ...]]] = {
    f.ExprStmt: lambda s: (s.value,),
    f.Assign: lambda s: (s.value, *s.targets),
    f.AnnAssign: lambda s: (s.value, s.target),
    f.AugAssign: lambda s: (s.target, s.value),
    f.Return: lambda s: (s.value,),
    f.Raise: lambda s: (s.exc, s.cause),
    f.If: lambda s: (s.test,),
    f.For: lambda s: (s.iter, s.target),
    f.While: lambda s: (s.test,),
    f.With: lambda s: tuple(i.context for i in s.items),
    f.Match: lambda s: (s.subject,),
    f.Delete: lambda s: s.targets,
    f.Assert: lambda s: (s.test,),
}


def flat(body: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """The statements of a class body, branches of ``if`` and ``try`` included."""
    for statement in body:
        match statement:
            case f.If(body=first, orelse=second):
                yield from flat(first)
                yield from flat(second)
            case f.Try(body=first):
                yield from flat(first)
            case _:
                yield statement
