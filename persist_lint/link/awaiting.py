"""What the syntax decides among candidates: only coroutines are awaited, only their managers entered by ``async with``.

Projects with a synchronous and an asynchronous client type a value as either of them. Where it is awaited, or entered
by ``async with``, it is the asynchronous one: the other would raise a TypeError there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from persist_lint.link.lattice import Coll, Coro, Data, Dict, Inst, Null, Tup, Type, Value, members, union
from persist_lint.link.sites import Target

if TYPE_CHECKING:
    from persist_lint.link.classes import Classes
    from persist_lint.link.index import Function
    from persist_lint.link.world import World

_NEVER_AWAITED = (Coll, Data, Dict, Inst, Null, Tup)
_ENTERS = ("__enter__", "__aenter__")


def awaitable(value: Value) -> Value:
    """The value without what cannot be awaited, where something of it is a coroutine."""
    kinds = members(value.type)
    if len(kinds) < 2 or not any(isinstance(kind, Coro) for kind in kinds):
        return value
    return Value(union([kind for kind in kinds if not isinstance(kind, _NEVER_AWAITED)]), value.sym, value.weak)


def awaitable_targets(world: World, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets of an awaited call without the functions that give no awaitable, where others are coroutines."""
    called = [t for t in targets if t.function is not None and t.manner == "here" and t.arguments is None]
    if len(called) < 2 or not any(t.function.is_async for t in called if t.function is not None):
        return targets
    return tuple(t for t in targets if t not in called or not _is_plain(world, t.function))


def _is_plain(world: World, function: Function | None) -> bool:
    if function is None or function.is_async:
        return False
    return all(isinstance(kind, _NEVER_AWAITED) for kind in members(world.returned(function).type))


def enterable(classes: Classes, kinds: Sequence[Type], is_async: bool) -> list[Type]:
    """The kinds without the classes of the project that only the other kind of ``with`` can enter; never none."""
    wanted, other = (_ENTERS[is_async], _ENTERS[not is_async])
    kept = [
        kind
        for kind in kinds
        if not isinstance(kind, Inst)
        or classes.find_method(kind.cls, wanted) is not None
        or classes.find_method(kind.cls, other) is None
    ]
    return kept or list(kinds)
