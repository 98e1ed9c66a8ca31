"""What each expression of a function is part of, and which reads of a name can see what was assigned where.

rows = (await session.scalars(query)).all()      Around.parent(call .all()) is the assignment, as its "value"
return [row.id for row in rows]                  Around.reads("rows", assignment) is the name in the comprehension
"""

from __future__ import annotations

from typing import Union

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.link.tree import blocks, parts, targets
from persist_lint.model import facts as f

Scope = Union[f.Comp, f.Lambda, None]
Block = tuple[int, int, f.Stmt | None]  # (which block, place in it, the compound statement that it belongs to)


class Part(Struct, frozen=True, eq=False):
    """Where an expression stands: in which node, and as what; ``keyword`` and ``generator`` say which one."""

    node: f.Node
    role: str
    keyword: str | None = None
    generator: f.Generator | None = None


class Around:
    """Parents and bindings of one function as written (copies share its body)."""

    def __init__(self, function: Function) -> None:
        self._parents: dict[f.Node, Part] = {}
        self._reads: dict[tuple[str, Scope], list[f.Name]] = {}
        self._binders: dict[str, list[f.Stmt]] = {}
        self._home: dict[f.Node, f.Stmt] = {}
        self._frames: dict[f.Stmt, tuple[Block, ...]] = {}
        self._number: dict[f.Stmt, int] = {}
        self._blocks = 0
        self._iterated: dict[f.Expr, f.Expr] = {}
        self.nested: set[str] = set()
        self._block(function.body, None, ())
        for inner in function.module.functions:
            if inner.parent is function.origin:
                self.nested.update(inner.facts.names)

    def parent(self, node: f.Node) -> Part | None:
        """What the expression is part of; None for what is no expression of this function."""
        return self._parents.get(node)

    def statement(self, node: f.Node) -> f.Stmt | None:
        """The statement that evaluates the expression itself."""
        return self._home.get(node)

    def iterated(self, target: f.Node) -> f.Expr | None:
        """What a loop or comprehension with that target runs over."""
        return self._iterated.get(target)  # type: ignore[call-overload, no-any-return]

    def scoped(self, name: str, scope: Scope) -> list[f.Name]:
        """The reads of a name that a comprehension or lambda binds."""
        return self._reads.get((name, scope), [])

    def reads(self, name: str, binder: f.Stmt | None) -> list[f.Name]:
        """The reads that can see what a statement binds to the name; ``None``: what it is at the function's start."""
        return [read for read in self._reads.get((name, None), []) if self._reaches(name, binder, read)]

    def made_empty(self, name: str) -> list[f.Stmt]:
        """The assignments that bind the name; none if any of them is no empty list, set or dictionary."""
        found = self._binders.get(name, [])
        return found if found and all(_is_empty(statement) for statement in found) else []

    def loops(self, node: f.Node) -> list[f.Stmt]:
        """The loop statements around an expression, outermost first; one that it is the iterable of is none."""
        home = self._home.get(node)
        return [] if home is None else _loops(self._frames[home])

    # ------------------------------------------------------------------ which binding a read sees

    def _reaches(self, name: str, binder: f.Stmt | None, read: f.Name) -> bool:
        home = self._home[read]
        if binder is home:  # a walrus or a ``with`` binds before the rest is evaluated, an assignment for the next turn
            plain = isinstance(binder, f.Assign | f.AnnAssign | f.AugAssign)
            return not isinstance(binder, f.For) and (not plain or bool(_loops(self._frames[home])))
        start = -1 if binder is None else self._number[binder]
        frames = self._frames[home]
        if self._number[home] < start:
            around = _loops(self._frames[binder]) if binder is not None else []
            shared = [loop for loop in _loops(frames) if loop in around]
            if not shared:
                return False
            return not any(self._between(b, frames, shared[-1]) for b in self._binders.get(name, ()) if b is not binder)
        for other in self._binders.get(name, ()):
            between = other is not binder and start < self._number[other] < self._number[home]
            if between and self._dominates(other, frames):
                return False
        return not self._apart(binder, home)

    def _dominates(self, binder: f.Stmt, frames: tuple[Block, ...]) -> bool:
        """Whether a statement certainly ran before what stands in those frames, or is a compound one around it."""
        block, place, _ = self._frames[binder][-1]
        return any((one == block and place < at) or owner is binder for one, at, owner in frames)

    def _between(self, binder: f.Stmt, frames: tuple[Block, ...], loop: f.Stmt) -> bool:
        inside = [owner for _, _, owner in self._frames[binder]]
        return loop in inside and self._dominates(binder, frames)

    def _apart(self, binder: f.Stmt | None, home: f.Stmt) -> bool:
        """Whether both stand in different branches of one ``if``, outside of a common loop around it."""
        if binder is None:
            return False
        for (one, _, owner), (other, _, same) in zip(self._frames[binder], self._frames[home], strict=False):
            if owner is same and one != other:
                return isinstance(owner, f.If)
        return False

    # ------------------------------------------------------------------ reading the tree

    def _block(self, body: tuple[f.Stmt, ...], owner: f.Stmt | None, around: tuple[Block, ...]) -> None:
        self._blocks += 1
        number = self._blocks
        for place, statement in enumerate(body):
            frames = (*around, (number, place, owner))
            self._frames[statement] = frames
            self._number[statement] = len(self._number)
            self._statement(statement)
            for inner in blocks(statement):
                self._block(inner, statement, frames)

    def _statement(self, statement: f.Stmt) -> None:
        bound = targets(statement)
        if isinstance(statement, f.For):
            self._iterated[statement.target] = statement.iter
        for expr, role in _heads(statement):
            self._expr(expr, Part(statement, role), statement, ())
        for target in bound:
            self._target(target, statement)
        if isinstance(statement, f.AugAssign) and isinstance(statement.target, f.Name):
            self._read(statement.target, Part(statement, "augmented"), statement, ())

    def _target(self, target: f.Expr, statement: f.Stmt) -> None:
        match target:
            case f.Name(id=name):
                self._binders.setdefault(name, []).append(statement)
            case f.Seq(items=items):
                for item in items:
                    self._target(item, statement)
            case f.Star(value=value):
                self._target(value, statement)
            case f.Attr(value=value) | f.Subscript(value=value):
                self._parents[target] = Part(statement, "target")
                self._home[target] = statement
                self._expr(value, Part(target, "stored"), statement, ())
                if isinstance(target, f.Subscript):
                    self._expr(target.index, Part(target, "index"), statement, ())

    def _read(self, node: f.Name, part: Part, statement: f.Stmt, scopes: tuple[Scope, ...]) -> None:
        scope = next((s for s in reversed(scopes) if s is not None and node.id in _bound_by(s)), None)
        self._parents[node] = part
        self._home[node] = statement
        self._reads.setdefault((node.id, scope), []).append(node)

    def _expr(self, node: f.Expr, part: Part, statement: f.Stmt, scopes: tuple[Scope, ...]) -> None:
        if isinstance(node, f.Name):
            self._read(node, part, statement, scopes)
            return
        self._parents[node] = part
        self._home[node] = statement
        match node:
            case f.Comp(generators=generators):
                inner = (*scopes, node)
                for number, one in enumerate(generators):
                    self._iterated[one.target] = one.iter
                    self._expr(one.iter, Part(node, "iter", None, one), statement, scopes if number == 0 else inner)
                    for condition in one.ifs:
                        self._expr(condition, Part(node, "if", None, one), statement, inner)
                self._expr(node.elt, Part(node, "elt"), statement, inner)
                if node.value is not None:
                    self._expr(node.value, Part(node, "value"), statement, inner)
            case f.Lambda(body=body):
                self._expr(body, Part(node, "body"), statement, (*scopes, node))
            case f.Call(func=func, args=args, keywords=keywords):
                self._expr(func, Part(node, "func"), statement, scopes)
                for argument in args:
                    self._expr(argument, Part(node, "arg"), statement, scopes)
                for keyword in keywords:
                    self._expr(keyword.value, Part(node, "keyword", keyword.name), statement, scopes)
            case f.Walrus(target=f.Name(id=name), value=value):
                self._binders.setdefault(name, []).append(statement)
                self._expr(value, Part(node, "value"), statement, scopes)
            case _:
                for operand, role in _roles(node):
                    self._expr(operand, Part(node, role), statement, scopes)


def _roles(node: f.Expr) -> list[tuple[f.Expr, str]]:
    match node:
        case f.Subscript(value=value, index=index):
            return [(value, "value"), (index, "index")]
        case f.IfExp(test=test, body=body, orelse=orelse):
            return [(test, "test"), (body, "body"), (orelse, "orelse")]
        case f.Compare(left=left, rights=rights):
            return [(left, "left"), *((right, "right") for right in rights)]
        case f.DictLit(keys=keys, values=values):
            return [*((key, "key") for key in keys if key is not None), *((value, "item") for value in values)]
    return [(one, "part") for one in parts(node)]


def _heads(statement: f.Stmt) -> list[tuple[f.Expr, str]]:
    """What a statement evaluates, targets left out, each with what it is to it."""
    match statement:
        case f.Assign(value=value) | f.ExprStmt(value=value) | f.AugAssign(value=value):
            return [(value, "value")]
        case f.AnnAssign(value=value) | f.Return(value=value):
            return [] if value is None else [(value, "value")]
        case f.If(test=test) | f.While(test=test) | f.Assert(test=test):
            return [(test, "test")]
        case f.For(iter=iterated):
            return [(iterated, "head")]
        case f.With(items=items):
            return [(item.context, "context") for item in items]
        case f.Raise(exc=exc, cause=cause):
            return [(one, "raised") for one in (exc, cause) if one is not None]
        case f.Match(subject=subject):
            return [(subject, "subject")]
    return []


def _is_empty(statement: f.Stmt) -> bool:
    match statement:
        case f.Assign(value=value) | f.AnnAssign(value=value):
            match value:
                case f.Seq(items=()) | f.DictLit(values=()):
                    return True
                case f.Call(func=f.Name(id="list" | "set" | "dict"), args=(), keywords=()):
                    return True
    return False


def _loops(frames: tuple[Block, ...]) -> list[f.Stmt]:
    return [owner for _, _, owner in frames if isinstance(owner, f.For | f.While)]


def _bound_by(scope: Scope) -> frozenset[str]:
    if isinstance(scope, f.Lambda):
        return frozenset(parameter.name for parameter in scope.params)
    assert scope is not None
    return frozenset(name for one in scope.generators for name in plain_names(one.target))


def plain_names(target: f.Expr) -> tuple[str, ...]:
    """The plain names that a target binds."""
    match target:
        case f.Name(id=name):
            return (name,)
        case f.Seq(items=items):
            return tuple(name for item in items for name in plain_names(item))
        case f.Star(value=value):
            return plain_names(value)
    return ()
