"""What of its entities a query loads that nobody on the path reads: columns, and relationships loaded with them.

    for job in await repo.recent():            reads of Job: ("id",)
        enqueue(job.id)                        its other twelve columns, and joinedload(Job.log), are for nobody

Only where every use of the rows is known, through lists, callees, converters and what these made.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.declared import RelationInfo
from persist_lint.link.index import Class
from persist_lint.link.loaded import EAGER, part_of
from persist_lint.link.reads import is_cached
from persist_lint.link.rows import Got
from persist_lint.link.sites import Site
from persist_lint.link.surplus import HEAVY, changes
from persist_lint.link.uses_of_rows import Path

if TYPE_CHECKING:
    from persist_lint.link.views import FunctionView

MANY_COLUMNS = 10
VERY_MANY_COLUMNS = 15
FEW = 3
#: More rows of a constant limit than these are worth a word about their columns.
SOME_ROWS = 10
LOADS = frozenset({"joinedload", "selectinload", "subqueryload"})
UnreadKind = Literal["columns", "relations", "unused", "parent"]


class Unread(Struct, frozen=True, eq=False):
    """What a query loads in vain.

    ``columns``: only ``read`` of ``total`` columns are; ``heavy`` are large ones that nobody reads. ``relations``:
    loader options (``names``) nobody reads. ``unused``: the entity itself, with the eager relationships ``names``, is
    only tested for or not used at all. ``parent``: only its relationship ``read`` is used, others (``names``) come
    along. ``converted``: the rows are made into other objects first.
    """

    kind: UnreadKind
    got: Got
    read: tuple[str, ...] = ()
    total: int = 0
    heavy: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    converted: bool = False
    sure: bool = True

    @property
    def entity(self) -> Class:
        """The mapped class of the rows."""
        assert self.got.entity is not None
        return self.got.entity


def unread_of(function: FunctionView, got: Got) -> Iterator[Unread]:
    """What a query loads of its entities, in this function or below it, and nobody reads."""
    if not _is_judged(function, got):
        return
    whole = _unused(function, got)
    if whole is not None:
        yield whole
        return
    columns = _columns(function, got)
    if columns is not None:
        yield columns
    else:
        relations = _relations(got)
        if relations is not None:
            yield relations


def unread(function: FunctionView, judged: Container[Site]) -> Iterator[Unread]:
    """What the function's queries load in vain, those of sites judged already left out.

    Where a call may give the rows of several queries, all of them must load too much.
    """
    by_site: dict[Site, list[Got]] = {}
    for got in function.project.rows.of(function.function):
        if got.site not in judged:
            by_site.setdefault(got.site, []).append(got)
    for gots in by_site.values():
        found = [next(unread_of(function, got), None) for got in gots]
        if found[0] is not None and all(one is not None and one.kind == found[0].kind for one in found):
            yield found[0]


def _is_judged(function: FunctionView, got: Got) -> bool:
    """Whether the statement selects whole entities of one class, all uses of which are known and end here."""
    uses, statement = got.uses, got.statement
    if got.entity is None or got.effect.kind != "db.select" or uses.returned or uses.escaped or uses.written:
        return False
    if any(is_cached(e.function) for e in got.effect.chain) or not function.project.world.models.is_model(got.entity):
        return False
    if got.effect.via is not None and changes(function, got):
        return False
    if statement is None:
        return True
    whole = statement.entities == (got.entity,) and not statement.columns
    return whole and not (statement.aggregates or statement.locks) and statement.verb == "select"


def _read(got: Got) -> tuple[set[Path], bool] | None:
    """The attributes that are read, of rows or of what was made of them; None where a copy has others."""
    uses = got.uses
    copied = got.ref.copied or bool(uses.converted) or uses.blurred
    return {*uses.read, *uses.copies}, copied


def _columns(function: FunctionView, got: Got) -> Unread | None:
    """Many columns of which few are read, large ones that nobody reads; of lists of rows."""
    assert got.entity is not None
    if got.ref.shape == "one" or not _is_many(got):
        return None
    models = function.project.world.models
    info = models.info(got.entity)
    options = got.statement.options if got.statement is not None else ()
    loaded = [c for c in info.columns.values() if part_of(models, got.entity, (c.name,), options).state == "loaded"]
    found = _read(got)
    if found is None or not loaded:
        return None
    paths, copied = found
    names = {path[0] for path in paths}
    if copied and (not got.uses.copies or any(path[0] not in info.columns for path in got.uses.copies)):
        return None
    read = tuple(c.name for c in loaded if c.name in names)
    heavy = tuple(c.name for c in loaded if c.kind in HEAVY and c.name not in names)
    few = len(loaded) > MANY_COLUMNS and 0 < len(read) <= FEW
    ids = bool(read) and all(info.columns[name].primary for name in read) and len(loaded) > FEW + 1
    if not (few or ids) or any(path[0] in info.relations for path in paths):
        return None
    return Unread("columns", got, read, len(loaded), heavy, (), copied)


def _is_many(got: Got) -> bool:
    """Whether many rows may come back."""
    limit = -1 if got.statement is None else got.statement.limit
    return limit <= 0 or limit > SOME_ROWS


def _relations(got: Got) -> Unread | None:
    """Loader options of the query whose relationships nobody reads."""
    statement, uses = got.statement, got.uses
    if statement is None or uses.blurred or any(strategy == "?" for strategy, _ in statement.options):
        return None
    read = {*uses.read, *uses.copies, *uses.converted}
    wanted = [(strategy, tuple(path.split("."))) for strategy, path in statement.options if strategy in LOADS and path]
    unread = [path for _, path in wanted if not any(one[: len(path)] == path for one in read)]
    first = [path for path in unread if path[:-1] not in unread]
    names = tuple(dict.fromkeys(".".join(path) for path in first))
    return Unread("relations", got, (), 0, (), names) if names else None


def _unused(function: FunctionView, got: Got) -> Unread | None:
    """An entity that is only tested for, or not used at all, and brings relationships along."""
    uses = got.uses
    if got.ref.shape != "one" or uses.copies or uses.converted or uses.blurred:
        return None
    read = {path[0] for path in uses.read}
    eager = tuple(r.name for r in eager_relations(function, got) if r.many and r.name not in read)
    if not eager:
        return None
    if not read and all(event.kind in ("bool", "dropped") for event in uses.events if not event.ref.path):
        return Unread("unused", got, (), 0, (), eager)
    relations = function.project.world.models.info(got.entity).relations  # type: ignore[arg-type]
    if len(read) == 1 and (relation := relations.get(next(iter(read)))) is not None and relation.many:
        return Unread("parent", got, (relation.name,), 0, (), eager)
    return None


def eager_relations(function: FunctionView, got: Got) -> list[RelationInfo]:
    """The relationships that come with every entity of the query: those that its class loads eagerly."""
    assert got.entity is not None
    relations = function.project.world.models.info(got.entity).relations.values()
    options = got.statement.options if got.statement is not None else ()
    off = {path for strategy, path in options if strategy in ("noload", "lazyload", "raiseload")}
    return [r for r in relations if r.lazy in EAGER and r.name not in off and "*" not in off]
