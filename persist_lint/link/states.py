"""Sessions and transactions through a function: one structured walk with a set of possible states per session.

    E  as at entry (a session that came from outside, nothing done to it yet)
    I  idle: no transaction        R  a transaction is open, only read        W  open, written

A statement on an idle session begins a transaction (autobegin); commit, rollback and close end it; leaving a ``with``
does what the manager does. Callees transform states by their own summaries. What is no database work (a request, a
sleep) is recorded with the states around it: an ``Occurrence``. Where the state is still E, the caller decides.

    async def pay(session, order):            charge happens in {session: E, W}: the caller may have begun; the
        session.add(Payment(...))              flush certainly has
        await session.flush()
        await charge(order)
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.link.arguments import actuals
from persist_lint.link.assume import Assumed, assumptions, decided
from persist_lint.link.effects import Effect, Summaries, components, translate_guards
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Lib, Manager, Sym, Value, members, substitute
from persist_lint.link.sites import Flow, Guard, Site, Target, passed
from persist_lint.link.tree import heads, post_order
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.span import Span

States = frozenset[str]
Store = dict[Sym, States]
ENTRY, IDLE, READ, WRITTEN = "E", "I", "R", "W"
OPEN = frozenset({READ, WRITTEN})
START: States = frozenset({ENTRY})
NEW: States = frozenset({IDLE})
WRITES = frozenset({"db.insert", "db.update", "db.delete", "flush"})
READS = frozenset({"db.select", "db.statement", "db.call", "unit.merge"})
ENDS = frozenset({"txn.commit", "txn.rollback", "session.close"})
OUTSIDE = frozenset(
    {"net", "cache", "broker", "process", "file.read", "file.write", "sleep", "wait", "cpu", "listen", "publish"}
)
MAX_OCCURRENCES = 40
MAX_ROUNDS = 3
MAX_LEVEL = 4


class Occurrence(Struct, frozen=True, eq=False):
    """Something outside the database that happens while sessions are in known states.

    ``states`` are those of the sessions of the function at hand; ``holder`` is the deepest frame that holds one of
    them, with the place there; ``effect`` is in the function's terms; ``began`` says, per session, which place began
    the transaction.
    """

    effect: Effect
    states: tuple[tuple[Sym, States], ...]
    holder: Function
    at: Span
    held: Effect
    began: tuple[tuple[Sym, Effect], ...] = ()


class StateSummary(Struct, frozen=True, eq=False):
    """What a function does to the sessions it gets: their states at its normal end, what happened meanwhile."""

    exits: tuple[tuple[Sym, States], ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    began: tuple[tuple[Sym, Effect], ...] = ()


class Life(Struct, eq=False):
    """The walk's result for one function: states of sessions before each site, and at the function's exits."""

    function: Function
    before: dict[f.Node, Store]
    exits: list[tuple[f.Node | None, Store]]
    summary: StateSummary
    yields: list[tuple[f.Node, Store]]
    commits: list[tuple[Effect, Store]]


class Lives:
    """State summaries of all functions that were asked for."""

    def __init__(self, world: World, summaries: Summaries) -> None:
        self.world = world
        self.summaries = summaries
        self._lives: dict[Function, Life] = {}
        self._done: dict[Function, tuple[Effect, ...]] = {}
        self._assuming: dict[tuple[Function, tuple[Guard, ...], int], StateSummary] = {}

    def of(self, function: Function) -> Life:
        """The life of the sessions of a function."""
        if function not in self._lives:
            for component in components(self.world, function, self._done):
                self._solve(component)
        return self._lives[function]

    def known(self, function: Function) -> StateSummary:
        """The summary as far as it is known now (empty for a function that is being computed)."""
        found = self._lives.get(function)
        return StateSummary() if found is None else found.summary

    def under(self, function: Function, known: dict[int, Value], outer: Assumed, level: int) -> StateSummary:
        """The summary for one call: branches on flags that its arguments decide are not both taken.

        ``level`` counts the calls above that were looked at in this way; it is part of the question, so that the answer
        does not depend on where it was asked first.
        """
        general = self.known(function)
        if function not in self._done or not (general.exits or general.occurrences) or level > MAX_LEVEL:
            return general
        assumed = assumptions(function, self.summaries.of(function), known, outer)
        if not assumed:
            return general
        key = (function, assumed, level)
        if key not in self._assuming:
            self._assuming[key] = StateWalk(self, function, assumed, level).run().summary
        return self._assuming[key]

    def _solve(self, component: list[Function]) -> None:
        for _ in range(MAX_ROUNDS if len(component) > 1 else 1):
            for function in component:
                self._lives[function] = StateWalk(self, function).run()
        for function in component:
            self._done[function] = ()


class StateWalk:
    """One walk; see the module's docstring."""

    def __init__(self, lives: Lives, function: Function, assumed: tuple[Guard, ...] = (), level: int = 0) -> None:
        self.level = level
        self.assumed = {(number, kind): held for number, kind, held in assumed}
        self.lives = lives
        self.world = lives.world
        self.function = function
        self.flow: Flow = lives.world.flow(function)
        self.own: dict[f.Node, list[Effect]] = {}
        for effect in lives.summaries.own(function):
            if effect.site is not None:
                self.own.setdefault(effect.site.node, []).append(effect)
        self.before: dict[f.Node, Store] = {}
        self.exits: list[tuple[f.Node | None, Store]] = []
        self.yields: list[tuple[f.Node, Store]] = []
        self.commits: list[tuple[Effect, Store]] = []
        self.occurrences: list[Occurrence] = []
        self.began: dict[Sym, Effect] = {}
        self.points: list[list[Store]] = []  # for each try around: the states from which it can raise

    def run(self) -> Life:
        """Walk the whole function."""
        store: Store = {}
        for number, parameter in enumerate(self.function.params):
            value = self.flow.env.get(parameter.name)
            declared = self.world.parameter(self.function, number)
            if self.world.is_session(Value(declared.type)) and value is not None:
                store[("param", number)] = START
        end = self.block(self.function.body, store)
        if end is not None:
            self.exits.append((None, end))
        exits = merge([s for _, s in self.exits])
        outward = tuple((sym, states) for sym, states in exits.items() if _visible(sym))
        began = tuple((sym, e) for sym, e in self.began.items() if _visible(sym))
        summary = StateSummary(outward, tuple(self.occurrences[:MAX_OCCURRENCES]), began)
        return Life(self.function, self.before, self.exits, summary, self.yields, self.commits)

    # ------------------------------------------------------------------ statements

    def block(self, body: Iterable[f.Stmt], store: Store) -> Store | None:
        """The states after the statements; None where their end is not reached."""
        current: Store | None = store
        for statement in body:
            if current is None:
                return None
            for points in self.points:
                points.append(current)
            current = self.statement(statement, current)
        return current

    def statement(self, statement: f.Stmt, store: Store) -> Store | None:
        match statement:
            case f.If():
                return self._if(statement, store)
            case f.For() | f.While():
                return self._loop(statement, store)
            case f.With():
                return self._with(statement, store)
            case f.Try():
                return self._try(statement, store)
            case f.Match(cases=cases):
                store = self._heads(statement, store)
                ends = [self.block(c.body, dict(store)) for c in cases]
                return merge([store, *(e for e in ends if e is not None)])
            case f.Return():
                store = self._heads(statement, store)
                self.exits.append((statement, store))
                return None
            case f.Raise():
                self._heads(statement, store)
                return None
            case f.Jump(kind=kind):
                return store if kind == "pass" else None
        return self._heads(statement, store)

    def _heads(self, statement: f.Stmt, store: Store) -> Store:
        for expr in heads(statement):
            store = self.expression(expr, store)
        return store

    def _if(self, statement: f.If, store: Store) -> Store | None:
        store = self.expression(statement.test, store)
        truth = decided(self.flow, statement.test, self.assumed)
        bodies = [body for body, when in ((statement.body, True), (statement.orelse, False)) if truth in (None, when)]
        ends = [self.block(body, dict(store)) for body in bodies]
        alive = [e for e in ends if e is not None]
        return merge(alive) if alive else None

    def _loop(self, statement: f.For | f.While, store: Store) -> Store | None:
        store = self._heads(statement, store)
        current = store
        for _ in range(2):
            end = self.block(statement.body, dict(current))
            following = merge([store, end]) if end is not None else current
            if following == current:
                break
            current = following
        forever = isinstance(statement, f.While) and isinstance(statement.test, f.Const) and bool(statement.test.value)
        after = self.block(statement.orelse, dict(current))
        if forever and not _breaks(statement.body):
            return None
        return after

    def _with(self, statement: f.With, store: Store) -> Store | None:
        store = self._heads(statement, store)
        already = len(self.exits)
        end = self.block(statement.body, store)
        self.exits[already:] = [(node, self._left(statement, left)) for node, left in self.exits[already:]]
        return None if end is None else self._left(statement, end)

    def _left(self, statement: f.With, store: Store) -> Store:
        """The states after all managers of a ``with`` were left, the last one first."""
        managers = self.flow.managers.get(statement, ())
        for item, manager in reversed(list(zip(statement.items, managers, strict=False))):
            node = self.flow.leaves.get(item)
            if node is not None:  # the ``__exit__`` of a project class
                self.before[node] = store
                store = self.call(self.flow.sites[node], store)
            store = self._leave(item.context, manager, store)
        return store

    def _leave(self, context: f.Expr, manager: Value, store: Store) -> Store:
        """What leaving a ``with`` does to the session it is about."""
        sym = self.session_of_manager(context, manager)
        if sym is None or sym not in store:
            return store
        changed = dict(store)
        changed[sym] = NEW
        return changed

    def session_of_manager(self, context: f.Expr, manager: Value) -> Sym | None:
        """The session that a ``with`` ends: the one it opened, or the one whose ``begin()`` it is."""
        site = self.flow.sites.get(context)
        if site is not None:
            for target in site.targets:
                row = target.row
                if row is not None and "txn.savepoint" in row.does:
                    return None
                if (
                    row is not None
                    and "txn.begin" in row.does
                    and target.bound is not None
                    and self.world.is_session(target.bound)
                ):
                    return target.bound.sym
        for kind in members(manager.type):
            if isinstance(kind, Manager) and self.world.is_session(kind.of):
                return kind.of.sym
            if isinstance(kind, Lib) and self.world.kind(kind) in ("session", "connection", "scoped_session"):
                return manager.sym
        return None

    def _try(self, statement: f.Try, store: Store) -> Store | None:
        self.points.append([])
        already = len(self.exits)
        end = self.block(statement.body, dict(store))
        points = self.points.pop()
        if end is not None:
            points.append(end)
        thrown = merge([store, *points])
        ends: list[Store] = []
        if end is not None:
            after = self.block(statement.orelse, end)
            if after is not None:
                ends.append(after)
        for handler in statement.handlers:
            left = self.block(handler.body, dict(thrown))
            if left is not None:
                ends.append(left)
        self.exits[already:] = [
            (n, e) for n, s in self.exits[already:] if (e := self.block(statement.final, s)) is not None
        ]
        if not ends:
            self.block(statement.final, thrown)
            return None
        return self.block(statement.final, merge(ends))

    # ------------------------------------------------------------------ expressions

    def expression(self, expr: f.Expr, store: Store) -> Store:
        for node in post_order(expr):
            site = self.flow.sites.get(node)
            if site is not None and site.manner != "stored":
                self.before[node] = store
                store = self.call(site, store)
            if isinstance(node, f.Yield):
                self.yields.append((node, store))
        return store

    def call(self, site: Site, store: Store) -> Store:
        """The states after a call."""
        for effect in self.own.get(site.node, ()):
            store = self.effect(effect, store)
        changed = [self.through(site, t, store) for t in site.targets if t.function is not None]
        return merge(changed) if changed else store

    def effect(self, effect: Effect, store: Store) -> Store:
        if effect.kind in OUTSIDE:
            self.happens(effect, store)
            return store
        sym = effect.session
        if sym == UNKNOWN_SYM:
            return store
        states = store.get(sym, _first(sym))
        after = _after(effect.kind, states)
        if after is states:
            return store
        if effect.kind == "txn.commit":
            self.commits.append((effect, store))
        if after & OPEN and not states & OPEN:
            self.began[sym] = effect
        changed = dict(store)
        changed[sym] = after
        return changed

    def happens(self, effect: Effect, store: Store) -> None:
        """Record something outside the database with the states around it."""
        states = tuple((sym, s) for sym, s in store.items() if sym != INNER_SYM)
        began = tuple((sym, self.began[sym]) for sym, found in states if found & OPEN and sym in self.began)
        self._note(Occurrence(effect, states, self.function, effect.at, effect, began))

    def _note(self, occurrence: Occurrence) -> None:
        for number, known in enumerate(self.occurrences):
            same = (
                known.effect.kind == occurrence.effect.kind
                and known.holder is occurrence.holder
                and known.at == occurrence.at
            )
            if same:
                table = merge([dict(known.states), dict(occurrence.states)])
                self.occurrences[number] = replace(known, states=tuple(table.items()))
                return
        if len(self.occurrences) < MAX_OCCURRENCES:
            self.occurrences.append(occurrence)

    def through(self, site: Site, target: Target, store: Store) -> Store:
        """The states after a project function ran, and what happened meanwhile."""
        callee = target.function
        assert callee is not None
        manner = site.manner if target.manner == "here" else target.manner
        if manner not in ("here", "thread") or self.world.remembers(callee):
            return store
        known = actuals(callee, target.bound, *passed(site, target))
        summary = self.lives.under(callee, known, self.assumed, self.level + 1)
        syms = {i: v.sym for i, v in known.items()}
        for occurrence in summary.occurrences:
            self._carried(site, target, occurrence, syms, known, store)
        changed = dict(store)
        for sym, states in summary.exits:
            outer = substitute(sym, syms)
            if outer in (UNKNOWN_SYM, INNER_SYM):
                continue
            before = changed.get(outer, _first(outer))
            after = (states - START) | (before if ENTRY in states else frozenset())
            if after & OPEN and not before & OPEN:
                inner = dict(summary.began).get(sym)
                if inner is not None:
                    self.began[outer] = _lifted(inner, self.function, site, target)
            changed[outer] = after
        return changed

    def _carried(
        self, site: Site, target: Target, inner: Occurrence, syms: dict[int, Sym], known: dict[int, Value], store: Store
    ) -> None:
        assert target.function is not None
        if translate_guards(inner.effect.guards, target.function, known) is None:
            return
        effect = _lifted(inner.effect, self.function, site, target)
        states: Store = {}
        starts: dict[Sym, Effect] = {}
        inside = dict(inner.began)
        held = False
        for sym, found in inner.states:
            outer = substitute(sym, syms)
            if outer in (UNKNOWN_SYM, INNER_SYM):
                continue
            before = store.get(outer, _first(outer))
            states[outer] = (found - START) | (before if ENTRY in found else frozenset())
            held = held or bool(states[outer] & (OPEN | START))  # one that is idle holds nothing
            if sym in inside and not before & OPEN:
                starts[outer] = _lifted(inside[sym], self.function, site, target)
        for sym, found in store.items():
            states.setdefault(sym, found)  # idle ones as well: the caller's own state is another
        opened = {sym: self.began[sym] for sym, found in states.items() if found & OPEN and sym in self.began} | starts
        began = tuple(opened.items())
        if held:
            self._note(Occurrence(effect, tuple(states.items()), inner.holder, inner.at, inner.held, began))
        else:
            self._note(Occurrence(effect, tuple(states.items()), self.function, site.at, effect, began))


def _lifted(effect: Effect, function: Function, site: Site, target: Target) -> Effect:
    """A callee's effect as one of the caller at a call."""
    return Effect(
        effect.kind, effect.subject, effect.entity, UNKNOWN_SYM, UNKNOWN_SYM, site.guards, effect.blocking,
        effect.manner,
        function, site.at, site, target, effect, effect.statement, effect.weak or target.weak, effect.length + 1,
    )  # fmt: skip


def _after(kind: str, states: States) -> States:
    if kind in ENDS:
        return NEW
    if kind in WRITES:
        return frozenset({WRITTEN})
    if kind in READS:
        return frozenset({WRITTEN if s == WRITTEN else READ for s in states})
    return states


def _first(sym: Sym) -> States:
    """The state of a session seen for the first time."""
    return NEW if sym[0] in ("open", "call", "new") else START


def _visible(sym: Sym) -> bool:
    """Whether a caller can know the session by its own terms."""
    return sym[0] in ("param", "attr", "init", "global", "free")


def _breaks(body: tuple[f.Stmt, ...]) -> bool:
    from persist_lint.link.tree import blocks

    for statement in body:
        if isinstance(statement, f.Jump) and statement.kind == "break":
            return True
        if not isinstance(statement, f.For | f.While) and any(_breaks(b) for b in blocks(statement)):
            return True
    return False


def merge(stores: list[Store]) -> Store:
    """The union of states, session by session; one that a branch does not know is as it was first seen."""
    if len(stores) == 1:
        return dict(stores[0])
    merged: Store = {}
    for store in stores:
        for sym in store:
            if sym not in merged:
                merged[sym] = frozenset().union(*(s.get(sym, _first(sym)) for s in stores))
    return merged
