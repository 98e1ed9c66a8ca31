"""Effects: what a function does, itself and through everything it calls, each with why.

A summary is a tuple of ``Effect``; those of callees are translated into the caller's terms (subjects, keys, sessions,
conditions). Computed bottom-up over strongly connected components; inside one, until nothing new appears.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.arguments import received
from persist_lint.link.conditions import settled, translate_guards
from persist_lint.link.immediate import FILE_WORK, happens, in_memory
from persist_lint.link.implicit import implied
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import (
    INNER_SYM,
    UNKNOWN_SYM,
    Coro,
    Inst,
    Statement,
    Sym,
    Value,
    members,
    session_of,
    substitute,
)
from persist_lint.link.libcall import LibraryCall
from persist_lint.link.once import Once
from persist_lint.link.refined import VERB_KINDS, entity_of_statement, key_of, refined
from persist_lint.link.sites import Flow, Guard, Manner, Site, Target, passed
from persist_lint.link.sqltext import known_text, text_effects
from persist_lint.link.statements import entity_of, statement_of, symbols
from persist_lint.link.world import World
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.span import Span

MAX_EFFECTS = 48
MAX_ROUNDS = 4
BLOCKING = frozenset(
    {"db.select", "db.insert", "db.update", "db.delete", "db.statement", "db.call", "unit.merge", "flush", "txn.commit",
     "txn.rollback", "net", "cache", "broker", "publish", "listen", "file.read", "file.write", "process", "sleep",
     "wait", "cpu"}
)  # fmt: skip


class Effect(Struct, eq=False):
    """One thing a function does.

    ``subject`` names what it concerns (an entity, a callee), ``entity`` the mapped class if one is known. ``key`` and
    ``session`` are symbols in the function's terms. ``blocking``: it blocks the thread on which the function runs (and
    not one it was handed to). ``manner`` is how it runs relative to the function. ``via`` is the callee's effect that
    this one comes from, ``site`` the call in this function; ``length`` counts calls down to the leaf.
    """

    kind: str
    subject: str
    entity: Class | None
    key: Sym
    session: Sym
    guards: tuple[Guard, ...]
    blocking: bool
    manner: Manner
    function: Function
    at: Span
    site: Site | None
    target: Target | None
    via: Effect | None = None
    statement: Statement | None = None
    weak: bool = False
    length: int = 0

    @property
    def leaf(self) -> Effect:
        """The effect at the end of the chain, in the function that calls the library."""
        found = self
        while found.via is not None:
            found = found.via
        return found

    @property
    def chain(self) -> list[Effect]:
        """From this effect down to the leaf."""
        found = [self]
        while found[-1].via is not None:
            found.append(found[-1].via)
        return found


class Summaries:
    """Effect summaries of all functions that were asked for, with what they call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.once = Once(world)
        self._own: dict[Function, tuple[Effect, ...]] = {}
        self._all: dict[Function, tuple[Effect, ...]] = {}
        self._at_sites: dict[Site, list[Effect]] = {}
        self._by_site: dict[Function, dict[Site, list[Effect]]] = {}
        self._crossed: dict[tuple[Site, Target], list[Effect]] = {}
        self._open: set[Function] = set()  # whose summaries still grow

    def own(self, function: Function) -> tuple[Effect, ...]:
        """Effects of library calls in the function itself, in order of place."""
        if function not in self._own:
            flow = self._world.flow(function)
            found = [e for site in list(flow.sites.values()) for e in self._of_site(function, site)]
            found += self._implied(flow)
            self._own[function] = tuple(sorted(found, key=lambda e: e.at))
        return self._own[function]

    def of(self, function: Function) -> tuple[Effect, ...]:
        """The full summary; shortest evidence first."""
        if function not in self._all:
            for component in components(self._world, function, self._all):
                self._solve(component)
        return self._all[function]

    def at_site(self, function: Function, site: Site) -> list[Effect]:
        """Everything that one call does, in the caller's terms."""
        if site not in self._at_sites:
            own = self._own_at(function).get(site, [])
            through = [e for t in site.targets if t.function is not None for e in self._across(function, site, t)]
            self._at_sites[site] = own + through
        return self._at_sites[site]

    def _own_at(self, function: Function) -> dict[Site, list[Effect]]:
        """The function's own effects by the call that has them."""
        if function not in self._by_site:
            table = self._by_site[function] = {}
            for effect in self.own(function):
                if effect.site is not None:
                    table.setdefault(effect.site, []).append(effect)
        return self._by_site[function]

    # ------------------------------------------------------------------ the fixpoint

    def _solve(self, component: list[Function]) -> None:
        for function in component:
            self._all[function] = ()
        self._open.update(component)
        for _ in range(MAX_ROUNDS):
            changed = False
            for function in component:
                found = self._combine(function)
                if len(found) != len(self._all[function]):
                    self._all[function] = found
                    changed = True
            if not changed or (len(component) == 1 and not _calls_itself(self._world, component[0])):
                break
        self._open.difference_update(component)

    def _combine(self, function: Function) -> tuple[Effect, ...]:
        best: dict[object, Effect] = {}
        for effect in self._candidates(function):
            key = (
                effect.kind, effect.subject, effect.key, effect.session, effect.guards, effect.blocking, effect.manner,
            )  # fmt: skip
            known = best.get(key)
            if known is None or effect.length < known.length:
                best[key] = effect
        ordered = sorted(best.values(), key=lambda e: (e.length, e.at, e.kind, e.subject))
        return tuple(ordered[:MAX_EFFECTS])

    def _candidates(self, function: Function) -> Iterator[Effect]:
        """What callers get: not what only the first call in the process does."""
        yield from (e for e in self.own(function) if not self.once.is_first_only(function, e.at))
        for site in list(self._world.flow(function).sites.values()):
            if site.targets and self.once.is_first_only(function, site.at):
                continue
            for target in site.targets:
                if target.function is not None and target.manner not in ("entry", "stored"):
                    yield from self._across(function, site, target)

    def _across(self, function: Function, site: Site, target: Target) -> list[Effect]:
        """A callee's effects at a call, in the caller's terms; worked out once when its summary is complete."""
        found = self._crossed.get((site, target))
        if found is None:
            found = list(self._through(function, site, target))
            if target.function not in self._open:
                self._crossed[site, target] = found
        return found

    def _through(self, function: Function, site: Site, target: Target) -> Iterator[Effect]:
        """A callee's effects at a call, in the caller's terms."""
        callee = target.function
        assert callee is not None
        manner = site.manner if target.manner == "here" else target.manner
        effects = self.of(callee)
        if not effects or manner in ("stored", "entry") or self._world.remembers(callee):
            return
        known = received(site, target)
        syms = symbols(known)
        for effect in effects:
            guards = translate_guards(effect.guards, callee, known) if effect.guards else ()
            if guards is None:
                continue
            more = refined(self._world, effect, known)
            key = substitute(effect.key, syms) if more is effect or more.key is None else more.key
            session = session_of(substitute(effect.session, syms))
            yield Effect(
                more.kind, more.subject, more.entity, key, session,
                settled((*site.guards, *guards)) if site.guards or guards else (),
                _still_blocks(effect, manner, target, session),
                manner if effect.manner == "here" else effect.manner, function, site.at, site, target, effect,
                more.statement, effect.weak or target.weak, effect.length + 1,
            )  # fmt: skip

    # ------------------------------------------------------------------ own effects

    def _of_site(self, function: Function, site: Site) -> Iterator[Effect]:
        if site.manner == "stored":
            return
        for target in site.targets:
            row = target.row
            if row is None or not row.does:
                continue
            args, keywords = passed(site, target)
            call = LibraryCall(
                row, target.name, target.bound, args, keywords, (site.at.line, site.at.column), None, target.makes
            )
            about = call.argument(row.of) if row.of else None
            keyed = call.argument(row.key) if row.key else None
            statement = self._statement(target, about)
            entity, key = self._entity(row.does, statement, about, keyed)
            for kind in row.does:
                if not happens(kind, call):
                    continue
                for actual, subject in self._kinds(kind, statement, about, entity, target):
                    blocks = self._blocks(actual, site, target) and not (actual in FILE_WORK and in_memory(call))
                    yield Effect(
                        actual, subject, entity, key, self._session(target, statement), settled(site.guards), blocks,
                        site.manner if target.manner == "here" else target.manner, function, site.at, site, target,
                        None, statement, target.weak,
                    )  # fmt: skip

    def _statement(self, target: Target, about: Value | None) -> Statement | None:
        found = statement_of(about) if about is not None else None
        text = known_text(about) if found is None and about is not None else None
        executes = target.row is not None and "db.statement" in target.row.does
        if found is None and target.bound is not None and not (executes and text is not None):
            found = statement_of(target.bound)
        return Statement("text", text=text) if found is None and text is not None else found

    def _entity(
        self, does: tuple[str, ...], statement: Statement | None, about: Value | None, keyed: Value | None
    ) -> tuple[Class | None, Sym]:
        if statement is not None:
            return entity_of_statement(self._world, statement), key_of(statement)
        found = entity_of(self._world, about)
        cls = found.cls if isinstance(found, Inst) and self._world.models.is_model(found.cls) else None
        if keyed is not None:
            return cls, keyed.sym
        return cls, about.sym if about is not None else UNKNOWN_SYM

    def _kinds(
        self, kind: str, statement: Statement | None, about: Value | None, entity: Class | None, target: Target
    ) -> list[tuple[str, str]]:
        subject = entity.name if entity is not None else target.name
        if entity is None and (kind in SQL_KINDS or kind.startswith("unit.")):
            subject = statement.tables[0] if statement is not None and statement.tables else "rows"
        if kind != "db.statement":
            return [(kind, subject)]
        if statement is None:
            row = target.row
            fetches = row is not None and (row.limit == 1 or row.gives.endswith("ScalarResult"))
            return [("db.select" if fetches else kind, subject)]
        if statement.verb == "text" and statement.text is not None:
            return text_effects(statement.text)
        return [(VERB_KINDS.get(statement.verb, kind), subject)]

    def _session(self, target: Target, statement: Statement | None) -> Sym:
        bound = target.bound
        if target.row is not None and target.row.on:
            return ("global", target.row.on)
        if bound is None:
            return UNKNOWN_SYM
        if self._world.is_session(bound):
            return session_of(bound.sym)
        if statement is not None and statement.session is not None:
            return statement.session
        if any(self._world.kind(k) in ("transaction", "cursor", "result") for k in members(bound.type)):
            return session_of(bound.sym)
        return UNKNOWN_SYM

    def _blocks(self, kind: str, site: Site, target: Target) -> bool:
        row = target.row
        assert row is not None
        if target.manner in ("thread", "process", "later"):
            return False
        if row.blocking is not None:
            return row.blocking
        if kind not in BLOCKING or isinstance(site.result.type, Coro) or site.awaited:
            return False
        if row.awaits is not None and row.awaits:
            return False
        owner = target.name.rpartition(".")[0]
        found = self._world.vocabulary.types.get(target.makes or owner)
        return not (found is not None and found.awaits)

    def _implied(self, flow: Flow) -> Iterator[Effect]:
        """Effects without a call: assigned attributes, commits by leaving a ``with``."""
        for kind, subject, entity, key, session, guards, at in implied(self._world, flow):
            yield Effect(kind, subject, entity, key, session, guards, False, "here", flow.function, at, None, None)


def _still_blocks(effect: Effect, manner: Manner, target: Target, session: Sym) -> bool:
    """Whether a callee's effect blocks the caller's thread, too: not in a thread of its own, not on the async session's
    synchronous face (a session that the callee opened itself does block)."""
    if not effect.blocking or manner in ("thread", "process", "later"):
        return False
    database = effect.kind in SQL_KINDS or effect.kind.startswith(("unit.", "txn.")) or effect.kind == "flush"
    return not (target.greenlet and database and session != INNER_SYM)


def _calls_itself(world: World, function: Function) -> bool:
    return any(t.function is function for s in world.flow(function).sites.values() for t in s.targets)


def callees(world: World, function: Function) -> list[Function]:
    """The project functions that a function's calls may run, in order of place."""
    found = {
        t.function: None for s in list(world.flow(function).sites.values()) for t in s.targets if t.function is not None
    }
    return list(found)


def _place(function: Function) -> tuple[str, int, str]:
    return (function.module.path, function.number, function.order)


def components(world: World, start: Function, done: dict[Function, tuple[Effect, ...]]) -> list[list[Function]]:
    """Strongly connected components reachable from a function, callees first (Tarjan, without recursion).

    The functions of one stand in order of place, whichever of them was asked for.
    """
    index: dict[Function, int] = {}
    low: dict[Function, int] = {}
    stack: list[Function] = []
    on_stack: set[Function] = set()
    result: list[list[Function]] = []
    work: list[tuple[Function, Iterator[Function]]] = []

    def enter(function: Function) -> None:
        index[function] = low[function] = len(index)
        stack.append(function)
        on_stack.add(function)
        work.append((function, iter(callees(world, function))))

    enter(start)
    while work:
        function, rest = work[-1]
        following = next((c for c in rest if c not in done and (c not in index or c in on_stack)), None)
        if following is None:
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[function])
            if low[function] == index[function]:
                component: list[Function] = []
                while not component or component[-1] is not function:
                    component.append(stack.pop())
                    on_stack.discard(component[-1])
                result.append(sorted(component, key=_place))
        elif following not in index:
            enter(following)
        else:
            low[function] = min(low[function], index[following])
    return result
