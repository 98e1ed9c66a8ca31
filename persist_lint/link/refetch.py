"""Entities that are read again while the first read is still good.

Two reads are of the same row when they select the same class by the same key, keys compared by value flow: ``job.id``
of an entity at hand is its key, a parameter is itself. The first read must have happened whenever the second does, and
nothing in between may have changed or dropped what it gave.

    job = await jobs.get(job_id)          held: Job by job_id
    await audit.note(job.id, "opened")    reads Job by job.id: again
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.aborted import only_on_failure
from persist_lint.link.arguments import received
from persist_lint.link.declared import EAGER
from persist_lint.link.effects import Effect
from persist_lint.link.index import Class
from persist_lint.link.iteration import awaited, element
from persist_lint.link.lattice import Inst, Null, Sym, Value, members
from persist_lint.link.places import Frame
from persist_lint.link.reads import (
    Read,
    adds_options,
    asks_for_fresh_rows,
    entities_of,
    is_cached,
    is_free,
    loads_along,
    locks,
    passes_options,
    primary_key,
    reads_of,
    relations_by,
    result_sym,
    same_arguments,
    same_row,
)
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span

#: What ends the time in which an entity is good: others may have written it, or the session has dropped it.
ENDS = frozenset({"txn.rollback", "unit.expire", "wait", "sleep"})
WRITES = frozenset({"db.insert", "db.update", "db.delete"})
#: What can end it, or lock rows.
BREAKING = ENDS | WRITES | {"db.select", "db.statement"}
MAKES_COMMITS_MATTER = WRITES | {"unit.add", "unit.change", "unit.delete", "unit.merge", "net", "process"}


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
    worth = _worth_reading(function)
    if not worth:
        return
    told: set[Span] = set()
    reads: list[Read] = []
    for call in function.calls:
        seconds = list(reads_of(call, worth))
        if seconds and call.at not in told:
            found = _first_refetch(function, _before(function, reads, call), seconds)
            if found is not None:
                told.add(call.at)
                yield found
        reads += seconds


def _worth_reading(function: FunctionView) -> set[Class]:
    """The classes that two calls of the function read, or that one reads by an attribute of what is at hand.

    And two of which one refers to the other: reading the one may have brought the other.
    """
    models = function.project.world.models
    seen: set[Class] = set()
    worth: set[Class] = set()
    for call in function.calls:
        read = dict.fromkeys(entities_of(call))
        worth.update(entity for entity, by_attribute in read if by_attribute or entity in seen)
        seen.update(entity for entity, _ in read)
    for entity in seen:
        brought = {target for target in models.info(entity).brings if target in seen and target is not entity}
        if brought:
            worth |= {entity, *brought}
    return worth


def _first_refetch(function: FunctionView, before: list[Read], seconds: list[Read]) -> Refetch | None:
    """The first of a call's reads that is needless."""
    models = function.project.world.models
    by_entity: dict[Class, list[Read]] = {}
    for read in before:
        by_entity.setdefault(read.entity, []).append(read)
    for second in seconds:
        same = by_entity.get(second.entity, [])
        bringing = [reads for entity, reads in by_entity.items() if second.entity in models.info(entity).brings]
        near = [read for reads in bringing for read in reads if loads_along(function, read, second)]
        if not (same or near or _by_attribute(function, second)) or is_guarded(function, second):
            continue
        found = _earlier(function, same, second) or _at_hand(function, second) or _along(function, near, second)
        if found is not None:
            return found
    return None


def _before(function: FunctionView, reads: list[Read], call: CallView) -> list[Read]:
    """Those of the reads that have happened, and found something, whenever the call is made."""
    calls = dict.fromkeys(read.call for read in reads if read.call.at < call.at)
    sure = {c for c in calls if _always_before(function, c, call) and not _missed(function, c, call)}
    return [read for read in reads if read.call in sure]


def place(read: Read) -> tuple[FunctionView, Span]:
    """Where to change something: the deepest call on the way to the read that nobody else shares.

    Not in a nested function: what a decorator puts around many is copied for each of them.
    """
    project = read.call.function.project
    chain = read.chain
    last = 0
    for number, step in enumerate(chain[1:], 1):
        callers = project.callers.of(step.function)
        if len(callers) != 1 or _is_entity(callers[0].site.result, read.entity):
            break
        if step.function.parent is None:
            last = number
    return project.view(chain[last].function), chain[last].at


def _earlier(function: FunctionView, reads: list[Read], second: Read) -> Refetch | None:
    """A read before it, of the same row, whose result the function holds."""
    for first in reads:
        if same_row(function, first, second) and _gives(first, second) and not ended(function, second, first.call.at):
            return Refetch(second, first, first.call.at, is_free(first, second), adds_options(first, second))
    return None


def _along(function: FunctionView, near: list[Read], second: Read) -> Refetch | None:
    """A read before it that loaded the row along a relationship, with entities that the function holds."""
    for first in near:
        if _gives_some(first) and not ended(function, second, first.call.at):
            return Refetch(second, None, first.call.at, is_free(first, second), bool(adds_options(first, second)))
    return None


def _gives_some(first: Read) -> bool:
    """Whether a call's result, awaited or not, is the entity or a collection of such."""
    result = awaited(first.call.site.result)
    return _is_entity(result, first.entity) or _is_entity(element(result), first.entity)


def _by_attribute(function: FunctionView, read: Read) -> Sym | None:
    """The symbol of the primary key by which it reads, if that is an attribute of something."""
    key = dict(read.keys).get(primary_key(function, read.entity))
    return key if key is not None and key[0] == "attr" else None


def _at_hand(function: FunctionView, second: Read) -> Refetch | None:
    """The key is one of an entity that the function holds: ``note(job.id)``, ``job.owner_id`` with a loaded owner."""
    key = _by_attribute(function, second)
    if key is None:
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
            if ended(function, second, touch.at):
                continue
            statement = second.effect.statement
            options = passes_options(second) or (statement is not None and any(o[0] != "?" for o in statement.options))
            return Refetch(second, None, touch.at, second.by_get, options)
    return None


def _holds(function: FunctionView, cls: Class, name: str, entity: Class) -> bool:
    """Whether an attribute is the key of the instance itself, or of an entity that is always loaded with it."""
    if cls is entity:
        return name == primary_key(function, entity)
    return any(relation.lazy in EAGER for relation in relations_by(function, cls, name, entity))


def _gives(first: Read, second: Read) -> bool:
    """Whether the earlier call gives the entity, or what the second will make of it, or an object made from it."""
    if _is_entity(first.call.site.result, first.entity) or (
        _is_getter(first, second) and (same_arguments(first, second, nearest=True) or _is_about(first))
    ):
        return True
    if any(sym[0] == "attr" and sym[1] == result_sym(first.call) for _, sym in second.keys):
        return True
    return first.effect.via is None and first.call.site.consumer not in ("statement", "other")


def _is_getter(first: Read, second: Read) -> bool:
    """Whether the function itself calls what both reads come through."""
    return len(first.chain) > 1 and any(e.function is first.chain[1].function for e in second.chain[1:])


def _is_about(read: Read) -> bool:
    """Whether the entity is all that the call reads, and its result no other: then it is what the result is made of."""
    models = read.call.function.project.world.models
    kinds = members(awaited(read.call.site.result).type)
    nothing = all(isinstance(k, Null) for k in kinds)
    if nothing or any(isinstance(k, Inst) and models.is_model(k.cls) for k in kinds):
        return False
    return {e.entity for e in read.call.effects if e.kind == "db.select"} == {read.entity}


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


def ended(function: FunctionView, second: Read, since: Span) -> bool:
    """Whether what happened since then, or happens on the way down to the second read, ends what the function holds.

    A commit does when something was written before it, or time was given to others.
    """
    calls = [c for c in function.calls if since <= c.at < second.call.at]
    calls += _on_the_way(second)
    own = function.project.summaries.own(function.function)
    effects = [e for e in own if e.site is None and since <= e.at < second.call.at]
    if any(_breaks(e, second.entity) for e in effects) or any(_breaks_it(c, second.entity) for c in calls):
        return True
    kinds = frozenset(e.kind for e in effects).union(*(c.effect_kinds for c in calls))
    return "txn.commit" in kinds and not kinds.isdisjoint(MAKES_COMMITS_MATTER)


def _on_the_way(read: Read) -> Iterator[CallView]:
    """What the callees call before they come to the read."""
    project = read.call.function.project
    for step in read.chain[1:]:
        for call in project.view(step.function).calls:
            if call.at < step.at:
                yield call


def _breaks_it(call: CallView, entity: Class) -> bool:
    """Whether any effect of a call does; most calls have none of a kind that could."""
    if call.effect_kinds.isdisjoint(BREAKING):
        return False
    project = call.function.project
    return any(_breaks(e, entity) and not only_on_failure(project, e) for e in call.effects)


def _missed(function: FunctionView, first: CallView, second: CallView) -> bool:
    """Whether the second is only reached when the first found nothing."""
    name = function.names_of.get(first.site.node)
    return name is not None and name in function.places.missing(second.site.node)


def _breaks(effect: Effect, entity: Class) -> bool:
    """Whether an effect ends what a read entity was good for."""
    if effect.statement is not None and effect.statement.locks:
        return True
    if effect.kind in WRITES:
        return effect.entity is entity or effect.entity is None
    return effect.kind in ENDS


def is_guarded(function: FunctionView, second: Read) -> bool:
    """Whether the read is a second attempt after a miss, a refresh, a cached getter, or asks for fresh rows."""
    leaf = second.effect.leaf
    target = leaf.target
    if target is not None and target.name.endswith(".refresh"):
        return True
    if any(frame.part == "handler" for step in second.chain for frame in _frames(function, step)):
        return True
    if (
        _derived_below(second)
        or locks(second)
        or _is_handed_over(second)
        or any(is_cached(step.function) for step in second.chain[1:])
    ):
        return True
    return any(asks_for_fresh_rows(function.project.view(step.function), step) for step in second.chain)


def _frames(function: FunctionView, step: Effect) -> tuple[Frame, ...]:
    """The blocks around one call on the way down to a read."""
    return function.project.view(step.function).places.frames(step.site.node) if step.site is not None else ()


def _is_handed_over(read: Read) -> bool:
    """Whether a callee reads it only where an argument is missing, and the call hands over the entity itself."""
    for step in read.chain:
        below, site, target = step.via, step.site, step.target
        if below is None or site is None or target is None or target.function is None:
            continue
        given = received(site, target)
        for subject, kind, holds in below.guards:
            missing = (kind, holds) in (("none", True), ("truth", False))
            if missing and isinstance(subject, int) and subject in given and _is_entity(given[subject], read.entity):
                return True
    return False


def _derived_below(read: Read) -> bool:
    """Whether a callee takes the key from an entity that it holds itself: it is told of there."""
    primary = primary_key(read.call.function, read.entity)
    return any(step.key[0] == "attr" and step.key[2] == primary for step in read.chain[1:])


def _after(call: CallView) -> Span:
    return Span(call.at.end_line, call.at.end_column, call.at.end_line, call.at.end_column)
