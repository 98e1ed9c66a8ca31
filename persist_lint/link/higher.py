"""Functions of the project that are given functions: which parameter they run, where, and with which arguments.

    async def run_async(function, *args):
        return await asyncio.to_thread(function, *args)      runs parameter 0 in a thread, with what ``*args`` got

A call ``run_async(load, session, 1)`` then runs ``load(session, 1)`` in a thread, and nothing that other callers pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.arguments import actuals, parameter_of
from persist_lint.link.index import Function
from persist_lint.link.lattice import Closure, Fn, LibFn, LibMethod, Partial, Sym, Type, Value, substitute
from persist_lint.link.libcall import LibraryCall
from persist_lint.link.sites import Keywords, Manner, Site, passed

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_HOPS = 3
Given = tuple[Value, Manner, tuple[Value, ...], Keywords]


class Run(Struct, frozen=True):
    """A parameter that is run: where, and with arguments in the function's own terms."""

    parameter: int
    manner: Manner
    args: tuple[Value, ...]
    keywords: Keywords


def functions_run(
    world: World, function: Function, bound: Value | None, args: tuple[Value, ...], keywords: Keywords
) -> list[Given]:
    """What a call of ``function`` runs among its arguments: (value, manner, arguments), in the caller's terms."""
    known = actuals(function, bound, args, keywords)
    found: list[Given] = []
    for run in runs(world, function, 0):
        value = known.get(run.parameter)
        if value is not None:
            found.append((value, run.manner, *_translated(function, run, known, args, keywords, bound)))
    return found


def runs(world: World, function: Function, hops: int) -> list[Run]:
    """The parameters that a function runs: itself, through a library, or by handing them to another function."""
    found: list[Run] = []
    for site in list(world.flow(function).sites.values()):
        if site.manner == "stored":
            continue
        number = _parameter(site.callee)
        if number is not None:
            found.append(Run(number, site.manner, site.args, site.keywords))
        found += _by_library(world, site)
        if hops < MAX_HOPS:
            found += _by_callee(world, site, hops)
            found += _by_nested(world, function, site)
    return found


def _by_nested(world: World, function: Function, site: Site) -> list[Run]:
    """The parameters that a function defined inside runs, where it is called."""
    found = []
    for target in site.targets:
        inner = target.function
        if inner is None or inner.parent is not function:
            continue
        args, keywords = passed(site, target)
        known = actuals(inner, target.bound, args, keywords)
        for one in list(world.flow(inner).sites.values()):
            number = _parameter(Value(one.callee.type, one.callee.sym[1])) if one.callee.sym[0] == "free" else None
            if number is not None and one.manner != "stored":
                around = site.manner if target.manner == "here" else target.manner
                run = Run(number, around if one.manner == "here" else one.manner, one.args, one.keywords)
                found.append(Run(number, run.manner, *_translated(inner, run, known, args, keywords, target.bound)))
    return found


def _by_library(world: World, site: Site) -> list[Run]:
    found = []
    for target in site.targets:
        for run in target.row.runs if target.row is not None else ():
            call = LibraryCall(target.row, target.name, target.bound, site.args, site.keywords, (0, 0))  # type: ignore[arg-type]
            value = call.argument(run.arg)
            value_run = _unwrapped(world, value) if value is not None else None
            number = _parameter(value_run) if value_run is not None else None
            if value is None or value_run is None or number is None:
                continue
            place = next((i for i, v in enumerate(site.args) if v is value), len(site.args))
            first, named = _bound_first(value_run)
            keywords = tuple(k for k in site.keywords if k[1] is not value)
            found.append(Run(number, run.where, (*first, *site.args[place + 1 :]), (*named, *keywords)))
    return found


def _by_callee(world: World, site: Site, hops: int) -> list[Run]:
    found = []
    for target in site.targets:
        callee = target.function
        if callee is None or not any(_parameter(v) is not None for v in (*site.args, *(v for _, v in site.keywords))):
            continue
        args, keywords = passed(site, target)
        known = actuals(callee, target.bound, args, keywords)
        for run in runs(world, callee, hops + 1):
            value = known.get(run.parameter)
            number = _parameter(value) if value is not None else None
            if value is not None and number is not None:
                around = site.manner if target.manner == "here" else target.manner
                manner = around if run.manner == "here" else run.manner
                first, named = (value.type.args, value.type.keywords) if isinstance(value.type, Partial) else ((), ())
                given, by_name = _translated(callee, run, known, args, keywords, target.bound)
                found.append(Run(number, manner, (*first, *given), (*named, *by_name)))
    return found


def is_callable(kind: Type) -> bool:
    """Whether a value of this type may be run by whoever gets it."""
    if isinstance(kind, LibMethod):
        return kind.owner != "builtins"
    return isinstance(kind, Fn | Partial | Closure) or (
        isinstance(kind, LibFn) and not kind.name.startswith("builtins.")
    )


def _bound_first(value: Value) -> tuple[tuple[Value, ...], Keywords]:
    return (value.type.args, value.type.keywords) if isinstance(value.type, Partial) else ((), ())


def _unwrapped(world: World, value: Value) -> Value:
    """What is run in the end: of ``partial(context.run, function, x)`` it is ``partial(function, x)``."""
    if not isinstance(value.type, Partial):
        return value
    of, args, keywords = value.type.of, value.type.args, value.type.keywords
    match of.type:
        case LibMethod(owner=owner, name=name) if owner != "builtins":
            row = world.method_row(owner, name)
        case LibFn(name=name):
            row = world.vocabulary.functions.get(name)
        case _:
            return value
    for run in row.runs if row is not None else ():
        inner = LibraryCall(row, name, None, args, keywords, (0, 0)).argument(run.arg)  # type: ignore[arg-type]
        if inner is not None and run.where == "here":
            place = next((i for i, v in enumerate(args) if v is inner), len(args))
            return Value(Partial(inner, args[place + 1 :], tuple(k for k in keywords if k[1] is not inner)))
    return value


def _parameter(value: Value) -> int | None:
    """The parameter that a value is, or that it is a partial of."""
    if isinstance(value.type, Partial):
        return _parameter(value.type.of)
    return value.sym[1] if value.sym[0] == "param" else None


def _translated(
    function: Function,
    run: Run,
    known: dict[int, Value],
    args: tuple[Value, ...],
    keywords: Keywords,
    bound: Value | None,
) -> tuple[tuple[Value, ...], Keywords]:
    """The arguments of a run in the caller's terms; ``*args`` and ``**kwargs`` are what the call gives beyond names."""
    syms: dict[int, Sym] = {number: value.sym for number, value in known.items()}
    named = {p.name for p in function.params if p.kind in ("normal", "keyword")}
    places = sum(p.kind in ("positional", "normal") for p in function.params)
    start = places - (bound is not None and function.is_method)
    given: list[Value] = []
    for value in run.args:
        if _is_kind(function, value, "args"):
            given += args[start:]
        else:
            given.append(_seen(value, known, syms))
    by_name: list[tuple[str | None, Value]] = []
    for name, value in run.keywords:
        if name is None and _is_kind(function, value, "kwargs"):
            by_name += [k for k in keywords if k[0] not in named]
        else:
            by_name.append((name, _seen(value, known, syms)))
    return tuple(given), tuple(by_name)


def _is_kind(function: Function, value: Value, kind: str) -> bool:
    parameter = parameter_of(function, value.sym)
    return parameter is not None and parameter.kind == kind


def _seen(value: Value, known: dict[int, Value], syms: dict[int, Sym]) -> Value:
    if value.sym[0] == "param" and value.sym[1] in known:
        return known[value.sym[1]]
    return Value(value.type, substitute(value.sym, syms), value.weak)
