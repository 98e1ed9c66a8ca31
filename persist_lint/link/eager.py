"""What models load with every row although hardly any query's rows are asked for it.

class Conversation(Base):
    messages = relationship(lazy="selectin")     nine queries of Conversation; one of them reads messages
    search = mapped_column(TSVECTOR)             only ever compared in WHERE
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.declared import EAGER, ColumnInfo, RelationInfo
from persist_lint.link.index import Class, Module
from persist_lint.link.lattice import Inst, members
from persist_lint.link.rows import Got
from persist_lint.link.sites import Site
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

#: Types of columns that exist for conditions: a reader has no use for them.
SEARCHED = frozenset({"TSVECTOR", "Vector", "VECTOR", "HALFVEC"})
FEWEST = 2
#: A class with so many fields of a model is made of its entities.
ALIKE = 3


class Idle(Struct, frozen=True, eq=False):
    """An eager relationship, or a column for searching, that most queries load in vain.

    ``unread`` are places whose rows nobody asks for it, ``read`` counts those that are asked, ``total`` all.
    """

    owner: Class
    relation: RelationInfo | None
    column: ColumnInfo | None
    unread: tuple[tuple[FunctionView, Span], ...]
    read: int
    total: int

    @property
    def module(self) -> Module:
        """The file that declares it."""
        return self.owner.module if self.relation is None else self.relation.owner.module

    @property
    def at(self) -> Span:
        """The line that declares it."""
        found = self.relation or self.column
        assert found is not None
        return found.at


def idle(project: Project) -> Iterator[Idle]:
    """Relationships and columns of models that are loaded with every row and hardly read, in order of definition."""
    asked = _asked(project)
    touched = _touched(project)
    for info in project.world.models.all():
        classes = (info.cls, *project.world.classes.subclasses(info.cls))
        places = [place for cls in classes for place in asked.get(cls, ())]
        if not places or not project.audits(info.cls.module.path):
            continue
        for relation in info.relations.values():
            if relation.owner is info.cls and relation.lazy in EAGER:
                found = _relation(project, info.cls, relation, places, touched)
                if found is not None:
                    yield found
        for column in info.columns.values():
            if column.kind in SEARCHED and not column.deferred and column.name not in touched.get(info.cls, ()):
                ends = tuple((view, got.site.at) for view, got in places)
                yield Idle(info.cls, None, column, ends, 0, len(places))


def _relation(
    project: Project,
    cls: Class,
    relation: RelationInfo,
    places: list[tuple[FunctionView, Got]],
    touched: dict[Class, set[str]],
) -> Idle | None:
    """An eager relationship that most places leave alone, more than twice as many as read it."""
    known = [(view, got.site.at) for view, got in places if _is_known(got) and not _reads(got, relation.name)]
    read = sum(_reads(got, relation.name) for _, got in places)
    unread = len(known)
    if relation.name not in touched.get(cls, ()) and not _is_described(project, cls, relation.name):
        unread = len(places) - read  # nobody reads it at all, whatever becomes of the others
    unknown = len(places) - read - unread
    if len(known) < FEWEST or unread <= 2 * read or unread <= read + unknown:
        return None
    return Idle(cls, relation, None, tuple(known), read, len(places))


def _is_described(project: Project, cls: Class, name: str) -> bool:
    """Whether a schema that resembles the class has a field of that name: whoever makes one of an entity reads it."""
    columns = project.world.models.info(cls).columns.keys()
    for schema in project.world.index.classes():
        if not project.world.models.is_model(schema):
            fields = project.world.classes.fields(schema).keys()
            if name in fields and len(fields & columns) >= ALIKE:
                return True
    return False


def _reads(got: Got, name: str) -> bool:
    uses = got.uses
    return any(path[:1] == (name,) for paths in (uses.read, uses.copies, uses.converted) for path in paths)


def _is_known(got: Got) -> bool:
    return not (got.uses.escaped or got.uses.returned or got.uses.blurred)


def _asked(project: Project) -> dict[Class, list[tuple[FunctionView, Got]]]:
    """The places where rows of each class end up, one per call; those that hand them on to known callers left out."""
    found: dict[Class, list[tuple[FunctionView, Got]]] = {}
    for view in project.functions():
        if view.silent or not any(effect.kind == "db.select" for effect in view.summary):
            continue
        seen: set[Site] = set()
        for got in project.rows.of(view.function):
            statement = got.statement
            whole = statement is None or (got.entity in statement.entities and not statement.columns)
            if got.entity is None or got.effect.kind != "db.select" or got.site in seen or not whole:
                continue
            if got.uses.returned and project.callers.of(view.function):
                continue
            seen.add(got.site)
            found.setdefault(got.entity, []).append((view, got))
    return found


def _touched(project: Project) -> dict[Class, set[str]]:
    """The attributes of each class that anything in the project reads of an instance."""
    found: dict[Class, set[str]] = {}
    for function in project.relevant:
        for touch in project.world.flow(function).touches.values():
            if touch.written:
                continue
            for kind in members(touch.base.type):
                if isinstance(kind, Inst):
                    for cls in project.world.classes.mro(kind.cls):
                        found.setdefault(cls, set()).add(touch.name)
    return found
