"""Lazy loads: attributes of entities that are read where the query that selected them did not load them.

    async def recent(self): return (await self.session.scalars(select(Job))).all()       the query
    def show(job): return job.owner.name                                                 needs owner of its parameter
    [show(job) for job in await repo.recent()]                                           Job.owner, once per job

Each function is asked for what it needs of its parameters; a call hands that on to what it passes, up to the query.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.arguments import actuals
from persist_lint.link.conditions import settled, translate_guards
from persist_lint.link.conversions import Conversion, conversions
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import NOTHING, mentions
from persist_lint.link.loaded import LoadState, Part, part_of
from persist_lint.link.places import bound_names, read_names
from persist_lint.link.provenance import Provenance, Root, refreshed_attributes
from persist_lint.link.repetition import Repeat, repeat_at
from persist_lint.link.sites import Guard, Loop, Site, Target, Touch, passed
from persist_lint.link.tree import heads, post_order, spelled, statements
from persist_lint.link.views import FunctionView
from persist_lint.model import facts as f
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

MAX_NEEDS = 40
MAX_STEPS = 6
AWAITABLE = "awaitable_attrs"
RUNS = frozenset({"here", "thread", "task", "loop"})


class Need(Struct, frozen=True, eq=False):
    """Attributes, at the end of ``path``, that a function reads of its parameter; ``per_item`` where a loop repeats it.

    ``function`` and ``node`` are where the load is told of: the loop's function, else the one at hand.
    """

    param: int
    path: tuple[str, ...]
    owner: Class
    read_in: FunctionView
    read_at: Span
    function: FunctionView
    node: f.Node
    repeat: Repeat | None
    steps: tuple[Step, ...] = ()
    guards: tuple[Guard, ...] = ()
    converted: bool = False


class Demand(Struct, frozen=True, eq=False):
    """One expression whose attributes are read, here or by what is called."""

    node: f.Node
    at: Span
    expr: f.Expr
    path: tuple[str, ...]
    owner: Class
    loops: tuple[Loop, ...]
    need: Need | None = None
    weak: bool = False
    turns: Repeat | None = None  # the loop of a converter
    guards: tuple[Guard, ...] = ()
    converted: bool = False  # by the names of a schema


class Load(Struct, frozen=True, eq=False):
    """An attribute that is read where it is not loaded.

    ``function`` and ``at`` are where to tell of it; ``read_in`` and ``read_at`` where it is read; ``root`` is the query
    of ``start``, from where ``path`` leads to the attribute.
    """

    function: FunctionView
    at: Span
    start: Class
    path: tuple[str, ...]
    part: Part
    root: Root
    read_in: FunctionView
    read_at: Span
    repeat: Repeat | None
    steps: tuple[Step, ...]
    asked_in: FunctionView
    weak: bool
    converted: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the entity belongs to an asynchronous session."""
        effect = self.root.effect
        leaf = effect.leaf if effect is not None else None
        return leaf is not None and ((leaf.site is not None and leaf.site.awaited) or _asyncio(leaf.target))


def _asyncio(target: object) -> bool:
    return ".asyncio." in str(getattr(target, "name", ""))


class Loading:
    """Answers for the whole project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world
        self.provenance = Provenance(project)
        self._needs: dict[Function, tuple[Need, ...]] = {}
        self._demands: dict[Function, tuple[Demand, ...]] = {}

    def of(self, function: FunctionView) -> Iterator[Load]:
        """The lazy loads of a function as it is written, those of its copies (for receivers, arguments) included."""
        yield from self.loads(function)
        for copy in self._copies.get(function.function, ()):
            yield from self.loads(self._project.view(copy))

    @cached_property
    def _copies(self) -> dict[Function, list[Function]]:
        found: dict[Function, list[Function]] = {}
        if self._project.relevant:
            for function in self._world.walked():
                if function.origin is not function:
                    found.setdefault(function.origin, []).append(function)
        return {origin: sorted(copies, key=lambda copy: copy.order) for origin, copies in found.items()}

    def loads(self, function: FunctionView) -> Iterator[Load]:
        """Attributes read, in the function or below it, of entities that its queries selected without them."""
        for demand in self.demands(function):
            roots = self.provenance.of(function.function, demand.expr)
            found = [self.load(function, demand, root) for root in roots if root.kind == "query"]
            if any(root.kind == "unknown" for root in roots) or not found or None in found:
                continue
            yield from (load for load in found[:1] if load is not None)

    def needs(self, function: Function) -> tuple[Need, ...]:
        """What a function reads of the entities that it is given."""
        if function not in self._needs:
            self._needs[function] = ()
            self._needs[function] = tuple(self._find_needs(self._project.view(function)))[:MAX_NEEDS]
        return self._needs[function]

    @cached_property
    def _leaves_columns_out(self) -> bool:
        """Whether any query of the project leaves columns out."""
        words = {"load_only", "defer"}
        return any(not words.isdisjoint(function.facts.names) for function in self._project.relevant)

    # ------------------------------------------------------------------ demands

    def demands(self, function: FunctionView) -> tuple[Demand, ...]:
        """What the function, or what it calls, reads of entities, in order of place."""
        key = function.function
        if key not in self._demands:
            self._demands[key] = ()
            found = [*self._own(function), *self._below(function)]
            written = {t.name for t in function.flow.touches.values() if t.written}
            found = [d for d in found if d.need is None or d.path[-1] not in written]  # it may be set for the callee
            self._demands[key] = tuple(sorted(found, key=lambda demand: demand.at))
        return self._demands[key]

    def _own(self, function: FunctionView) -> Iterator[Demand]:
        """The function's own reads of attributes that a query may leave out."""
        if "unloaded" in function.function.facts.names:
            return  # it asks first what is loaded
        models = self._world.models
        seen: set[object] = set()
        for touch in sorted(function.flow.touches.values(), key=lambda one: one.at):
            owner = models.entity_class(touch.base)
            if owner is None or not isinstance(touch.node, f.Attr):
                continue
            base = touch.node.value
            known = (spelled(base), touch.name, touch.base.sym)
            if touch.written or "…" not in known[0]:
                if known in seen and touch.written is False:
                    continue
                seen.add(known)
            if touch.written or _is_refreshed(function, touch):
                continue
            for path in self._paths(owner, touch.name):
                guards = settled(touch.guards)
                yield Demand(touch.node, touch.at, base, path, owner, touch.loops, guards=guards)
        yield from conversions_of(function)

    def _paths(self, owner: Class, name: str) -> list[tuple[str, ...]]:
        """What reading an attribute reads: itself, where it may be left out; the relation behind a proxy."""
        info = self._world.models.info(owner)
        if name in info.relations:
            return [(name,)]
        column = info.columns.get(name)
        partial = column is not None and not column.primary and (column.deferred or self._leaves_columns_out)
        return [(name,)] if partial else []

    def _below(self, function: FunctionView) -> Iterator[Demand]:
        """What the calls of the function read of what it passes."""
        for site in function.flow.sites.values():
            for target in site.targets:
                if target.function is None or target.manner not in RUNS or target.function is function.function:
                    continue
                yield from self._asked(site, target)

    def _asked(self, site: Site, target: Target) -> Iterator[Demand]:
        """What one callee reads of what a call passes, where its conditions allow that."""
        callee = target.function
        needs = self.needs(callee) if callee is not None else ()
        known = actuals(callee, target.bound, *passed(site, target)) if callee is not None and needs else {}
        for need in needs:
            assert callee is not None
            expr = self.provenance.argument(site, target, need.param)
            guards = translate_guards(need.guards, callee, known) if need.guards else ()
            if expr is not None and guards is not None and len(need.steps) < MAX_STEPS:
                held = settled((*site.guards, *guards)) if site.guards or guards else ()
                yield Demand(
                    site.node, site.at, expr, need.path, need.owner, site.loops, need, target.weak, None, held,
                    need.converted,
                )  # fmt: skip

    def _find_needs(self, function: FunctionView) -> Iterator[Need]:
        seen: set[object] = set()
        for demand in self.demands(function):
            for root in self.provenance.of(function.function, demand.expr):
                if root.kind != "param":
                    continue
                need = self._need(function, demand, root)
                key = (need.param, need.path, need.repeat is None, need.guards)
                if key not in seen:
                    seen.add(key)
                    yield need

    def _need(self, function: FunctionView, demand: Demand, root: Root) -> Need:
        told, node, repeat = self._told(function, demand)
        below = demand.need
        steps = (function.step(demand.at, _reads(demand)),) if below is None else (
            function.step(demand.at, f"calls {below.read_in.name}" if not below.steps[1:] else "hands it on"),
            *below.steps,
        )  # fmt: skip
        return Need(
            root.param, (*root.path, *demand.path), demand.owner,
            function if below is None else below.read_in, demand.at if below is None else below.read_at,
            told, node, repeat, steps, demand.guards, demand.converted,
        )  # fmt: skip

    def _told(self, function: FunctionView, demand: Demand) -> tuple[FunctionView, f.Node, Repeat | None]:
        """Where a demand is told of, and what repeats it."""
        below = demand.need
        if below is not None and below.repeat is not None:
            return below.function, below.node, below.repeat
        repeat = self._repeat(function, demand)
        if below is None or repeat is not None:
            return function, demand.node, repeat
        return below.function, below.node, None

    def _repeat(self, function: FunctionView, demand: Demand) -> Repeat | None:
        """The loop whose items differ in what is read."""
        if demand.turns is not None:
            return demand.turns
        repeat = repeat_at(function, demand.node, demand.loops)
        if repeat is None:
            return None
        loop = repeat.loop
        flow = function.flow
        touch = flow.touches.get(demand.node)
        varies = touch is not None and mentions(touch.base.sym, loop.place)
        return repeat if varies or read_names(demand.expr) & bound_names(loop) else None

    # ------------------------------------------------------------------ loads

    def load(self, function: FunctionView, demand: Demand, root: Root) -> Load | None:
        """The load that a demand of an entity from there makes; None where a query has loaded what it reads."""
        start = self._start(root, demand)
        if start is None:
            return None
        path = (*root.path, *demand.path)
        if any(path[: len(known)] == known or known[-1] == "*" for known in root.known):
            return None
        part = part_of(self._world.models, start, path, root.options)
        if part.state not in ("missing", "raises") and root.kind == "query":
            return None
        told, node, repeat = self._told(function, demand)
        below = demand.need
        steps = (function.step(demand.at, f"calls {below.read_in.name}"), *below.steps) if below is not None else ()
        read_in, read_at = (function, demand.at) if below is None else (below.read_in, below.read_at)
        return Load(
            self._project.view(told.function.origin), node.at, start, path, part, root, read_in, read_at, repeat, steps,
            function, demand.weak, demand.converted,
        )  # fmt: skip

    def _start(self, root: Root, demand: Demand) -> Class | None:
        """The selected class from which the path of a demand leads on."""
        path = (*root.path, *demand.path)
        for cls in root.entities:
            info = self._world.models.info(cls)
            fits = path[0] in info.relations or path[0] in info.columns
            if fits and (len(path) > 1 or self._related(cls, demand.owner)):
                return cls
        return None

    def in_identity_map(self, load: Load) -> bool:
        """Whether what a load asks for is surely in the session already, or is the same for all items.

        The parent through whose collection the entity came; the one that the query names by the foreign key; one of
        those that the function read before.
        """
        relation, root = load.part.relation, load.root
        if relation is None or relation.many or relation.target is None:
            return False
        if load.part.is_back:
            return True
        models = self._world.models
        statement = root.effect.statement if root.effect is not None else None
        table = models.info(relation.target).table
        columns = models.info(load.part.owner).columns
        for name, _ in statement.keys if statement is not None and len(load.path) == 1 else ():
            column = columns.get(name)
            if name == relation.name or (column is not None and column.foreign.rpartition(".")[0] == table):
                return True
        return any(self._reads_all(view, load, relation.target) for view in (load.function, load.asked_in))

    def _reads_all(self, function: FunctionView, load: Load, target: Class) -> bool:
        """Whether the function selects the other class as a whole, or by a list of keys, before it reads."""
        for call in function.calls:
            for effect in call.effects if call.at < load.at or function is not load.function else ():
                statement = effect.statement
                if effect.kind != "db.select" or effect.entity is not target or statement is None:
                    continue
                if statement.inside or not statement.filtered:
                    return True
        return False

    def _related(self, cls: Class, owner: Class) -> bool:
        classes = self._world.classes
        return cls is owner or owner in classes.mro(cls) or cls in classes.mro(owner)


def conversions_of(function: FunctionView) -> Iterator[Demand]:
    """What converters read of the entities that the function hands them."""
    for one in conversions(function):
        for path, owner in one.paths:
            yield Demand(one.node, one.node.at, one.expr, path, owner, one.loops, None, False, _turns(one), (), True)


def _turns(one: Conversion) -> Repeat | None:
    """The loop inside a converter that is handed a collection."""
    place = (one.node.at.line, one.node.at.column)
    return Repeat(Loop("conversion", one.node.at, place, NOTHING, "none"), False, False) if one.many else None


def _reads(demand: Demand) -> str:
    return f"reads {demand.owner.name}.{'.'.join(demand.path)}"


def _is_refreshed(function: FunctionView, touch: Touch) -> bool:
    """Whether the function has the entity's attributes loaded by ``refresh`` or ``awaitable_attrs`` before."""
    assert isinstance(touch.node, f.Attr)
    base = spelled(touch.node.value)
    if AWAITABLE in function.function.facts.names and (base, touch.name) in _awaited(function):
        return True
    before = (site for site in function.flow.sites.values() if site.at < touch.at)
    return any(not {touch.name, "*"}.isdisjoint(refreshed_attributes(site, base)) for site in before)


def _awaited(function: FunctionView) -> set[tuple[str, str]]:
    """What the function awaits by ``awaitable_attrs``: (entity, attribute)."""
    nodes = (node for s in statements(function.function.body) for head in heads(s) for node in post_order(head))
    found = set()
    for node in nodes:
        match node:
            case f.Attr(value=f.Attr(value=entity, name="awaitable_attrs"), name=name):
                found.add((spelled(entity), name))
    return found


__all__ = ["Load", "LoadState", "Loading", "Need"]
