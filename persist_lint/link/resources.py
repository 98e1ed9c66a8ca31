"""Resources that a function acquires, and whether it releases them, hands them on, or leaves them behind.

What must be released is said by the vocabulary (``release``); a project function that returns what it acquired is a
source of resources for its callers. A generator driven by hand (``next(get_session())``) acquires what it yields and
leaves its own clean-up undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.answers import Answers
from persist_lint.link.fates import Fate, FateWalk, Tracked, by_node
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Coll, Coro, Inst, Lib, LibFn, Manager, Sym, Value, members
from persist_lint.link.ownership import Ownership, Resource, Use
from persist_lint.link.sites import Site, Target
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.effects import Effect, Summaries
    from persist_lint.link.world import World

OPENS = frozenset({"open", "session.open"})
CACHES = frozenset(
    {"lru_cache", "cache", "cached", "cached_property", "alru_cache", "async_cached_property", "singleton"}
)
NEXTS = frozenset({"builtins.next", "builtins.anext"})
UNCLOSED = frozenset({"scoped_session", "task_group", "lock", "value", "process"})
SENDS = SQL_KINDS | {"flush", "unit.merge"}


class Made(Struct, frozen=True):
    """A kind of resource: the canonical type name, its TypeKind, the methods that release it."""

    name: str
    kind: str
    release: frozenset[str]


class Acquisition(Struct, frozen=True, eq=False):
    """One resource that a function acquires. ``through`` is the project function that makes it, ``generator`` the one
    that is driven by hand for it; ``uses`` is what is done with it, ``fate`` where that leads."""

    function: Function
    site: Site
    made: Made
    through: Function | None
    generator: Function | None
    uses: tuple[Use, ...]
    names: tuple[str, ...]
    fate: Fate

    @property
    def sym(self) -> Sym:
        """The symbol under which effects and states know it."""
        kind = self.site.result.type
        return kind.of.sym if isinstance(kind, Coro) else self.site.result.sym


class Reopened(Struct, frozen=True, eq=False):
    """A session used after its ``with`` closed it: it opens a new transaction that nobody ends."""

    block: f.Node
    site: Site
    effect: Effect


class Resources:
    """Answers for all functions of a project."""

    def __init__(self, world: World, summaries: Summaries, poolless: Callable[[Function, Site], bool]) -> None:
        self._world = world
        self._summaries = summaries
        self._poolless = poolless
        self.ownership = Ownership(world, summaries)
        self._answers = Answers()

    def of(self, function: Function) -> tuple[Acquisition, ...]:
        """What a function acquires, in order of place; nothing for module levels, which live as long as the process."""
        if function.is_module:
            return ()
        nothing: tuple[Acquisition, ...] = ()
        return self._answers.get(("of", function), lambda: tuple(self._find(function)), nothing)

    def leaves(self, function: Function, site: Site) -> frozenset[str]:
        """How what a call makes gets out of the function: moved, kept, returned; nothing where it stays inside."""
        resource = Resource("engine", frozenset({"dispose"}))
        return frozenset(use.kind for use in self.ownership.uses(function, site.node, resource))

    def returned(self, function: Function) -> Made | None:
        """The resource that a call of the function gives its caller to release; None for shared or borrowed ones."""
        if not self._may_give(function):
            return None
        return self._answers.get(("returned", function), lambda: self._find_returned(function), None)

    def _may_give(self, function: Function) -> bool:
        """Whether what it returns is of a type that must be released, or a session factory."""
        if function.is_generator or function.is_property or function.decorator_names & CACHES:
            return False
        for kind in members(self._world.returned(function).type):
            known = self._world.kind(kind)
            if known == "session_factory" or (known and isinstance(kind, Inst)):
                return True
            if isinstance(kind, Lib) and self.made(kind.name) is not None:
                return True
        return False

    def _find_returned(self, function: Function) -> Made | None:
        returns = [s for s in statements(function.body) if isinstance(s, f.Return) and not _is_none(s.value)]
        fresh: dict[f.Stmt, Made] = {}
        parents = self.ownership.parents(function)
        for one in self.of(function):
            handed = [use for use in one.uses if use.kind == "returned"]
            inside = [use for use in one.uses if use.kind == "wrapped" and one.made.kind == "engine"]
            if any(use.kind in ("moved", "kept") for use in one.uses) or one.generator is not None:
                continue
            for use in handed:
                fresh[_statement_of(use.node, parents)] = one.made
            for use in inside:  # whoever has the factory cannot dispose of its engine
                fresh[_statement_of(use.node, parents)] = Made(one.made.name, one.made.kind, frozenset())
        if not returns or any(s not in fresh for s in returns):
            return None
        return fresh[returns[0]]

    def reopened(self, function: Function) -> list[Reopened]:
        """Calls that execute on a session after the ``with`` that opened it has closed it, the first per session."""
        flow = self._world.flow(function)
        found: dict[Sym, Reopened] = {}
        for block in sorted(flow.managers, key=lambda node: node.at):
            for sym in self._entered(flow.managers[block]):
                for site in sorted(flow.sites.values(), key=lambda s: s.at):
                    after = (site.at.line, site.at.column) > (block.at.end_line, block.at.end_column)
                    if after and site.manner == "here" and sym not in found:
                        effects = self._summaries.at_site(function, site)
                        sent = next((e for e in effects if e.session == sym and e.kind in SENDS), None)
                        if sent is not None:
                            found[sym] = Reopened(block, site, sent)
        return list(found.values())

    def _entered(self, managers: tuple[Value, ...]) -> list[Sym]:
        """The sessions that a ``with`` opens itself."""
        found = []
        for manager in managers:
            for kind in members(manager.type):
                value = kind.of if isinstance(kind, Manager) else manager
                is_session = any(self._world.kind(k) == "session" for k in members(value.type))
                if is_session and value.sym[0] in ("open", "call"):
                    found.append(value.sym)
        return found

    # ------------------------------------------------------------------ acquisitions

    def _find(self, function: Function) -> list[Acquisition]:
        if self._world.flow(function).sites and function.decorator_names & CACHES:
            return []
        found: list[tuple[Site, Made, Function | None, Function | None]] = []
        for site in sorted(self._world.flow(function).sites.values(), key=lambda s: s.at):
            if isinstance(site.node, f.Call) and site.manner != "stored":
                one = self._acquired(function, site)
                if one is not None:
                    found.append((site, *one))
        return self._followed(function, found)

    def _followed(
        self, function: Function, found: list[tuple[Site, Made, Function | None, Function | None]]
    ) -> list[Acquisition]:
        if not found:
            return []
        uses, names, tracked = [], [], []
        for site, made, _, _ in found:
            resource = Resource(made.kind, made.release)
            uses.append(self.ownership.uses(function, site.node, resource))
            names.append(self.ownership.bound_to(function, site.node, resource))
            tracked.append(Tracked(site.node, by_node(uses[-1]), frozenset(names[-1])))
        fates = FateWalk(tracked).run(function.body)
        return [
            Acquisition(function, site, made, through, generator, tuple(u), tuple(n), fate)
            for (site, made, through, generator), u, n, fate in zip(found, uses, names, fates, strict=True)
        ]

    def _acquired(self, function: Function, site: Site) -> tuple[Made, Function | None, Function | None] | None:
        """What a call acquires: (resource, through which function, by driving which generator)."""
        driven = self._driven(function, site)
        if driven is not None:
            return driven
        ours = [t for t in site.targets if t.function is not None]
        if len(ours) == 1 and len(site.targets) == 1:
            callee = ours[0].function
            assert callee is not None
            if callee.name == "__init__":
                made = self._derived(site)
                return None if made is None else (made, None, None)
            given = self.returned(callee) if ours[0].manner == "here" else None
            return None if given is None else (given, callee, None)
        for target in site.targets:
            row = target.row
            if row is None or target.function is not None:
                continue
            name = target.makes or row.gives
            if target.makes or OPENS.intersection(row.does) or row.level == "application":
                made = self.made(name)
                if made is not None and not self._goes_with(made, target) and not self._poolless(function, site):
                    return made, None, None
        made = self._derived(site) if not site.targets else None
        return None if made is None else (made, None, None)

    @staticmethod
    def _goes_with(made: Made, target: Target) -> bool:
        """Whether it is released with the session or connection that the function itself opened (cursors, results)."""
        bound = target.bound
        return made.kind in ("result", "cursor") and bound is not None and bound.sym[0] in ("open", "call", "new")

    def made(self, name: str) -> Made | None:
        """The resource that a library type is; None for types that need no release."""
        found = self._world.library_type(name)
        if found is None or found.is_ in UNCLOSED or not found.release:
            return None
        return Made(name, found.is_, frozenset(found.release))

    def _derived(self, site: Site) -> Made | None:
        """An instance of a project class derived from a library resource, or of one that makes and keeps engines."""
        for kind in members(site.result.type):
            if isinstance(kind, Inst) and site.result.sym[0] == "new":
                bases = self._world.classes.library_bases(kind.cls)
                return next((m for b in bases if (m := self.made(b)) is not None), None) or self._keeper(kind.cls)
        return None

    def _keeper(self, cls: Class) -> Made | None:
        """What an instance is to its maker where its methods make engines, keep them, and one of them disposes of all.

        A class without such a method is told of where it makes them.
        """
        if not any("dispose" in m.facts.names for ms in cls.methods.values() for m in ms):
            return None
        return self._answers.get(("keeper", cls), lambda: self._find_keeper(cls), None)

    def _find_keeper(self, cls: Class) -> Made | None:
        methods = [m for ms in cls.methods.values() for m in ms]
        keeps = any(
            one.made.kind == "engine" and any(use.kind in ("moved", "kept") for use in one.uses)
            for method in methods
            for one in self.of(method)
        )
        ends = {m.name for m in methods if self._disposes(m)} if keeps else set()
        return Made(cls.dotted, "engine", frozenset(ends)) if ends else None

    def _disposes(self, method: Function) -> bool:
        """Whether a method disposes of an engine that it has not made."""
        return any(
            target.name.endswith(".dispose") and target.bound is not None and target.bound.sym[0] not in ("open", "new")
            for site in self._world.flow(method).sites.values()
            for target in site.targets
        )

    # ------------------------------------------------------------------ generators driven by hand

    def _driven(self, function: Function, site: Site) -> tuple[Made, Function | None, Function | None] | None:
        generator = self._stepped(function, site) or self._abandoned(function, site)
        if generator is None or generator.decorator_names & {"contextmanager", "asynccontextmanager"}:
            return None
        for value in self._yielded(generator):
            for kind in members(value.type):
                made = self.made(kind.name) if isinstance(kind, Lib) else None
                if made is not None:
                    return made, None, generator
        return None

    def _yielded(self, generator: Function) -> list[Value]:
        """What a generator is seen, or else declared, to yield."""
        declared = [k for k in members(self._world.returned(generator).type) if isinstance(k, Coll)]
        return [*self._world.flow(generator).yields, *(Value(k.item) for k in declared)]

    def _stepped(self, function: Function, site: Site) -> Function | None:
        """The generator that ``next(gen())`` or ``await anext(gen())`` leaves behind at once."""
        is_next = any(isinstance(k, LibFn) and k.name in NEXTS for k in members(site.callee.type))
        node = site.node
        assert isinstance(node, f.Call)
        if is_next and len(node.args) == 1:
            return self._generator(function, node.args[0])
        if isinstance(node.func, f.Attr) and node.func.name in ("__anext__", "__next__"):
            return self._generator(function, node.func.value)
        return None

    def _abandoned(self, function: Function, site: Site) -> Function | None:
        """The asynchronous generator of an ``async for`` that is left inside its first turn."""
        loop = self.ownership.parents(function).get(site.node)
        if not (isinstance(loop, f.For) and loop.is_async and loop.iter is site.node):
            return None
        left = any(
            isinstance(s, f.Return) or (isinstance(s, f.Jump) and s.kind == "break") for s in statements(loop.body)
        )
        return self._generator(function, site.node) if left else None

    def _generator(self, function: Function, expr: f.Node) -> Function | None:
        site = self._world.flow(function).sites.get(expr)
        for target in site.targets if site is not None else ():
            if target.function is not None and target.function.is_generator:
                return target.function
        return None

    def commits_after_yield(self, generator: Function) -> bool:
        """Whether a generator commits after it yielded, by a call or by leaving a ``with``."""
        expressions = (e for s in statements(generator.body) for h in heads(s) for e in post_order(h))
        places = [e.at for e in expressions if isinstance(e, f.Yield)]
        if not places:
            return False
        first = min(places)
        return any(
            e.kind == "txn.commit" and (e.at > first or _spans(e.at, first, generator))
            for e in self._summaries.of(generator)
        )


def _spans(at: Span, inner: Span, function: Function) -> bool:
    """Whether a ``with`` whose head is at ``at`` encloses a place."""
    return any(
        isinstance(s, f.With) and s.at.line <= at.line <= s.at.end_line and s.at < inner and s.at.end_line >= inner.line
        and any(i.context.at <= at for i in s.items)
        for s in statements(function.body)
    )  # fmt: skip


def _statement_of(node: f.Node, parents: dict[f.Node, f.Expr | f.Stmt]) -> f.Stmt:
    found: f.Node = node
    while found in parents:
        found = parents[found]
    return found  # type: ignore[return-value]


def _is_none(value: f.Expr | None) -> bool:
    return value is None or (isinstance(value, f.Const) and value.value is None)
