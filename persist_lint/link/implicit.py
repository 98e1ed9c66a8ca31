"""Effects that no call of a session shows: attributes of entities that are assigned, ``with`` blocks that commit.

They have no site; the states of sessions are walked with the statements themselves (``states``), but callers and loops
want to know of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.index import Class
from persist_lint.link.lattice import UNKNOWN_SYM, LibFn, Manager, TypeParam, Value, members, session_of
from persist_lint.link.sites import Flow, Guard, Site
from persist_lint.link.transitions import blocks_around
from persist_lint.link.tree import spelled
from persist_lint.link.world import World
from persist_lint.model.span import Span

Implied = tuple[str, str, Class | None, tuple[object, ...], tuple[object, ...], tuple[Guard, ...], Span]


def implied(world: World, flow: Flow) -> Iterator[Implied]:
    """(kind, subject, entity, key, session, guards, place) of every such effect of a function."""
    for touch in flow.touches.values():
        if touch.written:
            yield from _changed(world, touch.base, touch.guards, touch.at)
    for sym, _, decorator in blocks_around(world, flow.function):
        for kind in ("txn.begin", "txn.commit"):
            yield kind, spelled(decorator), None, UNKNOWN_SYM, sym, (), decorator.at
    for site in flow.sites.values():
        yield from _set(world, site)
        if site.consumer == "with":
            yield from _left(world, site)


def _set(world: World, site: Site) -> Iterator[Implied]:
    """``setattr(entity, name, value)``."""
    if isinstance(site.callee.type, LibFn) and site.callee.type.name == "builtins.setattr" and site.args:
        yield from _changed(world, site.args[0], site.guards, site.at)


def _changed(world: World, base: Value, guards: tuple[Guard, ...], at: Span) -> Iterator[Implied]:
    """An attribute of an entity is set; of which one only the caller knows, where a type variable stands for it."""
    cls = world.models.entity_class(base)
    if cls is not None:
        yield "unit.change", cls.name, cls, base.sym, UNKNOWN_SYM, guards, at
    elif any(isinstance(k, TypeParam) and world.kind(k.bound) == "model_base" for k in members(base.type)):
        yield "unit.change", "rows", None, base.sym, UNKNOWN_SYM, guards, at


def _left(world: World, site: Site) -> Iterator[Implied]:
    """``with session.begin():`` flushes and commits when it is left; a savepoint only flushes."""
    for target in site.targets:
        row = target.row
        if row is None or row.exit != "commit":
            continue
        session = session_of(_session_of(world, site, target.bound))
        if _has_unit(world, site, target.bound):
            yield "flush", target.name, None, UNKNOWN_SYM, session, site.guards, site.at
        if "txn.savepoint" not in row.does:
            yield "txn.commit", target.name, None, UNKNOWN_SYM, session, site.guards, site.at


def _has_unit(world: World, site: Site, bound: Value | None) -> bool:
    """Whether what is left keeps a unit of work that it flushes: a session, not a plain connection."""
    values = [site.result] if bound is None or not world.is_session(bound) else [bound]
    kinds = [k.of.type if isinstance(k, Manager) else k for v in values for k in members(v.type)]
    return any(world.kind(one) in ("session", "scoped_session") for kind in kinds for one in members(kind))


def _session_of(world: World, site: Site, bound: Value | None) -> tuple[object, ...]:
    if bound is not None and world.is_session(bound):
        return bound.sym
    for kind in members(site.result.type):
        if isinstance(kind, Manager):
            return kind.of.sym
    return site.result.sym
