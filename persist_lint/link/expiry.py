"""Entities that are expired when they are read: what a commit, a rollback or a failed flush leaves of them.

await session.commit()            expires all entities of the session, unless its factory says otherwise
return order.number               a SELECT that nobody can await

try:
    await session.flush()         fails: the transaction is rolled back, its entities are expired
except IntegrityError:
    log(order.id)                 the same
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Class
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM, Sym
from persist_lint.link.project import Project
from persist_lint.link.provenance import Root
from persist_lint.link.reach import escapes, failing, raises_after, reaches, within
from persist_lint.link.sites import Touch
from persist_lint.link.tree import heads, post_order, spelled, statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

ENDS = frozenset({"txn.commit", "txn.rollback"})
SENDS = frozenset({"flush", "txn.commit"})
WHY = {
    "commit": "the commit in line {} has expired it",
    "rollback": "the rollback in line {} has expired it",
    "failed": "the flush in line {} has failed, which rolls back and expires it",
}


class Event(Struct, frozen=True, eq=False):
    """What expires the entities of a session: ``kind`` is commit, rollback or failed (a flush, seen in a handler).

    ``leaving``: the call makes a context manager, and it happens when that is left.
    """

    kind: str
    call: CallView
    session: Sym
    leaving: bool = False


class Expired(Struct, frozen=True, eq=False):
    """An attribute that is read of an expired entity."""

    function: FunctionView
    at: Span
    touch: Touch
    owner: Class
    event: Event

    @property
    def doubtful(self) -> bool:
        """Whether the error may come from something else than the database."""
        return self.event.kind == "failed"

    @property
    def text(self) -> str:
        """What is read, and what has expired it."""
        why = WHY[self.event.kind].format(self.event.call.at.line)
        return f"{self.owner.name}.{self.touch.name} is read where {why}: that raises MissingGreenlet"

    @property
    def cure(self) -> str:
        """What to write instead."""
        name = f"{spelled(_base(self.touch))}.{self.touch.name}"
        if self.event.kind == "commit":
            return f"Make the session with expire_on_commit=False, or refresh the entity before {name} is read."
        return f"Keep {name} in a variable before the statement that may fail, or refresh the entity first."

    @property
    def steps(self) -> tuple[Step, ...]:
        """The event, and the way down to it."""
        call = self.event.call
        what = {"commit": "commits", "rollback": "rolls back", "failed": "may fail"}[self.event.kind]
        return (self.function.step(call.at, what), self.function.step(self.at, "read here"))


def expired(project: Project, function: FunctionView) -> Iterator[Expired]:
    """The attributes that a function reads of entities which are expired then; the first of each entity."""
    if not function.is_async or not any(_entity(project, t) is not None for t in function.flow.touches.values()):
        return
    events = list(_events(function))
    told: set[object] = set()
    for touch in sorted(function.flow.touches.values(), key=lambda one: one.at) if events else ():
        owner = _entity(project, touch)
        if owner is None or touch.written or not isinstance(touch.node, f.Attr):
            continue
        if not project.world.models.has_attribute(owner, touch.name):
            continue
        event = next((event for event in reversed(events) if _hits(function, event, touch, owner)), None)
        key = (spelled(_base(touch)), event.call.at if event is not None else None)
        if event is not None and key not in told:
            told.add(key)
            yield Expired(function, touch.at, touch, owner, event)


def _entity(project: Project, touch: Touch) -> Class | None:
    models = project.world.models
    cls = models.entity_class(touch.base)
    return cls if cls is not None and models.is_stored(cls) else None


def _base(touch: Touch) -> f.Expr:
    assert isinstance(touch.node, f.Attr)
    return touch.node.value


def _events(function: FunctionView) -> Iterator[Event]:
    """The commits, rollbacks and flushes of asynchronous sessions, in order of place.

    From the first savepoint on only commits: what is rolled back to a savepoint expires what was changed since.
    """
    nested = False
    for call in function.calls:
        nested = nested or "txn.savepoint" in call.effect_kinds
        for effect in call.effects if call.effect_kinds & (ENDS | SENDS) else ():
            if effect.manner != "here" or not _is_async(effect) or effect.session in (UNKNOWN_SYM, INNER_SYM):
                continue
            if effect.kind in SENDS and _is_tried(function, call) and not nested:
                yield Event("failed", call, effect.session)
            if effect.kind not in ENDS or effect.guards or (nested and effect.kind == "txn.rollback"):
                continue
            if _comes_back(function.project, effect):
                kind = "commit" if effect.kind == "txn.commit" else "rollback"
                yield Event(kind, call, effect.session, _on_leaving(effect))


def _comes_back(project: Project, effect: Effect) -> bool:
    """Whether the function goes on after the effect: not where what it calls raises then, up to the caller's caller."""
    raised = False
    for link in reversed(effect.chain):
        places = project.view(link.function).places
        if link.site is None:
            return True
        if raised and not escapes(places, link.site.node):
            return True
        raised = raised or (link is not effect and raises_after(places, link.site.node))
    return not raised


def _on_leaving(effect: Effect) -> bool:
    """Whether the effect stands behind the ``yield`` of a context manager, or in its ``__aexit__``."""
    if effect.via is None:
        return False
    function = effect.via.function
    heads_of = (node for s in statements(function.body) for head in heads(s) for node in post_order(head))
    lent = next((node for node in heads_of if isinstance(node, f.Yield)), None)
    return function.name in ("__exit__", "__aexit__") if lent is None else lent.at < effect.via.at


def _is_async(effect: Effect) -> bool:
    leaf = effect.leaf
    return leaf.target is not None and (
        ".asyncio." in leaf.target.name or (leaf.site is not None and leaf.site.awaited)
    )


def _is_tried(function: FunctionView, call: CallView) -> bool:
    frames = function.places.frames(call.site.node)
    return any(isinstance(frame.owner, f.Try) and frame.part == "body" for frame in frames)


def _hits(function: FunctionView, event: Event, touch: Touch, owner: Class) -> bool:
    """Whether the event has expired the entity when the attribute is read."""
    node, places = event.call.site.node, function.places
    if event.kind == "failed":
        if not failing(places, node, touch.node) or not _of_database(function, touch.node):
            return False
    elif not _is_past(event, touch) or not reaches(places, node, touch.node):
        return False
    if (
        event.kind == "commit"
        and function.project.session(function.function, event.session).expire_on_commit is not True
    ):
        return False
    return _is_of(function, event, touch, owner) and not _renewed(function, event, touch)


def _is_past(event: Event, touch: Touch) -> bool:
    """Whether the event stands before the touch; what a manager does when it is left comes after its block."""
    call = event.call
    inside = event.leaving and within(call.function.places, touch.node, call.site.node)
    return call.at < touch.at and not inside


def _of_database(function: FunctionView, touched: f.Node) -> bool:
    """Whether the handler around a touch names errors of the database."""
    return not DATABASE_ERRORS.isdisjoint(_handled(function, touched))


def _handled(function: FunctionView, touched: f.Node) -> list[str]:
    """The last names of the errors that the handler around a place names."""
    for frame in function.places.frames(touched):
        if isinstance(frame.owner, f.Try) and frame.part == "handler":
            handler = next((h for h in frame.owner.handlers if h.body is frame.block), None)
            kinds = handler.type if handler is not None else None
            names = kinds.items if isinstance(kinds, f.Seq) else () if kinds is None else (kinds,)
            return [spelled(name).rpartition(".")[2] for name in names]
    return []


STALE = "StaleDataError"
DATABASE_ERRORS = frozenset(
    {"IntegrityError", "DBAPIError", "SQLAlchemyError", "OperationalError", "StaleDataError", "DataError",
     "ProgrammingError", "InternalError", "FlushError", "StatementError"}
)  # fmt: skip


def _is_of(function: FunctionView, event: Event, touch: Touch, owner: Class) -> bool:
    """Whether the entity was in the session of the event when that happened."""
    roots = function.project.loading.provenance.of(function.function, _base(touch))
    stored = STALE in _handled(function, touch.node)  # an error of rows that there were
    return bool(roots) and all(
        _was_there(function, event, root, owner) or (stored and root.kind == "param") for root in roots
    )


def _was_there(function: FunctionView, event: Event, root: Root, owner: Class) -> bool:
    if root.kind == "param":
        return not _adds(function, event, owner) or event.kind == "commit"
    if root.kind == "query":
        effect = root.effect
        return effect is not None and effect.at < event.call.at and effect.session == event.session
    if root.kind == "made":
        return event.kind == "commit" and root.node.at < event.call.at and _adds(function, event, owner)
    return False


def _adds(function: FunctionView, event: Event, owner: Class) -> bool:
    """Whether the function adds such an entity before: one that is new is no more in the session after a rollback."""
    classes = function.project.world.classes
    return any(
        effect.kind == "unit.add" and effect.entity is not None and owner in classes.mro(effect.entity)
        for call in function.calls
        if call.at <= event.call.at
        for effect in call.effects
    )


def _renewed(function: FunctionView, event: Event, touch: Touch) -> bool:
    """Whether the entity is loaded again between the event and the touch."""
    base = spelled(_base(touch))
    for call in function.calls:
        if not (event.call.at <= call.at < touch.at) or not reaches(function.places, call.site.node, touch.node):
            continue
        refreshes = any(e.leaf.target is not None and e.leaf.target.name.endswith(".refresh") for e in call.effects)
        if refreshes or (call is not event.call and base in _named(call)):
            return True
    return False


def _named(call: CallView) -> list[str]:
    """The entities that an awaited call is given: it may load them again."""
    node = call.site.node
    if not isinstance(node, f.Call) or not call.effect_kinds & {"db.select", "unit.merge"}:
        return []
    return [spelled(argument) for argument in node.args]
