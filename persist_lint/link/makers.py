"""Which calls of the library make a session, a factory or an engine: back from where it is used.

def make(engine, **options):                 session of save(): made by Session() in get_session, whose factory is
    return sessionmaker(engine, **options)   made by sessionmaker() in make, as the call in the line below enters it

Session = make(engine, expire_on_commit=False)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.arguments import actuals
from persist_lint.link.branches import assignments
from persist_lint.link.constants import Frame
from persist_lint.link.engines import FLASK
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import UNKNOWN_SYM, Fn, Inst, Lib, Manager, Sym, Type, Value, members
from persist_lint.link.sites import Site, Target, passed
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project

MAX_HOPS = 16
MAX_STEPS = 300
MAX_MAKERS = 8
EXECUTION_OPTIONS = ".execution_options"
KINDS = frozenset({"session", "session_factory", "scoped_session", "engine", "connection"})


class Maker(Struct, frozen=True, eq=False):
    """One call of the library that makes the thing, in the frame of the calls that lead there."""

    frame: Frame
    site: Site
    target: Target

    @property
    def function(self) -> Function:
        return self.frame.function

    @property
    def call(self) -> f.Call | None:
        return self.site.node if isinstance(self.site.node, f.Call) else None


class Makers:
    """The answers; each begins anew."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world
        self._asked: set[tuple[Function, Sym]] = set()
        self._steps = 0
        self._tops: dict[str, Function] = {}
        for module in self._world.index.modules.values():
            self._tops.setdefault(module.dotted, module.top)

    def of(self, frame: Frame, sym: Sym) -> tuple[Maker, ...]:
        """The calls that make what a symbol of the frame's function names, each once; () where none is known."""
        self._steps = 0
        found = {(id(m.site), id(m.frame.call)): m for m in self._find(frame, sym, 0)}
        return tuple(found.values())[:MAX_MAKERS]

    def receiver(self, maker: Maker) -> tuple[Maker, ...]:
        """The same for the receiver of a call: ``engine`` in ``engine.connect()``, ``Local`` in ``Local()``."""
        call, bound = maker.call, maker.target.bound
        if call is None or bound is None:
            return ()
        receiver = call.func.value if isinstance(call.func, f.Attr) else call.func
        # Calls that begin at one place have one symbol: the expression says which of them is meant.
        chained = isinstance(receiver, f.Call) and receiver in self._world.flow(maker.function).sites
        return self.behind(maker.frame, receiver) if chained else self.of(maker.frame, bound.sym)

    def behind(self, frame: Frame, expr: f.Expr) -> tuple[Maker, ...]:
        """The same for an expression of the frame's function."""
        self._steps = 0
        return tuple(self._expression(frame, expr, 0))[:MAX_MAKERS]

    def _find(self, frame: Frame, sym: Sym, hops: int) -> Iterator[Maker]:
        key = (frame.function, sym)
        self._steps += 1
        if key in self._asked or hops > MAX_HOPS or self._steps > MAX_STEPS:
            return
        self._asked.add(key)
        try:
            yield from self._step(frame, sym, hops + 1)
        finally:
            self._asked.discard(key)

    def _step(self, frame: Frame, sym: Sym, hops: int) -> Iterator[Maker]:
        match sym:
            case ("open" | "call", (int(line), int(column))):
                yield from self._made(frame, (line, column), hops)
            case ("param", int(index)):
                yield from self._parameter(frame, index, hops)
            case ("init", ("param", 0), int(index)) if frame.function.owner is not None:
                init = self._world.classes.find_method(frame.function.receiver or frame.function.owner, "__init__")
                if init is not None and index < len(init.params):
                    yield from self._find(Frame(init), ("param", index), hops)
            case ("free", tuple(inner)) if frame.function.parent is not None:
                yield from self._find(Frame(frame.function.parent), inner, hops)
            case ("global", str(name)):
                yield from self._global(name, hops)
            case ("attr", tuple(base), "()"):
                yield from self._find(frame, base, hops)
            case ("attr", tuple(base), str(name)):
                yield from self._attribute(frame, base, name, hops)

    # ------------------------------------------------------------------ calls

    def _made(self, frame: Frame, place: tuple[int, int], hops: int) -> Iterator[Maker]:
        """What the calls that begin at a place make: those of the library, else what the project's own give."""
        flow = self._world.flow(frame.function)
        sites = [s for n, s in flow.sites.items() if (n.at.line, n.at.column) == place]
        first = next((s for s in sites if any(map(self._makes, s.targets))), None)
        for site in [first] if first is not None else reversed(sites):
            found = list(self._by(frame, site, hops))
            if found:
                yield from found
                return

    def _by(self, frame: Frame, site: Site, hops: int) -> Iterator[Maker]:
        """What one call makes or gives."""
        for target in site.targets:
            if self._makes(target):
                yield Maker(frame, site, target)
            else:
                yield from self._given(frame, site, target, hops)

    def _makes(self, target: Target) -> bool:
        row = target.row
        if row is None:
            return False
        if "session.open" in row.does or target.makes == FLASK or target.name.endswith(EXECUTION_OPTIONS):
            return True
        return self._world.kind_of(target.makes or row.gives) in KINDS

    def _given(self, frame: Frame, site: Site, target: Target, hops: int) -> Iterator[Maker]:
        """What a call of a project function gives (or yields), as this call enters the function."""
        callee = target.function
        if callee is None:
            return
        inner = Frame(callee)
        if isinstance(site.node, f.Call) and target.manner == "here" and target.arguments is None:
            inner = self._project.engines.constants.enter(callee, site.node, frame, target.bound is not None)
        flow = self._world.flow(callee)
        for value in (*flow.returns, *flow.yields):
            if self._is_wanted(value.type):
                yield from self._find(inner, value.sym, hops)

    def _is_wanted(self, kind: Type) -> bool:
        kinds = [k.of.type if isinstance(k, Manager) else k for k in members(kind)]
        return any(isinstance(k, Lib) and self._world.kind(k) in KINDS for one in kinds for k in members(one))

    # ------------------------------------------------------------------ names

    def _parameter(self, frame: Frame, index: int, hops: int) -> Iterator[Maker]:
        """What the call at hand passes, else a dependency's provider, else all callers."""
        function = frame.function
        if index >= len(function.params):  # left behind by another function, of which this one is a copy
            return
        if index in frame.given:
            expr, home = frame.given[index]
            yield from self._expression(home, expr, hops)
            return
        providers = [
            k.function for p in self._world.providers(function, index) for k in members(p.type) if isinstance(k, Fn)
        ]
        for provider in providers:
            for value in (*self._world.flow(provider).returns, *self._world.flow(provider).yields):
                yield from self._find(Frame(provider), value.sym, hops)
        if providers or frame.call is not None:
            return
        for caller in self._project.callers.of(function):
            for one in self._passed(caller.function, caller.site, caller.target, index):
                yield from self._find(Frame(caller.function), one, hops)

    def _passed(self, caller: Function, site: Site, target: Target, index: int) -> list[Sym]:
        callee = target.function
        if callee is None:
            return []
        known = actuals(callee, target.bound, *passed(site, target)).get(index)
        return [] if known is None else [known.sym]

    def _expression(self, frame: Frame, expr: f.Expr, hops: int) -> Iterator[Maker]:
        if isinstance(expr, f.Await):
            expr = expr.value
        site = self._world.flow(frame.function).sites.get(expr) if isinstance(expr, f.Call) else None
        if site is not None:
            yield from self._by(frame, site, hops)
            return
        if isinstance(expr, f.Bool | f.IfExp):
            parts = expr.values if isinstance(expr, f.Bool) else (expr.body, expr.orelse)
            for part in parts:
                yield from self._expression(frame, part, hops)
            return
        number = next(
            (i for i, p in enumerate(frame.function.params) if isinstance(expr, f.Name) and p.name == expr.id), -1
        )
        sym = ("param", number) if number in frame.given else self._world.evaluate_inside(frame.function, expr).sym
        if sym != UNKNOWN_SYM:
            yield from self._find(frame, sym, hops)

    def _global(self, dotted: str, hops: int) -> Iterator[Maker]:
        """What a module assigns to a name, and what its functions put there (``global``)."""
        module, _, name = dotted.rpartition(".")
        top = self._tops.get(module)
        if top is None:
            return
        for value, _, statement in assignments(top.body, name):
            if isinstance(statement, f.Assign | f.AnnAssign):
                yield from self._expression(Frame(top), value, hops)
        for writer in self._world.mentioning(name):
            if writer.module is top.module and not writer.is_module:
                for kept in self._world.flow(writer).kept.get((dotted, ""), ()):
                    yield from self._find(Frame(writer), kept.sym, hops)

    # ------------------------------------------------------------------ attributes

    def _attribute(self, frame: Frame, base: Sym, name: str, hops: int) -> Iterator[Maker]:
        cls = self._class_of(frame, base)
        if cls is None:
            for maker in self._find(frame, base, hops):
                if maker.target.makes == FLASK and name == "session":
                    yield maker
            return
        for one in self._world.classes.mro(cls):
            for method in (m for methods in one.methods.values() for m in methods):
                for value in self._world.flow(method).attributes.get(name, ()) if name in method.facts.names else ():
                    yield from self._find(Frame(method), value.sym, hops)

    def _class_of(self, frame: Frame, base: Sym) -> Class | None:
        value: Value | None = None
        match base:
            case ("param", int(index)):
                value = self._world.parameter(frame.function, index)
            case ("attr", tuple(inner), str(name)):
                outer = self._class_of(frame, inner)
                stored = self._world.stored(outer, name) if outer is not None else None
                value = stored[0] if stored is not None else None
            case ("global", str(dotted)):
                value = self._variable(dotted)
            case ("new", str(dotted), _):
                return next((c for c in self._world.index.classes() if c.dotted == dotted), None)
        kinds = members(value.type) if value is not None else ()
        return next((kind.cls for kind in kinds if isinstance(kind, Inst)), None)

    def _variable(self, dotted: str) -> Value | None:
        module, _, name = dotted.rpartition(".")
        top = self._tops.get(module)
        return self._world.flow(top).env.get(name) if top is not None else None
