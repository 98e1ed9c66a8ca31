"""Which argument goes to which parameter."""

from __future__ import annotations

from collections.abc import Sequence

from persist_lint.link.index import Function
from persist_lint.link.lattice import Value


def actuals(
    function: Function, bound: Value | None, args: Sequence[Value], keywords: Sequence[tuple[str | None, Value]]
) -> dict[int, Value]:
    """Parameter index → argument, for those that the call passes; what goes to ``*args``/``**kwargs`` is dropped."""
    params = function.params
    found: dict[int, Value] = {}
    start = 0
    if bound is not None and function.is_method and params:
        found[0] = bound
        start = 1
    places = [i for i, p in enumerate(params) if i >= start and p.kind in ("positional", "normal")]
    for place, value in zip(places, args, strict=False):
        found[place] = value
    by_name = {p.name: i for i, p in enumerate(params) if p.kind in ("normal", "keyword")}
    for name, value in keywords:
        if name is not None and name in by_name:
            found[by_name[name]] = value
    return found
