"""What a callee does in few of the turns that call it: where it fails, or the first time only.

    def note(session, name):                        def folder_of(session, user_id):
        try:                                            folder = session.scalar(…user_id…)
            check(name)                                 if folder is None:
        except Exception:                                   folder = Folder(user_id=user_id)
            session.add(Failure(name))                      session.add(folder)

The right one inserts once for a whole loop, where ``user_id`` is the same in every turn: the next turn finds the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.effects import Effect
from persist_lint.link.places import Frame, bound_names, dotted, names_of, read_names
from persist_lint.link.sites import Loop, Target
from persist_lint.link.tree import heads, post_order, statements, targets
from persist_lint.model import facts as f
from persist_lint.model.effect import INSERTING

if TYPE_CHECKING:
    from persist_lint.link.views import CallView, FunctionView

#: Handlers of these catch what went wrong, not that something was not found.
BROAD = frozenset({"", "Exception", "BaseException"})
CHANGES = frozenset({"db.insert", "db.update", "db.delete", "flush", "txn.commit", "unit.add", "unit.merge"})


def only_where_it_fails(call: CallView, effect: Effect) -> bool:
    """Whether a callee on the way down does it in an error handler, or raises right after it.

    A handler of "there is none", after a ``try`` that only reads, is no such.
    """
    project = call.function.project
    return any(
        step.site is not None and _fails(project.view(step.function), step.site.node) for step in effect.chain[1:]
    )


def _fails(function: FunctionView, node: f.Node) -> bool:
    frames = function.places.frames(node)
    if any(frame.part == "handler" and _is_failure(function, frame) for frame in frames):
        return True
    inner = list(frames)
    while inner and isinstance(inner[-1].owner, f.With):
        if _raises_after(inner[-1]):
            return True
        inner.pop()
    return bool(inner) and not isinstance(inner[-1].owner, f.Try) and _raises_after(inner[-1])


def _raises_after(frame: Frame) -> bool:
    after = frame.block[frame.index :]
    return isinstance(after[-1], f.Raise) and not any(isinstance(s, f.Return) for s in statements(after[:-1]))


def _is_failure(function: FunctionView, frame: Frame) -> bool:
    """Whether a handler is about work that failed: it raises, catches everything, or the work had changed something."""
    owner = frame.owner
    if not isinstance(owner, f.Try):
        return False
    if isinstance(frame.block[-1], f.Raise):
        return True
    caught = next((h.type for h in owner.handlers if h.body is frame.block), None)
    if caught is None or dotted(caught) in BROAD:
        return True
    first, last = owner.body[0].at.line, owner.body[-1].at.end_line
    return any(first <= c.at.line <= last and not c.effect_kinds.isdisjoint(CHANGES) for c in function.calls)


def only_the_first_time(call: CallView, effect: Effect, loop: Loop) -> bool:
    """Whether a row is inserted where one is missing, or anything done where an attribute is, the same in all turns.

    The first turn puts it there. Arguments are followed down by name: what is made from the loop's item differs.
    """
    project = call.function.project
    varying = bound_names(loop)
    inserts = effect.kind in INSERTING
    for number, step in enumerate(effect.chain):
        function = project.view(step.function)
        if step.site is None:
            return False
        missed = _reads_that_miss(function, step.site.node) if number else ()
        if any((own or inserts) and not read_names(read) & varying for read, own in missed):
            return True
        below = _handed_down(function, step, varying)
        if below is None:
            return False
        varying = below
    return False


def _reads_that_miss(function: FunctionView, node: f.Node) -> Iterator[tuple[f.Expr, bool]]:
    """The expressions that found nothing, wherever the node is reached, and whether it is an attribute of ``self``.

    The others ask the database.
    """
    missing = function.places.missing(node)
    queries = {c.site.node for c in function.calls if "db.select" in c.effect_kinds}
    for statement in statements(function.function.body) if missing else ():
        value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
        bound = {name for target in targets(statement) for name in names_of(target)}
        if value is not None and bound & missing and any(part in queries for part in post_order(value)):
            yield value, False
    for test in function.places.tests(node):
        match test:
            case f.Compare(left=f.Attr() as place, ops=("is",), rights=(f.Const(value=None),)) if _is_own(
                function, place
            ):
                yield place, True
    for frame in function.places.frames(node):
        if frame.part == "handler" and isinstance(frame.owner, f.Try):
            for statement in statements(frame.owner.body):
                asked = (h for h in heads(statement) if any(part in queries for part in post_order(h)))
                yield from ((head, False) for head in asked)


def _is_own(function: FunctionView, place: f.Attr) -> bool:
    """Whether it is an attribute of the instance whose method this is."""
    params = function.function.params
    return function.function.is_method and isinstance(place.value, f.Name) and place.value.id == params[0].name


def _handed_down(function: FunctionView, step: Effect, varying: frozenset[str]) -> frozenset[str] | None:
    """The names of the callee's that differ from turn to turn, of those of the caller that do; None where unknown."""
    site, target = step.site, step.target
    if site is None or target is None or target.function is None or target.arguments is not None:
        return None
    params = target.function.params
    found: set[str] = set()
    match site.node:
        case f.Call(func=func, args=args, keywords=keywords):
            bound = _is_bound(target)
            if bound and params and read_names(func) & varying:
                found.add(params[0].name)
            if any(isinstance(arg, f.Star) for arg in args) or any(k.name is None for k in keywords):
                return None
            world = function.project.world
            for place, (arg, value) in enumerate(zip(args, site.args, strict=False), start=1 if bound else 0):
                if read_names(arg) & varying and not world.is_session(value):
                    found.add(params[place].name if place < len(params) else "")
            for keyword, (_, value) in zip(keywords, site.keywords, strict=False):
                if read_names(keyword.value) & varying and not world.is_session(value):
                    found.add(keyword.name or "")
        case f.Attr(value=base):
            if params and read_names(base) & varying:
                found.add(params[0].name)
        case _:
            return None
    return _spread(target.function.body, found) if "" not in found else None


def _is_bound(target: Target) -> bool:
    return target.function is not None and target.function.is_method and target.bound is not None


def _spread(body: tuple[f.Stmt, ...], names: set[str]) -> frozenset[str]:
    """The names and all that is made from them in a function's body, or set where they decide."""
    before = -1
    while names and len(names) != before:
        before = len(names)
        for statement in statements(body):
            if any(read_names(head) & names for head in heads(statement)):
                inner = statements((statement,)) if isinstance(statement, f.If | f.For | f.While) else (statement,)
                names.update(name for one in inner for name in _bound_by(one))
    return frozenset(names)


def _bound_by(statement: f.Stmt) -> Iterator[str]:
    """What a statement sets, or fills by a method: ``filters.append(…)``."""
    for target in targets(statement):
        yield from names_of(target)
    match statement:
        case f.With(items=items):
            for item in items:
                yield from names_of(item.target) if item.target is not None else ()
        case f.ExprStmt(value=f.Call(func=f.Attr(value=filled))):
            yield from names_of(filled)
