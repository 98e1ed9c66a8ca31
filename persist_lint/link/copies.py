"""Copies that nothing needs: of what nobody else has, of what is thrown away at once, of what is only read.

    sorted(list(tags))                       sorted() makes a list of its own
    return list(sorted(tags))                what sorted() gave belongs to nobody else
    return deepcopy(load(key).attributes)    what load() just unpickled neither
    known = list(rows)                       rows and known are local, and only read from here on

A copy protects one holder from what another does. Where there is no other, or neither does anything, it protects
nothing. Anything that is passed on, stored, captured or given back may be changed by somebody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from persist_lint.link.freshness import Freshness, fits
from persist_lint.link.index import Function
from persist_lint.link.lattice import LibFn
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, parts, post_order, spelled, statements
from persist_lint.link.usage import Usage
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.span import Span

Why = Literal["consumed", "fresh", "read"]
NAMES = frozenset({"list", "dict", "set", "copy", "deepcopy"})
DEEP = "copy.deepcopy"
#: Builtins that make a collection of their own, or go over what they get once; the second even with a ``key``.
CONSUMERS = frozenset({"sorted", "set", "frozenset", "tuple", "list", "sum", "min", "max", "any", "all"})
KEYED = frozenset({"sorted"})


class Copy(Struct, frozen=True, eq=False):
    """One needless copy: how it is written, of what, and why nothing needs it.

    ``kind`` is list, dict, set, copy or deep; ``by`` names what consumes it, what made the source, or the copy's own
    name; ``site`` is its call, None for a display.
    """

    at: Span
    written: str
    kind: str
    why: Why
    by: str
    site: Site | None


def candidates(function: Function) -> bool:
    """Whether the function may copy at all: a cheap look at the names that it mentions."""
    return function.is_module or not (NAMES | CONSUMERS).isdisjoint(function.facts.names)


def copies(world: World, freshness: Freshness, function: Function) -> Iterator[Copy]:
    """The needless copies of a function, in order of place."""
    found = list(_written(function))
    if not found:
        return
    usage = freshness.usage(function)
    sites = world.flow(function).sites
    spelled_alike = Counter(_spelled(node, source) for node, _, source, _ in found)
    for node, kind, source, parent in found:
        site = sites.get(node)
        if not _is_what_it_says(node, site):
            continue
        deep = kind == "deep"
        spelling = _spelled(node, source)
        if isinstance(source, f.Name) and spelled_alike[spelling] > 1:
            continue  # one of several alike: that the last could do without is no reason to write it differently
        by = "" if deep else _consumer(world, function, parent, node, source)
        if by:
            yield Copy(node.at, spelling, kind, "consumed", by, site)
            continue
        made = freshness.of(function, source, deep=deep)
        name = _assigned_to(parent, node)
        if made is not None and fits(made.kind, kind) and _is_used_up(usage, source, node):
            yield Copy(node.at, spelling, kind, "fresh", made.by, site)
        elif isinstance(parent, f.For) and parent.iter is node and _is_iterated(freshness, function, parent, source):
            yield Copy(node.at, spelling, kind, "read", "", site)
        elif not deep and isinstance(source, f.Name) and _is_only_read(freshness, function, node, source, kind, name):
            yield Copy(node.at, spelling, kind, "read", name, site)


def _assigned_to(parent: f.Expr | f.Stmt, node: f.Expr) -> str:
    match parent:
        case f.Assign(targets=(f.Name(id=name),), value=value) | f.AnnAssign(target=f.Name(id=name), value=value):
            return name if value is node else ""
    return ""


def _written(function: Function) -> Iterator[tuple[f.Expr, str, f.Expr, f.Expr | f.Stmt]]:
    """(copy, its kind, its source, the expression or statement around it) as far as the text shows copies."""
    for statement in statements(function.body):
        for head in heads(statement):
            nodes = list(post_order(head))
            forms = [(node, form) for node in nodes if (form := _form(node)) is not None]
            parents = {id(part): node for node in nodes for part in parts(node)} if forms else {}
            for node, (kind, source) in forms:
                yield node, kind, source, parents.get(id(node), statement)


def _form(node: f.Expr) -> tuple[str, f.Expr] | None:
    """The kind and source of what looks like a copy."""
    match node:
        case f.Call(func=f.Name(id="list" | "dict" | "set" as name), args=(source,), keywords=()):
            return None if isinstance(source, f.Star) else (name, source)
        case f.Call(func=f.Name(id="deepcopy"), args=(source,), keywords=()):
            return "deep", source
        case f.Call(func=f.Attr(value=f.Name(), name="deepcopy"), args=(source,), keywords=()):
            return "deep", source
        case f.Call(func=f.Attr(value=source, name="copy"), args=(), keywords=()):
            return "copy", source
        case f.Seq(kind="list" | "set" as kind, items=(f.Star(value=source),)):
            return kind, source
        case f.DictLit(keys=(None,), values=(source,)):
            return "dict", source
    return None


def _is_what_it_says(node: f.Expr, site: Site | None) -> bool:
    """Whether the callee is the builtin, or ``copy.deepcopy``; displays and methods are judged by their source."""
    match node:
        case f.Call(func=f.Attr(name="copy")) | f.Seq() | f.DictLit():
            return True
    if site is None or not isinstance(site.callee.type, LibFn):
        return False
    home, _, name = site.callee.type.name.rpartition(".")
    return site.callee.type.name == DEEP or (home == "builtins" and name in NAMES)


def _consumer(world: World, function: Function, parent: f.Expr | f.Stmt, node: f.Expr, source: f.Expr) -> str:
    """The builtin that gets nothing but the copy and makes a collection of its own, or goes over it once."""
    match parent:
        case f.Call(func=f.Name(id=name), args=(first,), keywords=keywords) if first is node and name in CONSUMERS:
            site = world.flow(function).sites.get(parent)
            plain = isinstance(source, f.Name | f.Attr) or _is_view(source)
            known = site is not None and isinstance(site.callee.type, LibFn) and site.callee.type.name.endswith(name)
            ordered = isinstance(node, f.Call) and isinstance(node.func, f.Name) and node.func.id == "list"
            if plain and known and (ordered or isinstance(node, f.Seq)) and (not keywords or name in KEYED):
                return name
    return ""


def _is_view(source: f.Expr) -> bool:
    match source:
        case f.Call(func=f.Attr(name="keys" | "values" | "items"), args=(), keywords=()):
            return True
    return False


def _is_used_up(usage: Usage, source: f.Expr, node: f.Expr) -> bool:
    """Whether nobody uses the source after the copy: it is no name, or the last of its uses."""
    while isinstance(source, f.Attr | f.Subscript):
        source = source.value
    return usage.is_last(source.id, node) if isinstance(source, f.Name) else True


def _is_only_read(freshness: Freshness, function: Function, node: f.Expr, source: f.Name, kind: str, name: str) -> bool:
    """Whether the copy and its source, both local, are only read afterwards."""
    usage = freshness.usage(function)
    made = freshness.of(function, source, deep=False)
    if made is None or not fits(made.kind, kind) or not name:
        return False
    given, whole = usage.assigned(name), usage.assigned(source.id)
    if given is None or given[0] is not node or whole is None or whole[1].loops != given[1].loops:
        return False
    return usage.only_read_after(name, node) and usage.only_read_after(source.id, node)


def _is_iterated(freshness: Freshness, function: Function, loop: f.For, source: f.Expr) -> bool:
    """``for key in list(found)`` over a local collection that the loop leaves as it is."""
    if _is_view(source):
        assert isinstance(source, f.Call) and isinstance(source.func, f.Attr)
        source = source.func.value
    if not isinstance(source, f.Name) or loop.is_async or freshness.of(function, source, deep=False) is None:
        return False
    return freshness.usage(function).only_read_within(source.id, loop)


def _spelled(node: f.Expr, source: f.Expr) -> str:
    name = spelled(source)
    match node:
        case f.Seq(kind="list"):
            return f"[*{name}]"
        case f.Seq():
            return f"{{*{name}}}"
        case f.DictLit():
            return f"{{**{name}}}"
        case f.Call(func=f.Attr(value=value, name="copy")) if value is source:
            return f"{name}.copy()"
        case f.Call(func=func):
            return f"{spelled(func)}({name})"
    return name
