"""Where a session comes from: from where it is used back through attributes, parameters and callers to its origin.

async def get_session():                       session of Repo.find: injected into create() by get_session
    async with Session() as session:
        yield session

async def create(session=Depends(get_session)):
    await Repo(session).find(1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.arguments import actuals
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Fn, Inst, Sym, Value, members
from persist_lint.link.shown import shown_function, shown_symbol
from persist_lint.link.sites import Site, passed
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

NO_ROW = "no row for "
MAX_HOPS = 20
MAX_STEPS = 400
MAX_ORIGINS = 8

#: ``caller``: a parameter that nothing in the project passes, so that whoever calls from outside decides; ``outside``:
#: made by a library that has no vocabulary.
OriginKind = Literal["opened", "injected", "shared", "held", "caller", "outside", "unknown"]


class Origin(Struct, frozen=True):
    """One place that a session comes from: ``text`` says it in words, ``path`` and ``at`` where.

    ``name`` is the dotted name of a shared object.
    """

    kind: OriginKind
    text: str
    path: str
    at: Span
    name: str = ""


class Origins:
    """The origins of the values that symbols name."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world
        self._asked: set[tuple[Function, Sym]] = set()
        self._steps = 0

    def of(self, function: Function, sym: Sym) -> tuple[Origin, ...]:
        """Where the value with this symbol, in the function's terms, comes from; each place once."""
        self._steps = 0
        found = self._find(function, sym, 0)
        return tuple(dict.fromkeys(found))[:MAX_ORIGINS]

    def _find(self, function: Function, sym: Sym, hops: int) -> list[Origin]:
        key = (function, sym)
        if key in self._asked:
            return []
        self._steps += 1
        if hops > MAX_HOPS or self._steps > MAX_STEPS:
            return [_origin("unknown", "too many calls away", function)]
        self._asked.add(key)
        try:
            return self._step(function, sym, hops)
        finally:
            self._asked.discard(key)

    def _step(self, function: Function, sym: Sym, hops: int) -> list[Origin]:
        match sym:
            case ("open" | "call", (int(line), int(column))):
                return [self._opened(function, (line, column))]
            case ("param", int(index)):
                return self._parameter(function, index, hops)
            case ("init", ("param", 0), int(index)) if function.owner is not None:
                return self._constructed(function.receiver or function.owner, function, index, hops)
            case ("new", str(name), _):
                return [_origin("opened", f"made here: {name}", function)]
            case ("free", tuple(inner)) if function.parent is not None:
                return self._find(function.parent, inner, hops + 1)
            case ("const", None):
                return []  # nothing is passed: what the callee makes instead has an origin of its own
            case ("global", str(name)):
                return [_origin("shared", f"the project's shared {name}", function, name)]
            case ("attr", tuple(base), str(name)):
                return self._attribute(function, base, name, hops)
        return [_origin("unknown", f"not known ({shown_symbol(sym, function)})", function)]

    def _opened(self, function: Function, place: tuple[int, int]) -> Origin:
        sites = (s for n, s in self._world.flow(function).sites.items() if (n.at.line, n.at.column) == place)
        # Of two calls that begin at one place (``Session().begin()``) the last one made what is meant.
        site: Site | None = None
        for one in sites:
            site = one
        if site is None or not site.targets:
            why = f": {site.reason}" if site is not None and site.reason else ""
            text = f"made in line {place[0]} of {shown_function(function)} by something unknown{why}"
            return _origin("outside" if NO_ROW in why else "unknown", text, function)
        return Origin("opened", f"opened by {site.targets[0].name}", function.module.path, site.at)

    def _parameter(self, function: Function, index: int, hops: int) -> list[Origin]:
        name = function.params[index].name
        for provider in self._world.providers(function, index):
            made = [kind.function for kind in members(provider.type) if isinstance(kind, Fn)]
            text = f"injected into {shown_function(function)} by " + (made[0].dotted if made else "a dependency")
            place = made[0] if made else function
            return [Origin("injected", text, place.module.path, place.facts.at)]
        found: list[Origin] = []
        nothing = False
        for caller in self._project.callers.of(function):
            known = actuals(function, caller.target.bound, *passed(caller.site, caller.target))
            if index in known:
                nothing = nothing or known[index].sym == ("const", None)
                found += self._find(caller.function, known[index].sym, hops + 1)
        if found or nothing:
            return found
        text = f"passed as {name} to {shown_function(function)}, which nothing here calls"
        return [_origin("caller", text, function)]

    def _constructed(self, cls: Class, function: Function, index: int, hops: int) -> list[Origin]:
        """What the constructor of the instances that a method runs on got."""
        init = self._world.classes.find_method(cls, "__init__")
        if init is None or index >= len(init.params):
            return [_origin("unknown", f"not known how {cls.name} gets it", function)]
        return self._find(init, ("param", index), hops + 1)

    def _attribute(self, function: Function, base: Sym, name: str, hops: int) -> list[Origin]:
        if name == "()":  # made by calling what ``base`` names: a scoped session, a registry
            return [_origin("shared", f"what {shown_symbol(base, function)} gives", function)]
        if base[0] == "global":
            return [_origin("shared", f"the project's shared {base[1]}.{name}", function)]
        cls = self._class_of(function, base)
        stored = self._world.stored(cls, name) if cls is not None else None
        if cls is not None and stored is not None and any(map(self._is_known, members(stored[0].type))):
            return [Origin("held", f"kept as {cls.dotted}.{name}", cls.module.path, cls.facts.at)]
        if base[0] in ("param", "attr", "init"):
            return [_origin("held", f"the {name} of {shown_symbol(base, function)}", function)]
        return [_origin("unknown", f"not known ({name} of {shown_symbol(base, function)})", function)]

    def _class_of(self, function: Function, base: Sym) -> Class | None:
        if base[0] == "param":
            kinds = members(self._world.parameter(function, base[1]).type)
            return next((kind.cls for kind in kinds if isinstance(kind, Inst)), None)
        return None

    def _is_known(self, kind: object) -> bool:
        return bool(self._world.kind(kind))  # type: ignore[arg-type]


def sessions_used(project: Project, function: Function) -> dict[Sym, tuple[Value, Span]]:
    """The sessions and connections that the function calls methods of, by symbol, with the first place of each."""
    found: dict[Sym, tuple[Value, Span]] = {}
    for site in sorted(project.world.flow(function).sites.values(), key=lambda s: s.at):
        for target in site.targets:
            if target.bound is not None and target.row is not None and project.world.is_session(target.bound):
                found.setdefault(target.bound.sym, (target.bound, site.at))
    return found


def _origin(kind: OriginKind, text: str, function: Function, name: str = "") -> Origin:
    return Origin(kind, text, function.module.path, function.facts.at, name)
