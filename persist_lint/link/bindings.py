"""What gives names their values inside one function: assignments, loops, comprehensions, lambdas, appended items.

Targets that take a value apart are bound to the part where it is written down, else to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.link.tree import blocks, heads, post_order
from persist_lint.model import facts as f
from persist_lint.model.span import Span

#: Methods that put their argument into a collection.
PUTS = frozenset({"append", "add", "extend", "update", "insert", "appendleft"})
Block = tuple[f.Stmt, ...]


class Binding(Struct, frozen=True, eq=False):
    """One thing that a name may stand for, from ``at`` on.

    ``region``: the comprehension or lambda outside which it does not hold; ``block``: the statements that it is one of;
    ``adds``: it is put into the collection of that name, beside what is there.
    """

    at: Span
    value: f.Expr
    region: f.Node | None = None
    block: Block = ()
    adds: bool = False


def bindings(function: Function) -> dict[str, list[Binding]]:
    """Each name's bindings, in order of place."""
    found: dict[str, list[Binding]] = {}
    for name, binding in _in_block(function.body):
        found.setdefault(name, []).append(binding)
    return {name: sorted(made, key=lambda one: one.at) for name, made in found.items()}


def result_exprs(function: Function) -> list[f.Expr]:
    """What the function returns or yields, in order."""
    return list(_results(function.body))


def _results(block: Block) -> Iterator[f.Expr]:
    for statement in block:
        if isinstance(statement, f.Return) and statement.value is not None:
            yield statement.value
        for head in heads(statement):
            yield from (n.value for n in post_order(head) if isinstance(n, f.Yield) and n.value is not None)
        for inner in blocks(statement):
            yield from _results(inner)


def _in_block(block: Block) -> Iterator[tuple[str, Binding]]:
    for statement in block:
        yield from _bound(statement, block)
        for head in heads(statement):
            for node in post_order(head):
                yield from _inside(node, block)
        for inner in blocks(statement):
            yield from _in_block(inner)


def _bound(statement: f.Stmt, block: Block) -> Iterator[tuple[str, Binding]]:
    match statement:
        case f.Assign(targets=targets, value=value):
            for target in targets:
                yield from _taken(target, value, statement.at, block)
        case f.AnnAssign(target=target, value=value) if value is not None:
            yield from _taken(target, value, statement.at, block)
        case f.AugAssign(target=f.Name(id=name), value=value):
            yield name, Binding(statement.at, value, None, block, True)
        case f.For(target=target, iter=value, body=body):
            yield from _taken(target, value, statement.at, body, whole=True)
        case f.With(items=items, body=body):
            for item in items:
                if item.target is not None:
                    yield from _taken(item.target, item.context, statement.at, body)
        case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=name), name=method), args=(*_, value))):
            if method in PUTS:
                yield name, Binding(statement.at, value, None, block, True)


def _taken(
    target: f.Expr, value: f.Expr, at: Span, block: Block, *, whole: bool = False, region: f.Node | None = None
) -> Iterator[tuple[str, Binding]]:
    match target:
        case f.Name(id=name):
            yield name, Binding(at, value, region, block)
        case f.Star(value=inner):
            yield from _taken(inner, value, at, block, whole=whole, region=region)
        case f.Seq(items=items):
            made = () if whole else _items(value)
            for number, item in enumerate(items):
                part = made[number] if len(made) == len(items) else value
                yield from _taken(item, part, at, block, whole=whole, region=region)
        case f.Subscript(value=f.Name(id=name)):
            yield name, Binding(at, value, region, block, True)


def _items(value: f.Expr) -> tuple[f.Expr, ...]:
    """The parts of a value that is written as several: a display, what ``gather`` is given."""
    match value:
        case f.Seq(items=items):
            return items
        case f.Await(value=f.Call(func=f.Attr(name="gather") | f.Name(id="gather"), args=args)):
            return args
    return ()


def _inside(node: f.Expr, block: Block) -> Iterator[tuple[str, Binding]]:
    match node:
        case f.Comp(generators=generators):
            for clause in generators:
                yield from _taken(clause.target, clause.iter, node.at, block, whole=True, region=node)
        case f.Walrus(target=f.Name(id=name), value=value):
            yield name, Binding(node.at, value, None, block)
        case f.Call(func=func, args=args, keywords=keywords):
            given = [a for a in (*args, *(k.value for k in keywords)) if isinstance(a, f.Lambda)]
            receivers = (func.value,) if isinstance(func, f.Attr) else ()
            held = [a for a in (*args, *receivers) if not isinstance(a, f.Lambda)][:1]
            for one in given:
                for parameter in one.params[:1]:
                    yield from ((parameter.name, Binding(one.at, value, one, block)) for value in held)
                yield from _in_lambda(one, block)


def _in_lambda(one: f.Lambda, block: Block) -> Iterator[tuple[str, Binding]]:
    for node in post_order(one.body):
        yield from _inside(node, block)
