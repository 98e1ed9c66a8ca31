"""Context managers: what entering one gives, and what entering and leaving those of the project runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from persist_lint.link.awaiting import enterable
from persist_lint.link.lattice import Coro, Inst, Lib, Manager, Null, Type, Unknown, Value, join, members, unknown
from persist_lint.link.sites import Site, Target
from persist_lint.link.tree import spelled
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.apply import Applier, Outcome
    from persist_lint.link.evaluate import Evaluator


class Entering:
    """Enters and leaves managers on behalf of an Evaluator."""

    def __init__(self, evaluator: Evaluator, applier: Applier) -> None:
        self._ev = evaluator
        self._applier = applier

    def entered(self, expr: f.Expr, manager: Value, is_async: bool) -> Value:
        """What entering a context manager gives; project ``__enter__`` methods become sites."""
        kinds = enterable(self._ev.world.classes, members(manager.type), is_async)
        return join([self._enter(kind, manager, expr, is_async) for kind in kinds])

    def left(self, item: f.WithItem, manager: Value, is_async: bool) -> None:
        """Leaving an instance of a project class is a call with a site of its own; its node is made for it."""
        ev, at, name = self._ev, item.context.at, "__aexit__" if is_async else "__exit__"
        targets: list[Target] = []
        for kind in members(manager.type):
            method = self._ev.world.classes.find_method(kind.cls, name) if isinstance(kind, Inst) else None
            if method is not None:
                bound = Value(kind, manager.sym, manager.weak)
                targets += self._applier.function(method, bound, (), (), (at.line, at.column), manager.weak).targets
        if targets:
            node = ev.flow.leaves.setdefault(item, f.Name(at, name))
            ev.flow.sites[node] = Site(
                node, at, manager, (), (), tuple(targets), Value(Null()), tuple(ev.loops),
                tuple(dict.fromkeys(ev.guards)), "", "with", is_async, name=f"{spelled(item.context)}.{name}",
            )  # fmt: skip

    def _enter(self, kind: Type, manager: Value, expr: f.Expr, is_async: bool) -> Value:
        place = (expr.at.line, expr.at.column)
        match kind:
            case Manager(of=of):
                return of
            case Lib():
                return self._ev.world.entered(Value(kind, manager.sym, manager.weak))
            case Coro(of=of):  # ``async with session.get(url)`` and ``async with engine.begin()``
                return self._ev.world.entered(of)
            case Inst(cls=cls):
                method = self._ev.world.classes.find_method(cls, "__aenter__" if is_async else "__enter__")
                if method is None:
                    return Value(kind, manager.sym)
                outcome = self._applier.function(method, Value(kind, manager.sym), (), (), place, manager.weak)
                self._entering(expr, manager, outcome, is_async)
                result = self._ev.world.awaited(outcome.result) if is_async else outcome.result
                return Value(kind, manager.sym) if isinstance(result.type, Unknown) else result
        return unknown("entering something unknown", ("call", place))

    def _entering(self, expr: f.Expr, manager: Value, outcome: Outcome, is_async: bool) -> None:
        """A project's ``__enter__`` runs where its manager is made or named: with that call, or as one of its own."""
        ev = self._ev
        targets = tuple(replace(target, arguments=()) for target in outcome.targets)
        made = ev.flow.sites.get(expr)
        if made is not None and (isinstance(expr, f.Call) or made.consumer == "property"):
            made.targets += targets
            return
        ev.flow.sites[expr] = Site(
            expr, expr.at, manager, (), (), targets, outcome.result, tuple(ev.loops), tuple(dict.fromkeys(ev.guards)),
            consumer="with", awaited=is_async, name=spelled(expr),
        )  # fmt: skip
