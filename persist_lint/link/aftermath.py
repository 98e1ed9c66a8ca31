"""What becomes of a session after a failure was swallowed: the first thing that happens to it, here or in the callers.

try:                                  after the handler: the rest of the block, the next turn of the loop, the end
    await session.flush()             of the ``with``; after the function: what each caller does next
except IntegrityError:
    pass
await session.commit()                → committed
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.arguments import received
from persist_lint.link.effects import Effect
from persist_lint.link.failures import READS, RESTORES, WRITES, Failures, Swallow, commits, effects_of
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Fn, Sym, members, substitute
from persist_lint.link.narrow import exits
from persist_lint.link.places import Frame
from persist_lint.link.tree import blocks
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

Kind = Literal["begun", "shared", "committed", "used", "unknown", "closed"]
#: The worst first.
ORDER: tuple[Kind, ...] = ("begun", "shared", "committed", "used", "unknown", "closed")
MAX_CALLERS = 3


class After(Struct, frozen=True, eq=False):
    """What happens next to the session, and where.

    ``begun``: its ``begin()`` block ends as if nothing had been; ``shared``: it serves others later; ``committed`` and
    ``used`` by ``effect``; ``closed``: nothing but rolled back or closed; ``unknown``: nobody is seen to call.
    """

    kind: Kind
    function: Function
    at: Span
    effect: Effect | None = None


class Aftermath:
    """Follows sessions onward from swallowed failures."""

    def __init__(self, project: Project, failures: Failures) -> None:
        self._project = project
        self._failures = failures

    def of(self, swallow: Swallow) -> After:
        """The worst of what can happen next."""
        if swallow.use is not None:
            return self._after(swallow.use)
        found = []
        for way in sorted(swallow.ways):
            last = self._first(swallow.function, swallow.final, swallow.session)
            found.append(last or self._onward(swallow.function, swallow.frames, swallow.session, way, 0))
        return worst(found)

    @cached_property
    def _scoped(self) -> frozenset[Sym]:
        """The sessions of modules that are one per request or task, which their framework removes."""
        world = self._project.world
        bound = (
            target.bound
            for function in self._project.relevant
            for site in world.flow(function).sites.values()
            for target in site.targets
            if target.bound is not None and _root(target.bound.sym)[0] == "global"
        )
        return frozenset(b.sym for b in bound if any(world.kind(k) == "scoped_session" for k in members(b.type)))

    # ------------------------------------------------------------------ outward through blocks

    def _onward(self, function: Function, frames: tuple[Frame, ...], session: Sym, way: str, depth: int) -> After:
        for frame in reversed(frames):
            if way == "end":
                rest = frame.block[frame.index + 1 :]
                found = self._first(function, rest, session)
                if found is not None:
                    return found
                if rest and exits(rest):
                    way = "return"
            found, way = self._leave(function, frame, session, way)
            if found is not None:
                return found
        return self._ended(function, session, depth)

    def _leave(self, function: Function, frame: Frame, session: Sym, way: str) -> tuple[After | None, str]:
        """What leaving the statement around does, and how it goes on after that."""
        owner = frame.owner
        match owner:
            case f.With():
                return self._left_with(function, owner, session), way
            case f.Try(orelse=orelse, final=final):
                found = self._first(function, orelse, session) if way == "end" and frame.part == "body" else None
                return found or self._first(function, final, session), way
            case f.For() | f.While():
                if way in ("end", "continue"):
                    return self._first(function, owner.body, session), "end"
                return None, "end" if way == "break" else way
        return None, way

    def _left_with(self, function: Function, statement: f.With, session: Sym) -> After | None:
        if not self._failures.ends_with(function, statement, session):
            return None
        flow = self._project.world.flow(function)
        for item in statement.items:
            site = flow.sites.get(item.context)
            for target in site.targets if site is not None else ():
                if target.row is not None and target.row.exit == "commit":
                    return After("begun", function, statement.at)
                if target.function is not None and self._project.resources.commits_after_yield(target.function):
                    return After("committed", function, statement.at)
        return After("closed", function, statement.at)

    def _first(self, function: Function, block: tuple[f.Stmt, ...], session: Sym) -> After | None:
        """The first thing that statements do to the session."""
        for statement in flat(block):
            for effect in effects_of(self._project, function, statement):
                if effect.session == session and effect.kind in WRITES | READS | RESTORES:
                    return self._after(effect)
        return None

    @staticmethod
    def _after(effect: Effect) -> After:
        if effect.kind in RESTORES:
            return After("closed", effect.function, effect.at, effect)
        ends = effect.kind == "txn.commit" or (effect.kind == "flush" and commits(effect))
        return After("committed" if ends else "used", effect.function, effect.at, effect)

    # ------------------------------------------------------------------ beyond the function

    def _ended(self, function: Function, session: Sym, depth: int) -> After:
        """The function is left with the session as it is."""
        end = After("closed", function, function.facts.at)
        if session[0] in ("open", "call", "new"):
            return end
        scoped = session in self._scoped
        if _root(session)[0] == "global" and not scoped:
            return After("shared", function, function.facts.at)
        found = list(self._in_callers(function, session, depth)) if depth < MAX_CALLERS else []
        if found or scoped:
            return worst(found) if found else end
        view = self._project.view(function)
        if view.entries:
            return After("committed", function, function.facts.at) if self._commits_injected(function, session) else end
        return After("unknown", function, function.facts.at)

    def _in_callers(self, function: Function, session: Sym, depth: int) -> Iterator[After]:
        for caller in self._project.callers.nearest(function):
            if self._project.is_test(caller.function.module.path) or caller.site.manner not in ("here", "thread"):
                continue
            known = received(caller.site, caller.target)
            outer = substitute(session, {i: v.sym for i, v in known.items()})
            if outer in (UNKNOWN_SYM, INNER_SYM):
                continue
            frames = self._project.view(caller.function).places.frames(caller.site.node)
            returns = bool(frames) and isinstance(frames[-1].block[frames[-1].index], f.Return)
            yield self._onward(caller.function, frames, outer, "return" if returns else "end", depth + 1)

    def _commits_injected(self, function: Function, session: Sym) -> bool:
        """Whether the dependency that gave a handler its session commits after the handler."""
        if session[0] != "param" or session[1] >= len(function.params):
            return False
        providers = [k for v in self._project.world.providers(function, session[1]) for k in members(v.type)]
        commits = self._project.resources.commits_after_yield
        return any(isinstance(kind, Fn) and commits(kind.function) for kind in providers)


def followed(project: Project, failures: Failures) -> Iterator[tuple[FunctionView, Swallow, After]]:
    """Every handler that swallows, with what follows; a wrapper's for the first of the functions that it stands for."""
    aftermath = Aftermath(project, failures)
    told: set[tuple[str, Span]] = set()
    for function in (*project.functions(), *project.wrappers()):
        for swallow in () if function.silent else failures.swallowed(function.function):
            if (function.path, swallow.at) not in told:
                told.add((function.path, swallow.at))
                yield function, swallow, aftermath.of(swallow)


def _root(sym: Sym) -> Sym:
    """What an attribute, or a constructor's argument, is one of in the end."""
    while sym[0] in ("attr", "init") and isinstance(sym[1], tuple):
        sym = sym[1]
    return sym


def worst(found: list[After]) -> After:
    """The worst of several ends."""
    return min(found, key=lambda after: ORDER.index(after.kind))


def flat(block: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """The statements in order of place, those of nested blocks included; handlers, which are rarely run, left out."""
    for statement in block:
        yield statement
        if isinstance(statement, f.Try):
            for inner in (statement.body, statement.orelse, statement.final):
                yield from flat(inner)
        else:
            for inner in blocks(statement):
                yield from flat(inner)
