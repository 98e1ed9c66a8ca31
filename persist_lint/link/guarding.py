"""What keeps others from writing between a read and the write that rests on it.

Row locks (``with_for_update`` two calls deep, on a statement, a ``get`` or a ``refresh``; an UPDATE of the rows in the
same transaction), advisory locks, locks of files and of a cache server, ``BEGIN IMMEDIATE``, version columns, isolation
levels, and handlers of the violation that a unique constraint raises. In-memory locks protect one process only and do
not count.

    job = await jobs.get(job_id, for_update=True)     locks Job: what is read of it from here on stays true
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.arguments import received
from persist_lint.link.conditions import translate_guards
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Data, Lib, LibClass, Sym, members
from persist_lint.link.tree import flat, post_order, spelled, statements
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.callers import Caller
    from persist_lint.link.effects import Effect
    from persist_lint.link.project import Project
    from persist_lint.link.views import CallView, FunctionView

MAX_HOPS = 4
MAX_CALLERS = 8
#: Locks that hold in all processes.
FILE_LOCKS = ("fcntl.flock", "fcntl.lockf", "filelock.FileLock", "portalocker.Lock")
EXCLUSIVE = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")
SHARED_LOCKS = ("redis", "aioredis", "valkey", "pottery", "pymemcache")
VIOLATIONS = frozenset(
    {"IntegrityError", "UniqueViolation", "UniqueViolationError", "DBAPIError", "SQLAlchemyError", "DatabaseError",
     "DuplicateKeyError"}
)  # fmt: skip
REGISTERS = ("exception_handler", "add_exception_handler", "errorhandler", "register_error_handler")
STRICT = frozenset({"SERIALIZABLE", "REPEATABLE READ"})


class Lock(Struct, frozen=True, eq=False):
    """A lock taken at a place: of rows of ``entity``, or None for one that its name decides.

    ``until`` is the commit that releases what an UPDATE locked, None where the function has none.
    """

    at: Span
    entity: Class | None
    until: Span | None = None


class Origin(Struct, frozen=True, eq=False):
    """Where an entity was read without a lock: ``function`` and ``at``.

    ``sure`` unless it is a parameter of a function of which neither callers nor entry points are known.
    """

    function: FunctionView
    at: Span
    sure: bool


class Guarding:
    """Answers for all functions of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._locks: dict[Function, tuple[Lock, ...]] = {}
        self._named: dict[Function, bool] = {}

    # ------------------------------------------------------------------ of the whole project

    @cached_property
    def isolated(self) -> bool:
        """Whether some engine, session or connection is told to isolate transactions so that one of two must fail."""
        return any(
            value.sym[0] == "const" and str(value.sym[1]).upper() in STRICT
            for function in self._project.relevant
            for site in self._project.world.flow(function).sites.values()
            for name, value in site.keywords
            if name == "isolation_level"
        )

    @cached_property
    def handled(self) -> bool:
        """Whether an exception handler for constraint violations is registered for the whole application."""
        for function in self._project.relevant:
            for site in self._project.world.flow(function).sites.values():
                if site.name.endswith(REGISTERS) and site.args:
                    kinds = members(site.args[0].type)
                    if any(isinstance(k, LibClass) and k.name.rpartition(".")[2] in VIOLATIONS for k in kinds):
                        return True
        return False

    def versioned(self, cls: Class) -> bool:
        """Whether a mapped class has a version column, so that the second of two writers fails."""
        for one in self._project.world.classes.mro(cls):
            for statement in flat(one.facts.body):
                match statement:
                    case f.Assign(targets=(f.Name(id="__mapper_args__"),), value=f.DictLit(keys=keys)):
                        if any(isinstance(key, f.Const) and key.value == "version_id_col" for key in keys):
                            return True
        return False

    def unique(self, cls: Class) -> bool:
        """Whether some unique constraint besides the primary key stands in the class's declaration."""
        if any(c.unique and not c.primary for c in self._project.world.models.info(cls).columns.values()):
            return True
        for one in self._project.world.classes.mro(cls):
            for statement in flat(one.facts.body):
                value = statement.value if isinstance(statement, f.Assign) else None
                for node in post_order(value) if value is not None else ():
                    if isinstance(node, f.Call) and _is_unique(node):
                        return True
        return False

    # ------------------------------------------------------------------ locks

    def locks(self, view: FunctionView) -> tuple[Lock, ...]:
        """The locks that a function's calls take, in order of place."""
        if view.function not in self._locks:
            self._locks[view.function] = ()
            self._locks[view.function] = tuple(lock for call in view.calls for lock in self._of_call(view, call))
        return self._locks[view.function]

    def _of_call(self, view: FunctionView, call: CallView) -> Iterator[Lock]:
        if "advisory" in call.site.name or call.site.name.endswith("get_lock"):
            yield Lock(call.at, None)
            return
        for target in call.site.targets:
            if target.function is not None and self.takes_named(target.function):
                yield Lock(call.at, None)
                return
        for kind in members(call.site.result.type):
            if isinstance(kind, Lib) and _is_shared_lock(self._project, kind):
                yield Lock(call.at, None)
        for effect in call.effects:
            if effect.kind == "db.select" and self.locking(effect):
                yield Lock(call.at, effect.entity)
            elif effect.statement is not None and _excludes(effect.statement.text or ""):
                yield Lock(call.at, None)
            elif _updates_rows(effect) and "txn.commit" not in call.effect_kinds:
                ends = (c.at for c in view.calls if c.at > call.at and "txn.commit" in c.effect_kinds)
                yield Lock(call.at, effect.entity, next(ends, None))

    def takes_named(self, function: Function, hops: int = 0) -> bool:
        """Whether a function takes an advisory lock, one of a file or one of a cache server, at any depth."""
        if function not in self._named:
            self._named[function] = False
            sites = list(self._project.world.flow(function).sites.values())
            self._named[function] = any(
                "advisory" in site.name
                or site.name.endswith(FILE_LOCKS)
                or any(isinstance(k, Lib) and _is_shared_lock(self._project, k) for k in members(site.result.type))
                or any(isinstance(v.type, Data) and _excludes(v.type.text) for v in site.args)
                or (
                    hops < MAX_HOPS and any(t.function and self.takes_named(t.function, hops + 1) for t in site.targets)
                )
                for site in sites
            )
        return self._named[function]

    def locking(self, effect: Effect) -> bool:
        """Whether a SELECT may take row locks: by its statement, or by flags that these calls pass."""
        if effect.statement is not None and effect.statement.locks:
            return True
        site = effect.leaf.site
        asked = site.keyword("with_for_update") if site is not None else None
        if asked is not None and asked.sym not in (("const", None), ("const", False)):
            return True
        project = self._project
        if effect.via is None:
            own = project.view(effect.function).calls_by_part.get("lock", ())
            return any(call.at.line <= effect.at.end_line for call in own)
        for upper, lower in itertools.pairwise(effect.chain):
            for call in project.view(lower.function).calls_by_part.get("lock", ()):
                if upper.site is None or upper.target is None:
                    continue
                known = received(upper.site, upper.target)
                if translate_guards(call.site.guards, lower.function, known) is not None:
                    return True
        return False

    def locked(self, view: FunctionView, entity: Class | None, before: Span, hops: int = 0) -> bool:
        """Whether rows of the class are locked before that place, here or by every caller; for None, any rows."""
        if any(_covers(lock, entity, before) for lock in self.locks(view)):
            return True
        callers = self._callers(view)
        if not callers or hops >= MAX_HOPS:
            return False
        return all(self.locked(self._project.view(c.function), entity, c.site.at, hops + 1) for c in callers)

    # ------------------------------------------------------------------ where an entity comes from

    def unlocked(self, view: FunctionView, entity: Class, base: Sym, before: Span, hops: int = 0) -> Origin | None:
        """A place that read the entity without a lock; None where all read it with one, made it, or nobody knows."""
        if any(_covers(lock, entity, before) for lock in self.locks(view)):
            return None
        while base[0] in ("item", "attr", "init"):
            base = base[2] if base[0] == "item" else base[1]
        if base[0] in ("call", "open"):
            return None if self.locked(view, entity, before) else Origin(view, before, True)
        if base[0] != "param" or hops >= MAX_HOPS:
            return None
        callers = self._callers(view)
        if not callers:
            return Origin(view, before, bool(view.kinds))
        found = (self._at_caller(caller, view.function, entity, base, hops) for caller in callers)
        return next((origin for origin in found if origin is not None), None)

    def _at_caller(self, caller: Caller, callee: Function, entity: Class, base: Sym, hops: int) -> Origin | None:
        given = received(caller.site, caller.target).get(base[1])
        if given is None or caller.target.function is None or caller.target.function.origin is not callee.origin:
            return None
        return self.unlocked(self._project.view(caller.function), entity, given.sym, caller.site.at, hops + 1)

    def _callers(self, view: FunctionView) -> list[Caller]:
        found = [
            c for c in self._project.callers.of(view.function) if not self._project.is_test(c.function.module.path)
        ]
        return found[:MAX_CALLERS]

    # ------------------------------------------------------------------ handlers

    def handles(self, view: FunctionView, effects: tuple[Effect, ...], hops: int = 0) -> bool:
        """Whether a violated constraint is handled: in the function, below it on the way, or by all callers."""
        if self.handled or _names_violation(view.function):
            return True
        if any(_names_violation(step.function) for effect in effects for step in effect.chain[1:]):
            return True
        callers = self._callers(view)
        if not callers or hops >= MAX_HOPS:
            return False
        return all(self.handles(self._project.view(c.function), (), hops + 1) for c in callers)


def _is_unique(call: f.Call) -> bool:
    """``UniqueConstraint("a", "b")``, ``Index("x", "a", unique=True)``."""
    name = spelled(call.func).rpartition(".")[2]
    flagged = any(k.name == "unique" and isinstance(k.value, f.Const) and k.value.value is True for k in call.keywords)
    return name == "UniqueConstraint" or (name == "Index" and flagged)


def _covers(lock: Lock, entity: Class | None, at: Span) -> bool:
    """Whether a lock is held at a place, of rows of the class; for None, of any."""
    related = entity is None or lock.entity is None or lock.entity is entity
    return related and lock.at <= at and (lock.until is None or at <= lock.until)


def _excludes(sql: str) -> bool:
    """Whether a statement takes a lock of its own, or one of the whole database."""
    return "advisory" in sql or sql.upper().startswith(EXCLUSIVE)


def _updates_rows(effect: Effect) -> bool:
    """Whether it is an UPDATE of rows that its equality conditions name: they stay locked until the commit."""
    statement = effect.statement
    return effect.kind == "db.update" and statement is not None and statement.verb == "update" and bool(statement.keys)


def _is_shared_lock(project: Project, kind: Lib) -> bool:
    return project.world.kind(kind) == "lock" and kind.name.startswith(SHARED_LOCKS)


def _names_violation(function: Function) -> bool:
    for statement in statements(function.body):
        if isinstance(statement, f.Try):
            for handler in statement.handlers:
                kinds = handler.type.items if isinstance(handler.type, f.Seq) else (handler.type,)
                if any(kind is not None and spelled(kind).rpartition(".")[2] in VIOLATIONS for kind in kinds):
                    return True
    return False
