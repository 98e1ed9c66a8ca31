"""Texts that grow by a copy of themselves in every turn of a loop.

CPython appends in place only where nothing else refers to the text: ``s += part`` and ``s = s + part`` on a plain local
that no nested function uses. Everywhere else each turn copies all that is there:

    self.text += part          the attribute holds a second reference
    data += chunk              of bytes: they are never extended in place
    s = part + s               what is there moves to the end of a new text
    s = s + a + b              ``s + a`` is a text of its own
    s = f"{s}{part}"           so is every f-string

A loop in which the text is also cut or emptied keeps it short. One that uses the text in every turn needs it whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.link.lattice import Data, Null, TypeParam, Unknown, members
from persist_lint.link.places import Places, dotted, read_names
from persist_lint.link.sites import Flow, Loop
from persist_lint.link.tree import blocks, heads, post_order, spelled, statements
from persist_lint.link.tree import targets as targets_of
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.span import Span

TEXTS = frozenset({"str", "bytes"})
#: What may be text for all that is known.
OPEN = frozenset({"", "str", "bytes"})
#: Methods of a container after which the element is another one.
MOVES = frozenset({"clear", "pop", "popitem", "append", "appendleft", "insert", "extend"})
DIVIDES = frozenset({"//", ">>"})


class Growth(Struct, frozen=True, eq=False):
    """An assignment that makes a text longer in every turn of ``loop``.

    ``why`` says in words what makes it a copy, "" where CPython appends in place; ``more`` are further places that grow
    it in the loop; ``sure`` whether the target itself is known to be text, not only what is added.
    """

    at: Span
    target: str
    kind: str
    why: str
    loop: Loop
    more: tuple[Span, ...]
    sure: bool


def growths(world: World, function: Function) -> list[Growth]:
    """Where the function's texts grow, in order of place; one per text and loop."""
    candidates = [
        (statement, grown, nodes)
        for statement, nodes in _within(function.body, ())
        if nodes and (grown := _grown(statement)) is not None
    ]
    if not candidates:  # most functions are never walked for this
        return []
    flow, places = world.flow(function), Places(function)
    found: dict[tuple[str, Loop], list[Growth]] = {}
    for statement, grown, nodes in candidates:
        around = [flow.loops[node] for node in nodes if node in flow.loops]
        kind, sure = _kind(world, function, grown)
        loop = _growing(world, flow, places, statement, grown.target, around, kind == "str") if kind else None
        if loop is not None:
            why = _why(function, grown, kind, loop)
            name = spelled(grown.target)
            found.setdefault((name, loop), []).append(Growth(grown.target.at, name, kind, why, loop, (), sure))
    return [_merged(group) for group in found.values()]


class _Grown(Struct, frozen=True, eq=False):
    """The parts of such an assignment; ``how`` is append, prepend, sum or format."""

    target: f.Expr
    added: tuple[f.Expr, ...]
    how: str


def _within(body: tuple[f.Stmt, ...], around: tuple[f.Stmt, ...]) -> Iterator[tuple[f.Stmt, tuple[f.Stmt, ...]]]:
    """All statements, each with the loops around it, outermost first."""
    for statement in body:
        yield statement, around
        inner = (*around, statement) if isinstance(statement, f.For | f.While) else around
        for block in blocks(statement):
            yield from _within(block, inner)


def _merged(group: list[Growth]) -> Growth:
    """The first one that copies, or the first, with the places of the others."""
    chosen = next((one for one in group if one.why), group[0])
    more = tuple(one.at for one in group if one is not chosen and bool(one.why) == bool(chosen.why))
    return Growth(chosen.at, chosen.target, chosen.kind, chosen.why, chosen.loop, more, chosen.sure)


# ---------------------------------------------------------------- the assignment


def _grown(statement: f.Stmt) -> _Grown | None:
    match statement:
        case f.AugAssign(target=target, op="+", value=value):
            return _Grown(target, (value,), "append")
        case f.Assign(targets=(target,), value=f.Bin(op="+") as value):
            return _summed(target, list(_operands(value)))
        case f.Assign(targets=(target,), value=f.FString(parts=parts)):
            same = [part for part in parts if _is_same(part, target)]
            return _Grown(target, tuple(p for p in parts if p not in same), "format") if len(same) == 1 else None
    return None


def _summed(target: f.Expr, operands: list[f.Expr]) -> _Grown | None:
    """``s = s + a``, ``s = a + s``, ``s = s + a + b``; None where the target is not one of what is added."""
    same = [number for number, operand in enumerate(operands) if _is_same(operand, target)]
    if len(same) != 1:
        return None
    added = tuple(operand for number, operand in enumerate(operands) if number != same[0])
    if same[0] > 0:
        return _Grown(target, added, "prepend")
    return _Grown(target, added, "append" if len(added) == 1 else "sum")


def _operands(value: f.Expr) -> Iterator[f.Expr]:
    if isinstance(value, f.Bin) and value.op == "+":
        yield from _operands(value.left)
        yield value.right
    else:
        yield value


def _is_same(expr: f.Expr, target: f.Expr) -> bool:
    match expr, target:
        case f.Subscript(value=one, index=mine), f.Subscript(value=other, index=theirs):
            return _is_same(one, other) and _is_same(mine, theirs)
        case f.Const(value=one), f.Const(value=other):
            return one == other
    return bool(dotted(expr)) and dotted(expr) == dotted(target)


# ---------------------------------------------------------------- is it text?


def _kind(world: World, function: Function, grown: _Grown) -> tuple[str, bool]:
    """("str" or "bytes", whether the target is known to be); ("", False) where nothing says so."""
    held = _text(world, function, grown.target)
    if held not in OPEN:
        return "", False
    if grown.how == "format":
        return "str", True
    added = [_text(world, function, one) for one in grown.added]
    if held:
        return (held, True) if all(kind in ("", held) for kind in added) else ("", False)
    # a bytearray takes bytes as well, so only text says of itself what it is added to
    return ("str", False) if "str" in added and all(kind in ("", "str") for kind in added) else ("", False)


def _text(world: World, function: Function, expr: f.Expr) -> str:
    """What an expression is: "str", "bytes", "" if unknown, "no" if it is something else."""
    match expr:
        case f.FString() | f.Const(value=str()):
            return "str"
        case f.Bytes() | f.Call(func=f.Attr(name="encode")):
            return "bytes"
        case f.Name(id=name):
            written = {_text(world, function, value) for value in _assigned(function, name)}
            if len(written) == 1 and written <= TEXTS:
                return written.pop()
    kinds = {kind.name if isinstance(kind, Data) else "no" for kind in _members(world, function, expr)}
    return kinds.pop() if len(kinds) == 1 and kinds <= OPEN else ("" if not kinds or "" in kinds else "no")


def _assigned(function: Function, name: str) -> list[f.Expr]:
    """The constants that the function assigns to a name."""
    return [
        s.value
        for s in statements(function.body)
        if isinstance(s, f.Assign)
        and any(isinstance(t, f.Name) and t.id == name for t in s.targets)
        and isinstance(s.value, f.Const | f.Bytes | f.FString)
    ]


def _members(world: World, function: Function, expr: f.Expr) -> tuple[object, ...]:
    known = tuple(kind for kind in members(world.evaluate_inside(function, expr).type) if not isinstance(kind, Null))
    return () if all(isinstance(kind, Unknown | TypeParam) for kind in known) else known


# ---------------------------------------------------------------- the loop


def _growing(
    world: World, flow: Flow, places: Places, statement: f.Stmt, target: f.Expr, around: list[Loop], text: bool
) -> Loop | None:
    """The innermost loop that makes one and the same text longer in turn after turn, many of them."""
    for loop in reversed(around):
        if loop.node is None or _depends_on_turn(target, loop) or places.often(target, loop) in ("once", "rarely"):
            return None
        if _is_cut(world, flow, target, loop, statement) or (text and _is_used(target, loop)):
            return None
        if loop.bound not in ("small", "retry") and not _waits_for_ever(loop) and not _takes_digits(loop):
            return loop
    return None


def _depends_on_turn(target: f.Expr, loop: Loop) -> bool:
    """Whether the turns grow texts of their own: ``job.log`` or ``texts[key]`` of the loop's item."""
    if isinstance(target, f.Name):
        return False
    changing = set(names_in(loop.target)) if loop.target is not None else set()
    if isinstance(loop.node, f.For | f.While):
        plain = (
            t for s in statements(loop.node.body) for t in targets_of(s) if not isinstance(t, f.Attr | f.Subscript)
        )
        changing |= {name for t in plain for name in names_in(t)}
    return bool(read_names(target) & changing)


def names_in(target: f.Expr) -> Iterator[str]:
    """The plain names in a target."""
    return (node.id for node in post_order(target) if isinstance(node, f.Name))


def _waits_for_ever(loop: Loop) -> bool:
    """``while True`` without a way out: a text that only grew there would fill the memory; it is cut somewhere else."""
    return (
        isinstance(loop.node, f.While)
        and not any(
            isinstance(s, f.Return) or (isinstance(s, f.Jump) and s.kind == "break") for s in statements(loop.node.body)
        )
        and isinstance(loop.node.test, f.Const)
    )


def _takes_digits(loop: Loop) -> bool:
    """``while number: number, digit = divmod(number, base)``: as many turns as the number has digits."""
    if not isinstance(loop.node, f.While):
        return False
    tested = read_names(loop.node.test)
    for statement in statements(loop.node.body):
        bound = {name for target in targets_of(statement) for name in names_in(target)}
        if tested.isdisjoint(bound):
            continue
        if isinstance(statement, f.AugAssign) and statement.op in DIVIDES:
            return True
        for head in heads(statement):
            for node in post_order(head):
                match node:
                    case f.Bin(op=op) if op in DIVIDES:
                        return True
                    case f.Call(func=f.Name(id="divmod")):
                        return True
    return False


def _is_cut(world: World, flow: Flow, target: f.Expr, loop: Loop, statement: f.Stmt) -> bool:
    """Whether the loop also gives the text another value: itself, or in a method that it calls."""
    assert isinstance(loop.node, f.For | f.While)
    name = target.name if isinstance(target, f.Attr) else ""
    for one in statements(loop.node.body):
        if one is not statement and _sets(one, target):
            return True
        for head in heads(one):
            for node in post_order(head):
                site = flow.sites.get(node)
                if name and site is not None and any(_writes(world, t.function, name) for t in site.targets):
                    return True
                if _moves(node, target):
                    return True
    return False


def _is_used(target: f.Expr, loop: Loop) -> bool:
    """Whether the turns need the text as a whole: it would have to be joined in each of them."""
    assert isinstance(loop.node, f.For | f.While)
    for one in (loop.node, *statements(loop.node.body)):
        grown = _grown(one)
        own = grown is not None and _is_same(grown.target, target)
        for head in (h for h in heads(one) if not any(h is t for t in targets_of(one))):
            reads = sum(_is_same(node, target) for node in post_order(head))
            if reads > (own and not isinstance(one, f.AugAssign)) and not _is_renaming(one):
                return True
    return False


def _is_renaming(statement: f.Stmt) -> bool:
    """``before = text``: nothing is done with it yet."""
    return isinstance(statement, f.Assign) and bool(dotted(statement.value))


def _sets(statement: f.Stmt, target: f.Expr) -> bool:
    """An assignment of something else, or a deletion, of the text or of what holds it."""
    grown = _grown(statement)
    if grown is not None and _is_same(grown.target, target):
        return False
    bound = [part for t in targets_of(statement) for part in (t.items if isinstance(t, f.Seq) else (t,))]
    return any(_is_same(one, whole) for one in bound for whole in _wholes(target))


def _wholes(target: f.Expr) -> Iterator[f.Expr]:
    """The target, and what it is a part of: ``a.b[c]``, ``a.b``, ``a``."""
    yield target
    if isinstance(target, f.Attr | f.Subscript):
        yield from _wholes(target.value)


def _moves(node: f.Expr, target: f.Expr) -> bool:
    """``texts.pop(key)``, or ``texts.append("")`` where ``texts[-1]`` grows."""
    match node:
        case f.Call(func=f.Attr(value=base, name=name)) if name in MOVES and isinstance(target, f.Subscript):
            return _is_same(base, target.value)
    return False


def _writes(world: World, function: Function | None, name: str) -> bool:
    return function is not None and any(t.written and t.name == name for t in world.flow(function).touches.values())


# ---------------------------------------------------------------- what makes it a copy


def _why(function: Function, grown: _Grown, kind: str, loop: Loop) -> str:
    """What makes every turn copy the text, in words; "" where CPython appends in place."""
    match grown.target:
        case f.Attr():
            return "an attribute holds it, so every turn copies all of it"
        case f.Subscript():
            return "a container holds it, so every turn copies all of it"
    if kind == "bytes":
        return "bytes are never extended in place: every turn copies all of them"
    if grown.how == "prepend":
        return "what is there moves behind what is new: every turn copies all of it"
    if grown.how == "sum":
        return "the first of the sums is a text of its own: every turn copies all of it"
    if grown.how == "format":
        return "an f-string is a new text: every turn copies all of it"
    return _shared(function, dotted(grown.target), loop)


def _shared(function: Function, name: str, loop: Loop) -> str:
    """Why a plain name's text is not the only reference: a global, a captured variable, a second name."""
    if function.is_module:
        return "a global is no local variable, so every turn copies all of it"
    for statement in statements(function.body):
        if isinstance(statement, f.Scope) and name in statement.names:
            return f"a {statement.kind} variable is no plain local, so every turn copies all of it"
    for nested in function.module.functions:
        if nested.parent is function and name in nested.facts.names and not any(p.name == name for p in nested.params):
            return f"{nested.name}() uses it, so it is no plain local and every turn copies all of it"
    assert isinstance(loop.node, f.For | f.While)
    for statement in statements(loop.node.body):
        if isinstance(statement, f.Assign) and dotted(statement.value) == name:
            return f"{spelled(statement.targets[0])} refers to it too, so every turn copies all of it"
    return ""
