"""Which ``@overload`` of a function a call means: by literals, None and classes among its arguments.

@overload
def session(self, write: Literal[True]) -> Session: ...
@overload
def session(self, write: Literal[False] = False) -> ReadSession: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import ClassObj, Data, Inst, Null, Type, Unknown, Value, members, union
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World


NUMBERS = frozenset({"int", "float", "bool", "complex"})


def declared(function: Function) -> list[Function]:
    """The overloads of a function, in order of place."""
    owner = function.owner
    scope = function.module.functions if owner is None else owner.methods.get(function.name, [])
    return [
        one
        for one in scope
        if one.name == function.name
        and one.owner is owner
        and one.parent is function.parent
        and "overload" in one.decorator_names
    ]


def chosen(world: World, function: Function, known: Mapping[int, Value]) -> Type | None:
    """What the overloads that a call can mean say it gives; None where its arguments leave all of them open."""
    overloads = declared(function)
    meant = [one for one in overloads if _can_mean(world, one, function, known)]
    if not meant or len(meant) == len(overloads):
        return None
    kinds = [world.resolver.annotation(one.facts.returns, one.module, one, one.owner) for one in meant]
    return None if any(isinstance(kind, Unknown) for kind in kinds) else union(kinds)


def _can_mean(world: World, overload: Function, function: Function, known: Mapping[int, Value]) -> bool:
    given = {function.params[number].name: value for number, value in known.items()}
    for number, parameter in enumerate(overload.params):
        if (number == 0 and overload.is_method) or parameter.kind in ("args", "kwargs"):
            continue
        value = given.get(parameter.name)
        if value is None:
            if parameter.default is None:
                return False
        elif not _fits(world, overload, parameter.annotation, value):
            return False
    return True


def _fits(world: World, overload: Function, annotation: f.Expr | None, value: Value) -> bool:
    """Whether a value can be what an annotation says; so it can where either is not known."""
    if isinstance(annotation, f.Subscript):
        name = world.resolver.dotted(annotation.value, overload.module, overload)
        if name.rpartition(".")[2] == "Literal":
            return _is_one_of(annotation.index, value)
    kind = world.resolver.annotation(annotation, overload.module, overload, overload.owner)
    if isinstance(value.type, Null):
        return any(isinstance(one, Null | Unknown) for one in members(kind))
    if isinstance(kind, Null):
        return isinstance(value.type, Unknown) or any(isinstance(one, Null) for one in members(value.type))
    match value.type, kind:
        case (Inst(cls=ours), Inst(cls=theirs)) | (ClassObj(cls=ours), ClassObj(cls=theirs)):
            return theirs in world.classes.mro(ours)
        case Data(name=plain), Data(name=said):
            return plain == said or not plain or not said or {plain, said} <= NUMBERS
        case (Data(name=name), Inst()) | (Inst(), Data(name=name)):
            return not name
    return True


def _is_one_of(literals: f.Expr, value: Value) -> bool:
    if value.sym[0] != "const":
        return True
    items = literals.items if isinstance(literals, f.Seq) else (literals,)
    constants = [item.value for item in items if isinstance(item, f.Const)]
    return any(one == value.sym[1] and type(one) is type(value.sym[1]) for one in constants)
