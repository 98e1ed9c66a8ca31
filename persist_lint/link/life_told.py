"""The sessions of one function in words: origin, owner, options of the factory, the state before each call, exits."""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.engines import assigned
from persist_lint.link.index import Function
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Sym, Value
from persist_lint.link.origins import Origins, sessions_used
from persist_lint.link.project import Project
from persist_lint.link.shown import shown_symbol, shown_value
from persist_lint.link.shown_options import shown_options
from persist_lint.link.told import Said
from persist_lint.link.transitions import ENTRY, IDLE, READ, WRITTEN, States

STATES = {
    ENTRY: "as the caller left it",
    IDLE: "no transaction",
    READ: "a transaction is open, only read",
    WRITTEN: "a transaction is open, written",
}


def sessions(project: Project, function: Function) -> Iterator[Said]:
    """Each session-like value of the function, in order of first use."""
    used = sessions_used(project, function)
    life = project.lives.of(function)
    symbols: dict[Sym, None] = dict.fromkeys(used)
    for number in range(len(function.params)):
        if project.world.is_session(project.world.parameter(function, number)):
            symbols.setdefault(("param", number))
    for store in life.before.values():
        symbols.update(dict.fromkeys(store))
    for sym in symbols:
        if sym not in (UNKNOWN_SYM, INNER_SYM):
            at = used[sym][1] if sym in used else function.facts.at
            value = used[sym][0] if sym in used else _value(project, function, sym)
            details = tuple(_about(project, function, sym, value))
            yield Said(at.line, at.column, f"session {shown_symbol(sym, function)}", details)


def _value(project: Project, function: Function, sym: Sym) -> Value | None:
    if sym[0] == "param":
        return project.world.parameter(function, sym[1])
    return next((value for value in project.world.flow(function).env.values() if value.sym == sym), None)


def _about(project: Project, function: Function, sym: Sym, value: Value | None) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield "type", shown_value(value)
    for origin in Origins(project).of(function, sym):
        yield "origin", f"{origin.text} ({origin.path}:{origin.at.line})"
    yield "owner", _owner(project, function, sym)
    yield from _options(project, function, sym)
    yield from _states(project, function, sym)


def _owner(project: Project, function: Function, sym: Sym) -> str:
    acquired = next((one for one in project.resources.of(function) if one.sym == sym), None)
    if acquired is not None:
        return f"acquired here in line {acquired.site.at.line}"
    if sym[0] in ("open", "call", "new"):
        return "this function"
    return "whoever passes it" if sym[0] == "param" else "not this function"


def _options(project: Project, function: Function, sym: Sym) -> Iterator[tuple[str, str]]:
    """The factories that can have made it, with the options that reach it."""
    said: dict[tuple[str, str], None] = {}
    for recipe in project.session(function, sym).recipes:
        home, site = recipe.maker.function, recipe.maker.site
        name = assigned(home, site.node) or recipe.maker.target.name
        options = ", ".join(shown_options(recipe.options)) or "defaults"
        said["factory", f"{name} ({home.module.path}:{site.at.line}): {options}"] = None
    yield from said


def _states(project: Project, function: Function, sym: Sym) -> Iterator[tuple[str, str]]:
    flow, life = project.world.flow(function), project.lives.of(function)
    for site in sorted(flow.sites.values(), key=lambda s: s.at):
        store = life.before.get(site.node, {})
        if sym in store:
            yield f"before {site.at.line}", f"{_words(store[sym])}: {site.name}"
    for node, store in life.yields:
        if sym in store:
            yield f"yield {node.at.line}", _words(store[sym])
    for end, store in life.exits:
        if sym in store:
            yield f"exit {end.at.line}" if end is not None else "exit at end", _words(store[sym])


def _words(states: States) -> str:
    return " or ".join(STATES.get(state, state) for state in sorted(states))
