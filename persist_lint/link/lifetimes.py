"""How long a task, a thread or a job of an executor lives beside the function that started it."""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.lattice import Lib, Sym, members
from persist_lint.link.places import read_names
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span

Place = tuple[int, int]
#: Nothing in the function waits for it.
NEVER: Place = (1 << 30, 0)
WAITING = frozenset({"result", "join", "exception", "get"})
WAITERS = frozenset({"wait", "as_completed", "gather", "wait_for"})
GROUPS = frozenset({"task_group", "executor"})


class Lifetimes:
    """The ends of what one function starts."""

    def __init__(self, function: FunctionView) -> None:
        self._function = function

    def end(self, call: CallView) -> Place:
        """Where the function waits for what the call starts; ``NEVER`` where it does not."""
        if call.site.consumer == "await":
            return (call.at.end_line, call.at.end_column)
        found = [
            place for place in (*self._waited(call), *self._grouped(call)) if place > (call.at.line, call.at.column)
        ]
        return min(found, default=NEVER)

    def left(self, session: Sym, start: Place, end: Place) -> Span | None:
        """The ``with`` block around the start that closes the session before the end."""
        for node, values in self._function.flow.managers.items():
            last = (node.at.end_line, node.at.end_column)
            if (node.at.line, node.at.column) < start < last < end and any(v.sym == session for v in values):
                return node.at
        return None

    def _grouped(self, call: CallView) -> Iterator[Place]:
        """The end of the block of the task group or executor that it belongs to."""
        world = self._function.project.world
        for target in call.site.targets:
            bound = target.bound
            if bound is None or not any(isinstance(k, Lib) and world.kind(k) in GROUPS for k in members(bound.type)):
                continue
            for node, values in self._function.flow.managers.items():
                if any(value.sym == bound.sym for value in values):
                    yield (node.at.end_line, node.at.end_column)

    def _waited(self, call: CallView) -> Iterator[Place]:
        """Where the name that holds it, or holds it among others, is awaited, joined or asked for its result."""
        name = self._function.names_of.get(call.site.node) or self._list_of(call.site.node)
        if name is None:
            return
        for statement in statements(self._function.function.body):
            if isinstance(statement, f.For) and name in read_names(statement.iter):
                yield (statement.at.line, statement.at.column)
            for head in heads(statement):
                for node in post_order(head):
                    if _waits(node, name):
                        yield (node.at.line, node.at.column)

    def _list_of(self, made: f.Node) -> str | None:
        """``tasks.append(create_task(…))``: the name of the list."""
        for statement in statements(self._function.function.body):
            match statement:
                case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=name), name="append" | "add"), args=(arg,))):
                    if any(node is made for node in post_order(arg)):
                        return name
        return None


def _waits(node: f.Expr, name: str) -> bool:
    match node:
        case f.Await(value=value):
            return name in read_names(value)
        case f.Call(func=f.Attr(value=f.Name(id=held), name=method)) if held == name:
            return method in WAITING
        case f.Call(func=f.Name(id=called) | f.Attr(name=called), args=args) if called in WAITERS:
            return any(name in read_names(arg) for arg in args)
        case f.Comp(generators=generators):
            return any(name in read_names(clause.iter) for clause in generators)
    return False


def exclusive(function: FunctionView, one: Site, other: Site) -> bool:
    """Whether two calls stand in different arms of a branch, so that never both are made."""
    ours, theirs = function.places.frames(one.node), function.places.frames(other.node)
    for mine, other_frame in zip(ours, theirs, strict=False):
        if mine.owner is not other_frame.owner:
            return False
        if mine.block is not other_frame.block:
            return isinstance(mine.owner, f.If | f.Match)
    return False
