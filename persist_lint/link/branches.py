"""Statements with the conditions around them, and what sets a name."""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.narrow import exits
from persist_lint.link.tree import blocks, is_name
from persist_lint.model import facts as f

Test = tuple[f.Expr, bool]


def assignments(body: tuple[f.Stmt, ...], name: str) -> Iterator[tuple[f.Expr, tuple[Test, ...], f.Stmt]]:
    """(value, conditions around, statement) of everything that sets a name, one of its items, or updates it."""
    for statement, tests in under_tests(body):
        match statement:
            case f.Assign(targets=targets, value=value):
                for target in targets:
                    plain = isinstance(target, f.Name) and target.id == name
                    if plain or (isinstance(target, f.Subscript) and is_name(target.value, name)):
                        yield value, tests, statement
            case f.AnnAssign(target=f.Name(id=found), value=value) if found == name and value is not None:
                yield value, tests, statement
            case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=found), name="update"), args=(value,))) if (
                found == name
            ):
                yield value, tests, statement
            case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=found), name="update"), args=()) as call) if (
                found == name
            ):
                keys = tuple(f.Const(call.at, k.name) if k.name else None for k in call.keywords)
                yield f.DictLit(call.at, keys, tuple(k.value for k in call.keywords)), tests, statement
            case f.With(items=items):
                for item in items:
                    if item.target is not None and is_name(item.target, name):
                        yield f.Other(statement.at), tests, f.Assign(statement.at, (item.target,), item.context)
            case f.For(target=target) if is_name(target, name):
                yield f.Other(statement.at), tests, f.Assign(statement.at, (target,), statement.iter)


def under_tests(
    body: tuple[f.Stmt, ...], tests: tuple[Test, ...] = (), left: bool = False
) -> Iterator[tuple[f.Stmt, tuple[Test, ...]]]:
    """Every statement with the conditions of the ``if`` statements around it, in order of place.

    With ``left`` those that fail because their ``if`` would have left the block count as well.
    """
    for statement in body:
        yield statement, tests
        if isinstance(statement, f.If):
            yield from under_tests(statement.body, (*tests, (statement.test, True)), left)
            yield from under_tests(statement.orelse, (*tests, (statement.test, False)), left)
            if left and not statement.orelse and exits(statement.body):
                tests = (*tests, (statement.test, False))
            continue
        for block in blocks(statement):
            yield from under_tests(block, tests, left)
