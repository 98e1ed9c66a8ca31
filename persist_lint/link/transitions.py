"""How calls move a transaction: the letters of session states, and what each kind of effect makes of them.

    E  as at entry (a session that came from outside, nothing done to it yet)
    I  idle: no transaction        B  a block was entered, the first statement in it will begin the transaction
    R  a transaction is open, only read        W  open, written

What begins a transaction is the library's word (``begins`` in the vocabulary): any statement, only a write (sqlite3),
only a block that asks for it (asyncpg and every connection in autocommit), or the first statement inside one (Django).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from persist_lint.link.index import Function, last_name
from persist_lint.link.lattice import Coro, Sym, session_of
from persist_lint.link.sites import Flow, Site
from persist_lint.link.tree import statements
from persist_lint.link.world import World
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.effects import Effect

States = frozenset[str]
Store = dict[Sym, States]
ENTRY, IDLE, BLOCK, READ, WRITTEN = "E", "I", "B", "R", "W"
OPEN = frozenset({READ, WRITTEN})
#: A block that a further one would be part of.
WITHIN = OPEN | {BLOCK}
WRITES_ONLY: States = frozenset({WRITTEN})
START: States = frozenset({ENTRY})
NEW: States = frozenset({IDLE})
WRITES = frozenset({"db.insert", "db.update", "db.delete", "flush"})
READS = frozenset({"db.select", "db.statement", "db.call", "unit.merge"})
ENDS = frozenset({"txn.commit", "txn.rollback", "session.close"})
#: Attributes by which code switches a connection to autocommit.
SWITCHES = frozenset({"autocommit", "isolation_level"})


def after(kind: str, states: States, begins: str) -> States:
    """The states after an effect of that kind on a connection whose transactions begin so."""
    if kind in ENDS:
        return NEW
    if kind == "txn.begin":
        entered = {"block": READ, "inside": BLOCK}.get(begins)
        return states if entered is None else frozenset(entered if s in (ENTRY, IDLE) else s for s in states)
    if kind in WRITES or kind in READS:
        return frozenset(_moved(s, kind in WRITES, begins) for s in states)
    return states


def _moved(state: str, writes: bool, begins: str) -> str:
    if state not in OPEN:
        opens = begins == "statement" or (begins == "write" and writes) or (begins == "inside" and state == BLOCK)
        if not opens:
            return state
    return WRITTEN if writes else state if state in OPEN else READ


def left_block(states: States, entry: States) -> States:
    """The states after a block that is a savepoint where a transaction, or a block, was open before it."""
    found = states if entry & WITHIN else frozenset()
    return found | (NEW if IDLE in entry else frozenset()) | (entry & START)


def after_call(before: States, left: States, anew: bool, stirred: States) -> States:
    """The states after a callee that leaves a session in ``left``, where E is what was before.

    A callee that only reads leaves written what was, unless it began a transaction ``anew``. Where it was entered
    in a transaction, blocks of its own were part of that, and what they did (``stirred``) was done in it.
    """
    kept = before if ENTRY in left else frozenset()
    if stirred and kept & WITHIN:
        kept = frozenset(_stirred(state, stirred) if state in WITHIN else state for state in kept)
    found = left - START
    if WRITTEN in before and READ in found and not anew:
        found = found | {WRITTEN} if before != WRITES_ONLY else (found - {READ}) | WRITES_ONLY
    return found | kept


def _stirred(state: str, by: States) -> str:
    return WRITTEN if WRITTEN in by else READ if state == BLOCK else state


def ended_with(sym: Sym, store: Store) -> Store:
    """The states with those ended that end with a session: what else a unit of work holds (``uow.orders``) was given
    the session of ``uow`` as far as anybody can know."""
    if store[sym] != NEW or sym[0] != "attr":
        return store
    given = [s for s in store if s[0] == "init" and s[1][0] == "attr" and s[1][1] == sym[1] and store[s] != NEW]
    return {**store, **dict.fromkeys(given, NEW)} if given else store


def first(sym: Sym) -> States:
    """The state of a session seen for the first time."""
    return NEW if sym[0] in ("open", "call", "new") else START


def merge(stores: list[Store]) -> Store:
    """The union of states, session by session; one that a branch does not know is as it was first seen."""
    if len(stores) == 1:
        return dict(stores[0])
    merged: Store = {}
    for store in stores:
        for sym in store:
            if sym not in merged:
                merged[sym] = frozenset().union(*(s.get(sym, first(sym)) for s in stores))
    return merged


def begins_of(world: World, effect: Effect, autocommit: dict[Sym, str]) -> str:
    """What begins a transaction on the session of an effect of a library call."""
    given = autocommit.get(effect.session)
    if given is not None or effect.target is None:
        return given or "statement"
    row = effect.target.row
    owner = world.vocabulary.values.get(row.on, "") if row is not None and row.on else ""
    found = world.vocabulary.types.get(owner or effect.target.name.rpartition(".")[0])
    begins = "statement" if found is None else found.begins
    if effect.kind == "txn.begin" and row is not None and row.nests and begins == "statement":
        return "block"  # entering psycopg's block sends BEGIN at once
    return begins


def blocks_around(world: World, function: Function) -> list[tuple[Sym, str, f.Expr]]:
    """The transaction blocks that decorators put around a function (``@transaction.atomic``).

    (connection, what begins a transaction on it, decorator); outermost first.
    """
    found: list[tuple[Sym, str, f.Expr]] = []
    for decorator in function.facts.decorators:
        if last_name(decorator) in world.block_names:
            row = world.row_of_decorator(decorator, function)
            if row is not None and row[0].on and "txn.begin" in row[0].does:
                kind = world.vocabulary.types.get(world.vocabulary.values.get(row[0].on, ""))
                found.append((("global", row[0].on), "statement" if kind is None else kind.begins, decorator))
    return found


# ---------------------------------------------------------------------- autocommit


def autocommitting(world: World, flow: Flow) -> dict[Sym, str]:
    """The connections that a function is seen to put into autocommit: ``connect(autocommit=True)``,
    ``connection.autocommit = True``, ``execution_options(isolation_level="AUTOCOMMIT")``."""
    found: dict[Sym, str] = {}
    for site in flow.sites.values():
        for target in site.targets if _asks(site) else ():
            row, bound = target.row, target.bound
            if row is not None and "session.open" in row.does:
                kind = site.result.type
                found[session_of(kind.of.sym if isinstance(kind, Coro) else site.result.sym)] = "block"
            elif bound is not None and world.is_session(bound):
                found[session_of(bound.sym)] = "block"
    if not SWITCHES.isdisjoint(flow.function.facts.names):
        for statement in statements(flow.function.body):
            if isinstance(statement, f.Assign) and _switches(statement.value):
                found |= dict.fromkeys(_assigned(world, flow, statement.targets), "block")
    return found


def _asks(site: Site) -> bool:
    """Whether a call asks for autocommit by an argument."""
    if site.args and site.name.endswith(".set_autocommit"):
        return site.args[0].sym == ("const", True)
    for name, value in site.keywords:
        if name == "autocommit" and value.sym == ("const", True):
            return True
        if name == "isolation_level" and value.sym in (("const", None), ("const", "AUTOCOMMIT")):
            return True
    return False


def _switches(value: f.Expr) -> bool:
    return isinstance(value, f.Const) and value.value in (True, None, "AUTOCOMMIT")


def _assigned(world: World, flow: Flow, targets: Iterable[f.Expr]) -> Iterable[Sym]:
    """The connections whose ``autocommit`` or ``isolation_level`` an assignment sets."""
    for target in targets:
        match target:
            case f.Attr(value=f.Name(id=name), name="autocommit" | "isolation_level"):
                known = flow.env.get(name)
                if known is not None and world.is_session(known):
                    yield session_of(known.sym)
