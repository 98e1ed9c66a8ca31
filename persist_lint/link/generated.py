"""What a project's own generator gives whoever iterates it: batches that it collects, or what arrives while it waits.

def in_batches(rows):                   async def payloads(connection):
    batch = []                              queue = asyncio.Queue()
    for row in rows:                        await connection.add_listener("jobs", queue.put_nowait)
        batch.append(row)                   while True:
        if is_full(batch):                      yield await queue.get()
            yield batch
            batch = []
    yield batch
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.sites import Bound
from persist_lint.link.tree import heads, post_order, statements, targets
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

WAITS = frozenset({"wait", "listen"})
SLICERS = frozenset({"islice", "batched"})
COLLECTS = frozenset({"append", "extend", "add"})


def bound_of_generator(world: World, function: Function) -> Bound:
    """How a loop over what the generator yields repeats: once per item where nothing else is seen."""
    if not function.is_generator:
        return "none"
    given = [node.value for node in _nodes(function.body) if isinstance(node, f.Yield) and not node.is_from]
    if given and all(_is_batch(function, value) for value in given):
        return "chunk"
    return "polling" if _waits(world, function) else "none"


def _is_batch(function: Function, value: f.Expr | None) -> bool:
    """Whether a part of something is yielded: a slice, or a name that is filled and started anew in a loop."""
    match value:
        case f.Subscript(index=f.Slice()):
            return True
        case f.Call(func=f.Name(id="list" | "tuple"), args=(f.Call(func=f.Name(id=name) | f.Attr(name=name)),)):
            return name in SLICERS
        case f.Name(id=name):
            loops = [s for s in statements(function.body) if isinstance(s, f.For | f.While)]
            return any(_fills(loop, name) and _starts_anew(loop, name) for loop in loops)
    return False


def _fills(loop: f.For | f.While, name: str) -> bool:
    return any(
        isinstance(node, f.Call)
        and isinstance(node.func, f.Attr)
        and isinstance(node.func.value, f.Name)
        and node.func.value.id == name
        and node.func.name in COLLECTS
        for node in _nodes(loop.body)
    )


def _starts_anew(loop: f.For | f.While, name: str) -> bool:
    for statement in statements(loop.body):
        if any(isinstance(target, f.Name) and target.id == name for target in targets(statement)):
            return not isinstance(statement, f.AugAssign)
        match statement:
            case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=cleared), name="clear"))) if cleared == name:
                return True
    return False


def _waits(world: World, function: Function) -> bool:
    """Whether it yields in a ``while`` in which it waits for a queue, a notification, a socket."""
    sites = world.flow(function).sites
    for loop in statements(function.body):
        if isinstance(loop, f.While):
            nodes = list(_nodes(loop.body))
            called = (site for node in nodes if (site := sites.get(node)) is not None)
            rows = (target.row for site in called for target in site.targets if target.row is not None)
            if any(isinstance(node, f.Yield) for node in nodes) and any(not WAITS.isdisjoint(r.does) for r in rows):
                return True
    return False


def _nodes(body: Iterable[f.Stmt]) -> Iterator[f.Expr]:
    return (node for statement in statements(tuple(body)) for head in heads(statement) for node in post_order(head))
