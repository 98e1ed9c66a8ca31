"""What an asynchronous session cannot load when an attribute is read: there is nobody to await the SELECT.

order = await repo.get(id)                     a query that does not load ``customer``
mail(order.customer)                           unloaded
step = Step(job_id=job.id); session.add(step)
await session.flush(); step.job.title          never loaded: the object was made here
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.declared import RelationInfo
from persist_lint.link.loaded import part_of
from persist_lint.link.loading import Demand, Load
from persist_lint.link.project import Project
from persist_lint.link.provenance import Root
from persist_lint.link.reach import reaches
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.span import Span

STORES = frozenset({"flush", "txn.commit"})
#: Calls between query and touch: further down it depends on too much that is not seen whether the touch is reached.
MAX_STEPS = 4


class Unloaded(Struct, frozen=True, eq=False):
    """An attribute that is read where it is not loaded; ``stored``: what stored the object that the function made.

    ``at`` is where to tell of it: the touch, or the query of the function that has a converter of others read it.
    """

    function: FunctionView
    at: Span
    load: Load
    stored: Span | None = None


def unloaded(project: Project, function: FunctionView) -> Iterator[Unloaded]:
    """The attributes of asynchronous sessions' entities that the function, or what it calls, reads unloaded."""
    for load in project.loading.of(function):
        if (
            load.is_async
            and len(load.steps) <= MAX_STEPS
            and not (load.part.state == "missing" and project.loading.in_identity_map(load))
        ):
            told, at = _place(load)
            yield Unloaded(told, at, load)
    if function.is_async:
        yield from _made(function)


def _place(load: Load) -> tuple[FunctionView, Span]:
    """The touch; of a converter that others call, the query of the function that hands the entity on."""
    project = load.asked_in.project
    here, there = (project.view(view.function.origin) for view in (load.asked_in, load.read_in))
    if here is there or not load.converted or load.root.effect is None:
        return there, load.read_at
    return here, load.root.effect.at


def _made(function: FunctionView) -> Iterator[Unloaded]:
    """Relationships of objects that the function makes, stores, and then has read."""
    loading = function.project.loading
    for demand in loading.demands(function):
        roots = loading.provenance.of(function.function, demand.expr)
        if len(roots) != 1 or roots[0].kind != "made" or roots[0].function is not function.function:
            continue
        root = roots[0]
        relation = _unset(function, demand, root)
        stored = _stored(function, demand, root) if relation is not None else None
        load = loading.load(function, demand, root) if stored is not None else None
        if load is not None and stored is not None:
            yield Unloaded(function, demand.at, load, stored.at)


def _unset(function: FunctionView, demand: Demand, root: Root) -> RelationInfo | None:
    """The relationship that is read, where the constructor's call leaves it to the foreign key."""
    call, cls = root.node, root.cls
    if not isinstance(call, f.Call) or cls is None or root.path or len(demand.path) != 1:
        return None
    models = function.project.world.models
    relation = models.info(cls).relations.get(demand.path[0])
    given = {k.name: k.value for k in call.keywords}
    if relation is None or relation.name in given or None in given or relation.target is None:
        return None
    if any(touch.written and touch.name == relation.name for touch in function.flow.touches.values()):
        return None
    if relation.many:
        return relation
    table = models.info(relation.target).table
    keys = [c.name for c in models.info(cls).columns.values() if c.foreign.rpartition(".")[0] == table]
    values = [given[name] for name in keys if name in given]
    set_ = any(not (isinstance(value, f.Const) and value.value is None) for value in values)
    return relation if set_ and table is not None else None


def _stored(function: FunctionView, demand: Demand, root: Root) -> CallView | None:
    """The flush that stored the object before it is read; None where it is pending, or loaded again after."""
    added, stored = False, None
    for call in function.calls:
        if not (root.node.at <= call.at < demand.at) or not reaches(function.places, call.site.node, demand.node):
            continue
        kinds = call.effect_kinds
        mine = any(e.kind in ("unit.add", "unit.merge") and e.entity is root.cls for e in call.effects)
        added = added or mine
        if added and kinds & STORES:
            stored = call
        if stored is not None and (_refreshed(call, root) or _selected(call, root)):
            if call.site.keyword("attribute_names") is not None or len(call.site.args) > 1:
                return None
            part = part_of(function.project.world.models, demand.owner, demand.path, ())
            stored = None if part.state == "loaded" else stored
    return stored


def _refreshed(call: CallView, root: Root) -> bool:
    return any(
        e.leaf.target is not None and e.leaf.target.name.endswith(".refresh") and e.entity in (root.cls, None)
        for e in call.effects
    )


def _selected(call: CallView, root: Root) -> bool:
    return any(e.kind == "db.select" and e.entity is root.cls for e in call.effects)
