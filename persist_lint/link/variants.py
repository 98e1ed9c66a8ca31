"""Copies of functions for what they are called with, where their meaning depends on it.

    class Repository(Generic[T]):
        async def get(self, id):
            return await self.session.get(self.model, id)

``OrderRepository().get`` and ``Repository[Order](…).get`` select orders: each has a walk of its own over the method,
with the receiver's class and its type arguments known. So has a function that is given a mapped class
(``get_by_id(session, Order, 1)``) or a statement which it changes and gives back (``with_lines(select(Order))``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import (
    ClassObj,
    Coll,
    Coro,
    Data,
    Inst,
    Lib,
    Null,
    Statement,
    Tup,
    Type,
    Unknown,
    Value,
    members,
)
from persist_lint.link.params import has_param, nesting
from persist_lint.link.statements import in_terms_of, statement_of, translated

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_VARIANTS = 20_000
MAX_GIVEN = 48
MAX_NESTING = 3  # a method of ``Tree[T]`` that calls itself on a ``Tree[Tree[T]]`` would have copies without end
#: Kinds of library objects that are, hold or resulted from a statement.
CARRIERS = frozenset({"statement", "query", "result"})

Key = tuple[Function, Class | None, tuple[Type, ...], tuple[tuple[int, Type], ...]]


class Variants:
    """The copies that were asked for, one per function and what it depends on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[Key, Function] = {}
        self._count: dict[Function, int] = {}

    def of(self, function: Function, bound: Value | None, known: Mapping[int, Value]) -> Function:
        """The function as a call with this receiver and these arguments has it; itself where they say nothing new."""
        if function.decorates is not None:
            return function
        origin = function.origin
        cls, args = self._receiver(origin, bound)
        given = self._given(origin, known)
        if cls is None and not given:
            return function
        if cls is not None and not given and function.receiver is cls and function.arguments == args:
            return function
        key = (origin, cls, args, given)
        if key not in self._made:
            if len(self._made) >= MAX_VARIANTS or (given and self._count.get(origin, 0) >= MAX_GIVEN):
                return function
            if given:
                self._count[origin] = self._count.get(origin, 0) + 1
            self._made[key] = origin.variant(cls, args, dict(given))
        return self._made[key]

    # ------------------------------------------------------------------ receivers

    def _receiver(self, function: Function, bound: Value | None) -> tuple[Class | None, tuple[Type, ...]]:
        """The class, and its type arguments, that a method is copied for; None where it means the same on all."""
        kind = bound.type if bound is not None else None
        owner = function.owner
        if not isinstance(kind, Inst | ClassObj) or owner is None:
            return None, ()
        args = kind.args if all(_is_concrete(arg) for arg in kind.args) else ()
        mapped = owner is not kind.cls and self._world.models.is_model(kind.cls) and not self._has_table(owner)
        if args or mapped or self._world.classes.depends_on_receiver(function, kind.cls):
            return kind.cls, args
        return None, ()

    def _has_table(self, cls: Class) -> bool:
        """Whether a class is mapped itself: a base of mapped classes means nothing until one of them is meant."""
        models = self._world.models
        return models.is_model(cls) and models.info(cls).table is not None

    # ------------------------------------------------------------------ arguments

    def _given(self, function: Function, known: Mapping[int, Value]) -> tuple[tuple[int, Type], ...]:
        """The types of arguments that say more than the parameters do: mapped classes, loader options, statements."""
        found: list[tuple[int, Type]] = []
        for number, value in known.items():
            if number == 0 and function.is_method:
                continue
            kind = value.type
            if isinstance(kind, ClassObj) and self._world.models.is_model(kind.cls):
                if self._world.parameter(function, number).type != kind:
                    found.append((number, kind))
            elif _are_options(kind):
                found.append((number, translated(kind, {})))
            elif isinstance(kind, Lib) and (statement := statement_of(value)) is not None:
                seen = Lib(kind.name, (in_terms_of(number, statement),))
                if self._gives_back(function) and self._world.parameter(function, number).type != seen:
                    found.append((number, seen))
        return tuple(sorted(found, key=lambda pair: pair[0]))

    def _gives_back(self, function: Function) -> bool:
        """Whether what a function gives may depend on a statement that it is given."""
        return any(self._is_open(kind) for kind in members(self._world.returned(function).type))

    def _is_open(self, kind: Type) -> bool:
        """Whether a type leaves open what a statement decides."""
        match kind:
            case Unknown():
                return True
            case Lib(args=args):
                return self._world.kind(kind) in CARRIERS or any(self._is_open(a) for a in args)
            case Coll(item=item):
                return self._is_open(item)
            case Tup(items=items):
                return any(self._is_open(item.type) for item in items)
            case Inst() | Data() | Null() | ClassObj():
                return False
            case Coro(of=of):
                return self._is_open(of.type)
        return has_param(kind)


def _are_options(kind: Type) -> bool:
    """Whether a value is a loader option, or holds some."""
    match kind:
        case Lib(args=(Statement(verb="options"),)):
            return True
        case Coll(item=item):
            return _are_options(item)
        case Tup(items=items):
            return any(_are_options(item.type) for item in items)
    return False


def _is_concrete(kind: Type) -> bool:
    return not isinstance(kind, Unknown) and nesting(kind) <= MAX_NESTING and not has_param(kind)
