"""Where an expression stands: the statements and branches around it, and what they say about how often it runs.

A call in a loop need not run once per item. It may stand in an error handler, behind "the cache has none", behind "the
batch is full", or before a ``return`` that leaves the loop.

    for row in rows:
        batch.append(row)
        if len(batch) >= 500:        batched
            await save(batch)
        if row.owner not in names:   once per distinct key
            names[row.owner] = await name_of(row.owner)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.link.narrow import exits
from persist_lint.link.sites import Loop
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f

Part = Literal["body", "orelse", "handler", "final"]
Often = Literal["each", "once", "rarely", "batch", "distinct", "cached"]
OF_A_SIZE = frozenset({">", ">=", "==", "<", "<="})


class Frame(Struct, frozen=True, eq=False):
    """One block around an expression: the compound statement, which part of it, and the place within that part."""

    owner: f.Stmt | None
    part: Part
    block: tuple[f.Stmt, ...]
    index: int


class Places:
    """The frames around every expression of one function, innermost last."""

    def __init__(self, function: Function) -> None:
        self._frames: dict[int, tuple[Frame, ...]] = {}
        self._block(function.body, None, "body", ())
        self._function = function

    def frames(self, node: f.Node) -> tuple[Frame, ...]:
        """The blocks around an expression, outermost first; empty for what is not in a statement."""
        return self._frames.get(id(node), ())

    def within(self, node: f.Node, loop: Loop) -> tuple[Frame, ...]:
        """The blocks around an expression inside a loop statement's body; empty for comprehensions."""
        frames = self.frames(node)
        if loop.node is None:
            return ()
        number = next((i for i, frame in enumerate(frames) if frame.owner is loop.node), len(frames))
        return frames[number:]

    def missing(self, node: f.Node) -> frozenset[str]:
        """The names that are None or empty wherever the expression is reached."""
        return frozenset(name for test in _tests(self.frames(node)) if (name := _missing(test)) is not None)

    def tests(self, node: f.Node) -> tuple[f.Expr, ...]:
        """The conditions under which the expression is reached, outermost first; those of earlier guards denied."""
        return tuple(_tests(self.frames(node)))

    def left_by(self, node: f.Node) -> tuple[f.Expr, ...]:
        """The conditions of earlier ``elif`` branches that leave, past or around which the expression is reached."""
        found = []
        for frame in self.frames(node):
            for earlier in frame.block[: frame.index]:
                while isinstance(earlier, f.If) and len(earlier.orelse) == 1:
                    earlier = earlier.orelse[0]
                    if isinstance(earlier, f.If) and exits(earlier.body):
                        found.append(earlier.test)
        return tuple(found)

    def often(self, node: f.Node, loop: Loop) -> Often:
        """How often an expression runs, of the turns of a loop around it."""
        frames = self.within(node, loop)
        missed = [name for frame in frames if (name := _looked_up_in(frame))]
        if any(frame.part == "handler" for frame in frames) and not missed:
            return "rarely"
        if _leaves(frames):
            return "once"
        tests = list(_tests(frames))
        if any(_tells_a_size(test) for test in tests):
            return "batch"
        if any(self._filled_once(test, frames) for test in tests):
            return "once"
        looked_up = self._looked_up(frames)
        caches = [*missed, *(_absent_from(test, looked_up) for test in tests)]
        stored = [cache for cache in caches if cache is not None and _is_filled(cache, frames)]
        if not stored:
            return "each"
        return "distinct" if all(self._starts_empty(cache) for cache in stored) else "cached"

    def _block(self, block: tuple[f.Stmt, ...], owner: f.Stmt | None, part: Part, around: tuple[Frame, ...]) -> None:
        for index, statement in enumerate(block):
            frames = (*around, Frame(owner, part, block, index))
            self._frames[id(statement)] = frames
            for head in heads(statement):
                for node in post_order(head):
                    self._frames[id(node)] = frames
            for inner, name in _parts(statement):
                self._block(inner, statement, name, frames)

    def _filled_once(self, test: f.Expr, frames: tuple[Frame, ...]) -> bool:
        """``if found is None: found = …`` of a name that nothing else in the loop assigns: once for all turns."""
        name = _missing(test)
        if name is None:
            return False
        loop = frames[0].owner
        body = frames[0].block
        assigned = [s for s in statements(body) if name in _targets(s)]
        fresh = isinstance(loop, f.For) and name in names_of(loop.target)
        return len(assigned) == 1 and not fresh and any(s in frame.block for frame in frames[1:] for s in assigned)

    def _looked_up(self, frames: tuple[Frame, ...]) -> dict[str, str]:
        """``hit = cache.get(key)``: name of the hit → name of the cache."""
        found: dict[str, str] = {}
        for frame in frames:
            for statement in frame.block[: frame.index]:
                match statement:
                    case f.Assign(targets=(f.Name(id=hit),), value=f.Call(func=f.Attr(value=cache, name="get"))):
                        found[hit] = dotted(cache)
        return found

    def _starts_empty(self, name: str) -> bool:
        """Whether the function itself makes the cache, empty."""
        for statement in statements(self._function.body):
            value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
            if name in _targets(statement) and _is_empty(value):
                return True
        return False


def bound_names(loop: Loop) -> frozenset[str]:
    """The names that a turn of the loop gives a value: its targets, and what its body assigns."""
    found = set(names_of(loop.target)) if loop.target is not None else set()
    if isinstance(loop.node, f.For | f.While):
        for statement in statements(loop.node.body):
            found.update(_targets(statement))
    return frozenset(found)


def read_names(expr: f.Expr) -> frozenset[str]:
    """The plain names that an expression reads."""
    return frozenset(node.id for node in post_order(expr) if isinstance(node, f.Name))


def names_of(target: f.Expr) -> Iterator[str]:
    """The plain names that a target binds."""
    match target:
        case f.Name(id=name):
            yield name
        case f.Seq(items=items):
            for item in items:
                yield from names_of(item)
        case f.Star(value=value):
            yield from names_of(value)
        case f.Subscript(value=value) | f.Attr(value=value):
            yield from names_of(value)  # the object changes with the turns


def dotted(expr: f.Expr) -> str:
    """``self.cache`` as written; empty for anything but a path of names."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, name=name):
            base = dotted(value)
            return f"{base}.{name}" if base else ""
    return ""


def _parts(statement: f.Stmt) -> list[tuple[tuple[f.Stmt, ...], Part]]:
    match statement:
        case f.If(body=body, orelse=orelse) | f.For(body=body, orelse=orelse) | f.While(body=body, orelse=orelse):
            return [(body, "body"), (orelse, "orelse")]
        case f.With(body=body):
            return [(body, "body")]
        case f.Try(body=body, handlers=handlers, orelse=orelse, final=final):
            return [(body, "body"), *((h.body, "handler") for h in handlers), (orelse, "orelse"), (final, "final")]
        case f.Match(cases=cases):
            return [(case.body, "body") for case in cases]
    return []


def _leaves(frames: tuple[Frame, ...]) -> bool:
    """Whether the loop is certainly left after the expression: its block, or one around it, ends so."""
    inner_loop = guarded = False
    for frame in reversed(frames):
        last = frame.block[-1]
        if isinstance(last, f.Return) or (isinstance(last, f.Raise) and not guarded):
            return True
        if isinstance(last, f.Jump) and last.kind == "break" and not inner_loop:
            return True
        if isinstance(frame.owner, f.Try) and frame.part == "body":
            guarded = True
        inner_loop = inner_loop or isinstance(frame.owner, f.For | f.While)
    return False


def _tests(frames: tuple[Frame, ...]) -> Iterator[f.Expr]:
    """The conditions under which the expression is reached, those of earlier guards (``if …: continue``) denied."""
    for frame in frames:
        if isinstance(frame.owner, f.If) and frame.part in ("body", "orelse"):
            yield frame.owner.test if frame.part == "body" else _denied(frame.owner.test)
        for earlier in frame.block[: frame.index]:
            if isinstance(earlier, f.If) and exits(earlier.body):
                yield _denied(earlier.test)
            elif isinstance(earlier, f.If) and earlier.orelse and exits(earlier.orelse):
                yield earlier.test


def _denied(test: f.Expr) -> f.Expr:
    return f.Unary(test.at, "not", test)


def _tells_a_size(test: f.Expr) -> bool:
    """``len(batch) >= 500``, ``number % 100 == 0``: the batch is full."""
    match test:
        case f.Unary(op="not", operand=operand):
            return _tells_a_size(operand)
        case f.Bool(values=values):
            return any(_tells_a_size(value) for value in values)
        case f.Compare(left=f.Call(func=f.Name(id="len")), ops=(op,), rights=(right,)) if op in OF_A_SIZE:
            return not (isinstance(right, f.Const) and right.value in (0, 1))
        case f.Compare(left=f.Bin(op="%"), ops=("==",)):
            return True
    return False


def _missing(test: f.Expr) -> str | None:
    """The name that the condition says is None or empty."""
    match test:
        case f.Unary(op="not", operand=f.Name(id=name)):
            return name
        case f.Unary(
            op="not", operand=f.Compare(left=f.Name(id=name), ops=("is not" | "!=",), rights=(f.Const(value=None),))
        ):
            return name
        case f.Compare(left=f.Name(id=name), ops=("is" | "==",), rights=(f.Const(value=None),)):
            return name
    return None


def _absent_from(test: f.Expr, looked_up: dict[str, str]) -> str | None:
    """The collection that the condition says lacks a key: ``key not in cache``, ``not cache.get(key)``, a miss."""
    match test:
        case f.Unary(op="not", operand=f.Compare(left=_, ops=("in",), rights=(cache,))):
            return dotted(cache) or None
        case f.Compare(left=_, ops=("not in",), rights=(cache,)):
            return dotted(cache) or None
        case f.Unary(op="not", operand=f.Call(func=f.Attr(value=cache, name="get"))):
            return dotted(cache) or None
        case f.Compare(left=f.Call(func=f.Attr(value=cache, name="get")), ops=("is",), rights=(f.Const(value=None),)):
            return dotted(cache) or None
        case f.Bool(op="and", values=values):
            return next((name for value in values if (name := _absent_from(value, looked_up))), None)
    missing = _missing(test)
    return looked_up.get(missing) if missing is not None else None


def _looked_up_in(frame: Frame) -> str:
    """``try: x = cache[key]`` with ``except KeyError:`` around the expression: the cache."""
    match frame.owner if frame.part == "handler" else None:
        case f.Try(body=(f.Assign(value=f.Subscript(value=cache)),), handlers=(f.Handler(type=f.Name(id="KeyError")),)):
            return dotted(cache)
    return ""


def _is_filled(name: str, frames: tuple[Frame, ...]) -> bool:
    """Whether the loop puts something into the collection."""
    for statement in statements(frames[0].block):
        match statement:
            case f.Assign(targets=(f.Subscript(value=base),)) if dotted(base) == name:
                return True
            case f.ExprStmt(
                value=f.Call(func=f.Attr(value=base, name="add" | "append" | "setdefault" | "set" | "update"))
            ):
                if dotted(base) == name:
                    return True
    return False


def _is_empty(value: f.Expr | None) -> bool:
    match value:
        case f.DictLit(keys=()) | f.Seq(items=()):
            return True
        case f.Call(func=f.Name(id="dict" | "set" | "list" | "defaultdict" | "OrderedDict"), args=args):
            return len(args) <= 1
    return False


def _targets(statement: f.Stmt) -> list[str]:
    match statement:
        case f.Assign(targets=targets):
            return [name for target in targets for name in names_of(target)]
        case f.AnnAssign(target=target) | f.AugAssign(target=target) | f.For(target=target):
            return list(names_of(target))
        case f.With(items=items):
            return [name for item in items if item.target is not None for name in names_of(item.target)]
    return []
