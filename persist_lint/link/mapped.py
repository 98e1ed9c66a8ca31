"""Functions that builtins run once per item: ``sorted(rows, key=f)``, ``map(f, rows)``, ``rows.sort(key=lambda r: …)``.

Their calls are walked as the body of a loop over the items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.lattice import Fn, LibFn, LibMethod, Value, members
from persist_lint.link.loops import bound_of
from persist_lint.link.sites import Loop, Site, Target
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator

KEYED = frozenset({"builtins.sorted", "builtins.min", "builtins.max"})
FIRST = frozenset({"builtins.map", "builtins.filter"})


def mapped(ev: Evaluator, expr: f.Call, callee: Value) -> None:
    """Walk the function that the call runs per item, if it is such a call."""
    match callee.type:
        case LibFn(name=name) if name in KEYED and expr.args:
            over: f.Expr | None = expr.args[0]
            run = _key(expr)
        case LibFn(name=name) if name in FIRST and len(expr.args) > 1:
            over, run = expr.args[1], expr.args[0]
        case LibMethod(owner="builtins", name="sort"):
            over = expr.func.value if isinstance(expr.func, f.Attr) else None
            run = _key(expr)
        case _:
            return
    if over is None or run is None:
        return
    iterated = callee.type.bound if isinstance(callee.type, LibMethod) else ev.flow.names.get(over)
    if iterated is not None:
        _walk(ev, run, over, iterated)


def _key(expr: f.Call) -> f.Expr | None:
    return next((k.value for k in expr.keywords if k.name == "key"), None)


def _walk(ev: Evaluator, run: f.Expr, over: f.Expr, iterated: Value) -> None:
    place = (run.at.line, run.at.column)
    target = f.Name(run.at, run.params[0].name) if isinstance(run, f.Lambda) and run.params else None
    loop = Loop("map", run.at, place, iterated, bound_of(ev, over, iterated), target=target)
    ev.loops.append(loop)
    if isinstance(run, f.Lambda) and target is not None:
        saved = dict(ev.env)
        ev.env[target.id] = ev.item(iterated, loop)
        ev.value(run.body)
        ev.env.clear()
        ev.env.update(saved)
    elif isinstance(run, f.Name | f.Attr):
        _call(ev, run, ev.item(iterated, loop))
    ev.loops.pop()


def _call(ev: Evaluator, run: f.Name | f.Attr, item: Value) -> None:
    """A function that is named: a site of its own, called with the item."""
    callee = ev.value(run)
    targets = [
        Target(candidate, candidate.dotted, None, kind.bound, weak=callee.weak)
        for kind in members(callee.type)
        if isinstance(kind, Fn)
        for candidate in ev.world.candidates(kind.function, kind.bound)
    ]
    if targets:
        name = run.id if isinstance(run, f.Name) else run.name
        ev.flow.sites[run] = Site(
            run,
            run.at,
            callee,
            (item,),
            (),
            tuple(targets),
            item,
            tuple(ev.loops),
            tuple(dict.fromkeys(ev.guards)),
            name=name,
        )
