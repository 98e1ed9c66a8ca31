"""Transactions that stay open over time in which nothing is asked of the database.

await session.execute(...)         waits: the sleep, the lock, the computation below, at any depth (``held``)
time.sleep(5)
keeper.session = session           kept: stored for later calls with its transaction open
async for row in stream:           drains: as long as there are rows, each turn writes, nothing is committed
    await settle(session, row)
... sixty lines ...                gaps: between two statements of one transaction
await session.commit()
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.heavy import is_heavy
from persist_lint.link.held import Held, held
from persist_lint.link.lattice import Sym
from persist_lint.link.sites import Loop, Site
from persist_lint.link.transitions import ENDS, NEW, OPEN, States
from persist_lint.link.tree import post_order, statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

WAITS = frozenset({"sleep", "wait", "cpu"})
WRITES = frozenset({"db.insert", "db.update", "db.delete", "flush", "unit.add", "unit.delete"})
DATABASE = SQL_KINDS | ENDS | {"flush", "unit.merge", "txn.begin", "txn.savepoint"}
STREAMS = (".stream", ".stream_scalars", ".yield_per")
#: Runs the migrations: outside loops once, on purpose under a lock that a session holds.
MIGRATES = "alembic.command."
#: Unpacking what a row holds takes milliseconds, and needs no more than the row.
UNPACKS = frozenset(f"{library}.decompress" for library in ("zlib", "gzip", "bz2", "lzma", "brotli", "zstandard"))
MAX_LINES = 50


def waits(project: Project) -> Iterator[Held]:
    """Sleeps, waits and heavy computation in open transactions, once per place."""
    world = project.world

    def counts(effect: Effect) -> bool:
        if effect.kind == "cpu":
            return effect.leaf.subject not in UNPACKS and is_heavy(world, effect)
        repeated = any(step.site is not None and step.site.loops for step in effect.chain)
        return repeated or not effect.leaf.subject.startswith(MIGRATES)

    yield from held(project, WAITS, counts=counts)


class Kept(Struct, frozen=True, eq=False):
    """A session that is stored in ``where`` while a transaction is open; ``began`` is the statement that opened it."""

    began: Effect
    at: Span
    where: str


def kept(view: FunctionView) -> Iterator[Kept]:
    """The sessions opened here that are stored, in an attribute or global, with a transaction open."""
    opened = _opened(view)
    modules = {n for s in statements(view.function.body) if isinstance(s, f.Scope) for n in s.names} if opened else ()
    for statement in statements(view.function.body) if opened else ():
        if not isinstance(statement, f.Assign) or not isinstance(statement.value, f.Name):
            continue
        began = opened.get(statement.value.id)
        if any(frame.part == "handler" for frame in view.places.frames(statement)):
            continue  # put there to be given back
        if began is None or not _open_after(view, statement.at, began.session):
            continue
        for target in statement.targets:
            if isinstance(target, f.Attr) or (isinstance(target, f.Name) and target.id in modules):
                yield Kept(began, statement.at, target.name if isinstance(target, f.Attr) else target.id)
                return


def _opened(view: FunctionView) -> dict[str, Effect]:
    """The names of the sessions opened here that are left open somewhere, with the first statement on each."""
    syms = {sym for _, store in view.life.exits for sym, states in store.items() if sym[0] == "open" and states & OPEN}
    found: dict[str, Effect] = {}
    for call in view.calls if syms else ():
        for effect in call.effects:
            if effect.session in syms and effect.kind in SQL_KINDS:
                name = next((n for node, n in view.names_of.items() if _is_at(node, effect.session)), None)
                if name is not None:
                    found.setdefault(name, effect)
    return found


def _open_after(view: FunctionView, at: Span, sym: Sym) -> bool:
    """Whether a transaction may be open on the session where it is stored: before the next call, else at the end."""
    following = next((c for c in view.calls if c.at > at and c.site.node in view.life.before), None)
    stores = [s for _, s in view.life.exits] if following is None else [view.life.before[following.site.node]]
    return any(store.get(sym, NEW) & OPEN for store in stores)


def _is_at(node: f.Node, sym: Sym) -> bool:
    return isinstance(node, f.Call) and (node.at.line, node.at.column) == sym[1]


class Drain(Struct, frozen=True, eq=False):
    """A loop of unknown length whose turns write in one transaction; ``write`` is the first of them."""

    loop: Loop
    write: Effect
    call: CallView
    streams: bool


def drains(view: FunctionView) -> Iterator[Drain]:
    """The streams and endless loops that write per turn and never end the transaction."""
    for loop in view.flow.loops.values():
        node = loop.node
        streams = isinstance(node, f.For) and _is_stream(view, node)
        endless = isinstance(node, f.While) and isinstance(node.test, f.Const) and bool(node.test.value)
        if streams or endless:
            inside = [c for c in view.calls if any(one is loop for one in c.site.loops)]
            if any(e.kind in ENDS for c in inside for e in c.effects):
                continue
            found = next(((c, e) for c in inside for e in c.effects if _writes(view, loop, e)), None)
            if found is not None:
                yield Drain(loop, found[1], found[0], streams)


def _is_stream(view: FunctionView, node: f.For) -> bool:
    sites = [view.flow.sites[n] for n in post_order(node.iter) if n in view.flow.sites]
    effects = [e for site in sites for e in CallView(view, site).effects]
    names = [e.leaf.target.name for e in effects if e.leaf.target is not None]
    return any(name.endswith(STREAMS) for name in names)


def _writes(view: FunctionView, loop: Loop, effect: Effect) -> bool:
    """Whether an effect writes on a session that the loop was given: a parameter's, or one opened above it."""
    sym = effect.session
    if effect.kind not in WRITES or effect.manner != "here":
        return False
    if sym[0] == "open":
        return bool(sym[1] < (loop.at.line, loop.at.column))
    return sym[0] in ("param", "attr")


class Gap(Struct, frozen=True, eq=False):
    """``lines`` lines without database work while the transaction that ``first`` began is open; ``last`` follows."""

    first: Site
    last: Site
    lines: int


def gaps(view: FunctionView) -> Iterator[Gap]:
    """The longest stretch of more than ``MAX_LINES`` lines between two statements of one transaction."""
    facts = view.function.facts.at
    if facts.end_line - facts.line <= MAX_LINES:
        return
    found = [gap for block in _blocks(view) for gap in _between(view, block)]
    if found:
        yield max(found, key=lambda gap: gap.lines)


def _blocks(view: FunctionView) -> Iterator[tuple[f.Stmt, ...]]:
    yield view.function.body
    for statement in statements(view.function.body):
        if isinstance(statement, f.With | f.Try):
            yield statement.body


def _between(view: FunctionView, block: tuple[f.Stmt, ...]) -> Iterator[Gap]:
    last: tuple[Site, int] | None = None
    for statement in block:
        sites = [c.site for c in view.calls if _within(c, statement) and c.effect_kinds & DATABASE]
        if not sites:
            continue
        if last is not None:
            lines = statement.at.line - last[1] - 1
            states = view.life.before.get(sites[0].node, {})
            if lines > MAX_LINES and any(_surely_open(s) for s in states.values()):
                yield Gap(last[0], sites[0], lines)
        last = (sites[-1], statement.at.end_line)


def _within(call: CallView, statement: f.Stmt) -> bool:
    return statement.at.line <= call.at.line <= statement.at.end_line


def _surely_open(states: States) -> bool:
    return bool(states) and states <= OPEN
