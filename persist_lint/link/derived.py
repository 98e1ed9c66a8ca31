"""What the value of an expression is made from: columns of entities, counts and sums of rows, rows that were looked up.

Names are followed back through the assignments that can have made their value, properties and methods of entities to
the columns that they read.

    left = key.limit - key.used          made from the columns limit and used of key
    if wanted > left: raise …            so is the test
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited, element
from persist_lint.link.lattice import UNKNOWN_SYM, Coll, Data, Null, Sym, Unknown, Value, members
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, parts, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.effects import Effect
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

MAX_HOPS = 5
#: Computing with a value; other calls and operators only look at it or change its form.
COMPUTING = frozenset({"+", "-", "*", "/", "//", "%", "|", "<<"})
REDUCING = frozenset({"max", "min", "sum"})
NUMERIC = REDUCING | {"int", "float", "abs", "round", "len", "bool"}


class Source(Struct, frozen=True, eq=False):
    """One thing that a value is made from.

    ``kind``: a *column* of the entity ``base``, an *aggregate* (count, sum, maximum) over rows of ``entity``, a *row*
    of it that was looked up, or whether there *exists* one. ``name`` is the column. ``call`` is the call that reads.
    """

    kind: Literal["column", "aggregate", "row", "exists"]
    at: Span
    entity: Class
    base: Sym
    name: str = ""
    call: CallView | None = None
    effect: Effect | None = None


class Members:
    """What methods and properties of mapped classes read and write of their own columns."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._reads: dict[tuple[Class, str], frozenset[str]] = {}
        self._writes: dict[Function, dict[str, bool]] = {}

    def reads(self, cls: Class, name: str) -> frozenset[str]:
        """The columns that reading an attribute, property or method of a mapped class reads."""
        if (cls, name) not in self._reads:
            self._reads[cls, name] = frozenset()
            self._reads[cls, name] = self._read(cls, name)
        return self._reads[cls, name]

    def _read(self, cls: Class, name: str) -> frozenset[str]:
        world = self._project.world
        if name in world.models.info(cls).columns:
            return frozenset({name})
        method = world.classes.find_method(cls, name)
        if method is None:
            return frozenset()
        touched = [t.name for t in world.flow(method).touches.values() if t.base.sym == ("param", 0) and not t.written]
        return frozenset(column for inner in touched for column in self.reads(cls, inner))

    def writes(self, method: Function) -> dict[str, bool]:
        """The columns that a method of a mapped class writes on itself, each with whether from its own value."""
        if method not in self._writes:
            self._writes[method] = {}
            self._writes[method] = self._written(method)
        return self._writes[method]

    def _written(self, method: Function) -> dict[str, bool]:
        view = self._project.view(method)
        derived = Derived(view, self)
        found: dict[str, bool] = {}
        for column in assigned_columns(view):
            if column.base == ("param", 0):
                own = column.grows or (column.value is not None and derived.computes(column.value, column))
                found[column.name] = found.get(column.name, False) or own
        for site in view.flow.sites.values():
            for target in site.targets:
                if target.function is not None and target.bound is not None and target.bound.sym == ("param", 0):
                    for name, own in self.writes(target.function).items():
                        found[name] = found.get(name, False) or own
        return found


class Column(Struct, frozen=True, eq=False):
    """A column that an assignment writes; ``grows``: by ``+=`` or its kin."""

    at: Span
    node: f.Node
    entity: Class
    base: Sym
    name: str
    value: f.Expr | None
    grows: bool


def assigned_columns(view: FunctionView) -> Iterator[Column]:
    """The columns of entities that a function's assignments write, in order of place."""
    models = view.project.world.models
    written = {node for node, touch in view.flow.touches.items() if touch.written}
    if not written:
        return
    for statement in statements(view.function.body):
        match statement:
            case f.Assign(targets=targets, value=value):
                pairs = [(target, value, False) for target in targets]
            case f.AnnAssign(target=target, value=f.Node() as value):
                pairs = [(target, value, False)]
            case f.AugAssign(target=target, op=op, value=value):
                pairs = [(target, value, op in COMPUTING)]
            case _:
                continue
        for target, value, grows in pairs:
            touch = view.flow.touches.get(target) if target in written else None
            entity = models.entity_class(touch.base) if touch is not None else None
            if touch is not None and entity is not None and touch.name in models.info(entity).columns:
                yield Column(statement.at, target, entity, touch.base.sym, touch.name, value, grows)


class Derived:
    """The sources of the values in one function."""

    def __init__(self, view: FunctionView, members_of: Members) -> None:
        self._view = view
        self._members = members_of
        self._known: dict[int, tuple[Source, ...]] = {}

    def of(self, expr: f.Expr, hops: int = 0) -> tuple[Source, ...]:
        """Everything that the expression's value is made from, each once, in order of place."""
        if id(expr) not in self._known:
            self._known[id(expr)] = ()
            found = [source for node in post_order(expr) for source in self._of_node(node, hops)]
            unique = {(s.kind, s.at, s.entity, s.base, s.name): s for s in found}
            self._known[id(expr)] = tuple(sorted(unique.values(), key=lambda s: s.at))
        return self._known[id(expr)]

    def is_made_by(self, expr: f.Expr, hops: int = 0) -> Iterator[Source]:
        """The calls whose result the expression is, unchanged."""
        match expr:
            case f.Await(value=value) | f.Walrus(value=value):
                yield from self.is_made_by(value, hops)
            case f.Call():
                yield from self._of_node(expr, hops)
            case f.Name() if hops < MAX_HOPS:
                for value in self.assignments(expr):
                    yield from self.is_made_by(value, hops + 1)
            case f.IfExp(body=body, orelse=orelse):
                yield from self.is_made_by(body, hops)
                yield from self.is_made_by(orelse, hops)

    def counted(self, expr: f.Expr, hops: int = 0) -> Iterator[Source]:
        """The counts and sums of rows that a number or test is made from, other functions' arguments left out."""
        match expr:
            case f.Call(func=f.Name(id=name), args=args) if name in NUMERIC:
                yield from (s for s in self._of_node(expr, hops) if s.kind == "aggregate")
                for arg in args:
                    yield from self.counted(arg, hops)
            case f.Call(func=func):
                found = [s for s in self._of_node(expr, hops) if s.kind == "aggregate"]
                yield from found
                if not found and isinstance(func, f.Attr):
                    yield from self.counted(func.value, hops)
            case f.Name() if hops < MAX_HOPS:
                for value in self.assignments(expr):
                    yield from self.counted(value, hops + 1)
            case f.Await() | f.Unary() | f.Compare() | f.Bin() | f.Bool() | f.IfExp() | f.Walrus() | f.Subscript():
                for part in parts(expr):
                    yield from self.counted(part, hops)

    def computes(self, expr: f.Expr, column: Column, hops: int = 0) -> bool:
        """Whether the value is computed, not only passed on, from the column's own value."""
        for node in post_order(expr):
            used: tuple[f.Expr, ...] = ()
            match node:
                case f.Bin(op=op, left=left, right=right) if op in COMPUTING:
                    used = (left, right)
                case f.Call(func=f.Name(id=name), args=args) if name in REDUCING:
                    used = args
                case f.DictLit(keys=keys, values=values):
                    used = tuple(v for k, v in zip(keys, values, strict=True) if k is None)
                case f.Seq(items=items):
                    used = tuple(item.value for item in items if isinstance(item, f.Star))
                case f.Name() if hops < MAX_HOPS:
                    if any(self.computes(value, column, hops + 1) for value in self.assignments(node)):
                        return True
            if any(is_of(source, column) for part in used for source in self.of(part, hops)):
                return True
        return False

    def _of_node(self, node: f.Expr, hops: int) -> Iterator[Source]:
        match node:
            case f.Attr():
                yield from self._of_attribute(node)
            case f.Call():
                site = self._view.flow.sites.get(node)
                if site is not None:
                    yield from self._of_call(node, site)
            case f.Name() if hops < MAX_HOPS:
                for value in self.assignments(node):
                    yield from self.of(value, hops + 1)

    def _of_attribute(self, node: f.Attr) -> Iterator[Source]:
        touch = self._view.flow.touches.get(node)
        if touch is None or touch.written:
            return
        entity = self._view.project.world.models.entity_class(touch.base)
        if entity is not None:
            for name in sorted(self._members.reads(entity, touch.name)):
                yield Source("column", node.at, entity, touch.base.sym, name)

    def _of_call(self, node: f.Call, site: Site) -> Iterator[Source]:
        call = self._calls.get(id(node))
        if call is None:
            return
        models = self._view.project.world.models
        result = awaited(site.result)
        entity = models.entity_class(result)
        if entity is not None:
            if result.sym[0] != "new":
                effect = next((e for e in self._reads(node, 0) if e.entity is entity), None)
                if effect is not None or all(t.function is None for t in site.targets):
                    yield Source("row", node.at, entity, result.sym, "", call, effect)
            return
        yield from self._of_length(node, call)
        if not self._is_plain(result):
            return
        selects = [e for e in call.effects if e.kind == "db.select" and e.entity is not None]
        about = {e.entity for e in selects}
        for effect in selects:
            if effect.entity is not None and (counts(effect) or len(about) == 1):
                kind: Literal["aggregate", "exists"] = "aggregate" if counts(effect) else "exists"
                yield Source(kind, node.at, effect.entity, result.sym, "", call, effect)

    def _reads(self, node: f.Expr, hops: int) -> Iterator[Effect]:
        """The SELECTs of the calls that a result comes through, as in ``(await session.execute(…)).first()``."""
        for inner in reversed(list(post_order(node))):
            if isinstance(inner, f.Call) and id(inner) in self._calls:
                yield from (e for e in self._calls[id(inner)].effects if e.kind == "db.select")
            elif isinstance(inner, f.Name) and hops < MAX_HOPS:
                for value in self.assignments(inner):
                    yield from self._reads(value, hops + 1)

    def _is_plain(self, value: Value) -> bool:
        """Whether a value is a number, text, nothing known, or a result of such: no entity, no collection."""
        kind_of = self._view.project.world.kind
        kinds = members(value.type)
        return all(isinstance(kind, Data | Null | Unknown) or kind_of(kind) == "result" for kind in kinds)

    def _of_length(self, node: f.Call, call: CallView) -> Iterator[Source]:
        """``len(rows)`` of entities that were read."""
        if isinstance(node.func, f.Name) and node.func.id == "len" and len(call.site.args) == 1:
            value = call.site.args[0]
            entity = self._view.project.world.models.entity_class(element(value))
            read = any(effect.entity is entity for effect in self._reads(node.args[0], 0))
            if entity is not None and read and isinstance(value.type, Coll):
                yield Source("aggregate", node.at, entity, value.sym, "", call)

    @cached_property
    def _calls(self) -> dict[int, CallView]:
        return {id(call.site.node): call for call in self._view.calls}

    # ------------------------------------------------------------------ names

    def assignments(self, name: f.Name) -> list[f.Expr]:
        """The expressions whose value the name can have where it is read: up to the last that is always passed."""
        places = self._view.places
        blocks = [frame.block for frame in places.frames(name)]
        found: list[f.Expr] = []
        for statement, value in reversed(self._assigned.get(name.id, [])):
            if statement.at >= name.at or (statement.at.end_line, statement.at.end_column) > (
                name.at.line,
                name.at.column,
            ):
                continue
            found.append(value)
            frames = places.frames(statement)
            if frames and any(frames[-1].block is block for block in blocks) and not isinstance(statement, f.AugAssign):
                break
        return found

    @cached_property
    def _assigned(self) -> dict[str, list[tuple[f.Stmt, f.Expr]]]:
        found: dict[str, list[tuple[f.Stmt, f.Expr]]] = {}

        def note(statement: f.Stmt, target: f.Expr, value: f.Expr) -> None:
            for name in _bound(target):
                found.setdefault(name, []).append((statement, value))

        for statement in statements(self._view.function.body):
            match statement:
                case f.Assign(targets=targets, value=value):
                    for target in targets:
                        note(statement, target, value)
                case f.AnnAssign(target=target, value=f.Node() as value) | f.AugAssign(target=target, value=value):
                    note(statement, target, value)
            for head in heads(statement):
                for node in post_order(head):
                    if isinstance(node, f.Walrus):
                        note(f.ExprStmt(node.at, node), node.target, node.value)
        return found


def is_of(source: Source, column: Column) -> bool:
    """Whether a source is the column itself, of the same entity; of one that was looked up or made, of its class."""
    same = source.entity is column.entity and column.base in (source.base, UNKNOWN_SYM)
    return same and source.kind == "column" and source.name == column.name


def counts(effect: Effect) -> bool:
    """Whether a SELECT counts, sums or takes the extreme of rows."""
    if effect.statement is not None and effect.statement.aggregates:
        return True
    target = effect.leaf.target
    return target is not None and target.name.endswith(".count")


def _bound(target: f.Expr) -> Iterator[str]:
    match target:
        case f.Name(id=name):
            yield name
        case f.Seq(items=items):
            for item in items:
                yield from _bound(item)
        case f.Star(value=value):
            yield from _bound(value)
