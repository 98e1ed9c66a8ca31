"""Request-scoped sessions that are handed to something that outlives the request.

What the framework injects it also closes, when the request is done. A created task, a thread, a scheduled job or a
background task that nobody waits for then works on a session that was closed under it (a closed Session begins anew,
on a connection that nobody gives back), or shares it with the teardown.

    async def create(tasks: BackgroundTasks, session=Depends(get_session)):
        tasks.add_task(notify, session)              HandOver(way="later"): notify executes on the session
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.concurrent import TALKS
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, ClassObj, Fn, Inst, Sym, Value, members
from persist_lint.link.lifetimes import NEVER, Lifetimes
from persist_lint.link.origins import Origins
from persist_lint.link.sites import Site
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

OUTLIVING = frozenset({"background", "scheduled", "worker"})
AWAY = frozenset({"task", "thread", "process", "later", "loop", "entry"})


class HandOver(Struct, frozen=True, eq=False):
    """One hand-over. ``way``: later (after the response), task, thread, process, entry (a scheduler).

    ``session`` is the session in the function's terms; ``use`` what is executed on it there, None where only the
    session is seen to go; ``provider`` is the generator that closes it. ``weak``: the object that is handed over holds
    the session, and which of its sessions is used there is not known.
    """

    at: Span
    way: str
    session: Sym
    use: Effect | None
    provider: Function
    weak: bool


class HandOvers:
    """Answers for all functions of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world

    def of(self, view: FunctionView) -> Iterator[HandOver]:
        """The hand-overs in a function, one per call, in order of place."""
        for call in view.calls:
            way = _way(call.site)
            if way is None or (way != "later" and Lifetimes(view).end(call) != NEVER):
                continue
            found = next(self._used(view, call, way), None) or next(self._given(view, call, way), None)
            found = found or next(self._held(view, call, way), None)
            if found is not None:
                yield found

    def _effects(self, view: FunctionView, call: CallView) -> Iterator[Effect]:
        """What happens there: the handed function's work, that of coroutines made for the call included."""
        for one in view.calls:
            if one is call or one.site.group == call.at:
                yield from (e for e in one.effects if e.kind in TALKS and (one is not call or e.manner in AWAY))

    def _used(self, view: FunctionView, call: CallView, way: str) -> Iterator[HandOver]:
        """Statements on a session of this function that somebody injected."""
        known: dict[Sym, Function | None] = {}
        for effect in self._effects(view, call):
            sym = effect.session
            if sym in (UNKNOWN_SYM, INNER_SYM):
                continue
            if sym not in known:
                known[sym] = self.provider(view.function, sym)
            provider = known[sym]
            if provider is not None:
                yield HandOver(call.at, way, sym, effect, provider, effect.weak)

    def _given(self, view: FunctionView, call: CallView, way: str) -> Iterator[HandOver]:
        """The session itself, to something of which nothing is known."""
        if any(t.function is not None for t in call.site.targets):
            return
        for value in (*call.site.args, *(v for _, v in call.site.keywords)):
            if self._world.is_session(value):
                provider = self.provider(view.function, value.sym)
                if provider is not None:
                    yield HandOver(call.at, way, value.sym, None, provider, True)

    def _held(self, view: FunctionView, call: CallView, way: str) -> Iterator[HandOver]:
        """A method of an object whose constructor got the session, where what it executes is on something it holds."""
        lost = next((e for e in self._effects(view, call) if _is_held(e)), None)
        if lost is None:
            return
        for target in call.site.targets:
            for kind in members(target.bound.type) if target.function is not None and target.bound is not None else ():
                init = self._world.classes.find_method(kind.cls, "__init__") if isinstance(kind, Inst) else None
                for number in range(len(init.params) if init is not None else 0):
                    assert init is not None
                    value = self._world.parameter(init, number)
                    provider = self.provider(init, ("param", number)) if self._is_session(value) else None
                    if provider is not None:
                        yield HandOver(call.at, way, ("init", ("param", 0), number), lost, provider, True)

    def _is_session(self, value: Value) -> bool:
        return any(self._world.kind(kind) == "session" for kind in members(value.type))

    # ------------------------------------------------------------------ where it comes from

    def provider(self, function: Function, sym: Sym) -> Function | None:
        """The generator that a framework calls for the session, and resumes when the request is done."""
        root = sym
        while root[0] in ("attr", "init", "free") and isinstance(root[1], tuple):
            root = root[1]
        if root[0] == "param" and root[1] < len(function.params):
            closing = self._closing(function, root[1])
            if closing is not None:
                return closing
        for origin in Origins(self._project).of(function, sym):
            if origin.kind == "injected":
                provider = self._generators.get((origin.path, origin.at))
                if provider is not None:
                    return provider
        return None

    def _closing(self, function: Function, number: int) -> Function | None:
        """The generator of a session that fills a parameter, or one of a parameter of what fills it."""
        queue = self._world.providers(function, number)
        seen: set[Function] = set()
        while queue:
            for kind in members(queue.pop(0).type):
                made = kind.function if isinstance(kind, Fn) else None
                if isinstance(kind, ClassObj):
                    made = self._world.classes.find_method(kind.cls, "__init__")
                if made is None or made in seen:
                    continue
                seen.add(made)
                if made.is_generator and any(self._is_session(v) for v in self._world.flow(made).yields):
                    return made
                for inner in range(len(made.params)):
                    queue += self._world.providers(made, inner)
        return None

    @cached_property
    def _generators(self) -> dict[tuple[str, Span], Function]:
        every = self._world.index.functions()
        return {(one.module.path, one.facts.at): one for one in every if one.is_generator}


def _is_held(effect: Effect) -> bool:
    """Whether it is executed on a session that nobody knows, or on one that the callee finds in its own object."""
    if effect.session == UNKNOWN_SYM:
        return True
    sym = effect.via.session if effect.session == INNER_SYM and effect.via is not None else UNKNOWN_SYM
    while sym[0] in ("attr", "init", "item") and isinstance(sym[-1 if sym[0] == "item" else 1], tuple):
        sym = sym[-1] if sym[0] == "item" else sym[1]
    return sym == ("param", 0)


def _way(site: Site) -> str | None:
    """Where a call lets a function run that outlives it; None for all others."""
    for target in site.targets:
        for run in target.row.runs if target.row is not None and target.function is None else ():
            if run.marks in OUTLIVING and run.where in AWAY:
                return run.where
            if run.where in ("thread", "process") and run.concurrent and site.consumer in ("statement", "assign"):
                return run.where
    return None
