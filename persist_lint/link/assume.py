"""Flags of a callee that a call decides: conditions on parameters that hold, or not, by argument or default.

async def save(session, order, commit=True):
    if commit: ...                                ``save(session, order)``: (2, "truth", True) is assumed
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.conditions import Assumed, contradicted, decide
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym, Value
from persist_lint.link.sites import Flow, Guard
from persist_lint.model import facts as f


def assumptions(
    callee: Function, effects: tuple[Effect, ...], known: dict[int, Value], outer: Assumed
) -> tuple[Guard, ...]:
    """The conditions that the callee's effects depend on and that this call decides, ``outer`` being the caller's."""
    asked = dict.fromkeys(one for effect in effects for guard in effect.guards for one in _simple(guard))
    found: list[Guard] = []
    for subject, kind in sorted(asked, key=repr):
        held = decide((subject, kind, True), callee, known, outer)
        if held is not None:
            found.append((subject, kind, held))
    return tuple(found)


def _simple(guard: Guard) -> Iterator[tuple[int | Sym, str]]:
    """What a condition, or each one in a compound, is about."""
    subject, kind, _ = guard
    if isinstance(subject, tuple) and subject[0] == "all":
        for inner in subject[1]:
            yield from _simple(inner)
    else:
        yield subject, kind


def decided(flow: Flow, test: f.Expr, assumed: Assumed) -> bool | None:
    """Whether a test holds under assumptions on parameters; None where they do not say."""
    if not assumed:
        return None
    for truth in (True, False):
        if any(contradicted(guard, assumed) for guard in flow.tests.get((test, truth), ())):
            return not truth
    return None
