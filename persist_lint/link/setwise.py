"""Loops over the rows of a query that do the same to each of them: what one UPDATE or DELETE would do.

for job in session.scalars(select(Job).where(Job.owner == owner)):
    job.archived = True
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.index import Class
from persist_lint.link.lattice import LibMethod
from persist_lint.link.places import bound_names, names_of, read_names
from persist_lint.link.sites import Loop
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.link.views import FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span


class Setwise(Struct, frozen=True, eq=False):
    """One such loop. ``place`` is the first assignment or deletion, ``at`` the loop, ``query`` what loads the rows.

    ``loaded_for_it``: nothing else uses the rows, and nothing needs them to be objects.
    """

    entity: Class
    attribute: str
    deletes: bool
    place: Span
    at: Span
    query: Span
    loaded_for_it: bool


def setwise(function: FunctionView) -> Iterator[Setwise]:
    """Every loop of a function whose whole body gives one value to, or deletes, each row of a query."""
    for node, loop in function.flow.loops.items():
        if not isinstance(node, f.For) or not isinstance(node.target, f.Name) or loop.bound != "none":
            continue
        query = _query(function, node.iter)
        done = _done(function, node, loop) if query is not None else None
        if query is None or done is None:
            continue
        place, entity, attribute = done
        relations = function.project.world.models.info(entity).relations
        only = _used_once(function, node.iter) and not (attribute == "" and relations)
        yield Setwise(entity, attribute, not attribute, place, loop.at, query, only)


def _query(function: FunctionView, iterated: f.Expr) -> Span | None:
    """The call that loads what is iterated; None where it is no query of this function."""
    if isinstance(iterated, f.Name):
        values = [
            s.value
            for s in statements(function.function.body)
            if isinstance(s, f.Assign) and any(iterated.id in names_of(t) for t in s.targets)
        ]
        return _query(function, values[0]) if len(values) == 1 and not isinstance(values[0], f.Name) else None
    for call in function.calls:
        if any(call.site.node is part for part in post_order(iterated)) and any(
            e.kind == "db.select" for e in call.effects
        ):
            return call.at
    if any(
        call.site.consumer == "iterate" and call.queries(frozenset({"db.select"}))
        for call in function.calls
        if iterated.at == call.at
    ):
        return iterated.at
    return None


def _done(function: FunctionView, node: f.For, loop: Loop) -> tuple[Span, Class, str] | None:
    """(place, entity, attribute or "" for a deletion) when the body does nothing else."""
    assert isinstance(node.target, f.Name)
    item = node.target.id
    changing = bound_names(loop)
    found: tuple[Span, Class, str] | None = None
    for statement in node.body:
        match statement:
            case f.Assign(targets=(f.Attr(value=f.Name(id=name), name=attribute) as target,), value=value) if (
                name == item
            ):
                touch = function.flow.touches.get(target)
                entity = function.project.world.models.entity_class(touch.base) if touch is not None else None
                if entity is None or read_names(value) & changing:
                    return None
                found = found or (statement.at, entity, attribute)
            case f.ExprStmt(value=value):
                deleted = _deleted(function, value)
                if deleted is None:
                    return None
                found = found or deleted
            case _:
                return None
    return found


def _deleted(function: FunctionView, value: f.Expr) -> tuple[Span, Class, str] | None:
    """``session.delete(item)``, awaited or not."""
    node = value.value if isinstance(value, f.Await) else value
    site = function.flow.sites.get(node)
    if site is None or not isinstance(site.callee.type, LibMethod):
        return None
    for effect in function.project.summaries.own(function.function):
        if (
            effect.site is site
            and effect.kind == "unit.delete"
            and effect.entity is not None
            and effect.key[0] == "item"
        ):
            return site.at, effect.entity, ""
    return None


def _used_once(function: FunctionView, iterated: f.Expr) -> bool:
    """Whether the loop is the only reader of the rows."""
    if not isinstance(iterated, f.Name):
        return True
    reads = [
        part
        for statement in statements(function.function.body)
        for head in heads(statement)
        for part in post_order(head)
        if isinstance(part, f.Name) and part.id == iterated.id
    ]
    return len(reads) <= 2  # the assignment's target and the loop
