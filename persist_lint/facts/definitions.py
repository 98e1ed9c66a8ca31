"""``def`` and ``class`` → FunctionFacts and ClassFacts, kept in the unit by index, in source order."""

from __future__ import annotations

import ast

from persist_lint.facts.annotations import annotation
from persist_lint.facts.codec import encode_body
from persist_lint.facts.expressions import TABLE, parameters, span
from persist_lint.facts.scope import LowerStatement, Scope
from persist_lint.facts.statements import block, simple_and_compound
from persist_lint.facts.text import storable
from persist_lint.model.facts import ClassDef, ClassFacts, Expr, FuncDef, FunctionFacts, Keyword, Stmt


def docstring(body: list[ast.stmt]) -> tuple[str, list[ast.stmt]]:
    """The docstring as written ("" for none), and the statements after it."""
    if body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return storable(value.value), body[1:]
    return "", body


def _decorators(nodes: list[ast.expr], scope: Scope) -> tuple[Expr, ...]:
    return tuple([TABLE[node.__class__](node, scope, 0) for node in nodes])


def _function(n: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, depth: int) -> Stmt:
    unit = scope.unit
    index = len(unit.functions)
    unit.functions.append(None)
    qualname = scope.prefix + n.name
    names: set[str] = set()
    # Decorators, defaults and annotations run in the scope around, yet what they mention describes the function.
    head = Scope(unit, names.add, scope.function, scope.owner, scope.prefix)
    decorators = _decorators(n.decorator_list, head)
    params = parameters(n.args, head, 0, annotation)
    returns = None if n.returns is None else annotation(n.returns, head)
    scope.is_generator = scope.is_generator or head.is_generator
    inner = Scope(unit, names.add, index, -1, qualname + ".<locals>.")
    doc, rest = docstring(n.body)
    if rest is not n.body and n.body[0].lineno != n.body[0].end_lineno:
        unit.heads.record(n.body[0])
    body = encode_body(block(rest, inner))
    at = span(n)
    unit.functions[index] = FunctionFacts(
        name=n.name,
        qualname=qualname,
        at=at,
        params=params,
        returns=returns,
        decorators=decorators,
        is_async=n.__class__ is ast.AsyncFunctionDef,
        is_generator=inner.is_generator,
        parent=scope.function,
        owner=scope.owner,
        names=tuple(sorted(names)),
        docstring=doc,
        body=body,
    )
    for name in names:
        scope.mention(name)
    return FuncDef(at, index)


def _class(n: ast.ClassDef, scope: Scope, depth: int) -> Stmt:
    unit = scope.unit
    index = len(unit.classes)
    unit.classes.append(None)
    qualname = scope.prefix + n.name
    decorators = _decorators(n.decorator_list, scope)
    bases = tuple([TABLE[base.__class__](base, scope, 0) for base in n.bases])
    keywords = tuple([Keyword(k.arg, TABLE[k.value.__class__](k.value, scope, 0)) for k in n.keywords])
    inner = Scope(unit, scope.mention, scope.function, index, qualname + ".")
    doc, rest = docstring(n.body)
    if rest is not n.body and n.body[0].lineno != n.body[0].end_lineno:
        unit.heads.record(n.body[0])
    at = span(n)
    body = block(rest, inner)
    unit.classes[index] = ClassFacts(
        n.name, qualname, at, bases, keywords, decorators, scope.function, scope.owner, doc, body
    )
    return ClassDef(at, index)


def _table() -> dict[type[ast.AST], LowerStatement]:
    return {
        **simple_and_compound(),
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
    }


STATEMENTS = _table()
