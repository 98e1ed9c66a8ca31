"""What syntax calls: ``x[i]``, ``for … in x``, ``i in x``, ``x + y``, ``len(x)`` on instances of project classes.

Each is a call with a site of its own, at the expression; a loop's stands at its target, once per turn. Classes derived
from ``dict``, ``list`` or ``str`` behave, where they say nothing else, as what they are derived from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.iteration import awaited, element
from persist_lint.link.lattice import Inst, Lib, Null, Value, join, members
from persist_lint.link.sites import Site, Target
from persist_lint.link.tree import spelled
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator
    from persist_lint.link.world import World

OPERATORS = {
    "+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "//": "__floordiv__", "%": "__mod__",
    "@": "__matmul__", "**": "__pow__", "&": "__and__", "|": "__or__", "^": "__xor__", "<<": "__lshift__",
    ">>": "__rshift__",
    "==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__",
}  # fmt: skip
#: Builtins that call a special method of their first argument, and which.
BUILTINS = {
    "len": "__len__", "str": "__str__", "repr": "__repr__", "bool": "__bool__", "hash": "__hash__", "abs": "__abs__",
    "int": "__int__", "float": "__float__", "next": "__next__", "anext": "__anext__", "iter": "__iter__",
    "aiter": "__aiter__", "reversed": "__reversed__", "list": "__iter__", "tuple": "__iter__", "set": "__iter__",
    "frozenset": "__iter__", "sorted": "__iter__", "sum": "__iter__", "any": "__iter__", "all": "__iter__",
}  # fmt: skip
ITERATORS = ("__iter__", "__aiter__", "__next__", "__anext__")


def special(ev: Evaluator, node: f.Expr, receiver: Value, name: str, args: tuple[Value, ...] = ()) -> Value | None:
    """The special method that an expression calls, as a site at it; what it gives, None where no class has it."""
    found = methods(ev.world, receiver, name)
    if not found:
        return None
    targets: list[Target] = []
    results = []
    for kind, method in found:
        bound = Value(kind, receiver.sym, receiver.weak)
        made, result = ev.run_method(method, bound, args, (node.at.line, node.at.column))
        targets += made
        results.append(result)
    result = join(results)
    ev.flow.sites[node] = Site(
        node, node.at, receiver, args, (), tuple(targets), result, tuple(ev.loops), tuple(dict.fromkeys(ev.guards)),
        consumer="property", name=f"{spelled(node)}.{name}" if isinstance(node, f.Name) else name,
    )  # fmt: skip
    return result


def assigned(ev: Evaluator, target: f.Attr, base: Value, value: Value) -> None:
    """A site at the target for the setter of a property that is assigned."""
    targets: list[Target] = []
    for kind in members(base.type):
        setter = ev.world.classes.setter(kind.cls, target.name) if isinstance(kind, Inst) else None
        if setter is not None:
            bound = Value(kind, base.sym, base.weak)
            targets += ev.run_method(setter, bound, (value,), (target.at.line, target.at.column))[0]
    if targets:
        ev.flow.sites[target] = Site(
            target, target.at, base, (value,), (), tuple(targets), Value(Null()), tuple(ev.loops),
            tuple(dict.fromkeys(ev.guards)), consumer="property", name=spelled(target),
        )  # fmt: skip


def methods(world: World, receiver: Value, name: str) -> list[tuple[Inst, Function]]:
    """The project's methods of that name among the kinds that a value may be."""
    return [
        (kind, method)
        for kind in members(receiver.type)
        if isinstance(kind, Inst) and (method := world.classes.find_method(kind.cls, name)) is not None
    ]


def called_by_builtin(world: World, name: str, args: tuple[Value, ...]) -> list[Target]:
    """What a builtin calls of its first argument: ``len(x)`` runs ``x.__len__()``."""
    wanted = BUILTINS.get(name.removeprefix("builtins.")) if args else None
    return [
        Target(method, method.dotted, None, Value(kind, args[0].sym, args[0].weak), arguments=())
        for kind, method in (methods(world, args[0], wanted) if wanted else ())
    ]


def turn(ev: Evaluator, target: f.Expr, iterated: Value) -> None:
    """A site for the turns of a loop over an object whose iteration does something, at the loop's target."""
    targets: list[Target] = []
    place = (target.at.line, target.at.column)
    for kind in members(iterated.type):
        if isinstance(kind, Inst):
            bound = Value(kind, iterated.sym, iterated.weak)
            for method in turning(ev.world, kind):
                targets += ev.run_method(method, bound, (), place)[0]
        row = ev.world.iteration_row(kind)
        if row is not None and row.does and isinstance(kind, Lib):
            targets.append(Target(None, f"{kind.name}.__iter__", row, iterated))
    if targets:
        ev.flow.sites[target] = Site(
            target, target.at, iterated, (), (), tuple(targets), ev.world.element(iterated), tuple(ev.loops),
            tuple(dict.fromkeys(ev.guards)), consumer="iterate", name="iteration",
        )  # fmt: skip


def turning(world: World, kind: Inst) -> list[Function]:
    """The methods that iterating an instance runs: its ``__iter__`` and the ``__next__`` of what that gives."""
    found = [m for name in ITERATORS if (m := world.classes.find_method(kind.cls, name)) is not None]
    for method in found[:1]:
        given = world.returned(method).type
        for one in members(given):
            if isinstance(one, Inst) and one.cls is not kind.cls:
                found += [m for name in ITERATORS[2:] if (m := world.classes.find_method(one.cls, name)) is not None]
    return found


def item(world: World, value: Value) -> Value | None:
    """What iterating instances of project classes yields; None where none of the kinds is one that says it."""
    known = []
    for kind in members(value.type):
        if isinstance(kind, Inst):
            known += _items(world, Value(kind, value.sym, value.weak), kind)
    return join(known) if known else None


def _items(world: World, value: Value, kind: Inst) -> list[Value]:
    last = next(iter(turning(world, kind)[::-1]), None)
    if last is None:
        face = world.classes.builtin_face(kind.cls)
        return [] if face is None else [element(Value(face, value.sym, value.weak))]
    result = awaited(world.result(last, value, {}, (0, 0)))
    return [element(result)] if last.name in ITERATORS[:2] else [result]


def faced(world: World, value: Value) -> Value:
    """The value with instances of classes derived from builtins seen as those."""
    kinds = members(value.type)
    if not any(isinstance(kind, Inst) for kind in kinds):
        return value
    faces = [(world.classes.builtin_face(k.cls) or k) if isinstance(k, Inst) else k for k in kinds]
    return join([Value(kind, value.sym, value.weak) for kind in faces])
