"""Statements of the stdlib ``ast`` → lean nodes, by dispatch on the node's class."""

from __future__ import annotations

import ast

from persist_lint.facts.annotations import annotation, type_variables
from persist_lint.facts.expressions import BINARY_TOKENS, TABLE, optional, place, span
from persist_lint.facts.patterns import pattern
from persist_lint.facts.scope import LowerStatement, Scope
from persist_lint.model.facts import (
    AnnAssign,
    Assert,
    Assign,
    AugAssign,
    Case,
    Delete,
    ExprStmt,
    For,
    Handler,
    If,
    Import,
    Jump,
    Match,
    Raise,
    Return,
    Stmt,
    Try,
    TypeAlias,
    While,
    With,
    WithItem,
)
from persist_lint.model.facts import Scope as ScopeStmt
from persist_lint.model.span import Span

# ``elif`` nests one statement per branch without any indentation. From here on the branches of a chain follow one
# another instead: all of them are still seen, only that they exclude each other is not.
MAX_BRANCHES = 100


def block(body: list[ast.stmt], scope: Scope, depth: int = 0) -> tuple[Stmt, ...]:
    """The lean nodes of a list of statements; one per imported name."""
    unit = scope.unit
    table = unit.table
    lowered: list[Stmt] = []
    for node in body:
        if node.lineno != node.end_lineno:
            unit.heads.record(node)
        made = table[node.__class__](node, scope, depth)
        if made.__class__ is list:
            lowered += made
        else:
            lowered.append(made)  # type: ignore[arg-type]
    return tuple(lowered)


def _expression(n: ast.Expr, scope: Scope, depth: int) -> Stmt:
    value = n.value
    return ExprStmt(Span(*place(n)), TABLE[value.__class__](value, scope, depth))


def _assign(n: ast.Assign, scope: Scope, depth: int) -> Stmt:
    value = n.value
    targets = tuple([TABLE[target.__class__](target, scope, depth) for target in n.targets])
    return Assign(Span(*place(n)), targets, TABLE[value.__class__](value, scope, depth))


def _annotated(n: ast.AnnAssign, scope: Scope, depth: int) -> Stmt:
    target = TABLE[n.target.__class__](n.target, scope, depth)
    return AnnAssign(span(n), target, annotation(n.annotation, scope, depth), optional(n.value, scope, depth))


def _augmented(n: ast.AugAssign, scope: Scope, depth: int) -> Stmt:
    target, value = n.target, n.value
    lowered = TABLE[target.__class__](target, scope, depth)
    return AugAssign(span(n), lowered, BINARY_TOKENS[n.op.__class__], TABLE[value.__class__](value, scope, depth))


def _return(n: ast.Return, scope: Scope, depth: int) -> Stmt:
    return Return(span(n), optional(n.value, scope, depth))


def _raise(n: ast.Raise, scope: Scope, depth: int) -> Stmt:
    return Raise(span(n), optional(n.exc, scope, depth), optional(n.cause, scope, depth))


def _if(n: ast.If, scope: Scope, depth: int) -> Stmt:
    test = TABLE[n.test.__class__](n.test, scope, depth)
    body = block(n.body, scope, depth + 1)
    orelse = n.orelse
    if depth < MAX_BRANCHES or not _is_elif(orelse):
        return If(span(n), test, body, block(orelse, scope, depth + 1))
    return If(span(n), test, body, _flat_branches(orelse, scope, depth + 1))


def _is_elif(orelse: list[ast.stmt]) -> bool:
    return len(orelse) == 1 and orelse[0].__class__ is ast.If


def _flat_branches(orelse: list[ast.stmt], scope: Scope, depth: int) -> tuple[Stmt, ...]:
    flat: list[Stmt] = []
    while _is_elif(orelse):
        branch: ast.If = orelse[0]  # type: ignore[assignment]
        scope.unit.heads.record(branch)
        test = TABLE[branch.test.__class__](branch.test, scope, depth)
        flat.append(If(span(branch), test, block(branch.body, scope, depth + 1), ()))
        orelse = branch.orelse
    return (*flat, *block(orelse, scope, depth))


def _for(n: ast.For | ast.AsyncFor, scope: Scope, depth: int) -> Stmt:
    target = TABLE[n.target.__class__](n.target, scope, depth)
    source = TABLE[n.iter.__class__](n.iter, scope, depth)
    body = block(n.body, scope, depth + 1)
    return For(span(n), target, source, body, block(n.orelse, scope, depth + 1), n.__class__ is ast.AsyncFor)


def _while(n: ast.While, scope: Scope, depth: int) -> Stmt:
    test = TABLE[n.test.__class__](n.test, scope, depth)
    body = block(n.body, scope, depth + 1)
    return While(span(n), test, body, block(n.orelse, scope, depth + 1))


def _with(n: ast.With | ast.AsyncWith, scope: Scope, depth: int) -> Stmt:
    items = tuple(
        [
            WithItem(
                TABLE[item.context_expr.__class__](item.context_expr, scope, depth),
                optional(item.optional_vars, scope, depth),
            )
            for item in n.items
        ]
    )
    return With(span(n), items, block(n.body, scope, depth + 1), n.__class__ is ast.AsyncWith)


def _try(n: ast.Try, scope: Scope, depth: int) -> Stmt:
    below = depth + 1
    body = block(n.body, scope, below)
    handlers = tuple([_handler(handler, scope, depth) for handler in n.handlers])
    orelse = block(n.orelse, scope, below)
    return Try(span(n), body, handlers, orelse, block(n.finalbody, scope, below), n.__class__ is not ast.Try)


def _handler(n: ast.ExceptHandler, scope: Scope, depth: int) -> Handler:
    scope.unit.heads.record(n)
    kind = optional(n.type, scope, depth)
    return Handler(span(n), kind, n.name, block(n.body, scope, depth + 1))


def _match(n: ast.Match, scope: Scope, depth: int) -> Stmt:
    subject = TABLE[n.subject.__class__](n.subject, scope, depth)
    return Match(span(n), subject, tuple([_case(case, scope, depth) for case in n.cases]))


def _case(n: ast.match_case, scope: Scope, depth: int) -> Case:
    scope.unit.heads.record_case(n)
    classes, binds = pattern(n.pattern, scope, depth)
    guard = optional(n.guard, scope, depth)
    # ``ast`` gives a case no place of its own: from its pattern to the end of its body.
    last = n.body[-1]
    at = Span(n.pattern.lineno, n.pattern.col_offset, last.end_lineno, last.end_col_offset)  # type: ignore[arg-type]
    return Case(at, classes, binds, guard, block(n.body, scope, depth + 1))


def _import(n: ast.Import, scope: Scope, depth: int) -> list[Import]:
    made = [Import(span(alias), alias.name, None, alias.asname or alias.name.partition(".")[0], 0) for alias in n.names]
    scope.unit.imports += made
    return made


def _import_from(n: ast.ImportFrom, scope: Scope, depth: int) -> list[Import]:
    module, level = n.module or "", n.level or 0
    made = []
    for alias in n.names:
        binds = "" if alias.name == "*" else alias.asname or alias.name
        made.append(Import(span(alias), module, alias.name, binds, level))
    scope.unit.imports += made
    return made


def _scope(n: ast.Global | ast.Nonlocal, scope: Scope, depth: int) -> Stmt:
    return ScopeStmt(span(n), "global" if n.__class__ is ast.Global else "nonlocal", tuple(n.names))


def _delete(n: ast.Delete, scope: Scope, depth: int) -> Stmt:
    return Delete(span(n), tuple([TABLE[target.__class__](target, scope, depth) for target in n.targets]))


def _assert(n: ast.Assert, scope: Scope, depth: int) -> Stmt:
    # The message runs only when the program is about to fail: what it mentions counts, what it does not do.
    optional(n.msg, scope, depth)
    return Assert(span(n), TABLE[n.test.__class__](n.test, scope, depth))


def _jump(n: ast.Break | ast.Continue | ast.Pass, scope: Scope, depth: int) -> Stmt:
    return Jump(span(n), n.__class__.__name__.lower())


def _alias(n: ast.stmt, scope: Scope, depth: int) -> Stmt:
    name: ast.Name = n.name  # type: ignore[attr-defined]
    scope.mention(name.id)
    value = annotation(n.value, scope, depth)  # type: ignore[attr-defined]
    return TypeAlias(span(n), name.id, value, type_variables(n, scope))


def _unknown(n: ast.stmt, scope: Scope, depth: int) -> Stmt:
    """A statement newer than we know: nothing is said about it."""
    return Jump(span(n), "pass")


def simple_and_compound() -> dict[type[ast.AST], LowerStatement]:
    """The functions for all statements but definitions."""
    known: dict[type[ast.AST], LowerStatement] = {
        ast.Expr: _expression,
        ast.Assign: _assign,
        ast.AnnAssign: _annotated,
        ast.AugAssign: _augmented,
        ast.Return: _return,
        ast.Raise: _raise,
        ast.If: _if,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.While: _while,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        ast.Match: _match,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Global: _scope,
        ast.Nonlocal: _scope,
        ast.Delete: _delete,
        ast.Assert: _assert,
        ast.Break: _jump,
        ast.Continue: _jump,
        ast.Pass: _jump,
    }
    newer: dict[str, LowerStatement] = {"TryStar": _try, "TypeAlias": _alias}
    for name, lower in newer.items():
        if hasattr(ast, name):
            known[getattr(ast, name)] = lower
    for kind in ast.stmt.__subclasses__():
        known.setdefault(kind, _unknown)
    return known
