"""Decorators of the project: the functions that run in a decorated function's stead.

def transaction(func):
    @wraps(func)
    def wrapped(*args):            the wrapper of every @transaction function
        try:
            return func(*args)
        except Exception:
            session.rollback()
            raise
    return wrapped
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.index import Function
from persist_lint.link.lattice import Fn, Inst, members
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.link.world import World
from persist_lint.model import facts as f


def wrappers(world: World, function: Function) -> Iterator[Function]:
    """The innermost functions of the decorators, those that call what was decorated."""
    for decorator in function.facts.decorators:
        for kind in members(world.decorator_value(decorator, function).type):
            if isinstance(kind, Fn):
                yield from _inside(kind.function)
            elif isinstance(kind, Inst) and (call := world.classes.find_method(kind.cls, "__call__")) is not None:
                yield from _inside(call)


def _inside(decorator: Function) -> Iterator[Function]:
    for nested in decorator.module.functions:
        if _is_within(nested, decorator) and _calls_parameter(nested):
            yield nested


def _is_within(nested: Function, outer: Function) -> bool:
    scope = nested.parent
    while scope is not None and scope is not outer:
        scope = scope.parent
    return scope is outer


def _calls_parameter(nested: Function) -> bool:
    """Whether it calls a parameter of one of the functions around it."""
    names: set[str] = set()
    scope = nested.parent
    while scope is not None:
        names |= {p.name for p in scope.params}
        scope = scope.parent
    calls = (e for s in statements(nested.body) for h in heads(s) for e in post_order(h) if isinstance(e, f.Call))
    return any(isinstance(call.func, f.Name) and call.func.id in names for call in calls)
