"""Failed database calls: who catches them, and whether the session is rolled back on the way.

A flush, commit or statement that fails leaves the session's transaction aborted until somebody rolls it back. Its error
travels outward: through ``with`` blocks (a savepoint, ``begin()`` or the session's own block roll back as it passes),
handlers (that re-raise, roll back, or swallow it), and to the callers.

    try:
        await repo.create(order)      the flush inside create fails, the error comes out of create
    except IntegrityError:            a Swallow: caught here, the session goes on unrolled
        log.info("exists")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Lib, Manager, Sym, members
from persist_lint.link.places import Frame
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.link.wrappers import wrappers
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

WRITES = frozenset({"flush", "txn.commit", "db.insert", "db.update", "db.delete"})
READS = frozenset({"db.select", "db.statement", "db.call", "unit.merge"})
UNIT = frozenset({"flush", "txn.commit"})
#: A failed statement of SQLite leaves the transaction as it was before it.
SQLITE = ("sqlite3.", "aiosqlite.")
BEGINS = frozenset({"txn.begin", "txn.savepoint"})
NEVER_RETURN = frozenset({"flask.abort", "sys.exit", "os._exit"})
MAX_RAISERS = 3
FAR = 3
RESTORES = frozenset({"txn.rollback", "session.close"})
PROTECTS = RESTORES | {"txn.savepoint", "txn.begin", "session.open"}
BROAD = frozenset({"builtins.Exception", "builtins.BaseException"})
#: Modules whose exceptions are database errors, and names in them that are not: they leave the transaction as it is.
DATABASE = ("sqlalchemy.exc.", "sqlalchemy.orm.exc.", "asyncpg.", "psycopg.", "psycopg2.", "sqlite3.", "aiosqlite.")
HARMLESS = frozenset(
    {"NoResultFound", "MultipleResultsFound", "ArgumentError", "InvalidRequestError", "TimeoutError", "StatementError"}
)
#: What a lost connection raises; around a SELECT they are caught because of that, and nothing is left to roll back.
LOST = frozenset({"OperationalError", "InterfaceError", "DBAPIError", "DisconnectionError"})


class Swallow(Struct, frozen=True, eq=False):
    """A handler that catches the failure of ``effect`` on ``session`` and lets the program go on.

    For ``suppress`` the handler is one that does nothing. ``final`` is the ``finally`` of the ``try``, ``frames`` are
    the blocks around it; ``ways`` how the handler is left: end, return, break, continue; with
    ``sometimes`` it rolls back or raises on other ways. ``names_it``: the handler names errors, not just everything.
    ``use`` is a use of the session in the handler itself.
    """

    function: Function
    handler: f.Handler
    final: tuple[f.Stmt, ...]
    frames: tuple[Frame, ...]
    effect: Effect
    session: Sym
    ways: frozenset[str]
    sometimes: bool
    names_it: bool
    use: Effect | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the call is resolved by convention, or other errors are likelier so far below a broad handler."""
        return self.effect.weak or (not self.names_it and self.effect.length > FAR)

    @property
    def at(self) -> Span:
        """The handler's head, ``except …`` up to its type; ``with suppress(…)``."""
        start, kind = self.handler.at, self.handler.type
        end = (start.line, start.column + len("except")) if kind is None else (kind.at.end_line, kind.at.end_column)
        return Span(start.line, start.column, *end)


class Failures:
    """Answers for all functions of a project."""

    def __init__(self, project: Project, executes_matter: bool = True) -> None:
        self._project = project
        self._kinds = (WRITES | READS) if executes_matter else UNIT
        self._leaving: dict[tuple[Function, str, Sym], bool] = {}

    def swallowed(self, function: Function) -> list[Swallow]:
        """The handlers of a function that swallow failed database calls, each once, in order of place."""
        found: dict[Span, Swallow] = {}
        suppresses = "suppress" in function.facts.names or function.is_module
        if not suppresses and not any(isinstance(s, f.Try) and s.handlers for s in statements(function.body)):
            return []
        sites = self._project.world.flow(function).sites.values()
        for site in sorted(sites, key=lambda s: s.at):
            for effect in self._project.summaries.at_site(function, site):
                if effect.kind in self._kinds and self._comes_out(effect):
                    stopped = self._stopped(effect)
                    if isinstance(stopped, Swallow):
                        self._keep(found, stopped)
        return list(found.values())

    @staticmethod
    def _keep(found: dict[Span, Swallow], swallow: Swallow) -> None:
        """One per handler: a failing write rather than a read."""
        known = found.get(swallow.at)
        if known is None or (known.effect.kind in READS and swallow.effect.kind in WRITES):
            found[swallow.at] = swallow

    # ------------------------------------------------------------------ outward

    def _comes_out(self, effect: Effect) -> bool:
        """Whether the failure arrives at the effect's call with the session as it is."""
        if effect.session in (UNKNOWN_SYM, INNER_SYM) or effect.manner not in ("here", "thread"):
            return False
        target = effect.leaf.target
        if target is not None and target.row is not None and "txn.savepoint" in target.row.does:
            return False  # what a savepoint flushes first was pending before
        if target is not None and target.name.startswith(SQLITE) and effect.kind not in UNIT:
            return False
        if effect.kind == "flush" and commits(effect):
            return False  # the commit itself is told
        return effect.via is None or self._escapes(effect.via)

    def _escapes(self, effect: Effect) -> bool:
        """Whether a failure like this one leaves the function: of several alike, one that nobody stops is enough."""
        key = (effect.function, effect.kind, effect.session)
        if key not in self._leaving:
            self._leaving[key] = False
            summaries, function = self._project.summaries, effect.function
            alike = (
                e
                for site in self._project.world.flow(function).sites.values()
                for e in summaries.at_site(function, site)
                if e.kind == effect.kind and e.session == effect.session
            )
            leaves = any(self._comes_out(e) and self._stopped(e) is None for e in alike)
            self._leaving[key] = leaves and not self._is_wrapped(function)
        return self._leaving[key]

    def _is_wrapped(self, function: Function) -> bool:
        """Whether a decorator of the project rolls back what fails in the function."""
        for wrapper in wrappers(self._project.world, function):
            for statement in statements(wrapper.body):
                if isinstance(statement, f.Try) and any(self._rolls_back(wrapper, h) for h in statement.handlers):
                    return True
        return False

    def _rolls_back(self, wrapper: Function, handler: f.Handler) -> bool:
        inside = (e for s in statements(handler.body) for e in effects_of(self._project, wrapper, s))
        return any(effect.kind in RESTORES for effect in inside)

    def _stopped(self, effect: Effect) -> Swallow | bool | None:
        """What stops the failure within the function: a swallowing handler or something that restores, if any."""
        site, function = effect.site, effect.function
        if site is None:
            return None
        frames = self._project.view(function).places.frames(site.node)
        for number in range(len(frames) - 1, -1, -1):
            owner = frames[number].owner
            if isinstance(owner, f.With) and self.ends_with(function, owner, effect.session):
                return True
            handlers = self._handlers(function, owner) if frames[number].part == "body" else ()
            final = owner.final if isinstance(owner, f.Try) else ()
            handler = next((h for h in handlers if self._catches(function, h, effect)), None)
            outcome = self._handled(function, final, handler, frames[:number], effect) if handler is not None else None
            if outcome is not None:
                return outcome
            if final and self.restores(function, final, effect.session):
                return True
        return None

    def _handlers(self, function: Function, owner: f.Stmt | None) -> tuple[f.Handler, ...]:
        """What catches errors of a statement: handlers of a ``try``; ``suppress(…)`` as one that does nothing."""
        if isinstance(owner, f.Try):
            return owner.handlers
        if not isinstance(owner, f.With):
            return ()
        found = []
        for item in owner.items:
            site = self._project.world.flow(function).sites.get(item.context)
            if isinstance(item.context, f.Call) and site is not None and _suppresses(site):
                kinds = f.Seq(item.context.at, "tuple", item.context.args)
                found.append(f.Handler(owner.at, kinds, None, ()))
        return tuple(found)

    def _handled(
        self,
        function: Function,
        final: tuple[f.Stmt, ...],
        handler: f.Handler,
        frames: tuple[Frame, ...],
        effect: Effect,
    ) -> Swallow | bool | None:
        walk = HandlerWalk(self._project, function, effect.session)
        ways = walk.ways(handler.body)
        swallowing = ways - {"raise", "restore"}
        if not swallowing:
            return None if ways == {"raise"} else True
        return Swallow(
            function, handler, final, frames, effect, effect.session, frozenset(swallowing),
            bool(ways - swallowing), not BROAD.intersection(self._names(function, handler.type)), walk.use,
        )  # fmt: skip

    # ------------------------------------------------------------------ what catches and what restores

    def _catches(self, function: Function, handler: f.Handler, effect: Effect) -> bool:
        """Whether a handler catches the database's error; for reads only if it names such an error."""
        named = self._names(function, handler.type)
        if any(name in BROAD for name in named):
            return effect.kind in WRITES
        others = HARMLESS if effect.kind in WRITES else HARMLESS | LOST
        return any(name.startswith(DATABASE) and name.rpartition(".")[2] not in others for name in named)

    def _names(self, function: Function, expr: f.Expr | None) -> list[str]:
        if expr is None:
            return ["builtins.BaseException"]
        if isinstance(expr, f.Seq):
            return [name for item in expr.items for name in self._names(function, item)]
        if isinstance(expr, f.Name) and self._project.world.resolver.name(expr.id, function.module, function) is None:
            return [f"builtins.{expr.id}"]
        return [self._project.world.resolver.dotted(expr, function.module, function)]

    def ends_with(self, function: Function, statement: f.With, session: Sym) -> bool:
        """Whether leaving the ``with`` by an error rolls the session back, to a savepoint or altogether."""
        flow = self._project.world.flow(function)
        for item in statement.items:
            site = flow.sites.get(item.context)
            effects = self._project.summaries.at_site(function, site) if site is not None else []
            if any(e.kind in PROTECTS and e.session == session for e in effects):
                return True
            leave = flow.leaves.get(item)  # the ``__exit__`` of a project class
            ended = self._project.summaries.at_site(function, flow.sites[leave]) if leave is not None else []
            if any(e.kind in RESTORES and e.session == session for e in ended):
                return True
        return any(_gives(self._project, value.type, value.sym, session) for value in flow.managers.get(statement, ()))

    def restores(self, function: Function, block: tuple[f.Stmt, ...], session: Sym) -> bool:
        """Whether a block certainly rolls the session back or closes it."""
        return HandlerWalk(self._project, function, session).ways(block) == {"restore"}


class HandlerWalk:
    """The ways through a handler: ``raise``, ``restore`` (rolled back or closed), ``end``, ``return``, ``break`` …"""

    def __init__(self, project: Project, function: Function, session: Sym) -> None:
        self._project = project
        self._function = function
        self._session = session
        self.use: Effect | None = None

    def ways(self, block: tuple[f.Stmt, ...]) -> set[str]:
        found: set[str] = set()
        for statement in block:
            here = self._statement(statement)
            found |= here - {"end"}
            if "end" not in here:
                return found
        return found | {"end"}

    def _statement(self, statement: f.Stmt) -> set[str]:
        if self._restores(statement):
            return {"restore"}
        if self._never_returns(statement):
            return {"raise"}
        match statement:
            case f.Raise():
                return {"raise"}
            case f.Return():
                return {"return"}
            case f.Jump(kind=kind):
                return {"end"} if kind == "pass" else {kind}
            case f.If(body=body, orelse=orelse):
                return self.ways(body) | self.ways(orelse)
            case f.With(body=body):
                return self.ways(body)
            case f.Try(body=body, handlers=handlers, final=final):
                inner = self.ways(body).union(*(self.ways(h.body) for h in handlers))
                last = self.ways(final)
                return inner if "end" in last else last
            case f.For(body=body) | f.While(body=body):
                return (self.ways(body) - {"break", "continue"}) | {"end"}
            case f.Match(cases=cases):
                return {"end"}.union(*(self.ways(c.body) for c in cases))
        return {"end"}

    def _never_returns(self, statement: f.Stmt) -> bool:
        """Whether one of the statement's calls always raises, as a helper that turns errors into others."""
        sites = self._project.world.flow(self._function).sites
        found = (sites.get(node) for head in heads(statement) for node in post_order(head))
        return any(site is not None and always_raises(self._project, site) for site in found)

    def _restores(self, statement: f.Stmt) -> bool:
        """Whether the statement's own calls restore the session; a use before that is kept."""
        for effect in effects_of(self._project, self._function, statement):
            if effect.kind in RESTORES and self._session in (effect.session, self._begun_on(effect.session)):
                return True
            if effect.session != self._session:
                continue
            if self.use is None and effect.kind in WRITES | READS:
                self.use = effect
        return False

    def _begun_on(self, transaction: Sym) -> Sym | None:
        """The session whose ``begin()`` or ``begin_nested()`` made a transaction object."""
        if transaction[0] != "open":
            return None
        for site in self._project.world.flow(self._function).sites.values():
            if (site.at.line, site.at.column) == transaction[1]:
                for target in site.targets:
                    if target.row is not None and target.bound is not None and BEGINS & set(target.row.does):
                        return target.bound.sym
        return None


def _suppresses(site: Site) -> bool:
    return any(target.name == "contextlib.suppress" for target in site.targets)


def commits(effect: Effect) -> bool:
    """Whether a flush is the one that a commit begins with."""
    target = effect.leaf.target
    return target is not None and target.row is not None and "txn.commit" in target.row.does


def effects_of(project: Project, function: Function, statement: f.Stmt) -> Iterator[Effect]:
    """The effects of the calls in a statement's own expressions, in order of evaluation."""
    sites = project.world.flow(function).sites
    for head in heads(statement):
        for node in post_order(head):
            site = sites.get(node)
            if site is not None and site.manner in ("here", "thread"):
                yield from project.summaries.at_site(function, site)


def always_raises(project: Project, site: Site, depth: int = 0) -> bool:
    """Whether every function that a call may run raises on all its ways."""
    if not site.targets or site.consumer not in ("statement", "await", "return"):
        return False
    names = [t.name for t in site.targets if t.function is None]
    if names:
        return len(names) == len(site.targets) and all(name in NEVER_RETURN for name in names)
    return all(_only_raises(project, t.function, depth) for t in site.targets if t.function is not None)


def _only_raises(project: Project, function: Function, depth: int) -> bool:
    return (
        depth < MAX_RAISERS
        and not function.is_generator
        and _ends(project, function, function.body, depth) == {"raise"}
    )


def _ends(project: Project, function: Function, block: tuple[f.Stmt, ...], depth: int) -> set[str]:
    """The ways in which a block ends: ``raise``, ``end`` or anything else."""
    sites = project.world.flow(function).sites
    found: set[str] = set()
    for statement in block:
        here = {"end"}
        match statement:
            case f.Raise():
                here = {"raise"}
            case f.Return() | f.Jump():
                here = {"else"}
            case f.If(body=body, orelse=orelse):
                here = _ends(project, function, body, depth) | _ends(project, function, orelse, depth)
            case f.Match(cases=cases):
                whole = any(not c.classes and c.guard is None for c in cases)
                here = set().union(*(_ends(project, function, c.body, depth) for c in cases)) | (
                    set() if whole else {"end"}
                )
            case f.With(body=body):
                here = _ends(project, function, body, depth)
            case f.Try(body=body, handlers=handlers):
                here = _ends(project, function, body, depth)
                here = here.union(*(_ends(project, function, h.body, depth) for h in handlers))
            case f.ExprStmt(value=value):
                site = sites.get(value.value if isinstance(value, f.Await) else value)
                if site is not None and always_raises(project, site, depth + 1):
                    here = {"raise"}
        found |= here - {"end"}
        if "end" not in here:
            return found
    return found | {"end"}


def _gives(project: Project, kind: object, sym: Sym, session: Sym) -> bool:
    """Whether a manager hands out the session itself, which it then closes."""
    for one in members(kind):  # type: ignore[arg-type]
        if isinstance(one, Manager) and one.of.sym == session:
            return True
        if isinstance(one, Lib) and project.world.kind(one) in ("session", "connection", "scoped_session"):
            return sym == session
    return False
