"""Converters that read entities by the attributes that a class names: ``OrderOut.model_validate(order)``.

class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    customer: CustomerOut          model_validate(order) reads order.customer, and of it what CustomerOut names

So do ``Page(items=orders)``, whose items are such, and what an endpoint returns for its ``response_model``.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, Coll, Inst, Type, Value, members
from persist_lint.link.provenance import arguments_of
from persist_lint.link.sites import Loop, Site
from persist_lint.link.tree import statements
from persist_lint.link.views import FunctionView
from persist_lint.model import facts as f

VALIDATES = (".model_validate", ".from_orm", ".parse_obj", ".validate_python")
PYDANTIC = frozenset({"pydantic.BaseModel", "pydantic.generics.GenericModel", "pydantic.v1.BaseModel"})
READS_ATTRIBUTES = frozenset({"from_attributes", "orm_mode"})
RENAMES = frozenset({"alias", "validation_alias"})
TAKES_OVER = frozenset({"model_validator", "root_validator"})
MAX_LEVELS = 4
Path = tuple[str, ...]


class Conversion(Struct, frozen=True, eq=False):
    """What makes a schema's instance of entities: ``paths``, each with the class of its end; ``many``: of several."""

    node: f.Node
    expr: f.Expr
    loops: tuple[Loop, ...]
    many: bool
    paths: tuple[tuple[Path, Class], ...]


def conversions(function: FunctionView) -> Iterator[Conversion]:
    """The conversions of a function, in order of place."""
    for site in sorted(function.flow.sites.values(), key=lambda one: one.at):
        if any(target.name.endswith(VALIDATES) for target in site.targets):
            yield from _validated(function, site)
        elif isinstance(site.callee.type, ClassObj) and site.keywords:
            yield from _constructed(function, site, site.callee.type.cls)
    yield from _responded(function)


def _validated(function: FunctionView, site: Site) -> Iterator[Conversion]:
    schema = _schema(site)
    for expr, value in arguments_of(site)[:1] if schema is not None else ():
        assert schema is not None
        yield from _conversion(function, site.node, expr, value, site.loops, schema)


def _constructed(function: FunctionView, site: Site, cls: Class) -> Iterator[Conversion]:
    """``Page(items=orders)``."""
    given = [(expr, value) for expr, value in arguments_of(site) if _entity(function, value) is not None]
    if not given or not is_schema(function, cls):
        return
    fields = function.project.world.classes.fields(cls)
    for keyword in site.node.keywords if isinstance(site.node, f.Call) else ():
        value = next((value for expr, value in given if expr is keyword.value), None)
        owner, statement = fields.get(keyword.name or "", (cls, None))
        if value is None or not isinstance(statement, f.AnnAssign):
            continue
        for schema in _annotated(function, statement.annotation, owner):
            if reads_attributes(function, schema):
                yield from _conversion(function, site.node, keyword.value, value, site.loops, schema)


def _responded(function: FunctionView) -> Iterator[Conversion]:
    """What an endpoint returns is converted to its response model."""
    schemas = [s for s in response_schemas(function) if reads_attributes(function, s)]
    for statement in statements(function.function.body) if schemas else ():
        value = function.flow.names.get(statement)
        if isinstance(statement, f.Return) and statement.value is not None and value is not None:
            for schema in schemas:
                yield from _conversion(function, statement.value, statement.value, value, (), schema)


def response_schemas(function: FunctionView) -> tuple[Class, ...]:
    """The schemas by which a framework converts what the function returns; none where it is no endpoint."""
    world, one = function.project.world, function.function
    for decorator in one.facts.decorators:
        row = world.row_of_decorator(decorator, one)
        if row is None or not row[0].validates or not isinstance(decorator, f.Call):
            continue
        said = next((k.value for k in decorator.keywords if k.name == "response_model"), one.facts.returns)
        return () if said is None else tuple(_annotated(function, said, None))
    return ()


def _conversion(
    function: FunctionView, node: f.Node, expr: f.Expr, value: Value, loops: tuple[Loop, ...], schema: Class
) -> Iterator[Conversion]:
    entity = _entity(function, value)
    if entity is not None:
        many = any(isinstance(kind, Coll) for kind in members(value.type))
        paths = tuple(schema_paths(function, schema, entity, 0))
        if paths:
            yield Conversion(node, expr, loops, many, paths)


def _entity(function: FunctionView, value: Value) -> Class | None:
    """The mapped class whose instances a value is or holds."""
    kinds = [kind.item if isinstance(kind, Coll) else kind for kind in members(value.type)]
    found = (k.cls for kind in kinds for k in members(kind) if isinstance(k, Inst))
    return next((cls for cls in found if function.project.world.models.is_model(cls)), None)


def _schema(site: Site) -> Class | None:
    """The class whose instance the call makes."""
    for target in site.targets:
        for kind in members(target.bound.type) if target.bound is not None else ():
            if isinstance(kind, ClassObj):
                return kind.cls
    return next((kind.cls for kind in members(site.result.type) if isinstance(kind, Inst)), None)


def is_schema(function: FunctionView, cls: Class) -> bool:
    """Whether a class is a pydantic model, and no mapped one."""
    world = function.project.world
    return not PYDANTIC.isdisjoint(world.classes.library_bases(cls)) and not world.models.is_model(cls)


def reads_attributes(function: FunctionView, schema: Class) -> bool:
    """Whether a schema says that it is made from the attributes of objects (``from_attributes``, ``orm_mode``)."""
    if not is_schema(function, schema):
        return False
    for one in function.project.world.classes.mro(schema):
        configs = [inner for inner in one.module.classes if inner.owner is one and inner.name == "Config"]
        for statement in (*one.facts.body, *(s for config in configs for s in config.facts.body)):
            match statement:
                case f.Assign(targets=(f.Name(id="model_config"),), value=f.Call(keywords=keywords)):
                    named = [(k.name, k.value) for k in keywords]
                case f.Assign(targets=(f.Name(id="model_config"),), value=f.DictLit(keys=keys, values=values)):
                    named = [(str(k.value), v) for k, v in zip(keys, values, strict=True) if isinstance(k, f.Const)]
                case f.Assign(targets=(f.Name(id=name),), value=value):
                    named = [(name, value)]
                case _:
                    continue
            if any(n in READS_ATTRIBUTES and isinstance(v, f.Const) and v.value is True for n, v in named):
                return True
    return False


def schema_paths(function: FunctionView, schema: Class, entity: Class, level: int) -> Iterator[tuple[Path, Class]]:
    """The mapped attributes that a schema reads of an entity, nested schemas followed."""
    world = function.project.world
    if any(_takes_over(method) for one in world.classes.mro(schema) for ms in one.methods.values() for method in ms):
        return
    info = world.models.info(entity)
    for name, (owner, statement) in world.classes.fields(schema).items():
        relation = info.relations.get(name)
        if not isinstance(statement, f.AnnAssign) or _is_renamed(statement.value):
            continue
        if relation is None:
            if name in info.columns and info.columns[name].deferred:
                yield (name,), entity
            continue
        yield (name,), entity
        for inner in _annotated(function, statement.annotation, owner) if level < MAX_LEVELS else ():
            if relation.target is not None:
                for path, last in schema_paths(function, inner, relation.target, level + 1):
                    yield (name, *path), last


def _takes_over(method: Function) -> bool:
    """Whether a validator sees the entity first, and may read it as it likes."""
    for decorator in method.facts.decorators:
        match decorator:
            case f.Call(func=f.Name(id=name) | f.Attr(name=name), keywords=keywords) if name in TAKES_OVER:
                values = [k.value.value for k in keywords if isinstance(k.value, f.Const)]
                if "before" in values or "wrap" in values or True in values:
                    return True
    return method.name == "from_orm"


def _is_renamed(value: f.Expr | None) -> bool:
    return isinstance(value, f.Call) and any(k.name in RENAMES for k in value.keywords)


def _annotated(function: FunctionView, annotation: f.Expr, owner: Class | None) -> Iterator[Class]:
    world = function.project.world
    module = owner.module if owner is not None else function.function.module
    around = owner.parent if owner is not None else function.function.parent
    yield from _classes(world.resolver.annotation(annotation, module, around, owner))


def _classes(kind: Type) -> Iterator[Class]:
    for one in members(kind):
        if isinstance(one, Inst):
            yield one.cls
        elif isinstance(one, Coll):
            yield from _classes(one.item)
