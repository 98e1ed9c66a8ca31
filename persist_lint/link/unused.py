"""Functions that nothing calls, registers or mentions: what they do is certain, that it ever happens is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from persist_lint.link.contexts import HOT
from persist_lint.link.index import Function, Module
from persist_lint.link.tree import flat, heads, post_order, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project


class Unused:
    """Which plain functions of a project are dead, as far as names tell.

    Private ones, and those that stand beside a request's handlers: an application's module, of which nobody outside
    imports anything. Methods, decorated and nested functions are never taken for dead.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def is_dead(self, function: Function) -> bool:
        """Whether no code of the project, tests included, could run it."""
        one = function.origin
        if one.is_module or one.owner is not None or one.parent is not None or one.facts.decorators:
            return False
        if not (one.name.startswith("_") or one.module.path in self._serving) or one.name.startswith("__"):
            return False
        if self._mentions[one.name] > (one.name in one.facts.names) or one.name in self._imported:
            return False
        if self._project.contexts.of(one) or self._project.callers.of(one):
            return False
        return not any(_names(node, one.name) for body in _outside(one.module) for node in body)

    @cached_property
    def _serving(self) -> frozenset[str]:
        """The files with functions that requests, streams or queues enter by."""
        return frozenset(e.function.module.path for e in self._project.contexts.entries if e.kind in HOT)

    @cached_property
    def _mentions(self) -> Counter[str]:
        """How many functions and modules mention each name."""
        return Counter(name for one in self._project.world.index.functions() for name in one.facts.names)

    @cached_property
    def _imported(self) -> frozenset[str]:
        return frozenset(
            part
            for one in self._project.world.index.functions()
            if one.is_module
            for statement in flat(one.body)
            if isinstance(statement, f.Import)
            for part in (statement.name, statement.binds)
            if part
        )


def _outside(module: Module) -> Iterator[Iterator[f.Expr]]:
    """The expressions that stand in no function: the module's own, and those of its classes."""
    for body in (module.top.body, *(cls.facts.body for cls in module.classes)):
        yield (node for statement in statements(body) for head in heads(statement) for node in post_order(head))


def _names(node: f.Expr, name: str) -> bool:
    match node:
        case f.Name(id=found) | f.Attr(name=found) | f.Const(value=str() as found):
            return found == name
    return False
