"""What of an entity is loaded: by the strategies of its model, by the loader options of the query that selected it.

select(Job).options(selectinload(Job.steps))       steps: loaded; steps.log, owner: one SELECT when read
owner = relationship(lazy="joined")                owner: loaded by every query
owner = relationship(lazy="raise")                 owner: an error when read
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from persist_lint.link.declared import ColumnInfo, RelationInfo
from persist_lint.link.index import Class
from persist_lint.link.models import Models

#: ``missing``: reading it sends a SELECT; ``raises``: reading it is an error; ``empty``: it is never loaded.
LoadState = Literal["loaded", "missing", "raises", "empty", "unknown"]
EAGER = frozenset({"joined", "selectin", "subquery", "immediate"})
LOADERS = frozenset(
    {"joinedload", "selectinload", "subqueryload", "contains_eager", "immediateload", "with_expression"}
)
BY_STRATEGY: dict[str, LoadState] = {
    "select": "missing",
    "raise": "raises",
    "raise_on_sql": "raises",
    "noload": "empty",
    "dynamic": "unknown",
    "write_only": "unknown",
}
BY_OPTION: dict[str, LoadState] = {"lazyload": "missing", "raiseload": "raises", "noload": "empty"}
Options = tuple[tuple[str, str], ...]


class Part(Struct, frozen=True, eq=False):
    """The last attribute of a path: whether it is loaded, what it is, and the class that has it."""

    state: LoadState
    owner: Class
    name: str
    relation: RelationInfo | None = None
    column: ColumnInfo | None = None
    before: RelationInfo | None = None  # the relationship followed to its owner

    @property
    def is_back(self) -> bool:
        """Whether it leads back to the parent through whose collection the entity came: that is in the session."""
        one, via = self.relation, self.before
        return one is not None and via is not None and via.many and not one.many and one.target is via.owner


def part_of(models: Models, cls: Class, path: tuple[str, ...], options: Options) -> Part:
    """The last attribute of a path from an entity that a query with these loader options selected."""
    owner: Class | None = cls
    before: RelationInfo | None = None
    for number, name in enumerate(path):
        if owner is None:
            break
        info = models.info(owner)
        relation = info.relations.get(name)
        last = number == len(path) - 1
        if last and relation is None:
            column = info.columns.get(name)
            state = _column_state(column, path[:number], name, options) if column is not None else "unknown"
            return Part(state, owner, name, None, column, before)
        if relation is None:
            break
        if last:
            return Part(_relation_state(relation, path, options), owner, name, relation, None, before)
        if _relation_state(relation, path[: number + 1], options) in ("raises", "empty"):
            break
        owner, before = relation.target, relation
    return Part("unknown", cls, path[-1])


def _relation_state(relation: RelationInfo, path: tuple[str, ...], options: Options) -> LoadState:
    dotted = ".".join(path)
    for strategy, told in reversed(options):
        if strategy == "?":
            return "unknown"
        if told == dotted or told == ".".join((*path[:-1], "*")) or (told == "*" and strategy in BY_OPTION):
            if strategy in LOADERS:
                return "loaded"
            if strategy in BY_OPTION:
                return BY_OPTION[strategy]
    return "loaded" if relation.lazy in EAGER else BY_STRATEGY.get(relation.lazy, "unknown")


def _column_state(column: ColumnInfo, prefix: tuple[str, ...], name: str, options: Options) -> LoadState:
    """Columns are loaded unless deferred, by the model or the query, or left out of ``load_only``."""
    only: set[str] = set()
    base = ".".join(prefix)
    for strategy, told in options:
        if strategy == "?":
            return "unknown"
        inside, _, attribute = told.rpartition(".")
        if inside != base:
            continue
        if strategy == "load_only":
            only.add(attribute)
        elif strategy in ("undefer", "undefer_group") and attribute in (name, "*"):
            return "loaded"
        elif strategy == "defer" and attribute == name:
            return "missing"
    if only and name not in only and not column.primary:
        return "missing"
    return "missing" if column.deferred else "loaded"
