"""What a function does the first time only: the start of something that lives as long as the process.

    def client():                       class Server:                 made once: __new__ keeps the instance
        global _client                      def start(self):
        if _client is None:                     if not self.running:
            _client = connect()                     self.running = True
        return _client                              wait_for(launch())

The test is of a place that lives as long as the process, and the branch fills it. Whoever calls such a function finds
the work done, but for the first. Places of ordinary instances are none: there may be one per request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.index import Class, Function
from persist_lint.link.narrow import exits
from persist_lint.link.places import dotted
from persist_lint.link.tree import blocks, post_order, statements, targets
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.world import World


class Once:
    """Answers for all functions of a project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: dict[Function, tuple[range, ...]] = {}
        self._single: dict[Class, bool] = {}

    def is_first_only(self, function: Function, at: Span) -> bool:
        """Whether a place in a function is only reached by its first call in the process."""
        origin = function.origin
        if origin not in self._lines:
            self._lines[origin] = () if origin.is_module else tuple(map(_lines, self._found(origin, origin.body)))
        return any(at.line in lines for lines in self._lines[origin])

    def _found(self, function: Function, body: tuple[f.Stmt, ...]) -> Iterator[tuple[f.Stmt, ...]]:
        return (region for place, region in filled_when_empty(body) if self._is_lasting(function, place))

    def _is_lasting(self, function: Function, place: str) -> bool:
        """Whether a name or attribute lives as long as the process: a global's, a class's, a single instance's."""
        base, _, _ = place.rpartition(".")
        if not base:
            return any(
                isinstance(s, f.Scope) and s.kind == "global" and place in s.names for s in statements(function.body)
            )
        cls = function.owner
        if cls is None or "." in base:
            return False
        first = function.params[0].name if function.params and function.is_method else ""
        if base == first:
            return function.is_class_method or self._is_single(cls)
        return base == cls.name

    def _is_single(self, cls: Class) -> bool:
        """Whether the class's ``__new__`` keeps the instances that it makes on the class."""
        if cls not in self._single:
            made = self._world.classes.find_method(cls, "__new__")
            own = made.params[0].name if made is not None and made.params else ""
            self._single[cls] = made is not None and any(
                dotted(_stored(t)).startswith((f"{own}.", f"{cls.name}."))
                for s in statements(made.body)
                for t in targets(s)
            )
        return self._single[cls]


def filled_when_empty(body: tuple[f.Stmt, ...]) -> Iterator[tuple[str, tuple[f.Stmt, ...]]]:
    """(place, statements) of every piece of code that runs only where a place is empty, and fills it."""
    for index, statement in enumerate(body):
        for place, region in _regions(statement, body[index + 1 :]) if isinstance(statement, f.If) else ():
            if region and _fills(region, place):
                yield place, region
        for block in blocks(statement):
            yield from filled_when_empty(block)


def _regions(statement: f.If, rest: tuple[f.Stmt, ...]) -> Iterator[tuple[str, tuple[f.Stmt, ...]]]:
    """What runs only where a place is still empty, with the place."""
    place, empty = _emptiness(statement.test, True)
    if place:
        yield place, statement.body if empty else statement.orelse
        if not empty and exits(statement.body):
            yield place, rest


def _emptiness(test: f.Expr, truth: bool) -> tuple[str, bool]:
    """The place that a condition tests, and whether it is empty where the condition holds."""
    match test:
        case f.Unary(op="not", operand=operand):
            return _emptiness(operand, not truth)
        case f.Compare(left=left, ops=("is" | "==",), rights=(f.Const(value=None),)):
            return dotted(left), truth
        case f.Compare(left=left, ops=("is not" | "!=",), rights=(f.Const(value=None),)):
            return dotted(left), not truth
        case f.Bool(op="or", values=(first, *others)) if truth:
            place, empty = _emptiness(first, True)
            return (place, empty) if place and all(_reads(other, place) for other in others) else ("", False)
    return dotted(test), not truth


def _reads(expr: f.Expr, place: str) -> bool:
    """Whether a condition is about the place, too: ``_loop is None or not _loop.is_running()``."""
    return any(dotted(node) == place for node in post_order(expr))


def _fills(region: tuple[f.Stmt, ...], place: str) -> bool:
    return any(dotted(target) == place for s in statements(region) for target in targets(s))


def _stored(target: f.Expr) -> f.Expr:
    """The path that is stored to: ``cls.instances`` of ``cls.instances[key]``."""
    return target.value if isinstance(target, f.Subscript) else target


def _lines(region: tuple[f.Stmt, ...]) -> range:
    return range(region[0].at.line, max(s.at.end_line for s in statements(region)) + 1)
