"""Converters that read entities by the attributes that a class names: ``OrderOut.model_validate(order)``.

class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    customer: CustomerOut          model_validate(order) reads order.customer, and of it what CustomerOut names
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.index import Class
from persist_lint.link.lattice import ClassObj, Coll, Inst, Type, members
from persist_lint.link.provenance import arguments_of
from persist_lint.link.sites import Loop, Site
from persist_lint.link.views import FunctionView
from persist_lint.model import facts as f

VALIDATES = (".model_validate", ".from_orm", ".parse_obj", ".validate_python")
MAX_LEVELS = 4
Path = tuple[str, ...]


class Conversion(Struct, frozen=True, eq=False):
    """A call that makes a schema's instance of an entity; ``paths``, each with the class of its end."""

    node: f.Node
    expr: f.Expr
    loops: tuple[Loop, ...]
    schema: Class
    paths: tuple[tuple[Path, Class], ...]


def conversions(function: FunctionView) -> Iterator[Conversion]:
    """The conversions of a function, in order of place."""
    for site in sorted(function.flow.sites.values(), key=lambda one: one.at):
        if not any(target.name.endswith(VALIDATES) for target in site.targets):
            continue
        found = _of_site(function, site)
        if found is not None:
            yield found


def _of_site(function: FunctionView, site: Site) -> Conversion | None:
    given = arguments_of(site)
    schema = _schema(site)
    if schema is None or not given:
        return None
    models = function.project.world.models
    expr, value = given[0]
    kinds = [kind.item if isinstance(kind, Coll) else kind for kind in members(value.type)]
    entity = next(
        (k.cls for kind in kinds for k in members(kind) if isinstance(k, Inst) and models.is_model(k.cls)), None
    )
    if entity is None:
        return None
    return Conversion(site.node, expr, site.loops, schema, tuple(schema_paths(function, schema, entity, 0)))


def _schema(site: Site) -> Class | None:
    """The class whose instance the call makes."""
    for target in site.targets:
        for kind in members(target.bound.type) if target.bound is not None else ():
            if isinstance(kind, ClassObj):
                return kind.cls
    return next((kind.cls for kind in members(site.result.type) if isinstance(kind, Inst)), None)


def schema_paths(function: FunctionView, schema: Class, entity: Class, level: int) -> Iterator[tuple[Path, Class]]:
    """The mapped attributes that a schema reads of an entity, nested schemas followed."""
    world = function.project.world
    info = world.models.info(entity)
    for name, (owner, statement) in world.classes.fields(schema).items():
        relation = info.relations.get(name)
        if relation is None and name not in info.columns:
            continue
        if not isinstance(statement, f.AnnAssign) or (relation is None and not info.columns[name].deferred):
            continue
        yield (name,), entity
        if relation is None or relation.target is None or level >= MAX_LEVELS:
            continue
        kind = world.resolver.annotation(statement.annotation, owner.module, owner.parent, owner)
        for inner in _classes(kind):
            for path, last in schema_paths(function, inner, relation.target, level + 1):
                yield (name, *path), last


def _classes(kind: Type) -> Iterator[Class]:
    for one in members(kind):
        if isinstance(one, Inst):
            yield one.cls
        elif isinstance(one, Coll):
            yield from _classes(one.item)
