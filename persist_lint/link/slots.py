"""Connections that are taken for longer, or twice as often, as the work on them needs.

A pool has a few slots. A request that waits for a second one while it holds the first can wait for ever: when every
request holds one, nobody gets another.

    async with Session() as session:
        order = await session.get(Order, id)         a slot is taken
        await audit.record(order.id)                 Mismatch(way="second"): opens a session of its own
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, Coro, Lib, Manager, Sym, Value, members
from persist_lint.link.ownership import MANAGERS
from persist_lint.link.states import OPEN
from persist_lint.link.streaming import dependencies, injected_sessions, root
from persist_lint.link.uses import is_read
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

SLOW = frozenset({"net", "process", "sleep", "wait"})
TALKS = SQL_KINDS | {"flush", "unit.merge"}
WHILE = frozenset({"here", "thread"})
SERVES = frozenset({"request", "websocket"})


class Mismatch(Struct, frozen=True, eq=False):
    """A slot that is not used as long as it is taken, or a second one.

    ``way``: second (a callee opens a session while the caller's has executed something), idle (a dependency began a
    transaction on a session that the endpoint does not use, and something slow follows), early (a connection is checked
    out over something slow that comes before its first statement), unused (opened and never used). ``since`` is what
    took the first slot, ``meanwhile`` what happens then; ``dependency`` the one that began.
    """

    view: FunctionView
    at: Span
    way: Literal["second", "idle", "early", "unused"]
    name: str
    since: Effect | None = None
    meanwhile: Effect | None = None
    dependency: Function | None = None


def mismatches(project: Project) -> Iterator[Mismatch]:
    """The mismatches of a project, in order of path and place; second sessions at the innermost call only."""
    second = [one for view in project.functions() if view.hot for one in _second(view)]
    places = {(one.view.function.origin, one.at) for one in second}
    for one in second:
        inner = one.meanwhile.chain[1:] if one.meanwhile is not None else ()
        if not any((e.function.origin, e.at) in places for e in inner):
            yield one
    for view in project.functions():
        if not view.silent and not view.one_shot:
            yield from _early(view)
            yield from _unused(view)
            yield from _parameters(view)


# ---------------------------------------------------------------------- a second session


def _second(view: FunctionView) -> Iterator[Mismatch]:
    """The first call, per session, that opens and uses another one while the transaction is open for certain."""
    told: set[Sym] = set()
    for call in view.calls:
        if "session.open" not in call.effect_kinds or _runs_later(call):
            continue
        found = _opened_below(call)
        for sym, states in view.life.before.get(call.site.node, {}).items() if found is not None else ():
            given = (*call.site.args, *(value for _, value in call.site.keywords))
            if states and states <= OPEN and sym not in told and _is_session(view, sym) and _not_in(sym, given):
                told.add(sym)
                yield Mismatch(view, call.at, "second", _shown(view, sym), _began(view, sym, call.at), found)


def _opened_below(call: CallView) -> Effect | None:
    """A statement that a callee executes, on the same thread of work, on a session that it opens itself."""
    opens = [e for e in call.effects if e.kind == "session.open" and e.via is not None and e.manner == "here"]
    homes = {step.function for e in opens if not e.guards and _certain(call, e) for step in e.chain[1:]}
    for effect in call.effects:
        inner = effect.kind in TALKS and effect.session == INNER_SYM and effect.manner == "here" and not effect.guards
        if inner and any(step.function in homes for step in effect.chain[1:]):
            return effect
    return None


def _certain(call: CallView, opened: Effect) -> bool:
    """Whether no callee on the way opens it in one arm of a branch only (``if self.session is None:``)."""
    project = call.function.project
    for step in opened.chain[1:]:
        frames = project.view(step.function).places.frames(step.site.node) if step.site is not None else ()
        if any(isinstance(frame.owner, f.If | f.Match) for frame in frames):
            return False
    return True


def _not_in(sym: Sym, given: tuple[Value, ...]) -> bool:
    """Whether the session is not handed to the call, which could use it as well."""
    return all(value.sym != sym for value in given)


def _runs_later(call: CallView) -> bool:
    """Whether it only makes a generator, which whoever gets it runs."""
    made = (t.function for t in call.site.targets if t.function is not None)
    return call.site.consumer not in ("iterate", "with", "await") and any(
        one.is_generator and not one.decorator_names & MANAGERS for one in made
    )


def _is_session(view: FunctionView, sym: Sym) -> bool:
    """Whether the symbol names a session that was opened here or handed in, not one that a registry shares."""
    return sym[0] in ("open", "call", "new", "param") or (sym[0] in ("attr", "init") and root(sym) is not None)


def _began(view: FunctionView, sym: Sym, before: Span) -> Effect | None:
    uses = (e for call in view.calls for e in call.effects if e.session == sym and e.kind in TALKS)
    return next((e for e in uses if e.at < before), None)


def _shown(view: FunctionView, sym: Sym) -> str:
    """The name of a session in the function, for messages."""
    number = root(sym)
    if sym[0] == "param" and number is not None:
        return view.function.params[number].name
    return next((name for name, value in view.flow.env.items() if value.sym == sym), "the session")


# ---------------------------------------------------------------------- a connection taken too early


def _early(view: FunctionView) -> Iterator[Mismatch]:
    """``with engine.connect()`` over something slow before the connection's first statement."""
    for node, managers in view.flow.managers.items():
        for value in managers:
            sym = _connection(view, value)
            if sym is None or not isinstance(node, f.With):
                continue
            inside = [c for c in view.calls if node.body[0].at <= c.at and c.at.end_line <= node.at.end_line]
            effects = [e for call in inside for e in call.effects if e.manner in WHILE]
            slow = next((e for e in effects if e.kind in SLOW), None)
            first = next((e for e in effects if e.session == sym and e.kind in TALKS), None)
            if slow is not None and first is not None and slow.at < first.at:
                yield Mismatch(view, node.items[0].context.at, "early", "the connection", first, slow)


def _connection(view: FunctionView, manager: Value) -> Sym | None:
    world = view.project.world
    for kind in members(manager.type):
        value = kind.of if isinstance(kind, Manager | Coro) else manager
        if any(isinstance(k, Lib) and world.kind(k) == "connection" for k in members(value.type)):
            return value.sym if value.sym[0] in ("open", "call", "new") else None
    return None


# ---------------------------------------------------------------------- sessions that nobody uses


def _unused(view: FunctionView) -> Iterator[Mismatch]:
    """``with Session() as session`` where nothing reads the name."""
    for node, managers in view.flow.managers.items():
        for item, value in zip(node.items, managers, strict=False) if isinstance(node, f.With) else ():
            name = item.target.id if isinstance(item.target, f.Name) else ""
            fresh = value.sym[0] in ("open", "new") and view.project.world.is_session(value)
            if name and not name.startswith("_") and fresh and not is_read(view.function, name):
                yield Mismatch(view, item.context.at, "unused", name)


def _parameters(view: FunctionView) -> Iterator[Mismatch]:
    """An endpoint's injected session that it does not use; with a dependency that did, over something slow."""
    function = view.function
    if function.is_generator or not any(e.kind in SERVES and e.function is function for e in view.entries):
        return
    injected = injected_sessions(view)
    if not injected or any(e.kind in TALKS and root(e.session) in injected for e in view.summary):
        return
    own = [n for n in sorted(injected) if view.project.world.is_session(view.project.world.parameter(function, n))]
    slow = next((e for e in view.summary if e.kind in SLOW and e.manner in WHILE and not e.guards), None)
    begun = next(_begun(view), None)
    if begun is not None and slow is not None:
        at = function.params[own[0] if own else min(injected)]
        yield Mismatch(view, at.at, "idle", at.name, begun[1], slow, begun[0])
        return
    for number in own:
        if not is_read(function, function.params[number].name):
            parameter = function.params[number]
            yield Mismatch(view, parameter.at, "unused", parameter.name)


def _begun(view: FunctionView) -> Iterator[tuple[Function, Effect | None]]:
    """Dependencies that end with a transaction open on a session that lives as long as the request."""
    for dependency in dependencies(view):
        inner = view.project.view(dependency)
        shared = injected_sessions(inner)
        for _, store in inner.life.exits:
            for sym, states in store.items():
                if states and states <= OPEN and root(sym) in shared:
                    uses = (e for call in inner.calls for e in call.effects if e.session == sym and e.kind in TALKS)
                    yield dependency, next(uses, None)
