"""What one function does with its local collections: reads them, changes them, or lets them go.

for row in rows:        read
rows.append(x)          changed
return rows             gone: whoever gets it may do anything with it
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.link.tree import blocks, heads, parts, post_order
from persist_lint.link.tree import targets as targets_of
from persist_lint.model import facts as f
from persist_lint.model.span import Span

Role = Literal["read", "changed", "gone", "bound"]
#: Builtins that only look at what they get.
LOOKS = frozenset(
    {"len", "sum", "min", "max", "any", "all", "sorted", "str", "repr", "print", "enumerate", "zip", "bool", "set",
     "frozenset", "tuple", "list", "dict", "isinstance", "reversed", "range", "iter"}
)  # fmt: skip
READS = frozenset({"get", "items", "keys", "values", "index", "count", "copy", "join", "issubset", "issuperset"})
CHANGES = frozenset(
    {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse", "add", "discard", "update",
     "setdefault"}
)  # fmt: skip


class Use(Struct, frozen=True, eq=False):
    """One place where a name stands: what is done with it there, and the loops around it, outermost first."""

    node: f.Name
    role: Role
    statement: f.Stmt
    loops: tuple[f.Stmt, ...]


class Usage:
    """Every use of every plain name of a function."""

    def __init__(self, function: Function) -> None:
        self.uses: dict[str, list[Use]] = {}
        self.loops: dict[int, tuple[f.Stmt, ...]] = {}
        self.suspends: list[Span] = []
        self._parents: dict[int, f.Expr] = {}
        self._captured = {
            name for nested in function.module.functions if nested.parent is function for name in nested.facts.names
        }
        self._params = {p.name for p in function.params}
        self._module = function.is_module
        self._block(function.body, ())

    def assigned(self, name: str) -> tuple[f.Expr, Use] | None:
        """The one value that a local name is ever given, with the place; None if there is not exactly one."""
        if name in self._params or name in self._captured or self._module:
            return None
        bound = [use for use in self.uses.get(name, ()) if use.role == "bound"]
        if len(bound) != 1:
            return None
        match bound[0].statement:
            case f.Assign(targets=(f.Name(),), value=value) | f.AnnAssign(target=f.Name(), value=f.Node() as value):
                return value, bound[0]
        return None

    def stays(self, name: str, until: f.Expr | None = None) -> bool:
        """Whether a local name's collection is never let go, up to an expression if one is given."""
        return all(
            use.role != "gone"
            for use in self.uses.get(name, ())
            if until is None or (use.node.at < until.at and not _contains(until, use.node))
        )

    def is_last(self, name: str, node: f.Expr) -> bool:
        """Whether nothing uses the name after an expression, nor in a later turn of a loop around it."""
        given = self.assigned(name)
        if given is None or given[1].loops != self.loops.get(id(node)):
            return False
        return all(use.node.at < node.at or _contains(node, use.node) for use in self.uses[name])

    def only_read_after(self, name: str, node: f.Expr) -> bool:
        """Whether all that happens to the name after an expression is that it is read, before any await."""
        after = [use for use in self.uses.get(name, ()) if use.node.at > node.at and not _contains(node, use.node)]
        last = max((use.node.at for use in after), default=node.at)
        return all(use.role == "read" for use in after) and not any(node.at < at < last for at in self.suspends)

    def attribute_of(self, use: Use) -> str:
        """The attribute that a use reads, "" where it is no attribute."""
        parent = self._parents.get(id(use.node))
        return parent.name if isinstance(parent, f.Attr) else ""

    def only_read_within(self, name: str, loop: f.For) -> bool:
        """Whether the turns of a loop only read the name, and let nobody else run."""
        inside = [use for use in self.uses.get(name, ()) if loop in use.loops]
        return all(use.role == "read" for use in inside) and not any(
            loop.at < at and at.line <= loop.at.end_line for at in self.suspends
        )

    # ------------------------------------------------------------------ the walk

    def _block(self, body: tuple[f.Stmt, ...], loops: tuple[f.Stmt, ...]) -> None:
        for statement in body:
            bound = {id(t) for t in _flat(targets_of(statement))}
            for head in heads(statement):
                self._head(statement, head, bound, loops)
            inner = (*loops, statement) if isinstance(statement, f.For | f.While) else loops
            for block in blocks(statement):
                self._block(block, inner)

    def _head(self, statement: f.Stmt, head: f.Expr, bound: set[int], loops: tuple[f.Stmt, ...]) -> None:
        nodes = list(post_order(head))
        for node in nodes:
            self._parents.update((id(part), node) for part in parts(node))
            self.loops[id(node)] = loops
        for node in nodes:
            if isinstance(node, f.Await | f.Yield):
                self.suspends.append(node.at)
            if isinstance(node, f.Lambda):
                self._captured |= {part.id for part in post_order(node.body) if isinstance(part, f.Name)}
            if isinstance(node, f.Name):
                role = "bound" if id(node) in bound else self._role(node, statement)
                self.uses.setdefault(node.id, []).append(Use(node, role, statement, loops))

    def _role(self, node: f.Name, statement: f.Stmt) -> Role:
        parent = self._parents.get(id(node))
        if parent is None:
            return "read" if isinstance(statement, f.If | f.While | f.Assert | f.For | f.ExprStmt) else "gone"
        match parent:
            case f.Subscript(value=value) if value is node:
                changed = isinstance(statement, f.Delete) or any(parent is t for t in _flat(targets_of(statement)))
                return "changed" if changed else "read"
            case f.Attr(name=name):
                return self._method(parent, name, statement)
            case f.Call(func=f.Name(id=name)) if name in LOOKS:
                return "read"
            case f.Compare() | f.FString() | f.Subscript() | f.Unary():
                return "read"
            case f.Comp(generators=generators) if any(g.iter is node for g in generators):
                return "read"
            case f.IfExp(test=test) if test is node:
                return "read"
        return "gone"

    def _method(self, attribute: f.Attr, name: str, statement: f.Stmt) -> Role:
        call = self._parents.get(id(attribute))
        if isinstance(call, f.Call) and call.func is attribute:
            return "read" if name in READS else "changed" if name in CHANGES else "gone"
        if any(attribute is target for target in _flat(targets_of(statement))):
            return "changed"
        return "read"


def _flat(targets: tuple[f.Expr, ...]) -> list[f.Expr]:
    found: list[f.Expr] = []
    for target in targets:
        match target:
            case f.Seq(items=items):
                found += _flat(items)
            case f.Star(value=value):
                found += _flat((value,))
            case _:
                found.append(target)
    return found


def _contains(outer: f.Node, inner: f.Node) -> bool:
    start = (outer.at.line, outer.at.column) <= (inner.at.line, inner.at.column)
    return start and (inner.at.end_line, inner.at.end_column) <= (outer.at.end_line, outer.at.end_column)
