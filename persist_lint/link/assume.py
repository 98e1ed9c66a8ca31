"""Flags of a callee that a call decides: conditions on parameters that hold, or not, by argument or default.

async def save(session, order, commit=True):
    if commit: ...                                ``save(session, order)``: (2, "truth", True) is assumed
"""

from __future__ import annotations

from collections.abc import Mapping

from persist_lint.link.effects import Effect, default_holds, holds
from persist_lint.link.index import Function
from persist_lint.link.lattice import Value
from persist_lint.link.narrow import guards_of
from persist_lint.link.sites import Flow, Guard
from persist_lint.model import facts as f

Assumed = Mapping[tuple[int, str], bool]


def assumptions(
    callee: Function, effects: tuple[Effect, ...], known: dict[int, Value], outer: Assumed
) -> tuple[Guard, ...]:
    """The conditions that the callee's effects depend on and that this call decides, ``outer`` being the caller's."""
    found: list[Guard] = []
    for number, kind in sorted({(n, k) for effect in effects for n, k, _ in effect.guards}):
        if number >= len(callee.params):
            continue
        value = known.get(number)
        if value is None:
            held = default_holds(callee, number, kind)
        else:
            held = holds(value, kind)
            if held is None and value.sym[0] == "param":
                held = outer.get((value.sym[1], kind))
        if held is not None:
            found.append((number, kind, held))
    return tuple(found)


def decided(flow: Flow, test: f.Expr, assumed: Assumed) -> bool | None:
    """Whether a test holds under assumptions on parameters; None where they do not say."""
    if not assumed:
        return None
    for truth in (True, False):
        needed = guards_of(flow, test, truth)
        if any(assumed.get((number, kind), holds_) != holds_ for number, kind, holds_ in needed):
            return not truth
    return None
