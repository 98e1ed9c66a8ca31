"""Reads of entities: which class, by which key, through which calls, with which statement.

Two reads are of one row when their keys are equal by value flow, or when one statement gets the same arguments twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator

from msgspec import Struct, field

from persist_lint.link.arguments import actuals, received
from persist_lint.link.conditions import translate_guards
from persist_lint.link.declared import EAGER, RelationInfo
from persist_lint.link.effects import Effect
from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Sym, Value, substitute
from persist_lint.link.places import dotted
from persist_lint.link.repetition import RUNS
from persist_lint.link.sites import Site, passed
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f

GETTERS = (".get", ".get_one")
LOADS = frozenset({"joinedload", "selectinload", "subqueryload", "contains_eager"})
Keys = tuple[tuple[str, Sym], ...]


class Read(Struct, frozen=True, eq=False):
    """One read of a class: by which (attribute, symbol) pairs, if that is known, and the call that leads to it."""

    call: CallView
    effect: Effect
    entity: Class
    keys: Keys
    rows: frozenset[Keys]  # the row by each set of attributes that tells it from all others
    chain: list[Effect]  # of the effect, worked out once
    got: dict[int, dict[int | str, Sym]] = field(default_factory=dict)  # what _arguments has found, by level

    @property
    def by_get(self) -> bool:
        """Whether it is ``session.get``, which asks the identity map first."""
        target = self.effect.leaf.target
        return target is not None and target.name.endswith(GETTERS) and self.effect.leaf.statement is None


def entities_of(call: CallView) -> Iterator[tuple[Class, bool]]:
    """The classes that a call may read, each with whether it does so by an attribute of something; cheaply."""
    for effect in call.effects:
        if effect.kind == "db.select" and effect.entity is not None:
            parts = effect.key[1:] if effect.key[0] == "keys" else (effect.key,)
            yield effect.entity, any(part[0] == "attr" for part in parts)


def reads_of(call: CallView, entities: Container[Class]) -> Iterator[Read]:
    """The entities, among those given, that a call reads."""
    for effect in call.effects:
        if effect.kind != "db.select" or effect.entity is None or effect.manner not in RUNS or effect.guards:
            continue
        if effect.entity not in entities:
            continue
        statement = effect.statement
        if statement is not None and (
            statement.locks or statement.entities[:1] != (effect.entity,) or statement.aggregates
        ):
            continue
        keys = _keys(call.function, effect)
        if any(_hidden(sym) for _, sym in keys):
            keys = ()
        yield Read(call, effect, effect.entity, keys, _rows(call.function, effect.entity, keys), effect.chain)


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
    return "" if entity is None else function.project.world.models.info(entity).key


def same_row(function: FunctionView, first: Read, second: Read) -> bool:
    """Whether both reads select one row: by its identity, or by the same call with the same arguments."""
    if first.entity is not second.entity:
        return False
    if not first.rows.isdisjoint(second.rows):
        return True
    primary = primary_key(function, second.entity)
    if primary and (primary, ("attr", result_sym(first.call), primary)) in second.keys:
        return True
    return same_arguments(first, second)


def _rows(function: FunctionView, entity: Class, keys: Keys) -> frozenset[Keys]:
    """The keys cut down to the primary key, and to each unique column, where they hold it."""
    if not keys:
        return frozenset()
    columns = function.project.world.models.info(entity).columns.values()
    primary = {c.name for c in columns if c.primary}
    found = []
    for names in (primary, *({c.name} for c in columns if c.unique)):
        row = tuple((name, sym) for name, sym in keys if name in names)
        if names and {name for name, _ in row} == names:
            found.append(row)
    return frozenset(found)


def relations_by(function: FunctionView, cls: Class, name: str, entity: Class) -> list[RelationInfo]:
    """The to-one relationships of a mapped class that a foreign key makes: none unless it is the only one to there."""
    models = function.project.world.models
    table = models.info(entity).table
    if table is None or not models.is_model(cls):
        return []
    info = models.info(cls)
    keys = [column.name for column in info.columns.values() if column.foreign.rpartition(".")[0] == table]
    return [r for r in info.relations.values() if r.target is entity and not r.many] if keys == [name] else []


def loads_along(function: FunctionView, first: Read, second: Read) -> bool:
    """Whether a read of other entities by a foreign key loads, along a relationship, the row that it refers to."""
    key = dict(second.keys).get(primary_key(function, second.entity))
    if key is None or first.entity is second.entity or first.effect.statement is None:
        return False
    loaded = {path for strategy, path in first.effect.statement.options if strategy in LOADS}
    return any(
        relation.lazy in EAGER or relation.name in loaded
        for name, sym in first.keys
        if sym == key
        for relation in relations_by(function, first.entity, name, second.entity)
    )


def same_arguments(first: Read, second: Read, *, nearest: bool = False) -> bool:
    """Whether both run the same statement of the same function, and that function got the same known arguments.

    Any function of the way that they share may be that one: what differs further up (``show(job_id, full=True)``) does
    not matter where the one below is asked for the same. Below the first it must be asked for something. With
    ``nearest`` it must be the first.
    """
    ours, theirs = first.chain, second.chain
    if ours[-1].at != theirs[-1].at or ours[-1].function is not theirs[-1].function:
        return False
    common = 0
    for mine, other in zip(reversed(ours[1:]), reversed(theirs[1:]), strict=False):
        if mine.function is not other.function or mine.at != other.at:
            break
        common += 1
    for below in range(common, max(common - 1, 0) if nearest else 0, -1):
        arguments = _arguments(first, len(ours) - below)
        known = not any(_hidden(sym) for sym in arguments.values())
        asked = below == common or len(arguments) > ours[-below].function.is_method
        if known and asked and arguments == _arguments(second, len(theirs) - below):
            return True
    return False


def _arguments(read: Read, level: int) -> dict[int | str, Sym]:
    """What a function of the chain got, in the terms of the outermost; sessions aside.

    By parameter; what goes to its ``*args`` and ``**kwargs`` by place and name.
    """
    if level in read.got:
        return read.got[level]
    chain = read.chain
    world = read.call.function.project.world
    step, callee = chain[level - 1], chain[level].function
    inner: list[tuple[int | str, Value]] = [*actuals_of(step, callee).items(), *_collected(step, callee).items()]
    used = chain[level].session  # the session that it runs on, also where its type is lost on the way
    found = {i: value.sym for i, value in inner if not world.is_session(value) and used != ("param", i)}
    for number in range(level - 1, 0, -1):
        outer = {i: value.sym for i, value in actuals_of(chain[number - 1], chain[number].function).items()}
        found = {i: substitute(sym, outer) for i, sym in found.items()}
    read.got[level] = found
    return found


def _collected(step: Effect, callee: Function) -> dict[str, Value]:
    """The arguments of a step that the next one's function takes as ``*args`` and ``**kwargs``."""
    assert step.site is not None and step.target is not None
    args, keywords = passed(step.site, step.target)
    named = {p.name for p in callee.params if p.kind in ("normal", "keyword")}
    bound = step.target.bound is not None and callee.is_method
    places = sum(p.kind in ("positional", "normal") for p in callee.params) - bound
    found = {f"*{number}": value for number, value in enumerate(args[places:])}
    return found | {f"**{name or ''}": value for name, value in keywords if name not in named}


def actuals_of(step: Effect, callee: Function) -> dict[int, Value]:
    """The arguments that a step of a chain hands to the next one's function."""
    assert step.site is not None and step.target is not None
    if callee is step.target.function:
        return received(step.site, step.target)
    return actuals(callee, step.target.bound, *passed(step.site, step.target))


def locks(read: Read) -> bool:
    """Whether the read may take a row lock: ``with_for_update`` under no condition, or one that this call fulfils."""
    return any(_parts_of(read, "lock"))


def passes_options(read: Read) -> bool:
    """Whether the caller hands over loader options that the callee applies."""
    return any(
        v.sym[0] == "param" and v.sym[1] in known for site, known in _parts_of(read, "options") for v in site.args
    )


def _parts_of(read: Read, part: str) -> Iterator[tuple[Site, dict[int, Value]]]:
    """The statement's building calls of one kind on the way to the read, with the arguments of the function around."""
    project = read.call.function.project
    for upper, lower in itertools.pairwise(read.chain):
        for call in project.view(lower.function).calls_by_part.get(part, ()):
            known = actuals_of(upper, lower.function)
            if translate_guards(call.site.guards, lower.function, known) is not None:
                yield call.site, known


def is_free(first: Read, second: Read) -> bool:
    same = first.effect.session == second.effect.session and first.effect.session not in (UNKNOWN_SYM, INNER_SYM)
    return second.by_get and same


def adds_options(first: Read, second: Read) -> bool:
    ours = second.effect.statement.options if second.effect.statement is not None else ()
    theirs = first.effect.statement.options if first.effect.statement is not None else ()
    return any(option[0] != "?" for option in set(ours) - set(theirs)) or passes_options(second)


def _hidden(sym: Sym) -> bool:
    return sym in (UNKNOWN_SYM, INNER_SYM) or any(_hidden(part) for part in sym if isinstance(part, tuple) and part)


def is_cached(function: Function) -> bool:
    """Whether a decorator keeps the results: ``lru_cache``, ``@cache.memoize(…)``, ``@cached(…)``."""
    words = (dotted(d.func if isinstance(d, f.Call) else d).lower() for d in function.facts.decorators)
    return any("cache" in word or "memo" in word for word in words)


def asks_for_fresh_rows(function: FunctionView, step: Effect) -> bool:
    """Whether the statement that is executed here says ``populate_existing``."""
    return any(
        c.at.line <= step.at.end_line and (step.via is not None or c.at.end_line >= step.at.line)
        for c in function.calls_by_keyword.get("populate_existing", ())
    )


def result_sym(call: CallView) -> Sym:
    """The symbol of what the call gives, awaited if need be."""
    sym = awaited(call.site.result).sym
    return ("call", (call.at.line, call.at.column)) if sym == UNKNOWN_SYM else sym
