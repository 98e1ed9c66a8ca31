"""Sessions that live as long as a stream: an SSE or streaming response, a generator that feeds one, a websocket.

The handler's injected session has a transaction open when the response is returned, and the framework tears it down
after the response; or middleware does, or Flask, which keeps the request's context. The generator uses the handler's
session itself. Or it yields inside a ``with`` whose session it has used and not ended.

    async def events(job_id, session: SessionDep):            Holding(way="injected", …): read before the response,
        job = await session.get(Job, job_id)                  given back when the client goes
        return EventSourceResponse(progress(job_id))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.engines import FLASK
from persist_lint.link.index import Function
from persist_lint.link.kept import REQUEST_STATE
from persist_lint.link.lattice import Coll, Fn, Lib, Sym, Value, members
from persist_lint.link.sites import Site
from persist_lint.link.states import NEW, OPEN
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

WITH_CONTEXT = "flask.stream_with_context"
USES = SQL_KINDS | {"flush", "unit.merge"}
WAITS = frozenset({"sleep", "wait", "listen"})
#: In memory as a whole.
BUFFERS = frozenset({"io.BytesIO", "io.StringIO"})


class Holding(Struct, frozen=True, eq=False):
    """A session held by a stream.

    ``way``: injected (open when the response is returned), middleware (opened around the application), context (that of
    Flask, kept for the stream), dependency (left open by one), captured (used by the generator), own (the generator's
    ``with``), endpoint (which yields itself), websocket, poll. ``at`` is the response,
    generator's ``with``, yield, parameter or waiting call; ``since`` the effect that began or uses it; ``feeder`` the
    generator, or the dependency that left the transaction open.
    """

    way: str
    at: Span
    since: Effect | None
    feeder: Function | None = None

    def trace(self, function: FunctionView) -> list[Step]:
        """Where the session is used, down to the statement, and what feeds the stream."""
        from persist_lint.link.views import describe

        found = []
        if self.since is not None:
            leaf = self.since.leaf
            found.append(Step(self.since.function.module.path, self.since.at, "the session is used"))
            found.append(Step(leaf.function.module.path, leaf.at, describe(leaf)))
        if self.feeder is not None and self.feeder is not function.function:
            place = self.feeder.facts.at
            others = {"dependency": "leaves the transaction open", "middleware": "opens the session"}
            does = others.get(self.way, "feeds the stream")
            found.append(Step(self.feeder.module.path, place, f"{self.feeder.dotted} {does}"))
        return found


def holdings(function: FunctionView) -> Iterator[Holding]:
    """What the function makes a stream hold, one per place."""
    injected = outlasting(function)
    for response in _responses(function):
        feeders = [s for s in function.flow.sites.values() if s.group == response.at]
        found = next(_captured(function, feeders, response), None) or _open_at(function, response, injected)
        found = found or next(_left_open(function, response, injected), None) or _around(function, response)
        if found is not None:
            yield found
    yield from _in_context(function)
    yield from _own(function)
    yield from _endpoint(function, injected)
    yield from _websocket(function, injected_sessions(function))
    yield from _poll(function, injected)


def injected_sessions(function: FunctionView) -> frozenset[int]:
    """The parameters that the framework fills from a provider with a teardown (one that yields, at any depth)."""
    return frozenset(n for n in range(len(function.function.params)) if _torn_down(function, n))


def outlasting(function: FunctionView) -> frozenset[int]:
    """Those of them that may be torn down after the response: not with ``Depends(…, scope="function")``."""
    world = function.project.world
    return frozenset(n for n in injected_sessions(function) if not world.ends_with_handler(function.function, n))


def _torn_down(function: FunctionView, number: int) -> bool:
    world = function.project.world
    queue = world.providers(function.function, number)
    seen: set[Function] = set()
    while queue:
        for kind in members(queue.pop().type):
            if not isinstance(kind, Fn) or kind.function in seen:
                continue
            provider = kind.function
            seen.add(provider)
            if provider.is_generator:
                return True
            for inner in range(len(provider.params)):
                queue += world.providers(provider, inner)
    return False


def _responses(function: FunctionView) -> Iterator[Site]:
    for site in function.flow.sites.values():
        streams = any(t.row is not None and "stream" in t.row.does for t in site.targets)
        if streams and not _is_brief(function, site):
            yield site


def _is_brief(function: FunctionView, response: Site) -> bool:
    """Whether the whole stream is there when it begins: a buffer, a list, a generator that neither loops nor waits."""
    content = response.argument(0, "content")
    if content is not None and any(isinstance(k, Lib) and k.name in BUFFERS for k in members(content.type)):
        return True
    if content is not None and isinstance(content.type, Coll) and content.type.kind in ("list", "tuple"):
        return True
    feeders = [t.function for s in function.flow.sites.values() if s.group == response.at for t in s.targets]
    return bool(feeders) and all(one is not None and one.is_generator and not _lasts(one) for one in feeders)


def _lasts(generator: Function) -> bool:
    """Whether a generator loops, delegates or awaits."""
    if any(isinstance(s, f.For | f.While) for s in statements(generator.body)):
        return True
    nodes = (node for s in statements(generator.body) for expr in heads(s) for node in post_order(expr))
    return any(isinstance(n, f.Await) or (isinstance(n, f.Yield) and n.is_from) for n in nodes)


def _open_at(function: FunctionView, response: Site, injected: frozenset[int]) -> Holding | None:
    """The injected session on which a transaction is open when the response is made."""
    for sym, states in function.life.before.get(response.node, {}).items():
        if states & OPEN and root(sym) in injected:
            return Holding("injected", response.at, _first_use(function, sym, response.at))
    return None


def _around(function: FunctionView, response: Site) -> Holding | None:
    """A session with a transaction open that ASGI middleware opened around the application, response and all.

    What Starlette's BaseHTTPMiddleware opens around ``call_next`` is closed before the body is sent.
    """
    for sym, states in function.life.before.get(response.node, {}).items():
        match sym:
            case ("attr", ("attr", _, "state"), str(name)) if states & OPEN:
                for writer, kept in function.project.world.kept.puts(REQUEST_STATE, name):
                    opened = [m.sym for ms in function.project.world.flow(writer).managers.values() for m in ms]
                    if kept.sym in opened and _is_asgi(writer):
                        return Holding("middleware", response.at, _first_use(function, sym, response.at), writer)
    return None


def _is_asgi(function: Function) -> bool:
    """Whether it is an application as ASGI calls it, or middleware around one."""
    return {"scope", "receive", "send"} <= {parameter.name for parameter in function.params}


def _in_context(function: FunctionView) -> Iterator[Holding]:
    """Flask's ``stream_with_context`` around a generator, or as its decorator: Flask-SQLAlchemy's session stays."""
    if WITH_CONTEXT not in function.project.world.vocabulary.functions:
        return
    for site in function.flow.sites.values():
        feeders = [t.function for t in site.targets if t.function is not None and t.function.is_generator]
        if any(t.name == WITH_CONTEXT for t in site.targets):
            inner = [s for s in function.flow.sites.values() if s.group == site.at]
            feeders = [t.function for s in inner for t in s.targets if t.function is not None]
        elif not any(_keeps_context(function, feeder) for feeder in feeders):
            continue
        if feeders and not any(map(_lasts, feeders)):
            continue
        for sym, states in function.life.before.get(site.node, {}).items():
            if states & OPEN and _is_flasks(function, sym):
                yield Holding("context", site.group or site.at, _first_use(function, sym, site.at), *feeders[:1])
                break


def _keeps_context(function: FunctionView, generator: Function) -> bool:
    rows = (function.project.world.row_of_decorator(d, generator) for d in generator.facts.decorators)
    return any(row is not None and row[1] == WITH_CONTEXT for row in rows)


def _is_flasks(function: FunctionView, sym: Sym) -> bool:
    """Whether it is the session of Flask-SQLAlchemy, which goes with the application's context."""
    recipes = function.project.session(function.function, sym).recipes
    return bool(recipes) and all(recipe.maker.target.makes == FLASK for recipe in recipes)


def _left_open(function: FunctionView, response: Site, injected: frozenset[int]) -> Iterator[Holding]:
    """Dependencies that end with a transaction open on an injected session, which they share with the endpoint."""
    before = function.life.before.get(response.node, {})
    if any(states == NEW and root(sym) in injected for sym, states in before.items()):
        return  # the endpoint has ended it
    for dependency in dependencies(function):
        view = function.project.view(dependency)
        shared = outlasting(view)
        for _, store in view.life.exits:
            for sym, states in store.items():
                if states & OPEN and root(sym) in shared:
                    since = _first_use(view, sym, dependency.facts.at)
                    yield Holding("dependency", response.at, since, dependency)


def dependencies(function: FunctionView) -> Iterator[Function]:
    """The plain functions that the framework calls before the endpoint, and before them in turn."""
    world = function.project.world
    queue = [function.function]
    seen = {function.function}
    while queue:
        one = queue.pop(0)
        for number in range(len(one.params)):
            kinds = [k for value in world.providers(one, number) for k in members(value.type)]
            for kind in kinds:
                if isinstance(kind, Fn) and kind.function not in seen:
                    seen.add(kind.function)
                    queue.append(kind.function)
                    if not kind.function.is_generator:
                        yield kind.function


def _captured(function: FunctionView, feeders: list[Site], response: Site) -> Iterator[Holding]:
    """Generators that use a session of this function: captured from it, or passed to them."""
    sessions = set(_known_sessions(function))
    for site in feeders:
        for effect in function.project.summaries.at_site(function.function, site):
            ours = effect.session in sessions or root(effect.session) is not None or effect.session[0] == "open"
            if effect.kind in USES and ours:
                feeder = next((t.function for t in site.targets if t.function is not None), None)
                yield Holding("captured", response.at, effect, feeder)


def _known_sessions(function: FunctionView) -> Iterator[Sym]:
    world = function.project.world
    for number, parameter in enumerate(function.function.params):
        value = world.parameter(function.function, number)
        if world.is_session(Value(value.type)) and parameter.name in function.flow.env:
            yield ("param", number)


def _is_entry(function: FunctionView, *kinds: str) -> bool:
    return any(e.kind in kinds and e.function is function.function for e in function.entries)


def _endpoint(function: FunctionView, injected: frozenset[int]) -> Iterator[Holding]:
    """An endpoint that yields itself while its injected session is in a transaction."""
    if function.function.is_generator and _is_entry(function, "request"):
        for place, store in function.life.yields:
            held = next((sym for sym, states in store.items() if states & OPEN and root(sym) in injected), None)
            if held is not None:
                yield Holding("endpoint", place.at, _first_use(function, held, place.at))
                return


def _poll(function: FunctionView, injected: frozenset[int]) -> Iterator[Holding]:
    """A request that waits in a loop for something to change, with a transaction open meanwhile."""
    if function.function.is_generator or not _is_entry(function, "request"):
        return
    for occurrence in function.life.summary.occurrences:
        site = occurrence.effect.site
        if occurrence.effect.kind not in WAITS or site is None or not any(one.bound == "polling" for one in site.loops):
            continue
        held = next((sym for sym, states in occurrence.states if states & OPEN and root(sym) in injected), None)
        if held is not None:
            yield Holding("poll", site.at, _first_use(function, held, site.at))
            return


def _own(function: FunctionView) -> Iterator[Holding]:
    """A generator that feeds a stream and yields while a session that it opened is in a transaction."""
    if not _is_entry(function, "stream") and not (function.function.is_generator and _is_entry(function, "request")):
        return
    for node, managers in function.flow.managers.items():
        syms = {s for m in managers if (s := _session_sym(function, m)) is not None}
        for place, store in function.life.yields:
            inside = node.at.line < place.at.line <= node.at.end_line
            held = [sym for sym, states in store.items() if sym in syms and states & OPEN]
            if inside and held:
                yield Holding("own", node.at, _first_use(function, held[0], place.at), function.function)
                break


def _session_sym(function: FunctionView, manager: Value) -> Sym | None:
    world = function.project.world
    if world.is_session(manager):
        return manager.sym
    for kind in members(manager.type):
        inner = getattr(kind, "of", None)
        if isinstance(inner, Value) and world.is_session(inner):
            return inner.sym
    return None


def _websocket(function: FunctionView, injected: frozenset[int]) -> Iterator[Holding]:
    """A websocket handler that waits for messages while its injected session is in a transaction."""
    if not _is_entry(function, "websocket"):
        return
    world = function.project.world
    for call in function.calls:
        receivers = [t.bound for t in call.site.targets if t.bound is not None and t.row is not None]
        waits = any(world.kind(k) == "websocket" for r in receivers for k in members(r.type)) and call.site.loops
        if waits and any("wait" in t.row.does for t in call.site.targets if t.row is not None):
            for sym, states in function.life.before.get(call.site.node, {}).items():
                number = root(sym)
                if states & OPEN and number in injected and number is not None:
                    yield Holding("websocket", function.function.params[number].at, _first_use(function, sym, call.at))
                    return


def _first_use(function: FunctionView, sym: Sym, before: Span) -> Effect | None:
    """The first statement on a session in front of a place; the first at all where loops turn the order around."""
    uses = [e for c in function.calls for e in c.effects if e.session == sym and e.kind in USES]
    return next((e for e in uses if e.at < before), uses[0] if uses else None)


def root(sym: Sym) -> int | None:
    """The parameter that a symbol starts from; None for locals and globals."""
    while sym and sym[0] in ("attr", "init", "free"):
        sym = sym[1]
    return sym[1] if sym and sym[0] == "param" else None


def teardown(project: Project) -> str:
    """When FastAPI tears injected sessions down: after or before the response, or unknown where only a range is known.

    Source: FastAPI's release notes 0.106 and 0.118.
    """
    from persist_lint.context.versions import between

    version = project.surroundings.versions.get("fastapi")
    early, late = between(version, None, "0.106"), between(version, "0.118", None)
    if early or late:
        return "after"
    return "before" if between(version, "0.106", "0.118") else "unknown"
