"""Sessions that several tasks or threads use at the same time.

A *branch* is what runs beside the function that starts it: one coroutine of a ``gather``, a task, a job of an executor,
a thread. It lives from its start to the place where the function waits for it. Two branches that live at the same time,
one that is started once per item, or one and the function itself share a session when both talk to the database on it.

    async with asyncio.TaskGroup() as group:            both tasks live until the block ends
        group.create_task(self.count(query))            uses self.session
        group.create_task(self.items(query))            uses it, too
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Coro, Lib, Sym, Tup, Value, members, mentions, session_of
from persist_lint.link.lifetimes import NEVER, Lifetimes, Place, exclusive
from persist_lint.link.sites import Loop
from persist_lint.link.tree import post_order
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

WRITES = frozenset({"flush", "txn.commit", "txn.rollback", "unit.merge", "db.insert", "db.update", "db.delete"})
#: What needs the connection for itself; ``add`` and ``expire`` only keep books.
TALKS = SQL_KINDS | WRITES
BESIDE = frozenset({"task", "thread", "process", "loop"})
#: Connections and sessions that serve one task or thread at a time; drivers that queue or lock are left out.
SINGLE = ("sqlalchemy.", "sqlmodel.", "flask_sqlalchemy.", "asyncpg.")
SELF, REGISTRY = frozenset({"session", "connection"}), frozenset({"scoped_session"})
PER_TASK = "sqlalchemy.ext.asyncio.async_scoped_session"


class Branch(Struct, frozen=True, eq=False):
    """What runs beside the function: the calls that it consists of, from ``start`` to ``end``.

    ``loops`` are those that start it once per turn. ``manner``: task, thread or process.
    """

    call: CallView
    calls: tuple[CallView, ...]
    start: Place
    end: Place
    loops: tuple[Loop, ...]
    manner: str


class Sharing(Struct, frozen=True, eq=False):
    """A session that is used at the same time: by ``first`` and by ``other`` (None: by further turns of a loop).

    ``at`` is the call that starts it. ``uses`` are the effects on the session, of the first branch and of the other
    one; none where the session was only handed over. ``closes`` is the block that closes it meanwhile. ``weak``: some
    of it depends on flags, or rests on a convention.
    """

    at: Span
    session: Sym
    first: Branch
    other: Branch | None
    uses: tuple[Effect, ...]
    closes: Span | None = None
    weak: bool = False

    @property
    def writes(self) -> bool:
        """Whether one of them flushes, commits, rolls back or sends a writing statement."""
        return any(effect.kind in WRITES for effect in self.uses)

    def name(self, branch: Branch) -> str:
        """What one of its branches calls, as written, or the function that was handed over."""
        used = next((e for e in self.uses if any(e.site is call.site for call in branch.calls)), None)
        if used is not None and used.target is not None and used.target.arguments is not None:
            return f"{used.target.name.rpartition('.')[2]}()"
        return f"{branch.calls[-1].site.name if used is None or used.site is None else used.site.name}()"


def shared_sessions(project: Project) -> Iterator[tuple[FunctionView, Sharing]]:
    """The sessions that are used at the same time, each with the function that makes it so."""
    gathers = Gathering(project)
    for function in project.functions():
        for sharing in Branches(function, gathers).shared():
            yield function, sharing


class Branches:
    """The branches of one function, and the sessions that they share."""

    def __init__(self, function: FunctionView, gathers: Gathering) -> None:
        self._function = function
        self._gathers = gathers
        self._lives = Lifetimes(function)

    def shared(self) -> Iterator[Sharing]:
        """The sessions that are used at the same time; one per group of branches and session."""
        branches = list(self._all())
        told: set[tuple[Span, Sym]] = set()
        done: set[tuple[int, Sym]] = set()
        for number, branch in enumerate(branches):
            for session, uses in self._by_session(branch).items():
                if (number, session) in done:
                    continue
                found = self._sharing(branches, number, session, uses)
                if found is None:
                    continue
                done.update((n, session) for n, b in enumerate(branches) if n == number or _meet(branch, b))
                if (found.at, session) not in told:
                    told.add((found.at, session))
                    yield found

    # ------------------------------------------------------------------ branches

    @cached_property
    def _grouped(self) -> dict[Span, list[CallView]]:
        found: dict[Span, list[CallView]] = {}
        for call in self._function.calls:
            if call.site.group is not None:
                found.setdefault(call.site.group, []).append(call)
        return found

    def _all(self) -> Iterator[Branch]:
        for call in self._function.calls:
            rows = [t.row for t in call.site.targets if t.row is not None and t.function is None]
            wheres = [run.where for row in rows for run in row.runs if run.concurrent]
            if wheres:
                yield from self._started(call, wheres[0])
            elif any(self._gathers(t.function) for t in call.site.targets if t.function is not None):
                yield from self._handed(call, _coroutines(self._function, call))

    def _started(self, call: CallView, where: str) -> Iterator[Branch]:
        inner = [(c, *_coroutines(self._function, c)) for c in self._grouped.get(call.at, ())]
        spawns = "spawn" in call.effect_kinds or any(t.row is not None and t.makes for t in call.site.targets)
        if not spawns:
            yield from self._handed(call, [one[0] for one in inner])
            return
        end = self._lives.end(call)
        calls = (call, *(c for group in inner for c in group), *_in_lambdas(self._function, call))
        loops = tuple(loop for loop in call.site.loops if _repeats(loop) and not _ends_in(loop, end))
        yield Branch(call, calls, _start(call.at), end, loops, where)

    def _handed(self, call: CallView, coroutines: list[CallView]) -> Iterator[Branch]:
        """The coroutines that a ``gather`` gets: each a branch that lives as long as the call."""
        for one in coroutines:
            loops = tuple(x for x in one.site.loops if _repeats(x) and x not in call.site.loops)
            calls = (one, *_coroutines(self._function, one))
            yield Branch(call, calls, _start(call.at), _end(call.at), loops, "task")

    # ------------------------------------------------------------------ what they use

    def _by_session(self, branch: Branch) -> dict[Sym, list[Effect]]:
        found: dict[Sym, list[Effect]] = {}
        for call in branch.calls:
            own = call is branch.call
            for effect in call.effects:
                if effect.kind in TALKS and (not own or _is_beside(effect)) and self._counts(effect, branch):
                    found.setdefault(effect.session, []).append(effect)
        for sym in self._given(branch):
            found.setdefault(sym, [])
        return found

    def _counts(self, effect: Effect, branch: Branch) -> bool:
        """Whether an effect needs a session or connection that serves one at a time, and takes no lock before."""
        name = effect.leaf.target.name if effect.leaf.target is not None else ""
        if effect.session in (UNKNOWN_SYM, INNER_SYM) or not name.startswith(SINGLE) or name.startswith(PER_TASK):
            return False
        in_thread = branch.manner != "task" or effect.manner in ("thread", "process")
        if in_thread and (
            self._is_on(effect, REGISTRY) or (_is_shared(effect.session) and not self._is_on(effect, SELF))
        ):
            return False
        return not self._locked(effect)

    def _is_on(self, effect: Effect, kinds: frozenset[str]) -> bool:
        """Whether the receiver is of such a kind: a registry, or a query of one, has a session for each thread."""
        bound = effect.leaf.target.bound if effect.leaf.target is not None else None
        world = self._function.project.world
        return bound is not None and any(world.kind(k) in kinds for k in members(bound.type))

    def _locked(self, effect: Effect) -> bool:
        project = self._function.project
        for step in effect.chain[1:]:
            view = project.view(step.function)
            frames = view.places.frames(step.site.node) if step.site is not None else ()
            owners = [frame.owner for frame in frames if isinstance(frame.owner, f.With)]
            if any(_is_lock(view, value) for owner in owners for value in view.flow.managers.get(owner, ())):
                return True
        return False

    def _given(self, branch: Branch) -> Iterator[Sym]:
        """Sessions handed to something in another thread or process of which nothing is known; to processes, any."""
        site = branch.call.site
        known = any(t.manner in BESIDE for t in site.targets)
        if branch.manner not in ("thread", "process") or (known and branch.manner != "process"):
            return
        named = [v for name, v in site.keywords if name in ("args", "session", "db", "db_session")]
        values = [*site.args, *named]
        values += [item for v in values for k in members(v.type) if isinstance(k, Tup) for item in k.items]
        for value in values:
            if self._is_session(value) and value.sym not in (UNKNOWN_SYM, INNER_SYM):
                yield session_of(value.sym)

    def _is_session(self, value: Value) -> bool:
        world = self._function.project.world
        names = [
            k.name for k in members(value.type) if isinstance(k, Lib) and world.kind(k) in ("session", "connection")
        ]
        return any(name.startswith(SINGLE) for name in names) and not value.weak

    # ------------------------------------------------------------------ at the same time

    def _sharing(self, branches: list[Branch], number: int, session: Sym, uses: list[Effect]) -> Sharing | None:
        branch = branches[number]
        if any(not _own_per_turn(session, loop, branch) for loop in branch.loops):
            return self._told(branch, session, None, uses, uses)
        for other in branches[number + 1 :]:
            if _meet(branch, other) and not exclusive(self._function, branch.calls[-1].site, other.calls[-1].site):
                theirs = self._by_session(other).get(session)
                if theirs is not None:
                    return self._told(branch, session, other, uses, theirs)
        return self._meanwhile(branches, branch, session, uses)

    def _meanwhile(self, branches: list[Branch], branch: Branch, session: Sym, uses: list[Effect]) -> Sharing | None:
        """What the function itself does on the session before it waits for the branch."""
        members_of = {id(call) for one in branches for call in (one.call, *one.calls)}
        for call in self._function.calls:
            if not branch.start < _start(call.at) < branch.end or id(call) in members_of or call.site.group is not None:
                continue
            theirs = [e for e in call.effects if e.session == session and e.manner == "here" and e.kind in TALKS]
            if theirs and not exclusive(self._function, branch.call.site, call.site):
                own = Branch(call, (call,), _start(call.at), _end(call.at), (), "here")
                return self._told(branch, session, own, uses, theirs)
        closes = self._lives.left(session, branch.start, branch.end)
        if closes is None:
            return None
        found = self._told(branch, session, None, uses, [])
        return None if found is None else Sharing(
            found.at, session, branch, None, found.uses, closes, found.weak
        )  # fmt: skip

    def _told(
        self, first: Branch, session: Sym, other: Branch | None, ours: list[Effect], theirs: list[Effect]
    ) -> Sharing | None:
        effects = (*ours[:1], *theirs[:1], *ours[1:], *theirs[1:])
        on_loop = [e for e in effects if e.blocking and e.manner not in ("thread", "process")]
        in_tasks = first.manner == "task" and (other is None or other.manner != "thread")
        serial = in_tasks and len(on_loop) == len(effects) > 0
        if serial and not any(e.kind in WRITES for e in effects):
            return None  # a blocking session of tasks on one loop: each call ends before the next one begins
        weak = serial or not effects or any(not _sure(group) for group in (ours, theirs) if group)
        return Sharing(first.call.at, session, first, other, effects, None, weak)


def _is_shared(session: Sym) -> bool:
    """Whether it is an object of a module, or what such an object has."""
    while session[0] == "attr":
        session = session[1]
    return bool(session[0] == "global")


def _sure(effects: list[Effect]) -> bool:
    return any(not effect.guards and not effect.weak for effect in effects)


def _meet(one: Branch, other: Branch) -> bool:
    return other is not one and one.start < other.end and other.start < one.end


def _is_beside(effect: Effect) -> bool:
    """Whether an effect of a starting call is that of what it starts, not of its own."""
    return effect.target is not None and effect.target.manner in BESIDE


def _repeats(loop: Loop) -> bool:
    return loop.bound != "retry"


def _ends_in(loop: Loop, end: Place) -> bool:
    """Whether the branch is waited for in the same turn."""
    at = loop.node.at if loop.node is not None else loop.at
    return end != NEVER and end < _end(at)


def _own_per_turn(session: Sym, loop: Loop, branch: Branch) -> bool:
    """Whether each turn of the loop uses a session of its own."""
    if mentions(session, loop.place):
        return True
    if session[0] not in ("open", "call", "new"):
        return False
    place = session[1] if session[0] != "new" else next((s for i, s in session[2] if i == -1), None)
    if not isinstance(place, tuple):
        return False
    spans = [loop.node.at] if isinstance(loop.node, f.For | f.While) else [call.at for call in branch.calls]
    return any(_start(at) <= place < _end(at) for at in spans)


def _is_lock(view: FunctionView, value: Value) -> bool:
    world = view.project.world
    return any(
        isinstance(kind, Lib)
        and world.kind(kind) == "lock"
        and "Semaphore" not in kind.name
        and "Limiter" not in kind.name
        for kind in members(value.type)
    )


def _start(at: Span) -> Place:
    return (at.line, at.column)


def _end(at: Span) -> Place:
    return (at.end_line, at.end_column)


def _coroutines(function: FunctionView, call: CallView) -> list[CallView]:
    """The coroutines that are made among the arguments of a call, and not awaited there."""
    node = call.site.node
    if not isinstance(node, f.Call):
        return []
    inside = {id(n) for arg in (*node.args, *(k.value for k in node.keywords)) for n in post_order(arg)}
    return [
        c
        for c in function.calls
        if id(c.site.node) in inside
        and isinstance(c.site.result.type, Coro)
        and not c.site.awaited
        and c.site.consumer in ("argument", "collect")
    ]


def _in_lambdas(function: FunctionView, call: CallView) -> list[CallView]:
    """The calls in lambdas among the arguments, which run where the callee runs them."""
    at = call.at
    beside = (c for c in function.calls if c is not call and c.site.manner in BESIDE and c.site.group is None)
    return [c for c in beside if at.line <= c.at.line and _start(at) < _start(c.at) < _end(at)]


class Gathering:
    """Which functions of the project run the coroutines that they are given at the same time.

    async def limited(n, *coroutines):
        return await asyncio.gather(*(bounded(c) for c in coroutines))
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[Function, bool] = {}

    def __call__(self, function: Function) -> bool:
        if function not in self._known:
            self._known[function] = _gathers(self._project.view(function))
        return self._known[function]


def _gathers(view: FunctionView) -> bool:
    names = {p.name for p in view.function.params}
    for call in view.calls:
        node = call.site.node
        rows = [t.row for t in call.site.targets if t.row is not None and t.function is None]
        if not isinstance(node, f.Call) or not any(run.concurrent for row in rows for run in row.runs):
            continue
        if any(row.gives == "gathered" for row in rows):
            for arg in node.args:
                if isinstance(arg, f.Star) and any(isinstance(n, f.Name) and n.id in names for n in post_order(arg)):
                    return True
    return False
