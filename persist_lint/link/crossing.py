"""What calls do to the states of sessions: library calls by their effects, project functions by their summaries."""

from __future__ import annotations

from msgspec.structs import replace

from persist_lint.link.arguments import received
from persist_lint.link.conditions import translate_guards
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import (
    INNER_SYM,
    NONE,
    UNKNOWN_SYM,
    Data,
    Lib,
    Manager,
    Sym,
    Unknown,
    Value,
    members,
    session_of,
    substitute,
)
from persist_lint.link.sites import Flow, Guard, Site, Target
from persist_lint.link.statements import symbols
from persist_lint.link.states import Lives, Occurrence, Outward, StateSummary
from persist_lint.link.transitions import (
    ENDS,
    ENTRY,
    NEW,
    OPEN,
    START,
    States,
    Store,
    after,
    after_call,
    autocommitting,
    begins_of,
    ended_with,
    first,
    left_block,
    merge,
)
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f

OUTSIDE = frozenset(
    {"net", "cache", "broker", "process", "file.read", "file.write", "sleep", "wait", "cpu", "listen", "publish"}
)
#: Calls of which no handler expects an error.
SAFE = ENDS - {"txn.commit"} | {"txn.begin", "session.open"}
MAX_OCCURRENCES = 40
LEAVES = frozenset({"__exit__", "__aexit__"})
STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack"})
SESSIONS = frozenset({"session", "connection", "scoped_session"})
HIDDEN = (UNKNOWN_SYM, INNER_SYM)
ERROR = Value(Data("error"), ("const", True))


class Crossing:
    """One walk's calls; ``StateWalk`` adds the statements."""

    def __init__(self, lives: Lives, function: Function, assumed: tuple[Guard, ...], level: int) -> None:
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
        self.autocommit = autocommitting(self.world, self.flow)
        self.before: dict[f.Node, Store] = {}
        self.commits: list[tuple[Effect, Store]] = []
        self.occurrences: list[Occurrence] = []
        self.began: dict[Sym, Effect] = {}
        self.anew: set[Sym] = set()
        self.stirred: dict[Sym, States] = {}
        self.made: Sym | None = None  # the session that a context manager opens and yields
        self.points: list[list[Store]] = [[]]  # for each ``try`` and ``with`` around: the states in which it can raise

    def raising(self, store: Store) -> None:
        """An error may come with the sessions in these states."""
        points = self.points[-1]
        if not points or points[-1] is not store:
            points.append(store)

    # ------------------------------------------------------------------ calls

    def call(self, site: Site, store: Store, given: dict[int, Value] | None = None) -> Store:
        """The states after a call; ``given`` are arguments that the language passes."""
        ours = [t for t in site.targets if t.function is not None]
        own = self.own.get(site.node, ())
        if (len(ours) < len(site.targets) or not ours) and not (own and all(e.kind in SAFE for e in own)):
            self.raising(store)
        for effect in own:
            store = self.effect(effect, store)
        changed = [self.through(site, target, store, given or {}) for target in ours]
        return merge(changed) if changed else store

    def effect(self, effect: Effect, store: Store) -> Store:
        """The states after an effect of a library call."""
        if effect.target is not None and effect.target.manner not in ("here", "thread"):
            return store
        if effect.kind in OUTSIDE:
            self.happens(effect, store)
            return store
        sym = effect.session
        if sym == UNKNOWN_SYM or (effect.kind == "txn.begin" and _waits_for_with(effect)):
            return store
        states = store.get(sym, first(sym))
        moved = after(effect.kind, states, begins_of(self.world, effect, self.autocommit))
        if effect.kind == "txn.commit":
            self.commits.append((effect, store))
        if moved & OPEN and not states & OPEN:
            self._begins(sym, effect, ENTRY not in states)
        return store if moved == states else ended_with(sym, {**store, sym: moved})

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

    # ------------------------------------------------------------------ project functions

    def through(self, site: Site, target: Target, store: Store, given: dict[int, Value]) -> Store:
        """The states after a project function ran, and what happened meanwhile; a manager runs up to its ``yield``."""
        callee = target.function
        assert callee is not None
        manner = site.manner if target.manner == "here" else target.manner
        if manner not in ("here", "thread") or self.world.remembers(callee):
            return store
        general = self.lives.known(callee)
        if general is not None and not (general.exits or general.occurrences or general.entered):
            if general.raised is not None:
                self.raising(store)
            return store
        known = received(site, target) | given if given else received(site, target)
        summary = self.lives.under(callee, known, self.assumed, self.level + 1)
        if summary is None:
            self.raising(store)
            return store
        syms = symbols(known)
        manager = _manager(site.result, callee)
        if manager is not None:
            syms |= _yielded(self.world.returned(callee), manager)
        for occurrence in summary.entering if manager is not None else summary.occurrences:
            self._carried(site, target, occurrence, syms, known, store)
        if summary.raised is not None:
            self.raising(self.moved(store, summary.raised, summary, syms))
        left = summary.entered if manager is not None else summary.exits
        changed = self.moved(store, left, summary, syms)
        ends = dict(left)
        for sym, inner in summary.began:
            outer = outward(sym, syms)
            before, anew = store.get(outer, first(outer)), sym in summary.anew and ENTRY not in ends.get(sym, START)
            if changed.get(outer, NEW) & OPEN and (anew or not before & OPEN):
                self._begins(outer, lifted(inner, self.function, site, target), anew or ENTRY not in before)
        return changed

    def _begins(self, sym: Sym, effect: Effect, anew: bool) -> None:
        self.began[sym] = effect
        (self.anew.add if anew else self.anew.discard)(sym)

    def moved(self, store: Store, left: Outward, summary: StateSummary, syms: dict[object, Sym]) -> Store:
        """The states with those in which a callee leaves its sessions put in."""
        changed = dict(store)
        stirred = dict(summary.stirred)
        for sym, states in left:
            outer = outward(sym, syms)
            if outer not in HIDDEN:
                before, within = store.get(outer, first(outer)), stirred.get(sym, frozenset())
                changed[outer] = after_call(before, states, sym in summary.anew, within)
                if ENTRY in before and ENTRY in states:
                    self.stir(outer, within)
                changed = ended_with(outer, changed)
        return changed

    def stir(self, sym: Sym, states: States) -> None:
        """Blocks that may be part of a transaction of the caller did what these states say."""
        if states & OPEN:
            self.stirred[sym] = self.stirred.get(sym, frozenset()) | (states & OPEN)

    def _carried(
        self,
        site: Site,
        target: Target,
        inner: Occurrence,
        syms: dict[object, Sym],
        known: dict[int, Value],
        store: Store,
    ) -> None:
        assert target.function is not None
        if translate_guards(inner.effect.guards, target.function, known) is None:
            return
        if self.lives.summaries.once.is_first_only(target.function, inner.effect.at):
            return
        effect = lifted(inner.effect, self.function, site, target)
        states: Store = {}
        starts: dict[Sym, Effect] = {}
        inside = dict(inner.began)
        held = False
        for sym, found in inner.states:
            outer = outward(sym, syms)
            if outer in HIDDEN:
                continue
            before = store.get(outer, first(outer))
            states[outer] = (found - START) | (before if ENTRY in found else frozenset())
            held = held or bool(states[outer] & (OPEN | START))  # one that is idle holds nothing
            if sym in inside and not before & OPEN:
                starts[outer] = lifted(inside[sym], self.function, site, target)
        for sym, found in store.items():
            states.setdefault(sym, found)  # idle ones as well: the caller's own state is another
        opened = {sym: self.began[sym] for sym, found in states.items() if found & OPEN and sym in self.began} | starts
        began = tuple(opened.items())
        if held:
            self._note(Occurrence(effect, tuple(states.items()), inner.holder, inner.at, inner.held, began))
        else:
            self._note(Occurrence(effect, tuple(states.items()), self.function, site.at, effect, began))

    # ------------------------------------------------------------------ leaving a ``with``

    def left(self, statement: f.With, store: Store, entry: Store, failed: bool) -> Store:
        """The states after all managers of a ``with`` were left, the last one first."""
        managers = self.flow.managers.get(statement, ())
        for item, manager in reversed(list(zip(statement.items, managers, strict=False))):
            node = self.flow.leaves.get(item)
            if node is not None:  # the ``__exit__`` of a project class
                self.before[node] = store
                store = self.call(self.flow.sites[node], store, dict.fromkeys((1, 2, 3), ERROR if failed else NONE))
            store = self._leave(item.context, manager, store, entry, failed)
            if self.made is not None and isinstance(manager.type, Unknown) and _yields(statement, item):
                store = {**store, self.made: NEW}  # whoever opened the session there closes it
        return store

    def _leave(self, context: f.Expr, manager: Value, store: Store, entry: Store, failed: bool) -> Store:
        """What leaving a ``with`` does to the sessions that it is about."""
        site = self.flow.sites.get(context)
        for kind in members(manager.type):
            if isinstance(kind, Manager):
                left = self._resumed(kind, site, store, failed)
                if left is not None:
                    return left
            if isinstance(kind, Lib) and kind.name in STACKS:
                return self._unwound(manager.sym, store, entry, failed)
        row = next((t.row for t in site.targets if t.row is not None), None) if site is not None else None
        if row is not None and row.context and row.exit == "none":
            return store
        sym = self.session_of_manager(site, manager)
        if sym is None or sym not in store:
            return store
        if row is not None and row.nests:
            before = entry.get(sym, first(sym))
            if ENTRY in before:
                self.stir(sym, store[sym])
            return {**store, sym: left_block(store[sym], before)}
        return {**store, sym: NEW}

    def _resumed(self, kind: Manager, site: Site | None, store: Store, failed: bool) -> Store | None:
        """The states after a manager of the project ran on from its ``yield``; None where its body is not known."""
        target = next((t for t in site.targets if _is(kind, t.function)), None) if site is not None else None
        callee = target.function if target is not None and target.function is not None else kind.function
        known = received(site, target) if site is not None and target is not None else {}
        summary = self.lives.leaving(callee, known, self.assumed, self.level + 1)
        if summary is None:
            return None
        syms = symbols(known) | _yielded(self.world.returned(callee), kind)
        left = summary.raised if failed else summary.exits
        return self.moved(store, left or (), summary, syms)

    def _unwound(self, stack: Sym, store: Store, entry: Store, failed: bool) -> Store:
        """``ExitStack``: what was entered on it is left, the last one first."""
        for node, site in sorted(self.flow.sites.items(), key=lambda pair: pair[1].at, reverse=True):
            if isinstance(node, f.Call) and site.args and any(t.name.startswith(tuple(STACKS)) for t in site.targets):
                bound = site.targets[0].bound
                if bound is not None and bound.sym == stack:
                    store = self._leave(node.args[0], site.args[0], store, entry, failed)
        return store

    def session_of_manager(self, site: Site | None, manager: Value) -> Sym | None:
        """The session that a ``with`` ends: the one it opened, or the one whose transaction block it is."""
        for target in site.targets if site is not None else ():
            row, bound = target.row, target.bound
            if row is not None and "txn.savepoint" in row.does:
                return None
            if row is not None and "txn.begin" in row.does:
                if row.on:
                    return ("global", row.on)
                if bound is not None and self.world.is_session(bound):
                    return session_of(bound.sym)
        for kind in members(manager.type):
            known = self.world.kind(kind.of.type if isinstance(kind, Manager) else kind)
            if isinstance(kind, Manager) and self.world.is_session(kind.of):
                return session_of(kind.of.sym)
            if isinstance(kind, Lib) and (known in SESSIONS or (known == "transaction" and manager.sym[0] == "on")):
                return session_of(manager.sym)
        return None


def lifted(effect: Effect, function: Function, site: Site, target: Target) -> Effect:
    """A callee's effect as one of the caller at a call."""
    return Effect(
        effect.kind, effect.subject, effect.entity, UNKNOWN_SYM, UNKNOWN_SYM, site.guards, effect.blocking,
        effect.manner,
        function, site.at, site, target, effect, effect.statement, effect.weak or target.weak, effect.length + 1,
    )  # fmt: skip


def outward(sym: Sym, syms: dict[object, Sym]) -> Sym:
    """A callee's session as the caller knows it; what a manager yields stands under -1."""
    if sym[0] == "yielded":
        return syms.get(-1, INNER_SYM)
    return session_of(substitute(sym, syms))


def _yields(statement: f.With, item: f.WithItem) -> bool:
    """Whether the body of a ``with`` yields what the item's ``as`` binds."""
    name = item.target.id if isinstance(item.target, f.Name) else ""
    return any(
        isinstance(node, f.Yield) and isinstance(node.value, f.Name) and node.value.id == name
        for inner in statements(statement.body)
        for head in heads(inner)
        for node in post_order(head)
    )


def _yielded(returned: Value, manager: Manager) -> dict[object, Sym]:
    """What the caller calls the session that a manager opens itself and yields."""
    return {-1: session_of(manager.of.sym)} if isinstance(returned.type, Manager) else {}


def _manager(result: Value, callee: Function) -> Manager | None:
    """The context manager that a call gives, if the callee is the generator behind it."""
    return next((k for k in members(result.type) if isinstance(k, Manager) and _is(k, callee)), None)


def _is(manager: Manager, function: Function | None) -> bool:
    return function is not None and manager.function.origin is function.origin


def _waits_for_with(effect: Effect) -> bool:
    """Whether a transaction block was only made, to be entered or started later."""
    site, target = effect.site, effect.target
    row = target.row if target is not None else None
    return row is not None and row.nests and site is not None and site.consumer != "with"
