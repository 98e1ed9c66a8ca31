"""What a method may be on an object that is only known to be of a class or of one below it.

def f(repository: Repository):        an annotation: some call may pass a Careful(Repository)
    repository.save(job)              Repository.save, perhaps Careful.save

An object that was made at hand is of its class exactly; so is ``self``, whose methods have copies for the classes of
their receivers. Where many classes override, or the class is generic (what overrides it is mostly for one argument of
it), the declared class's own method answers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import Inst, Value

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_OVERRIDES = 7
#: Symbols of what may only be known by an annotation.
DECLARED = frozenset({"param", "init"})


def overriding(world: World, caller: Function, method: Function, bound: Value | None) -> list[Function]:
    """Methods of classes below that may run in a method's place; none where the receiver is of its class exactly."""
    if bound is None or bound.weak or bound.sym[0] not in DECLARED or not isinstance(bound.type, Inst):
        return []
    cls, classes = bound.type.cls, world.classes
    if not classes.subclasses(cls) or not _is_declared(world, caller, bound) or classes.type_parameters(cls):
        return []
    if classes.is_abstract_class(cls) or classes.is_abstract(method):
        return []
    if classes.find_method(cls, method.name) is not method.origin:
        return []
    found = [m for m in classes.overrides(cls, method.name) if m is not method.origin]
    return [m for m in found if not classes.is_abstract(m)] if len(found) <= MAX_OVERRIDES else []


def _is_declared(world: World, caller: Function, bound: Value) -> bool:
    """Whether only an annotation says what an object is: a parameter, or what a constructor got."""
    match bound.sym:
        case ("param", int(number)):
            if (number == 0 and caller.is_method) or number >= len(caller.params) or number in caller.given:
                return False
            return caller.params[number].annotation is not None and not world.providers(caller, number)
        case ("init", ("param", 0), int()):
            return caller.is_method
    return False
