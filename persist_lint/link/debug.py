"""What link understood, as text: one printer per question, for golden files and for whoever mends link.

Every printer takes a ``Project``; those about one function take its dotted name (``app.repo.Repo.get``), followed by
`` for app.repo.Orders`` for an inherited method as that class has it. A line starts with the line number in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from persist_lint.link.contexts import Entry
from persist_lint.link.declared import ColumnInfo, ModelInfo, RelationInfo, relation_type
from persist_lint.link.effects import Effect
from persist_lint.link.engines import EngineView, FactoryView, Variant
from persist_lint.link.expiry import expired
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Inst, Null, Unknown, Value
from persist_lint.link.origins import sessions_used
from persist_lint.link.project import Project
from persist_lint.link.shown import shown_function, shown_guard, shown_symbol, shown_type, shown_value
from persist_lint.link.shown_loads import shown_loads
from persist_lint.link.shown_options import shown_options, shown_possible
from persist_lint.link.sites import Guard, Site, Target
from persist_lint.link.states import Occurrence, Store
from persist_lint.link.views import CallView

TOLD_CONSUMERS = frozenset({"gathered", "scheduled", "property", "with", "collect", "return"})


def calls(project: Project, function: str) -> str:
    """Each call with what it may run, on which receiver, where, under which conditions, and what it gives."""
    found = named(project, function)
    return _lines(_call(call, found) for call in project.view(found).calls)


def effects(project: Project, function: str) -> str:
    """Each effect of the function at any depth, with key, session, conditions and the chain down to the library."""
    found = named(project, function)
    view = project.view(found)
    own = [e for e in project.summaries.own(found) if e.site is None]
    return _lines(_effect(e, found) for e in sorted((*own, *_site_effects(view.calls)), key=_effect_order))


def session(project: Project, function: str) -> str:
    """States of the sessions before each call and at the exits, and what happens outside the database meanwhile."""
    found = named(project, function)
    life = project.lives.of(found)
    lines = [
        f"{site.at.line} {site.name}: {_store(life.before[site.node], found)}"
        for site in sorted(project.world.flow(found).sites.values(), key=lambda s: s.at)
        if life.before.get(site.node)
    ]
    lines += [
        f"{node.at.line if node is not None else 'end'} exit: {_store(store, found)}" for node, store in life.exits
    ]
    lines += [f"{node.at.line} yield: {_store(store, found)}" for node, store in life.yields]
    return _lines(lines + [_occurrence(o, found) for o in life.summary.occurrences])


def factories(project: Project, function: str) -> str:
    """Each session or connection that the function uses: what its factory says, the engines behind it."""
    found = named(project, function)
    lines = []
    for sym, (_, at) in sessions_used(project, found).items():
        view = project.session(found, sym)
        known = {name: getattr(view, name) for name in ("expire_on_commit", "autoflush", "autobegin")}
        words = ["not known how it is made"] if not view.recipes else []
        words += [f"{name} {'unknown' if flag is None else 'on' if flag else 'off'}" for name, flag in known.items()]
        words += ["AUTOCOMMIT"] if view.autocommit else []
        words += [f"engine {engine.function.dotted}:{engine.site.at.line}" for engine in view.engines]
        lines.append(f"{at.line} {shown_symbol(sym, found)}: {', '.join(words)}")
    return _lines(lines)


def types(project: Project, function: str) -> str:
    """Parameters, local names and ``self`` attributes at the end, and the result."""
    found = named(project, function)
    flow = project.world.flow(found)
    names = [parameter.name for parameter in found.params]
    lines = [f"parameter {n}: {shown_value(project.world.parameter(found, i))}" for i, n in enumerate(names)]
    lines += [f"{name}: {shown_value(value)}" for name, value in flow.env.items() if name not in names]
    return _lines([*lines, f"returns: {shown_value(project.world.returned(found))}"])


def loops(project: Project, function: str) -> str:
    """Each loop with its bound, whether it counts for the rules, and what is iterated."""
    found = named(project, function)
    lines = []
    for loop in sorted(project.world.flow(found).loops.values(), key=lambda one: one.at):
        words = ["stops at the first hit"] if loop.first_hit else []
        words += ["concurrent"] if loop.concurrent else []
        words += [] if loop.counts else ["does not count"]
        over = "" if loop.kind == "while" else f" over {shown_value(loop.iter)}"
        lines.append(f"{loop.at.line} {loop.kind} {loop.bound}{over}" + "".join(f"; {word}" for word in words))
    return _lines(lines)


def contexts(project: Project, function: str | None = None) -> str:
    """The kinds of context that a function runs in, with all entry points; without a name, a few of each function."""
    functions = project.relevant if function is None else [named(project, function)]
    lines = []
    for one in functions:
        found = project.contexts.of(one) if function is None else project.contexts.every(one)
        entries = sorted({_entry(e) for e in found})
        if function is not None:
            lines += entries
        elif not one.is_module:
            lines.append(f"{one.dotted}: {', '.join(entries) or 'nothing reaches it'}")
    return _lines(lines)


def models(project: Project) -> str:
    """The mapped classes with tables, columns and relationships."""
    return _lines(line for info in project.world.models.all() for line in _model(info))


def loads(project: Project, function: str) -> str:
    """Each attribute that is read where its query did not load it, or is expired; what is read of parameters."""
    found = named(project, function)
    late = [f"{one.at.line} {one.text}" for one in expired(project, project.view(found))]
    return _lines(shown_loads(project, found) + late)


def engines(project: Project) -> str:
    """Engines and session factories with URLs and options, once per way in which they are made."""
    found = [line for view in project.engines.all for line in _engine(view)]
    return _lines(found + [_factory(view) for view in project.engines.factories])


def named(project: Project, dotted: str) -> Function:
    """The function of that name, or the copy of an inherited method for a class; LookupError if there is none."""
    name, _, receiver = dotted.partition(" for ")
    assert project.relevant is not None  # all walks first, in the order in which a run makes them
    found = project.function_named(name)
    if found is None:
        raise LookupError(
            f"no function {name}; there are {', '.join(f.dotted for f in project.world.index.functions())}"
        )
    if not receiver:
        return found
    cls = next((c for c in project.world.index.classes() if c.dotted == receiver), None)
    copy = project.world.variants.of(found, Value(Inst(cls)), {}) if cls is not None else found
    if copy is found:
        raise LookupError(f"{name} means nothing of its own for {receiver}")
    return copy


# ---------------------------------------------------------------------- lines


def _call(call: CallView, function: Function) -> str:
    site = call.site
    targets = " | ".join(_target(t, site, function) for t in site.targets)
    if not targets:
        targets = f"Unknown: {site.reason}" if site.reason else shown_type(site.callee.type)
    words = _conditions(site.guards, function)
    words += [f"loop {loop.at.line}" for loop in site.loops]
    words += ["awaited"] if site.awaited else []
    words += [site.manner] if site.manner != "here" else []
    words += [site.consumer] if site.consumer in TOLD_CONSUMERS else []
    kind = site.result.type
    given = (
        ""
        if isinstance(kind, Null) or (isinstance(kind, Unknown) and not site.targets)
        else f" = {shown_value(site.result)}"
    )
    return f"{call.at.line} {site.name} -> {targets}{given}" + "".join(f"; {word}" for word in words)


def _target(target: Target, site: Site, function: Function) -> str:
    name = target.name if target.function is None else shown_function(target.function)
    bound = target.bound
    words = [f"on {shown_symbol(bound.sym, function)}"] if bound is not None and bound.sym != UNKNOWN_SYM else []
    words += [f"in {target.manner}"] if target.manner != site.manner and target.manner != "here" else []
    words += ["weak"] if target.weak else []
    return f"{name} ({', '.join(words)})" if words else name


def _site_effects(found: list[CallView]) -> Iterator[Effect]:
    for call in found:
        yield from call.effects


def _effect_order(effect: Effect) -> tuple[object, ...]:
    return (effect.at, effect.length, effect.leaf.at, effect.kind, effect.subject)


def _effect(effect: Effect, function: Function) -> str:
    words = [f"{effect.kind} {effect.subject}"]
    if effect.key not in (UNKNOWN_SYM, INNER_SYM):
        words.append(f"by {shown_symbol(effect.key, function)}")
    if effect.session != UNKNOWN_SYM:
        words.append(f"on {shown_symbol(effect.session, function)}")
    words += _conditions(effect.guards, function)
    words += ["blocking"] if effect.blocking else []
    words += [effect.manner] if effect.manner != "here" else []
    words += ["locks"] if effect.statement is not None and effect.statement.locks else []
    words += ["weak"] if effect.weak else []
    words += [f"via {shown_function(step.function)}:{step.at.line}" for step in effect.chain[1:]]
    return f"{effect.at.line} " + "; ".join(words)


def _conditions(guards: Iterable[Guard], function: Function) -> list[str]:
    return [f"if {shown_guard(guard, function)}" for guard in guards]


def _store(store: Store, function: Function) -> str:
    found = [f"{shown_symbol(sym, function)} {''.join(sorted(states))}" for sym, states in store.items()]
    return ", ".join(sorted(found)) or "nothing"


def _occurrence(occurrence: Occurrence, function: Function) -> str:
    effect = occurrence.effect
    line = f"{effect.at.line} outside {effect.kind} {effect.subject}: {_store(dict(occurrence.states), function)}"
    for sym, began in sorted(occurrence.began, key=lambda pair: pair[1].at):
        line += f"; {shown_symbol(sym, function)} began at {began.at.line}"
    if occurrence.holder is not function:
        line += f"; held by {shown_function(occurrence.holder)}:{occurrence.at.line}"
    return line


def _entry(entry: Entry) -> str:
    where = " in a thread" if entry.in_thread else " on the loop" if entry.on_loop else ""
    return f"{entry.kind} from {entry.function.dotted}{where}"


def _model(info: ModelInfo) -> Iterator[str]:
    yield f"{info.cls.facts.at.line} {info.cls.dotted} table {info.table}"
    for column in info.columns.values():
        yield f"  column {_column(column)}"
    for relation in info.relations.values():
        yield f"  relationship {_relation(relation)}"
    for proxy in info.proxies.values():
        yield f"  proxy {proxy.name} -> {proxy.relation}.{proxy.attribute}"


def _column(column: ColumnInfo) -> str:
    flags = {
        "primary": column.primary,
        "unique": column.unique,
        "nullable": column.nullable,
        "deferred": column.deferred,
        "default": column.has_default,
        "changed by the server": column.server_onupdate,
        "wide": column.wide,
    }
    words = [column.name, column.kind or "?"] + ([f"references {column.foreign}"] if column.foreign else [])
    return ", ".join([" ".join(words), *(flag for flag, on in flags.items() if on)])


def _relation(relation: RelationInfo) -> str:
    target = relation.target.dotted if relation.target is not None else shown_type(relation_type(relation))
    back = f", back {relation.back}" if relation.back else ""
    return f"{relation.name} -> {target}{' many' if relation.many else ''}, lazy {relation.lazy}{back}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines) or "nothing\n"


def _engine(view: EngineView) -> Iterator[str]:
    kind = "async engine" if view.is_async else "engine"
    for variant in view.variants:
        start = f", by way of {variant.outermost.dotted}" if variant.outermost is not view.function else ""
        side = f"; {variant.side} branch" if variant.side else ""
        urls = " or ".join(sorted(shown_possible(p) for p in variant.urls)) or "no URL"
        yield f"{view.site.at.line} {kind} in {view.function.dotted}{start}{side}: {urls}{_options(variant)}"


def _factory(view: FactoryView) -> str:
    kind = "async factory" if view.is_async else "factory"
    return (
        f"{view.site.at.line} {kind} {view.name or 'without a name'} in {view.function.dotted}{_options(view.variant)}"
    )


def _options(variant: Variant) -> str:
    return "".join(f"; {option}" for option in shown_options(variant.options))
