"""What rules see: functions and their calls, with effects, loops, context and evidence. Read-only.

If two rules need the same question, the answer is a method here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from persist_lint.link.contexts import COLD, HOT, JOBS, Entry
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import UNKNOWN_SYM, Coro, Sym, Value, members, mentions
from persist_lint.link.places import Places
from persist_lint.link.resources import Acquisition
from persist_lint.link.sites import Flow, Loop, Site
from persist_lint.link.states import NEW, Life
from persist_lint.link.tree import post_order, statements
from persist_lint.link.uses import assigned_name, is_read, is_taken_apart
from persist_lint.model.analysis import FunctionNote
from persist_lint.model.effect import SQL_KINDS
from persist_lint.model.facts import Assign, Const, Name, Node
from persist_lint.model.finding import EntryPoint, Finding, Step
from persist_lint.model.rule import Rule
from persist_lint.model.severity import Confidence, Severity
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

MAX_ENTRY_POINTS = 10
#: How what is handed over runs: not within the call that does so.
LATER = frozenset({"task", "later", "loop", "entry"})
MAX_STEPS = 12


class FunctionView:
    """One function as rules see it."""

    def __init__(self, project: Project, function: Function) -> None:
        self.project = project
        self.function = function
        self.path = function.module.path
        self.name = function.dotted
        self.is_async = function.is_async

    def __repr__(self) -> str:
        return f"<FunctionView {self.name}>"

    @cached_property
    def flow(self) -> Flow:
        return self.project.world.flow(self.function)

    @cached_property
    def calls(self) -> list[CallView]:
        """Every call of the function, in order of place."""
        found = [CallView(self, site) for site in self.flow.sites.values()]
        return sorted(found, key=lambda call: call.at)

    @cached_property
    def names_of(self) -> dict[Node, str]:
        """The name that each expression's value, or what is made from it, is assigned to by a plain assignment."""
        found: dict[Node, str] = {}
        for statement in statements(self.function.body):
            if isinstance(statement, Assign) and isinstance(statement.targets[0], Name):
                found.update(dict.fromkeys(post_order(statement.value), statement.targets[0].id))
        return found

    @cached_property
    def calls_by_part(self) -> dict[str, list[CallView]]:
        """The calls that build statements, by what they add (``lock``, ``options``, …), each in order of place."""
        found: dict[str, list[CallView]] = {}
        for call in self.calls:
            for part in {t.row.part: None for t in call.site.targets if t.row is not None and t.row.part}:
                found.setdefault(part, []).append(call)
        return found

    @cached_property
    def calls_by_keyword(self) -> dict[str, list[CallView]]:
        """The calls by the names of their keyword arguments, each in order of place."""
        found: dict[str, list[CallView]] = {}
        for call in self.calls:
            for name in {name: None for name, _ in call.site.keywords if name}:
                found.setdefault(name, []).append(call)
        return found

    @cached_property
    def hands_over(self) -> frozenset[Function]:
        """The project functions that it has run by others: in tasks, after the response, when something happens."""
        targets = (t for site in self.flow.sites.values() for t in site.targets)
        return frozenset(t.function for t in targets if t.function is not None and t.manner in LATER)

    @cached_property
    def places(self) -> Places:
        """Where its expressions stand: the blocks around them."""
        return Places(self.function)

    @cached_property
    def summary(self) -> tuple[Effect, ...]:
        """Everything that the function does, at any depth."""
        return self.project.summaries.of(self.function)

    @cached_property
    def life(self) -> Life:
        """States of the sessions through the function, and what happens outside the database meanwhile."""
        return self.project.lives.of(self.function)

    @cached_property
    def acquisitions(self) -> tuple[Acquisition, ...]:
        """The resources that the function acquires, each with what becomes of it."""
        return self.project.resources.of(self.function)

    def ends_idle(self, one: Acquisition) -> bool:
        """Whether a session acquired here is outside any transaction at every normal end of the function.

        One whose name may also stand for another session is not known by a symbol, and so not known to be idle.
        """
        known = [self.flow.env[name].sym for name in one.names if name in self.flow.env]
        if any(sym != one.sym for sym in known) or not self.life.exits:
            return False
        ends = [states[one.sym] for _, states in self.life.exits if one.sym in states]
        return all(states == NEW for states in ends)

    def awaits_on(self, receiver: Sym) -> bool:
        """Whether any method of that receiver is awaited here."""
        return any(
            call.site.awaited and any(t.bound is not None and t.bound.sym == receiver for t in call.site.targets)
            for call in self.calls
        )

    # ------------------------------------------------------------------ context

    @cached_property
    def entries(self) -> list[Entry]:
        return self.project.contexts.of(self.function)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of context it runs in; empty for plain library code."""
        return frozenset(e.kind for e in self.entries)

    @cached_property
    def hot(self) -> bool:
        """Reachable from a request handler, websocket, stream or queue consumer."""
        return bool(self.kinds & HOT)

    @cached_property
    def job(self) -> bool:
        """Runs in the background or on a schedule, and is not hot."""
        return bool(self.kinds & JOBS) and not self.hot

    @cached_property
    def cold(self) -> bool:
        """Runs only at start-up, in migrations, tests or one-shot commands."""
        return bool(self.kinds) and self.kinds <= COLD

    @cached_property
    def silent(self) -> bool:
        """Runs only where no rule speaks: start-up, migrations, tests."""
        return bool(self.kinds) and self.kinds <= {"startup", "migration", "test"}

    @cached_property
    def starting(self) -> bool:
        """Runs only at start-up (or in tests)."""
        return self.silent and "startup" in self.kinds and "migration" not in self.kinds

    @cached_property
    def for_admins(self) -> bool:
        """Whether only administrators' requests lead to it."""
        admins, contexts = self.project.admins, self.project.contexts
        return self.hot and admins.only(self.entries) and admins.only(contexts.every(self.function))

    @cached_property
    def unused(self) -> bool:
        """Whether nothing calls, registers or mentions it."""
        return self.project.unused.is_dead(self.function)

    @cached_property
    def one_shot(self) -> bool:
        """Runs only in one-shot commands (and start-up)."""
        return bool(self.kinds) and self.kinds <= COLD and "cli" in self.kinds

    def entry_points(self) -> tuple[EntryPoint, ...]:
        """Its entry points for a finding: tests and module levels left out."""
        found = [
            EntryPoint(e.kind, e.function.dotted, e.function.module.path, e.function.facts.at.line)
            for e in self.entries
            if e.kind not in ("test",) and not e.function.is_module
        ]
        return tuple(dict.fromkeys(found))[:MAX_ENTRY_POINTS]

    # ------------------------------------------------------------------ findings

    def finding(
        self,
        rule: Rule,
        at: Span,
        message: str,
        severity: Severity,
        *,
        trace: Iterable[Step] = (),
        recommendation: str = "",
        confidence: Confidence = Confidence.DEFINITE,
        frames: Iterable[FunctionView] = (),
    ) -> Finding:
        """A finding in this function; ``frames`` are the functions whose entry points lead to it, if others.

        What only administrators reach is one level lower; what stands in dead code is possible at most.
        """
        frames = tuple(frames)
        if all(view.unused for view in frames or (self,)):
            confidence = Confidence.POSSIBLE
        if all(view.for_admins for view in frames or (self,)):
            severity = severity.lowered()
        return Finding(
            rule=rule.name,
            code=rule.code,
            path=self.path,
            span=at,
            function=self.name,
            message=message,
            recommendation=recommendation or rule.recommendation,
            severity=severity,
            confidence=confidence,
            effort=rule.effort,
            trace=tuple(trace)[:MAX_STEPS],
            entry_points=merged_entry_points(frames) or self.entry_points(),
            sources=rule.sources,
        )

    def step(self, at: Span, what: str) -> Step:
        return Step(self.path, at, what)

    def note(self) -> FunctionNote:
        """What context validation needs to know of the function."""
        calls = tuple(dict.fromkeys(c.site.name for c in self.calls))
        keywords = tuple(dict.fromkeys(k for c in self.calls for k, _ in c.site.keywords if k))
        guards = tuple(
            (node.at.line, node.at.end_line, call.site.name)
            for node in self.flow.managers
            for call in self.calls
            if any(item.context is call.site.node for item in getattr(node, "items", ()))
        )
        constants = tuple(
            a.value
            for c in self.calls
            for a in getattr(c.site.node, "args", ())
            if isinstance(a, Const) and isinstance(a.value, int) and not isinstance(a.value, bool)
        )
        return FunctionNote(calls=calls, guards=guards, keywords=keywords, constants=constants)


class CallView:
    """One call as rules see it."""

    def __init__(self, function: FunctionView, site: Site) -> None:
        self.function = function
        self.site = site
        self.at = site.at

    def __repr__(self) -> str:
        return f"<CallView {self.site.name} {self.at.line}>"

    @cached_property
    def effects(self) -> list[Effect]:
        """Everything that the call does, at any depth, in the terms of this function."""
        return self.function.project.summaries.at_site(self.function.function, self.site)

    @cached_property
    def effect_kinds(self) -> frozenset[str]:
        """The kinds of all its effects."""
        return frozenset(e.kind for e in self.effects)

    @property
    def loop(self) -> Loop | None:
        """The innermost loop that repeats it; chunk, retry and polling loops are none."""
        return next((loop for loop in reversed(self.site.loops) if loop.counts), None)

    @property
    def confidence(self) -> Confidence:
        weak = any(t.weak for t in self.site.targets) or len(self.site.targets) > 4
        return Confidence.PROBABLE if weak else Confidence.DEFINITE

    def is_coroutine_of(self, owners: frozenset[str]) -> bool:
        """Whether the call makes a coroutine of a library object of one of these kinds (``TypeKind``).

        A receiver that is known by convention only must be awaited elsewhere in the function: that decides whether it
        is the asynchronous one.
        """
        world = self.function.project.world
        if not isinstance(self.site.result.type, Coro) or not self.site.targets:
            return False
        for target in self.site.targets:
            if target.function is not None or target.bound is None:
                return False
            if not any(world.kind(k) in owners for k in members(target.bound.type)):
                return False
            if target.weak and not self.function.awaits_on(target.bound.sym):
                return False
        return True

    @cached_property
    def is_dropped(self) -> bool:
        """Whether nobody can ever use the result: a statement of its own, a name never read, an attribute asked of it.

        The last is for coroutines, which have no attributes worth asking for.
        """
        function, node = self.function.function, self.site.node
        if self.site.consumer == "assign":
            name = assigned_name(function, node)
            return name is not None and not is_read(function, name)
        return self.site.consumer == "statement" or (function.is_async and is_taken_apart(function, node))

    def queries(self, kinds: frozenset[str] = SQL_KINDS) -> list[Effect]:
        """The effects that send SQL of those kinds, here and not in tasks of their own."""
        return [e for e in self.effects if e.kind in kinds]

    def uses_item(self, loop: Loop) -> bool:
        """Whether any argument or the receiver is made from the loop's item."""
        values: list[Value] = [*self.site.args, *(v for _, v in self.site.keywords)]
        values += [t.bound for t in self.site.targets if t.bound is not None]
        return any(v.sym != UNKNOWN_SYM and mentions(v.sym, loop.place) for v in values)

    def trace(self, effect: Effect) -> Iterator[Step]:
        """The steps from this call down to the effect's leaf, which is described as this caller knows it."""
        return trace(effect)


def trace(effect: Effect) -> Iterator[Step]:
    """The steps from where an effect shows down to its leaf."""
    chain = effect.chain
    for upper, lower in itertools.pairwise(chain):
        yield Step(upper.function.module.path, upper.at, f"calls {lower.function.dotted}")
    leaf = chain[-1]
    yield Step(leaf.function.module.path, leaf.at, describe(effect))


def merged_entry_points(views: Iterable[FunctionView]) -> tuple[EntryPoint, ...]:
    """The entry points of several functions, each once."""
    return tuple(dict.fromkeys(e for view in views for e in view.entry_points()))[:MAX_ENTRY_POINTS]


def describe(effect: Effect) -> str:
    """What a leaf effect does, in words."""
    words = _WORDS.get(effect.kind, effect.kind)
    if "{}" in words:
        return words.format(effect.subject)
    return words


_WORDS = {
    "db.select": "SELECT of {}",
    "db.insert": "INSERT into {}",
    "db.update": "UPDATE of {}",
    "db.delete": "DELETE from {}",
    "db.statement": "a statement is executed",
    "db.call": "a round trip to the database ({})",
    "unit.add": "{} is added to the session",
    "unit.delete": "{} is marked for deletion",
    "unit.merge": "{} is merged: a SELECT now, an INSERT or UPDATE at the flush",
    "unit.change": "an attribute of {} is assigned",
    "flush": "the session is flushed",
    "txn.begin": "a transaction begins",
    "txn.savepoint": "a savepoint is set",
    "txn.commit": "the transaction is committed",
    "txn.rollback": "the transaction is rolled back",
    "session.open": "a session or connection is opened",
    "session.close": "the session is closed",
    "open": "a file or resource is opened ({})",
    "close": "it is closed ({})",
    "net": "a request goes over the network ({})",
    "cache": "the cache server is asked ({})",
    "broker": "a message goes to the broker ({})",
    "publish": "an event is published ({})",
    "listen": "a channel is listened to ({})",
    "file.read": "a file is read ({})",
    "file.write": "a file is written ({})",
    "process": "a process is run ({})",
    "sleep": "the thread sleeps ({})",
    "wait": "it waits ({})",
    "cpu": "heavy computation ({})",
    "spawn": "a task is started ({})",
    "stream": "a response is streamed ({})",
}
