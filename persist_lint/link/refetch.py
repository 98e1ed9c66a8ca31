"""Entities that are read again while the first read is still good.

Two reads are of the same row when they select the same class by the same key, keys compared by value flow: ``job.id``
of an entity at hand is its key, a parameter is itself. The first read must have happened whenever the second does, and
nothing in between may have changed or dropped what it gave.

    job = await jobs.get(job_id)          held: Job by job_id
    await audit.note(job.id, "opened")    reads Job by job.id: again
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.arguments import actuals
from persist_lint.link.effects import Effect, translate_guards
from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Inst, Sym, Value, members, substitute
from persist_lint.link.places import Frame, dotted
from persist_lint.link.repetition import RUNS
from persist_lint.link.sites import Site, passed
from persist_lint.link.tree import post_order, statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span

#: What ends the time in which an entity is good: others may have written it, or the session has dropped it.
ENDS = frozenset({"txn.rollback", "unit.expire", "wait", "sleep"})
WRITES = frozenset({"db.insert", "db.update", "db.delete"})
MAKES_COMMITS_MATTER = WRITES | {"unit.add", "unit.change", "unit.delete", "unit.merge", "net", "process"}
EAGER = frozenset({"joined", "selectin", "subquery"})
GETTERS = (".get", ".get_one")
Keys = tuple[tuple[str, Sym], ...]


class Read(Struct, frozen=True, eq=False):
    """One row read by key: the class, the (attribute, symbol) pairs, and the call that leads to it."""

    call: CallView
    effect: Effect
    entity: Class
    keys: Keys

    @property
    def by_get(self) -> bool:
        """Whether it is ``session.get``, which asks the identity map first."""
        target = self.effect.leaf.target
        return target is not None and target.name.endswith(GETTERS) and self.effect.leaf.statement is None


class Refetch(Struct, frozen=True, eq=False):
    """A second read. ``first`` is the earlier one, or None where the entity is simply at hand as ``held`` (a place).

    ``free``: it sends no SQL, as the identity map of the same session answers. ``for_options``: it only adds loader
    options.
    """

    second: Read
    first: Read | None
    held: Span
    free: bool
    for_options: bool


def refetches(function: FunctionView) -> Iterator[Refetch]:
    """The second reads of a function, each with what makes it needless; one per call."""
    reads = [read for call in function.calls for read in _reads(call)]
    told: set[Span] = set()
    for second in reads:
        if second.call.at in told or _is_guarded(function, second):
            continue
        found = _earlier(function, reads, second) or _at_hand(function, second)
        if found is not None:
            told.add(second.call.at)
            yield found


def place(read: Read) -> tuple[FunctionView, Span]:
    """Where to change something: the deepest call on the way to the read that nobody else shares."""
    project = read.call.function.project
    chain = read.effect.chain
    last = 0
    for number, step in enumerate(chain[1:], 1):
        callers = project.callers.of(step.function)
        if len(callers) != 1 or _is_entity(callers[0].site.result, read.entity):
            break
        last = number
    return project.view(chain[last].function), chain[last].at


def _reads(call: CallView) -> Iterator[Read]:
    """The single rows that a call reads by key."""
    for effect in call.effects:
        if effect.kind != "db.select" or effect.entity is None or effect.manner not in RUNS or effect.guards:
            continue
        statement = effect.statement
        if statement is not None and (
            statement.locks or statement.entities[:1] != (effect.entity,) or statement.aggregates
        ):
            continue
        keys = _keys(call.function, effect)
        if keys and not any(_hidden(sym) for _, sym in keys):
            yield Read(call, effect, effect.entity, keys)


def _keys(function: FunctionView, effect: Effect) -> Keys:
    """(attribute, symbol) pairs of the read's key; a bare identity is the primary key's."""
    if effect.statement is None:
        primary = primary_key(function, effect.entity)
        return ((primary, effect.key),) if primary and effect.key not in (UNKNOWN_SYM, INNER_SYM) else ()
    names = [name for name, _ in effect.statement.keys]
    syms = effect.key[1:] if effect.key[0] == "keys" else (effect.key,)
    if effect.statement.inside or len(names) != len(syms):
        return ()
    return tuple(sorted(zip(names, syms, strict=True), key=lambda pair: pair[0]))


def primary_key(function: FunctionView, entity: Class | None) -> str:
    """The one primary key attribute of a mapped class; "" where there is none or several."""
    if entity is None:
        return ""
    found = [c.name for c in function.project.world.models.info(entity).columns.values() if c.primary]
    return found[0] if len(found) == 1 else ""


def _earlier(function: FunctionView, reads: list[Read], second: Read) -> Refetch | None:
    """A read before it, of the same row, whose result the function holds."""
    for first in reads:
        if first.call.at >= second.call.at or not _same_row(function, first, second):
            continue
        if not _gives(first, second) or _missed(function, first.call, second.call):
            continue
        if _always_before(function, first.call, second.call) and not _ended(function, second, first.call.at):
            return Refetch(second, first, first.call.at, _is_free(first, second), _adds_options(first, second))
    return None


def _same_row(function: FunctionView, first: Read, second: Read) -> bool:
    """Whether both reads select one row: by its identity, or by the same call with the same arguments."""
    if first.entity is not second.entity:
        return False
    ours, theirs = dict(first.keys), dict(second.keys)
    primary = primary_key(function, second.entity)
    if primary and theirs.get(primary) == ("attr", _result(first.call), primary):
        return True
    if any(
        names <= ours.keys() and all(ours[n] == theirs.get(n) for n in names) for names in _identities(function, second)
    ):
        return True
    return _same_arguments(first, second)


def _identities(function: FunctionView, read: Read) -> list[set[str]]:
    """The sets of attributes that tell one row from all others: the primary key, unique columns."""
    columns = function.project.world.models.info(read.entity).columns.values()
    primary = {c.name for c in columns if c.primary}
    return [names for names in (primary, *({c.name} for c in columns if c.unique)) if names]


def _same_arguments(first: Read, second: Read) -> bool:
    """Whether both run the same statement of the same function, and that function got the same known arguments."""
    ours, theirs = first.effect.chain, second.effect.chain
    common = 0
    for mine, other in zip(reversed(ours[1:]), reversed(theirs[1:]), strict=False):
        if mine.function is not other.function or mine.at != other.at:
            break
        common += 1
    if common == 0:
        return False
    arguments = _arguments(first, len(ours) - common)
    known = not any(_hidden(sym) for sym in arguments.values())
    return known and arguments == _arguments(second, len(theirs) - common)


def _arguments(read: Read, level: int) -> dict[int, Sym]:
    """What a function of the chain got for its parameters, in the terms of the outermost; sessions aside."""
    chain = read.effect.chain
    world = read.call.function.project.world
    inner = actuals_of(chain[level - 1], chain[level].function)
    found = {i: value.sym for i, value in inner.items() if not world.is_session(value)}
    for number in range(level - 1, 0, -1):
        outer = {i: value.sym for i, value in actuals_of(chain[number - 1], chain[number].function).items()}
        found = {i: substitute(sym, outer) for i, sym in found.items()}
    return found


def actuals_of(step: Effect, callee: Function) -> dict[int, Value]:
    """The arguments that a step of a chain hands to the next one's function."""
    assert step.site is not None and step.target is not None
    return actuals(callee, step.target.bound, *passed(step.site, step.target))


def _at_hand(function: FunctionView, second: Read) -> Refetch | None:
    """The key is one of an entity that the function holds: ``note(job.id)``, ``job.owner_id`` with a loaded owner."""
    key = dict(second.keys).get(primary_key(function, second.entity))
    if key is None or key[0] != "attr":
        return None
    for touch in function.flow.touches.values():
        if (
            touch.written
            or touch.name != key[2]
            or touch.base.sym != key[1]
            or touch.base.weak
            or touch.at > _after(second.call)
        ):
            continue
        if any(
            isinstance(kind, Inst) and _holds(function, kind.cls, touch.name, second.entity)
            for kind in members(touch.base.type)
        ):
            if _ended(function, second, touch.at):
                return None
            statement = second.effect.statement
            options = _passes_options(second) or (statement is not None and bool(statement.options))
            return Refetch(second, None, touch.at, second.by_get, options)
    return None


def _holds(function: FunctionView, cls: Class, name: str, entity: Class) -> bool:
    """Whether an attribute is the key of the instance itself, or of an entity that is always loaded with it."""
    if cls is entity:
        return name == primary_key(function, entity)
    models = function.project.world.models
    if not models.is_model(cls):
        return False
    info, column = models.info(cls), models.info(cls).columns.get(name)
    table = models.info(entity).table
    if column is None or table is None or column.foreign.rpartition(".")[0] != table:
        return False
    return any(r.target is entity and not r.many and r.lazy in EAGER for r in info.relations.values())


def _result(call: CallView) -> Sym:
    """The symbol of what the call gives, awaited if need be."""
    sym = awaited(call.site.result).sym
    return ("call", (call.at.line, call.at.column)) if sym == UNKNOWN_SYM else sym


def _gives(first: Read, second: Read) -> bool:
    """Whether the earlier call gives the entity, or what the second will make of it, or an object made from it."""
    if _is_entity(first.call.site.result, first.entity) or _same_arguments(first, second):
        return True
    if any(sym[0] == "attr" and sym[1] == _result(first.call) for _, sym in second.keys):
        return True
    return first.effect.via is None and first.call.site.consumer not in ("statement", "other")


def _is_entity(result: Value, entity: Class) -> bool:
    """Whether a call's result, awaited or not, is the entity."""
    return any(isinstance(kind, Inst) and kind.cls is entity for kind in members(awaited(result).type))


def _always_before(function: FunctionView, first: CallView, second: CallView) -> bool:
    """Whether the second call is only reached through the first."""
    early, late = function.places.frames(first.site.node), function.places.frames(second.site.node)
    while early and isinstance(early[-1].owner, f.With):
        early = early[:-1]
    if not early:
        return False
    last = early[-1]
    return any(frame.block is last.block and frame.index >= last.index for frame in late) and not _other_arm(
        early, late
    )


def _other_arm(early: tuple[Frame, ...], late: tuple[Frame, ...]) -> bool:
    """Whether the second stands in a handler of a ``try`` around, or after, the first."""
    return any(frame.part == "handler" for frame in late[len(early) - 1 :])


def _ended(function: FunctionView, second: Read, since: Span) -> bool:
    """Whether what happened since then, or happens on the way down to the second read, ends what the function holds.

    A commit does when something was written before it, or time was given to others.
    """
    effects = [e for c in function.calls if since <= c.at < second.call.at for e in c.effects]
    own = function.project.summaries.own(function.function)
    effects += [e for e in own if e.site is None and since <= e.at < second.call.at]
    effects += _on_the_way(second)
    if any(_breaks(e, second.entity) for e in effects):
        return True
    kinds = {e.kind for e in effects}
    return "txn.commit" in kinds and not kinds.isdisjoint(MAKES_COMMITS_MATTER)


def _on_the_way(read: Read) -> Iterator[Effect]:
    """What the callees do before they come to the read."""
    project = read.call.function.project
    for step in read.effect.chain[1:]:
        for call in project.view(step.function).calls:
            if call.at < step.at:
                yield from call.effects


def _locks(read: Read) -> bool:
    """Whether the read may take a row lock: ``with_for_update`` under no condition, or one that this call fulfils."""
    return any(_parts_of(read, "lock"))


def _passes_options(read: Read) -> bool:
    """Whether the caller hands over loader options that the callee applies."""
    return any(
        v.sym[0] == "param" and v.sym[1] in known for site, known in _parts_of(read, "options") for v in site.args
    )


def _parts_of(read: Read, part: str) -> Iterator[tuple[Site, dict[int, Value]]]:
    """The statement's building calls of one kind on the way to the read, with the arguments of the function around."""
    project = read.call.function.project
    for upper, lower in itertools.pairwise(read.effect.chain):
        known = actuals_of(upper, lower.function)
        for call in project.view(lower.function).calls:
            if not any(t.row is not None and t.row.part == part for t in call.site.targets):
                continue
            if translate_guards(call.site.guards, lower.function, known) is not None:
                yield call.site, known


def _missed(function: FunctionView, first: CallView, second: CallView) -> bool:
    """Whether the second is only reached when the first found nothing."""
    name = next(
        (
            s.targets[0].id
            for s in statements(function.function.body)
            if isinstance(s, f.Assign)
            and isinstance(s.targets[0], f.Name)
            and any(n is first.site.node for n in post_order(s.value))
        ),
        None,
    )
    return name is not None and name in function.places.missing(second.site.node)


def _breaks(effect: Effect, entity: Class) -> bool:
    """Whether an effect ends what a read entity was good for."""
    if effect.statement is not None and effect.statement.locks:
        return True
    if effect.kind in WRITES:
        return effect.entity is entity or effect.entity is None
    return effect.kind in ENDS


def _is_guarded(function: FunctionView, second: Read) -> bool:
    """Whether the read is a second attempt after a miss, a refresh, a cached getter, or asks for fresh rows."""
    leaf = second.effect.leaf
    target = leaf.target
    if target is not None and target.name.endswith(".refresh"):
        return True
    fresh = any(_asks_for_fresh_rows(function.project.view(step.function), step) for step in second.effect.chain)
    cached = any(_is_cached(step.function) for step in second.effect.chain[1:])
    if fresh or cached or _locks(second) or _derived_below(second):
        return True
    return any(frame.part == "handler" for frame in function.places.frames(second.call.site.node))


def _asks_for_fresh_rows(function: FunctionView, step: Effect) -> bool:
    """Whether the statement that is executed here says ``populate_existing``."""
    saying = (c for c in function.calls if c.site.keyword("populate_existing") is not None)
    return any(
        c.at.line <= step.at.end_line and (step.via is not None or c.at.end_line >= step.at.line) for c in saying
    )


def _is_cached(function: Function) -> bool:
    """Whether a decorator keeps the results: ``lru_cache``, ``@cache.memoize(…)``, ``@cached(…)``."""
    words = (dotted(d.func if isinstance(d, f.Call) else d).lower() for d in function.facts.decorators)
    return any("cache" in word or "memo" in word for word in words)


def _derived_below(read: Read) -> bool:
    """Whether a callee takes the key from an entity that it holds itself: it is told of there."""
    primary = primary_key(read.call.function, read.entity)
    return any(step.key[0] == "attr" and step.key[2] == primary for step in read.effect.chain[1:])


def _is_free(first: Read, second: Read) -> bool:
    same = first.effect.session == second.effect.session and first.effect.session not in (UNKNOWN_SYM, INNER_SYM)
    return second.by_get and same


def _adds_options(first: Read, second: Read) -> bool:
    ours = second.effect.statement.options if second.effect.statement is not None else ()
    theirs = first.effect.statement.options if first.effect.statement is not None else ()
    return bool(set(ours) - set(theirs)) or _passes_options(second)


def _hidden(sym: Sym) -> bool:
    return sym in (UNKNOWN_SYM, INNER_SYM) or any(_hidden(part) for part in sym if isinstance(part, tuple) and part)


def _after(call: CallView) -> Span:
    return Span(call.at.end_line, call.at.end_column, call.at.end_line, call.at.end_column)
