"""The rows that a function has in hand: queries that it sends itself, and those whose rows its callees return.

def open_jobs(session):                            Returned: many Job by the SELECT there
    return session.scalars(query).all()

def count_open(session):
    return len(open_jobs(session))                 Got: the call, with the rows of that SELECT; their uses: len
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.link.effects import Effect, Summaries
from persist_lint.link.following import GIVEN, Following
from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited
from persist_lint.link.lattice import Statement
from persist_lint.link.sites import Site, Target
from persist_lint.link.trails import shape_of
from persist_lint.link.uses_of_rows import Event, Ref, Uses
from persist_lint.link.world import World
from persist_lint.model import facts as f

#: What a library call gives that rows are in.
GIVES = frozenset({"entity", "entities", "scalars", "scalar", "row", "rows"})
RUNS = frozenset({"here", "thread"})
#: A SELECT, and a statement of which only callers know that it is one.
READING = frozenset({"db.select", "db.statement"})


class Got(Struct, frozen=True, eq=False):
    """Rows in a function's hand.

    ``effect`` is the SELECT as this function knows it (its leaf says where it is sent), ``statement`` what is sent, as
    far as it is known; ``uses`` is everything that becomes of the rows, in callees that returned them, too.
    """

    function: Function
    site: Site
    effect: Effect
    entity: Class | None  # None where only the caller of the function knows it
    ref: Ref
    uses: Uses
    key: str  # the attribute of the primary key
    dropped: bool = False  # by this function, which got them from another

    @property
    def statement(self) -> Statement | None:
        return self.effect.statement


class Returned(Struct, frozen=True, eq=False):
    """Rows that a function returns: the SELECT in its terms, and what it does with them before."""

    effect: Effect
    ref: Ref
    uses: Uses
    key: str


class Rows:
    """The rows of every function that was asked for."""

    def __init__(self, world: World, summaries: Summaries) -> None:
        self._world = world
        self._summaries = summaries
        self.following = Following(world)
        self._got: dict[Function, tuple[Got, ...]] = {}
        self._open: set[Function] = set()

    def of(self, function: Function) -> tuple[Got, ...]:
        """The rows that a function gets, in order of place; none while it is asked for what it needs itself."""
        while function.decorates is not None:
            function = function.decorates
        if function in self._open:
            return ()
        if function not in self._got:
            self._open.add(function)
            if any(e.kind in READING for e in self._summaries.of(function)):
                sites = sorted(self._world.flow(function).sites.values(), key=lambda s: s.at)
                self._got[function] = tuple(got for site in sites for got in self._at(function, site))
            else:
                self._got[function] = ()
            self._open.discard(function)
        return self._got[function]

    def _at(self, function: Function, site: Site) -> Iterator[Got]:
        effects = [e for e in self._summaries.at_site(function, site) if e.kind in READING]
        for effect in effects:
            if effect.site is site and effect.via is None:
                yield from self._sent(function, site, effect)
        for target in site.targets:
            if effects and target.function is not None and target.manner in RUNS and target.arguments is None:
                yield from self._given(function, site, target, effects)

    def _sent(self, function: Function, site: Site, effect: Effect) -> Iterator[Got]:
        """Rows of a query that the function sends itself."""
        row = effect.target.row if effect.target is not None else None
        if row is None:
            return
        if site.name == "iteration":
            yield from self._iterated(function, site, effect)
            return
        shape, cls = shape_of(awaited(site.result).type)
        shape = shape or GIVEN.get(row.gives)
        if shape is None or not isinstance(site.node, f.Call) or (row.gives not in GIVES and shape != "result"):
            return
        entity = effect.entity or cls
        ref = Ref(shape, entity, part=shape in ("one", "row"))
        uses = self.following.value(function, site.node, ref)
        if site.name.rpartition(".")[2] == "scalar":  # executes, and takes the first
            uses.events.append(Event("first", site.node, function, Ref("result", entity), (), "scalar"))
        yield self._made(function, site, effect, ref, uses)

    def _iterated(self, function: Function, site: Site, effect: Effect) -> Iterator[Got]:
        """``for job in session.query(Job)``: the loop sends it."""
        iterated = self.following.around(function).iterated(site.node)
        if effect.entity is not None and iterated is not None:
            ref = Ref("many", effect.entity)
            yield self._made(function, site, effect, ref, self.following.value(function, iterated, ref))

    def _given(self, function: Function, site: Site, target: Target, effects: list[Effect]) -> Iterator[Got]:
        """Rows that a call returns: the query as this call knows it."""
        assert target.function is not None
        by_leaf = {id(e.leaf): e for e in effects if e.target is target}
        for one in self.returned(target.function):
            effect = by_leaf.get(id(one.effect.leaf))
            if effect is None or not isinstance(site.node, f.Call):
                continue
            ref = replace(one.ref, cls=one.ref.cls or effect.entity)
            here = self.following.value(function, site.node, ref)
            uses = Uses(returned=here.returned)
            for part in (one.uses, here):
                uses.add(part, Ref("many", None))
            if not one.uses.read.keys() - {(one.key,)} and not one.uses.written:
                uses.events = here.events  # the helper only looked which rows there are
            dropped = all(e.kind == "dropped" for e in here.events) and not (here.read or here.copies or here.returned)
            yield self._made(function, site, effect, ref, uses, dropped)

    def _made(self, function: Function, site: Site, effect: Effect, ref: Ref, uses: Uses, dropped: bool = False) -> Got:
        entity = effect.entity or ref.cls
        key = ""
        if entity is not None and self._world.models.is_model(entity):
            key = next((c.name for c in self._world.models.info(entity).columns.values() if c.primary), "")
        return Got(function, site, effect, entity, ref, uses, key or "id", dropped)

    def returned(self, function: Function) -> list[Returned]:
        """The rows that a function returns."""
        return [Returned(got.effect, ref, got.uses, got.key) for got in self.of(function) for ref in got.uses.returned]
