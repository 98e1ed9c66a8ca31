"""Data that no request writes, and caches that live for one request only.

    class Settings:                           made in a dependency: one per request
        def all(self):
            if self._rows is None:            every request fills it anew
                self._rows = self.db.scalars(select(Setting)).all()
            return self._rows

A cache's lifetime is that of what holds it: an instance that handlers or dependencies make, or the request's own state.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Class, Function
from persist_lint.link.kept import REQUEST_STATE
from persist_lint.link.lattice import Inst, members
from persist_lint.link.once import filled_when_empty
from persist_lint.link.places import dotted
from persist_lint.link.tree import statements, targets
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

WRITES = frozenset({"db.insert", "db.update", "db.delete", "unit.add", "unit.change", "unit.delete", "unit.merge"})
PROPERTIES = frozenset({"cached_property", "async_cached_property"})
MAX_DEPTH = 3


class Filled(Struct, frozen=True, eq=False):
    """A cache that is filled with rows: where, by which read, and what holds it.

    ``holder`` is the class whose instances live for one request, None for the request's own state; ``made`` are the
    places where requests make them.
    """

    function: FunctionView
    at: Span
    cache: str
    call: CallView
    effect: Effect
    holder: Class | None
    made: tuple[tuple[Function, Span], ...]

    @property
    def is_costly(self) -> bool:
        """Whether the query joins, aggregates or computes something."""
        statement, entity = self.effect.statement, self.effect.entity
        if statement is None or entity is None:
            return False
        computes = statement.aggregates or ("", "") in statement.columns
        return computes or not {entity.dotted}.issuperset(statement.sources)


class Scopes:
    """Answers for one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._single: dict[Class, tuple[tuple[Function, Span], ...]] = {}

    def filled(self, function: FunctionView) -> Iterator[Filled]:
        """The caches of one request that a function fills with data that no request writes, in order of place."""
        for cache, at, inside in _fills(function):
            holder = self._holder(function, cache)
            if holder is None and not self._is_request_state(function, cache):
                continue
            made = self._made(holder) if holder is not None else ()
            if holder is not None and not made:
                continue
            found = self._read(function, inside)
            if found is not None:
                yield Filled(function, at, cache, *found, holder, made)

    def _read(self, function: FunctionView, inside: range) -> tuple[CallView, Effect] | None:
        """The read that fills the cache; None where it is about rows that requests write, or about one of many."""
        calls = [call for call in function.calls if call.at.line in inside]
        reads = [(c, e) for c in calls for e in c.queries(frozenset({"db.select"})) if e.manner == "here"]
        return reads[0] if reads and all(self._is_constant(e) for _, e in reads) else None

    def uncached(self, function: FunctionView) -> Iterator[tuple[CallView, Effect]]:
        """The reads of whole tables that no request writes, in a function that runs for requests."""
        for call in function.calls:
            for effect in call.effects:
                statement = effect.statement
                plain = statement is not None and not (
                    statement.filtered or statement.keys or statement.limit is not None
                )
                if effect.via is None and effect.kind == "db.select" and plain and self._is_constant(effect):
                    yield call, effect
                    break

    def _is_constant(self, effect: Effect) -> bool:
        """Whether it reads rows of one table that no request writes."""
        if effect.entity is None or (effect.statement is not None and effect.statement.locks):
            return False
        table = self._project.world.models.info(effect.entity).table
        classes, tables = self._written
        return effect.entity not in classes and table is not None and table not in tables

    # ------------------------------------------------------------------ what requests write

    @cached_property
    def _written(self) -> tuple[frozenset[Class], frozenset[str]]:
        """The mapped classes, and tables, that requests write, or code of which nothing says that they do not."""
        classes: set[Class] = set()
        tables: set[str] = set()
        for view in self._project.functions():
            if view.silent or (view.kinds and not view.hot):
                continue
            for effect in self._project.summaries.own(view.function):
                if effect.kind in WRITES and effect.entity is not None:
                    classes.add(effect.entity)
                elif effect.kind in WRITES:
                    tables.add(effect.subject)
        written = {self._project.world.models.info(cls).table for cls in classes}
        return frozenset(classes), frozenset(tables.union(t for t in written if t is not None))

    # ------------------------------------------------------------------ what lives for one request

    def _holder(self, function: FunctionView, cache: str) -> Class | None:
        """The class whose instance holds the cache: that of ``self._rows``."""
        own = function.function
        base, _, name = cache.rpartition(".")
        if own.owner is None or not own.params or not name or own.is_class_method or own.is_static:
            return None
        return own.owner if base == own.params[0].name else None

    def _is_request_state(self, function: FunctionView, cache: str) -> bool:
        base, _, name = cache.rpartition(".")
        return base.endswith(".state") and (REQUEST_STATE, name) in function.flow.kept

    def _made(self, cls: Class, depth: int = 0) -> tuple[tuple[Function, Span], ...]:
        """Where instances of the class are made, if only requests make them and nobody keeps them longer."""
        if cls not in self._single:
            self._single[cls] = ()
            self._single[cls] = self._find_made(cls, depth)
        return self._single[cls]

    def _find_made(self, cls: Class, depth: int) -> tuple[tuple[Function, Span], ...]:
        places = self._creations.get(cls, [])
        found = []
        for function, at in places:
            view = self._project.view(function)
            if view.silent or self._project.is_test(view.path):
                continue
            if function.is_module or not view.hot or self._project.world.remembers(function):
                return ()
            if self._project.summaries.once.is_first_only(function, at):
                return ()
            if function.name == "__init__" and function.owner not in (None, cls):
                assert function.owner is not None
                if depth >= MAX_DEPTH or not self._made(function.owner, depth + 1):
                    return ()
            found.append((function, at))
        return tuple(found)

    @cached_property
    def _creations(self) -> dict[Class, list[tuple[Function, Span]]]:
        """Every place where an instance of a class, or of one derived from it, is made."""
        found: dict[Class, list[tuple[Function, Span]]] = {}
        for function in self._project.relevant:
            for site in self._project.world.flow(function).sites.values():
                for kind in members(site.result.type):
                    if isinstance(kind, Inst) and site.result.sym[0] == "new":
                        for cls in self._project.world.classes.mro(kind.cls):
                            found.setdefault(cls, []).append((function, site.at))
        for entry in self._project.contexts.entries:
            made = entry.function
            if entry.kind == "dependency" and made.name == "__init__" and made.owner is not None:
                found.setdefault(made.owner, []).append((made, made.facts.at))
        return found


def _fills(function: FunctionView) -> Iterator[tuple[str, Span, range]]:
    """(cache, place, lines) of everything that a function fills only where it is empty."""
    own = function.function
    if own.is_module:
        return
    if own.decorator_names & PROPERTIES and own.params:
        at = own.facts.at
        yield f"{own.params[0].name}.{own.name}", at, range(at.line, at.end_line + 1)
        return
    for place, region in filled_when_empty(own.body):
        if "." in place:
            yield from _stores(place, region)
    yield from _on_a_miss(own.body)


def _stores(place: str, region: tuple[f.Stmt, ...]) -> Iterator[tuple[str, Span, range]]:
    for statement in statements(region):
        if any(dotted(target) == place for target in targets(statement)):
            yield place, statement.at, range(region[0].at.line, statement.at.end_line + 1)
            return


def _on_a_miss(body: tuple[f.Stmt, ...]) -> Iterator[tuple[str, Span, range]]:
    """``if key not in self._names: self._names[key] = …``."""
    for statement in statements(body):
        match statement:
            case f.If(test=f.Compare(ops=("not in",), rights=(cache,)), body=inner) if "." in dotted(cache):
                for one in statements(inner):
                    if any(isinstance(t, f.Subscript) and dotted(t.value) == dotted(cache) for t in targets(one)):
                        yield dotted(cache), one.at, range(inner[0].at.line, one.at.end_line + 1)
                        break
