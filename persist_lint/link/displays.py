"""Calls of builtins that get a list comprehension: ``any([…])``, ``set([…])``, and what such a list does when built.

Found in the lean tree first, so that only functions that hold one are walked.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.effects import Summaries
from persist_lint.link.index import Function
from persist_lint.link.lattice import Data, LibFn, LibMethod, members
from persist_lint.link.sites import Loop, Site
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.link.world import World
from persist_lint.model import facts as f

#: Effects that change nothing: an element less of them is no difference.
READS = frozenset({"db.select", "file.read", "cpu", "open", "close", "session.open", "session.close"})
#: Methods of builtin collections that fill them.
FILLS = frozenset({"append", "add", "extend", "insert", "update", "setdefault", "pop", "remove", "discard", "clear"})


def candidates(function: Function, names: frozenset[str]) -> bool:
    """Whether the function calls something of those names with a list comprehension first."""
    if names.isdisjoint(function.facts.names) and not function.is_module:
        return False
    return any(
        isinstance(part, f.Call)
        and isinstance(part.func, f.Name)
        and part.func.id in names
        and listed(part) is not None
        for statement in statements(function.body)
        for head in heads(statement)
        for part in post_order(head)
    )


def listed(call: f.Node) -> f.Comp | None:
    """The list comprehension that is the call's first argument."""
    if isinstance(call, f.Call) and call.args and isinstance(call.args[0], f.Comp) and call.args[0].kind == "list":
        return call.args[0]
    return None


def builtin_calls(world: World, function: Function, names: frozenset[str]) -> Iterator[tuple[str, Site, f.Comp]]:
    """(name, call, comprehension) of the function's calls of those builtins with a list comprehension, in order."""
    for site in sorted(world.flow(function).sites.values(), key=lambda s: s.at):
        comp = listed(site.node)
        if comp is not None and isinstance(site.callee.type, LibFn):
            home, _, name = site.callee.type.name.rpartition(".")
            if home == "builtins" and name in names:
                yield name, site, comp


def inner_loops(world: World, function: Function, comp: f.Comp) -> list[Loop]:
    """The loops of a comprehension, outermost first."""
    loops = world.flow(function).loops
    return [loops[clause.target] for clause in comp.generators if clause.target in loops]


def calls_within(world: World, function: Function, comp: f.Comp) -> list[Site]:
    """The calls and property reads that each element (or condition) of a comprehension makes."""
    sites = world.flow(function).sites
    skipped = set(post_order(comp.generators[0].iter))
    return [sites[part] for part in post_order(comp) if part in sites and part not in skipped]


def suspends(comp: f.Comp) -> bool:
    """Whether the comprehension awaits, yields or binds names: it is no plain list then."""
    return any(clause.is_async for clause in comp.generators) or any(
        isinstance(part, f.Await | f.Yield | f.Walrus) for part in post_order(comp)
    )


def is_plain(site: Site) -> bool:
    """Whether a call is known to change nothing: a builtin function, or a method of plain data."""
    callee = site.callee.type
    if isinstance(callee, LibFn):
        return callee.name.startswith("builtins.")
    bound = getattr(callee, "bound", None)
    return bound is not None and all(isinstance(kind, Data) for kind in members(bound.type))


def writes(world: World, summaries: Summaries, function: Function) -> bool:
    """Whether running a function changes something: it has effects that are no reads, assigns attributes of what it was
    given, binds names outside, or fills a collection."""
    if any(effect.kind not in READS for effect in summaries.of(function)):
        return True
    flow = world.flow(function)
    if any(touch.written for touch in flow.touches.values()):
        return True
    body = list(statements(function.body))
    return any(isinstance(s, f.Scope | f.Delete) or _stores(s) for s in body) or any(
        isinstance(site.callee.type, LibMethod) and site.callee.type.name in FILLS for site in flow.sites.values()
    )


def _stores(statement: f.Stmt) -> bool:
    """An assignment to an attribute or an element."""
    match statement:
        case f.Assign(targets=targets):
            return any(isinstance(target, f.Attr | f.Subscript) for target in targets)
        case f.AugAssign(target=f.Attr() | f.Subscript()) | f.AnnAssign(target=f.Attr() | f.Subscript()):
            return True
    return False
