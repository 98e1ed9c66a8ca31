"""``def`` and ``class`` → FunctionFacts and ClassFacts, kept in the unit by index, in source order."""

from __future__ import annotations

import ast

from persist_lint.facts.annotations import annotation, type_variables
from persist_lint.facts.codec import encode_body
from persist_lint.facts.expressions import TABLE, parameters, span
from persist_lint.facts.scope import LowerStatement, Scope, Unit
from persist_lint.facts.statements import block, simple_and_compound
from persist_lint.facts.text import storable
from persist_lint.model.facts import ClassDef, ClassFacts, Expr, FuncDef, FunctionFacts, Keyword, Stmt


def docstring(body: list[ast.stmt], unit: Unit) -> tuple[str, list[ast.stmt]]:
    """The docstring as written ("" for none), and the statements after it."""
    if body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            unit.heads.record(body[0])
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
    inner = Scope(unit, names, index, -1, qualname + ".<locals>.")
    decorators = _decorators(n.decorator_list, inner)
    params = parameters(n.args, inner, 0, annotation)
    returns = None if n.returns is None else annotation(n.returns, inner)
    if inner.is_generator:
        # What decorators, defaults and annotations mention describes this function, but they run in the one around.
        scope.is_generator, inner.is_generator = True, False
    doc, rest = docstring(n.body, unit)
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
        type_params=type_variables(n, inner),
    )
    scope.names.update(names)
    return FuncDef(at, index)


def _base(node: ast.expr, scope: Scope) -> Expr:
    """A base class; its type arguments may be strings: ``Repository["Order"]``."""
    if isinstance(node, ast.Subscript):
        return annotation(node, scope)
    return TABLE[node.__class__](node, scope, 0)


def _class(n: ast.ClassDef, scope: Scope, depth: int) -> Stmt:
    unit = scope.unit
    index = len(unit.classes)
    unit.classes.append(None)
    qualname = scope.prefix + n.name
    decorators = _decorators(n.decorator_list, scope)
    bases = tuple([_base(base, scope) for base in n.bases])
    keywords = tuple([Keyword(k.arg, TABLE[k.value.__class__](k.value, scope, 0)) for k in n.keywords])
    inner = Scope(unit, scope.names, scope.function, index, qualname + ".")
    doc, rest = docstring(n.body, unit)
    at = span(n)
    body = block(rest, inner)
    unit.classes[index] = ClassFacts(
        n.name, qualname, at, bases, keywords, decorators, scope.function, scope.owner, doc, body,
        type_variables(n, scope),
    )  # fmt: skip
    return ClassDef(at, index)


def _table() -> dict[type[ast.AST], LowerStatement]:
    return {
        **simple_and_compound(),
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
    }


STATEMENTS = _table()
