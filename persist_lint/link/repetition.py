"""Which loop repeats a call once per item, and what that says about the call.

A loop whose turns are chunks, attempts or steps repeats nothing in this sense; neither does one that ends at the first
hit or goes over classes (every turn is about another table), nor one in which the call stands in an error handler or
behind a full batch.
"""

from __future__ import annotations

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.lattice import ClassObj, Coll, Inst, LibClass, Value, members
from persist_lint.link.places import bound_names, read_names
from persist_lint.link.sites import Loop
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.severity import Severity

RUNS = frozenset({"here", "greenlet", "task", "thread", "loop"})
CHANGES = frozenset(
    {
        "db.insert",
        "db.update",
        "db.delete",
        "flush",
        "txn.commit",
        "unit.add",
        "unit.change",
        "unit.delete",
        "unit.merge",
    }
)
OUTSIDE = frozenset({"net", "process", "broker", "sleep"})
WAITS = OUTSIDE | {"wait", "listen"}
#: Calls from the loop down to the statement from which on a turn is a piece of work rather than an access.
DEEP = 3


class Repeat(Struct, frozen=True, eq=False):
    """The loop that repeats something.

    ``distinct``: once per distinct key only, behind a cache that starts empty in the function. ``isolated``: a ``try``
    inside the loop lets the other items go on when one fails.
    """

    loop: Loop
    distinct: bool
    isolated: bool

    @property
    def small(self) -> bool:
        """Whether the loop is known to have at most ten turns."""
        return self.loop.bound == "small"


def speaks(function: FunctionView) -> bool:
    """Whether N+1 matters in a function: not at start-up, and not in the modules of one-shot commands."""
    commands = (e.function.module for e in function.entries if e.kind == "cli")
    return not function.silent and not (function.one_shot and function.function.module in commands)


def speaks_of_loops(function: FunctionView) -> bool:
    """Whether N+1 may matter in a function: also at start-up, where a loop grows with a table (see ``repeat_of``)."""
    return speaks(function) or function.starting


def graded(function: FunctionView, severity: Severity) -> Severity:
    """The severity where the function runs: what only one-shot commands and start-up reach is low."""
    return Severity.LOW if function.one_shot or function.starting else severity


def grows_with_table(function: FunctionView, loop: Loop) -> bool:
    """Whether a loop goes over rows: as many turns as its table has them."""
    world = function.project.world
    kinds = members(world.element(loop.iter).type)
    return loop.bound == "none" and any(isinstance(kind, Inst) and world.models.is_model(kind.cls) for kind in kinds)


def repeat_of(call: CallView) -> Repeat | None:
    """What repeats a call once per item; None where nothing does."""
    return repeat_at(call.function, call.site.node, call.site.loops)


def repeat_at(function: FunctionView, node: f.Node, loops: tuple[Loop, ...]) -> Repeat | None:
    """What repeats an expression in these loops once per item; None where nothing does."""
    for loop in reversed(loops):
        if not loop.counts or loop.first_hit or loop.target is node or _over_classes(function, loop):
            continue
        if function.starting and not grows_with_table(function, loop):
            continue
        often = function.places.often(node, loop)
        if often in ("each", "distinct"):
            return Repeat(loop, often == "distinct", _isolated(function, node, loop))
    return None


def same_every_turn(call: CallView, loop: Loop) -> bool:
    """Whether no argument of the call depends on the turn and the call changes nothing: it reads the same again."""
    node = call.site.node
    if loop.kind == "map" or any(e.kind in CHANGES for e in call.effects) or _time_passes(call.function, loop):
        return False
    changing = bound_names(loop)
    if not isinstance(node, f.Call):
        return isinstance(node, f.Attr) and not read_names(node) & changing
    world = call.function.project.world
    data = [expr for expr, value in _passed(call, node) if not world.is_session(value)]
    return not any(read_names(expr) & changing for expr in (node.func, *data))


def takes_many(call: CallView, loop: Loop) -> bool:
    """Whether every turn hands over a collection of its own: a batch per turn."""
    node = call.site.node
    changing = bound_names(loop)
    return isinstance(node, f.Call) and any(
        isinstance(kind, Coll) and not isinstance(expr, f.Seq) and read_names(expr) & changing
        for expr, value in _passed(call, node)
        for kind in members(value.type)
    )


def _passed(call: CallView, node: f.Call) -> list[tuple[f.Expr, Value]]:
    """The arguments of a call with their values."""
    found = list(zip(node.args, call.site.args, strict=False))
    return found + [(k.value, value) for k, (_, value) in zip(node.keywords, call.site.keywords, strict=False)]


def _time_passes(function: FunctionView, loop: Loop) -> bool:
    """Whether the turns wait for the outside world: then the same query may well read something else."""
    if isinstance(loop.node, f.While) or (isinstance(loop.node, f.For) and loop.node.is_async):
        return True
    return any(loop in c.site.loops and any(e.kind in WAITS for e in c.effects) for c in function.calls)


def loops_below(effect: Effect) -> bool:
    """Whether a callee on the way down repeats it in a loop of its own, which is told of there."""
    return any(
        loop.counts
        for step in effect.chain[1:]
        if step.site is not None
        for loop in step.site.loops
        if loop.target is not step.site.node
    )


def is_workflow(call: CallView, effect: Effect) -> bool:
    """Whether every turn is a long piece of work with the outside world, in which one statement more is no matter."""
    same = (e for e in call.effects if e.target is effect.target and e.manner in RUNS)
    return effect.length >= DEEP and any(e.kind in OUTSIDE for e in same)


def own_session(call: CallView, effect: Effect, loop: Loop) -> bool:
    """Whether the loop itself opens a session for every turn: items are kept apart on purpose."""
    if call.site.consumer == "with" and any(e.kind == "session.open" for e in call.effects):
        return True
    if effect.session[0] != "open" or loop.node is None:
        return False
    line: int = effect.session[1][0]
    return loop.node.at.line <= line <= loop.node.at.end_line


def _over_classes(function: FunctionView, loop: Loop) -> bool:
    item = function.project.world.element(loop.iter)
    return any(isinstance(kind, ClassObj | LibClass) for kind in members(item.type))


def _isolated(function: FunctionView, node: f.Node, loop: Loop) -> bool:
    for frame in function.places.within(node, loop):
        handlers = frame.owner.handlers if isinstance(frame.owner, f.Try) and frame.part == "body" else ()
        if any(not (h.body and isinstance(h.body[-1], f.Raise | f.Return)) for h in handlers):
            return True
    return False
