"""Which attributes a pydantic class reads of what it is made from (``from_attributes``): those that its fields name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Class
from persist_lint.link.lattice import Coll, Inst, Type, members
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_NESTING = 3
NO_FIELDS = frozenset({"model_config", "Config"})


def named_by(world: World, schema: Class, entity: Class | None, depth: int = 0) -> list[tuple[str, ...]]:
    """The attribute paths that ``schema.model_validate(entity)`` reads, along relationships, in order of the fields."""
    found: list[tuple[str, ...]] = []
    is_model = entity is not None and world.models.is_model(entity)
    relations = world.models.info(entity).relations if is_model and entity is not None else {}
    for name, (owner, statement) in world.classes.fields(schema).items():
        if not isinstance(statement, f.AnnAssign) or name in NO_FIELDS:
            continue
        found.append((name,))
        relation = relations.get(name)
        if relation is None or depth >= MAX_NESTING:
            continue
        said = world.resolver.annotation(statement.annotation, owner.module, owner.parent, owner)
        for inner in _schemas(said):
            found += [(name, *path) for path in named_by(world, inner, relation.target, depth + 1)]
    return found


def _schemas(kind: Type) -> list[Class]:
    """The project classes that an annotation names, in collections, too."""
    found: list[Class] = []
    for one in members(kind):
        match one:
            case Inst(cls=cls):
                found.append(cls)
            case Coll(item=item):
                found += _schemas(item)
    return found
