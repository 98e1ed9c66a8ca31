"""Rows that are looked up although the caller holds what they are looked up for.

    async def rename(session, tenant: Tenant):
        await note(session, tenant.slug)             holds the Tenant, passes its name

    async def note(session, slug):
        tenant = await find_by_slug(session, slug)   looks the same Tenant up again
        await write(tenant.id)

Two kinds: the key is a unique column of an entity at hand, other than the primary key (reads by that one are told of as
reads of the same entity again); or the primary key of another form of the entity, as ``to_pydantic()`` makes it, and
the callee only reads what that form has as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Inst, members
from persist_lint.link.reads import Read, entities_of, primary_key, reads_of
from persist_lint.link.refetch import ended, is_guarded
from persist_lint.link.sites import Touch
from persist_lint.link.tree import heads, parts, post_order, statements
from persist_lint.link.usage import Usage
from persist_lint.link.views import FunctionView
from persist_lint.link.world import World
from persist_lint.model import facts as f


class Resolve(Struct, frozen=True, eq=False):
    """A needless lookup: the read, where its key was taken from what is held, and what it is read for.

    ``form`` is the class of what the caller holds, where that is not the entity itself; ``wanted`` the attributes that
    the callee reads, empty if it does more with the entity than that.
    """

    read: Read
    held: Touch
    form: Class | None
    wanted: tuple[str, ...]


def resolves(function: FunctionView) -> Iterator[Resolve]:
    """The needless lookups that a function's calls lead to, one per call, in order of place."""
    touched: dict[tuple[object, str], Touch] = {}
    for touch in function.flow.touches.values():
        if not touch.written:
            touched.setdefault((touch.base.sym, touch.name), touch)
    if not touched:
        return
    for call in function.calls:
        entities = {entity for entity, by_attribute in dict.fromkeys(entities_of(call)) if by_attribute}
        for read in reads_of(call, entities) if entities else ():
            found = _found(function, read, touched)
            if found is not None:
                yield found
                break


def _found(function: FunctionView, read: Read, touched: dict[tuple[object, str], Touch]) -> Resolve | None:
    primary = primary_key(function, read.entity)
    for column, sym in read.keys:
        if sym[0] != "attr" or not (column == primary or any(key == column for row in read.rows for key, _ in row)):
            continue  # further conditions only narrow down what one of these finds
        touch = touched.get((sym[1], sym[2]))
        if touch is None or touch.base.weak:
            continue
        wanted = _wanted(function, read)
        for kind in members(touch.base.type):
            if not isinstance(kind, Inst):
                continue
            form = None if kind.cls is read.entity else kind.cls
            held = (
                _is_unique_of(function, kind.cls, column, sym[2], read, primary)
                if form is None
                else (
                    bool(wanted)
                    and column == primary == sym[2]
                    and has_fields(function.project.world, kind.cls, wanted)
                    and is_form(function.project.world, kind.cls, read.entity)
                )
            )
            if held and not is_guarded(function, read) and not ended(function, read, touch.at):
                return Resolve(read, touch, form, wanted)
    return None


def _is_unique_of(function: FunctionView, cls: Class, column: str, name: str, read: Read, primary: str) -> bool:
    """Whether the key is a unique column of the entity at hand, which its own attribute gives."""
    if column != name or column == primary:
        return False
    columns = function.project.world.models.info(cls).columns
    return column in columns and columns[column].unique and bool(read.rows)


def is_form(world: World, form: Class, entity: Class) -> bool:
    """Whether a class is another form of an entity: a method of the one makes it from the other."""
    if world.models.is_model(form):
        return False
    makers = (m for cls in world.classes.mro(entity) for m in _methods(cls))
    if any(_names(world, m, m.facts.returns, form) for m in makers):
        return True
    takers = (m for cls in world.classes.mro(form) for m in _methods(cls))
    return any(_names(world, m, p.annotation, entity) for m in takers for p in m.params)


def has_fields(world: World, cls: Class, names: tuple[str, ...]) -> bool:
    """Whether a class declares all of those attributes."""
    return set(names) <= world.classes.fields(cls).keys()


def _methods(cls: Class) -> Iterator[Function]:
    return (one for one in cls.module.functions if one.owner is cls)


def _names(world: World, method: Function, annotation: f.Expr | None, cls: Class) -> bool:
    if annotation is None:
        return False
    found = world.resolver.annotation(annotation, method.module, method)
    return any(isinstance(kind, Inst) and kind.cls is cls for kind in members(found))


# ---------------------------------------------------------------- what the callee wants


def _wanted(function: FunctionView, read: Read) -> tuple[str, ...]:
    """The attributes for which the function that looks the row up does so; empty if it does more with it."""
    for step in read.chain[1:]:
        found = _read_of(step, read.entity)
        if found is not None:
            return found
    return ()


def _read_of(step: Effect, entity: Class) -> tuple[str, ...] | None:
    """The attributes that a function reads of what its call gives; None where the call's result is passed on."""
    node = step.site.node if step.site is not None else None
    if node is None or (step.site is not None and step.site.consumer == "return"):
        return None
    name, attribute = _place_of(step.function, node, by_library=step.via is None)
    if attribute:
        return (attribute,)
    if not name:
        return None
    usage = Usage(step.function)
    if usage.assigned(name) is None:
        return ()
    read = [usage.attribute_of(use) for use in usage.uses[name] if use.role != "bound"]
    plain = [use.role == "read" for use in usage.uses[name] if use.role != "bound"]
    return tuple(dict.fromkeys(one for one in read if one)) if all(plain) else ()


def _place_of(function: Function, node: f.Node, *, by_library: bool) -> tuple[str, str]:
    """The name that a call's result is assigned to, and the attribute that is read of it at once.

    What a library's result is asked for (``one()``, ``first()``) is still the result.
    """
    for statement in statements(function.body):
        for head in heads(statement):
            nodes = list(post_order(head))
            if not any(node is one for one in nodes):
                continue
            outer = {id(part): one for one in nodes for part in parts(one)}
            inner = _whole(node, outer, by_library)
            around = outer.get(id(inner))
            if isinstance(around, f.Attr):
                return "", around.name
            match statement:
                case f.Assign(targets=(f.Name(id=name),), value=value) if value is inner:
                    return name, ""
            return "", ""
    return "", ""


def _whole(node: f.Node, outer: dict[int, f.Expr], by_library: bool) -> f.Node:
    """The call with the ``await`` and the methods of the result around it."""
    while True:
        around = outer.get(id(node))
        above = outer.get(id(around)) if isinstance(around, f.Attr) else None
        if isinstance(around, f.Await):
            node = around
        elif by_library and isinstance(above, f.Call) and above.func is around:
            node = above
        else:
            return node
