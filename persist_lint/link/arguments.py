"""Which argument goes to which parameter."""

from __future__ import annotations

from collections.abc import Sequence

from persist_lint.link.index import Function
from persist_lint.link.lattice import UNKNOWN_SYM, Data, Dict, Sym, Tup, Unknown, Value, item_sym
from persist_lint.link.sites import Site, Target, passed
from persist_lint.model import facts as f

DICTIONARIES = frozenset({"param", "dict", "kw"})
FROM_KEYWORDS = Unknown("passed by **")


def parameter_of(function: Function, sym: Sym) -> f.Param | None:
    """The parameter that a symbol stands for; None for others, and for one of a function with more parameters."""
    return function.params[sym[1]] if sym[0] == "param" and sym[1] < len(function.params) else None


def spread(exprs: Sequence[f.Expr], values: Sequence[Value]) -> tuple[Value, ...]:
    """The positional arguments of a call, with starred tuples taken apart."""
    if not any(type(expr) is f.Star for expr in exprs):
        return tuple(values)
    found: list[Value] = []
    for expr, value in zip(exprs, values, strict=True):
        if isinstance(expr, f.Star) and isinstance(value.type, Tup):
            found += value.type.items
        else:
            found.append(value)
    return tuple(found)


def spread_keywords(keywords: Sequence[tuple[str | None, Value]]) -> tuple[tuple[str | None, Value], ...]:
    """The keyword arguments of a call, with ``**mapping`` taken apart as far as its keys are known."""
    if all(name is not None for name, _ in keywords):
        return tuple(keywords)
    found: list[tuple[str | None, Value]] = []
    for name, value in keywords:
        if name is None and isinstance(value.type, Dict):
            found += value.type.fields
        if name is not None or not isinstance(value.type, Dict) or not value.type.fields:
            found.append((name, value))
    return tuple(found)


def actuals(
    function: Function, bound: Value | None, args: Sequence[Value], keywords: Sequence[tuple[str | None, Value]]
) -> dict[int, Value]:
    """Parameter index → argument, for those that the call passes; what goes to ``*args`` is dropped.

    Flags that may come by ``**options`` are items of that dictionary, where nothing else is passed for them.
    """
    params = function.params
    found: dict[int, Value] = {}
    start = 0
    if bound is not None and function.is_method and params:
        found[0] = bound
        start = 1
    places, by_name, rest = function.places
    if args:
        for place, value in zip(places[start:] if start and places[:1] == (0,) else places, args, strict=False):
            found[place] = value
    mappings = []
    for name, value in keywords:
        if name is None:
            mappings.append(value)
        elif name in by_name:
            found[by_name[name]] = value
    for value in mappings:
        _spread(function, by_name, value.sym, found)
    if rest is not None:
        extra = tuple((name, value.sym) for name, value in keywords if name is not None and name not in by_name)
        found[rest] = Value(Dict(Data("str"), Unknown("keywords")), _rest(extra, mappings, by_name))
    return found


def received(site: Site, target: Target) -> dict[int, Value]:
    """What the project function of a call's target gets, by parameter; worked out once, so not to be changed."""
    found = site.received.get(target)
    if found is None:
        assert target.function is not None
        found = site.received[target] = actuals(target.function, target.bound, *passed(site, target))
    return found


def _spread(function: Function, by_name: dict[str, int], sym: Sym, found: dict[int, Value]) -> None:
    """What ``**options`` passes: all its items if they are known, else whatever it may have for flags."""
    entries = dict(sym[1]) if sym[0] == "dict" else None
    for name, number in by_name.items():
        default = function.params[number].default
        if number in found:
            continue
        if entries is not None and name in entries:
            found[number] = Value(FROM_KEYWORDS, entries[name])
        elif (
            entries is None
            and isinstance(default, f.Const)
            and (default.value is None or default.value in (True, False))
        ):
            item = item_sym(sym, name, ("const", default.value)) if sym[0] in DICTIONARIES else UNKNOWN_SYM
            found[number] = Value(FROM_KEYWORDS, item)


def _rest(extra: tuple[tuple[str, Sym], ...], spread: list[Value], by_name: dict[str, int]) -> Sym:
    """The symbol of what ``**kwargs`` gets."""
    if all(value.sym[0] == "dict" for value in spread):
        more = tuple((k, s) for value in spread for k, s in value.sym[1] if k not in by_name)
        return ("dict", (*extra, *more))
    passed_on = len(spread) == 1 and not extra and spread[0].sym[0] in DICTIONARIES
    return spread[0].sym if passed_on else UNKNOWN_SYM


def constructed(init: Function, known: dict[int, Value]) -> tuple[tuple[int, Sym], ...]:
    """What a constructor got, by parameter: arguments, and flags that keep their defaults."""
    given = {i: value.sym for i, value in known.items() if i > 0 and init.params[i].kind != "kwargs"}
    for number, parameter in enumerate(init.params):
        match parameter.default:
            case f.Const(value=bool(value)) if number not in given:
                given[number] = ("const", value)
    return tuple(sorted(given.items()))


def with_entry(sym: Sym, key: object, value: Sym) -> Sym:
    """The symbol of a dictionary after an item was assigned."""
    if not isinstance(key, str) or sym[0] != "dict":
        return UNKNOWN_SYM
    return ("dict", (*((k, s) for k, s in sym[1] if k != key), (key, value)))
