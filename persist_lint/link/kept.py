"""What a program keeps in one place, to be found there by others.

    request.state.db = session         a middleware
    g.db = SessionLocal()              before_request
    current.set(session)               a context variable
    global engine; engine = …          a variable of the module

What is read there is the join of all that the program puts there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import UNKNOWN_SYM, LibMethod, Null, Sym, Unknown, Value, join, unknown
from persist_lint.link.statements import translated
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.sites import Flow
    from persist_lint.link.world import World

REQUEST_STATE = "starlette.datastructures.State"
MAX_WRITERS = 12
Place = tuple[str, str]  # (type or global, attribute)


class Kept:
    """The answers, each worked out when first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[Place, Value] = {}

    def at(self, owner: str, name: str, sym: Sym) -> Value:
        """What the attribute ``name`` of objects of a library type holds; without a name, what a global does."""
        place = (owner, name)
        key = ("kept", place)
        if place in self._known:
            self._world.asking.again(key)
        else:
            self._known[place] = unknown("asked while being computed")
            self._world.asking.begin(key)
            self._known[place] = self._find(place)
            self._world.asking.end(key)
        found = self._known[place]
        return Value(found.type, sym, found.weak)

    def forget(self, place: Place) -> None:
        """Work it out again when asked next."""
        self._known.pop(place, None)

    def puts(self, owner: str, name: str) -> list[tuple[Function, Value]]:
        """The functions that put something there, each with what, in its own terms."""
        place = (owner, name)
        writers = self._writers(place)[:MAX_WRITERS]
        return [(writer, value) for writer in writers for value in self._world.flow(writer).kept.get(place, ())]

    def _find(self, place: Place) -> Value:
        found = [
            value
            for writer in self._writers(place)[:MAX_WRITERS]
            for value in self._world.flow(writer).kept.get(place, ())
            if not isinstance(value.type, Null | Unknown)
        ]
        return (
            join([Value(translated(v.type, {}), UNKNOWN_SYM, v.weak) for v in found])
            if found
            else unknown("nothing is kept there")
        )

    def _writers(self, place: Place) -> list[Function]:
        owner, name = place
        if not name:
            module, _, last = owner.rpartition(".")
            writers = self._world.mentioning(last)
            return [w for w in writers if w.module.dotted == module or "set" in w.facts.names]
        by_key = self._world.mentioning("scope") if owner == REQUEST_STATE else []
        return list(dict.fromkeys((*self._world.mentioning(name), *by_key)))


def note_set(world: World, flow: Flow, callee: Value, args: tuple[Value, ...]) -> None:
    """``current.set(session)``: what a context variable of a module holds from now on."""
    match callee.type:
        case LibMethod(owner=owner, name="set", bound=Value(sym=("global", str(dotted)))) if args:
            if world.kind_of(owner) == "namespace":
                flow.kept.setdefault((dotted, ""), []).append(args[0])


def state_item(expr: f.Expr) -> str:
    """The name in ``scope["state"]["name"]``; "" for anything else."""
    match expr:
        case f.Subscript(value=f.Subscript(index=f.Const(value="state")), index=f.Const(value=str(name))):
            return name
    return ""
