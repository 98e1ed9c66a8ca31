"""Functions in fields that say only that they are callable: what the program makes such objects with.

@dataclass
class Step:
    name: str
    run: Callable[[str], str]

STEPS = [Step("fetch", fetch)]        ``step.run(url)`` runs fetch
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, Closure, Fn, Null, Partial, Type, Value, join, members
from persist_lint.link.statements import translated
from persist_lint.link.tree import flat
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_MAKERS = 12


def is_callable_only(kind: Type) -> bool:
    """Whether a type says of a value only that it can be called, perhaps that it may be None."""
    known = [one for one in members(kind) if not isinstance(one, Null)]
    return bool(known) and all(isinstance(one, Closure) for one in known)


def given(world: World, cls: Class, name: str) -> Value | None:
    """The functions that the program gives for a field where it makes such objects; None where none is known."""
    if world.classes.find_method(cls, "__init__") is not None:
        return None
    names = _in_order(world, cls)
    place = names.index(name) if name in names else -1
    found = []
    for maker in _makers(world, cls):
        for site in list(world.flow(maker).sites.values()):
            if any(isinstance(kind, ClassObj) and kind.cls is cls for kind in members(site.callee.type)):
                value = site.argument(place, name)
                if value is not None and isinstance(value.type, Fn | Partial):
                    found.append(Value(translated(value.type, {})))
    return Value(join(found).type, weak=True) if found else None


def _in_order(world: World, cls: Class) -> list[str]:
    """The fields as the generated constructor takes them: those of the bases first."""
    body = [statement for one in reversed(world.classes.mro(cls)) for statement in flat(one.facts.body)]
    declared = (s.target for s in body if isinstance(s, f.AnnAssign))
    return list(dict.fromkeys(target.id for target in declared if isinstance(target, f.Name)))


def _makers(world: World, cls: Class) -> Iterator[Function]:
    """The functions that mention a class, and the modules that may: its own, and those that import it."""
    yield from world.mentioning(cls.name)[:MAX_MAKERS]
    modules = world.index.modules.values()
    importing = [m.top for m in modules if cls.name in [one.name for one in m.facts.imports]]
    yield from (cls.module.top, *importing[:MAX_MAKERS])
