"""What the factory of a session says: its options, the engine behind it. Followed from where the session is used.

Session = async_sessionmaker(engine, expire_on_commit=False)          view.expire_on_commit → False
Session.configure(autoflush=False)                                    view.autoflush → False
async with Session(autoflush=True) as session: ...                    here: True

What is not given is the library's default (all of these are on); what cannot be followed is what all the factories of
the project say, None where they differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.choices import Entries, merged
from persist_lint.link.constants import Frame
from persist_lint.link.engines import FLASK, EngineView, Option, Variant
from persist_lint.link.index import Function
from persist_lint.link.lattice import Sym
from persist_lint.link.makers import Maker
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project

ISOLATION, AUTOCOMMIT = "isolation_level", "AUTOCOMMIT"
MAX_DEPTH = 4


class Recipe(Struct, frozen=True, eq=False):
    """One way in which a session is made: the options that reach it, and the calls that make its engine.

    ``maker`` is the call of its factory, or of the session itself where it has none. ``engines`` are None where
    nothing says to which engine it is bound.
    """

    maker: Maker
    options: Entries
    engines: tuple[Maker, ...] | None = None

    def option(self, name: str) -> Option:
        """An option by name, unknown where there may be more than is seen."""
        return Variant(self.maker.frame, self.options, ()).option(name)


class SessionView:
    """One session or connection of a function, as its symbol names it there."""

    def __init__(self, project: Project, function: Function, sym: Sym) -> None:
        self.project = project
        self.function = function
        self.sym = sym

    def __repr__(self) -> str:
        return f"<SessionView {self.sym} of {self.function.dotted}>"

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """The ways in which it is made; () where none is known."""
        makers = self.project.makers.of(Frame(self.function), self.sym)
        return tuple(recipe for maker in makers for recipe in _Kitchen(self.project).of(maker, 0))

    def option(self, name: str) -> Option | None:
        """An option as its factory sets it, in whichever way the session is made; None where no way is known."""
        if not self.recipes:
            return None
        found = [recipe.option(name) for recipe in self.recipes]
        return Option(tuple(dict.fromkeys(p for one in found for p in one.choices or (None,))))

    @property
    def expire_on_commit(self) -> bool | None:
        """Whether a commit expires its entities; None where that is not known."""
        return self._flag("expire_on_commit")

    @property
    def autoflush(self) -> bool | None:
        """Whether its queries flush what is pending; None where that is not known."""
        return self._flag("autoflush")

    @property
    def autobegin(self) -> bool | None:
        """Whether its first statement begins a transaction; None where that is not known."""
        return self._flag("autobegin")

    @cached_property
    def autocommit(self) -> bool:
        """Whether its engine, in whichever way it is made, commits every statement at once (AUTOCOMMIT isolation)."""
        kitchen = _Kitchen(self.project)
        return bool(self.recipes) and all(map(kitchen.commits_at_once, self.recipes))

    @cached_property
    def engines(self) -> tuple[EngineView, ...]:
        """The engines that it may be bound to, as far as they are known."""
        made = [m for recipe in self.recipes for m in recipe.engines or ()]
        sites = [source.site for m in made for source in _Kitchen(self.project).engines_behind(m)]
        return tuple(view for view in self.project.engines.all if view.site in sites)

    def _flag(self, name: str) -> bool | None:
        option = self.option(name)
        if option is not None:
            return _truth(option)
        said = {_truth(view.variant.option(name)) for view in self.project.engines.factories}
        return said.pop() if len(said) == 1 else None


class _Kitchen:
    """Recipes from the calls of the library that make sessions."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world
        self._engines = project.engines

    def of(self, maker: Maker, depth: int) -> Iterator[Recipe]:
        """Those of one call, once for each way in which the function that holds it is entered."""
        if maker.call is None or depth > MAX_DEPTH:
            return
        entered = maker.frame.call is not None or maker.function.is_module
        for frame in [maker.frame] if entered else self._engines.frames(maker.function):
            yield from self._made(Maker(frame, maker.site, maker.target), maker.call, depth)

    def _made(self, maker: Maker, call: f.Call, depth: int) -> Iterator[Recipe]:
        options = self._engines.options(call, maker.frame)
        made = self._world.kind_of(maker.target.makes) if maker.target.makes else None
        bound = maker.target.bound
        if maker.target.makes == FLASK:
            inner = Variant(maker.frame, options, ()).option("session_options")
            found = [p.value for p in inner.choices if p is not None]
            mapping = found[0] if len(found) == 1 else None
            unsure = Entries({}, inner.unknown)
            yield Recipe(maker, mapping if isinstance(mapping, Entries) else unsure, (maker,))
        elif made == "session":
            yield Recipe(maker, options, self._bound_to(call, maker.frame))
        elif made == "session_factory":
            yield self._configured(Recipe(maker, options, self._bound_to(call, maker.frame)))
        elif made == "scoped_session":
            factory = _argument(call, "session_factory")
            for inner_maker in self._project.makers.behind(maker.frame, factory) if factory is not None else ():
                yield from self.of(inner_maker, depth + 1)
        elif bound is not None and self._world.kind(bound.type) in ("engine", "connection"):
            yield Recipe(maker, Entries({}), (maker,))
        elif bound is not None:
            own = options if maker.target.name.endswith(".__call__") else Entries({})
            bind = self._bound_to(call, maker.frame) if own.items else None
            for factory_maker in self._project.makers.receiver(maker):
                for recipe in self.of(factory_maker, depth + 1):
                    yield Recipe(recipe.maker, merged(recipe.options, own, True), bind or recipe.engines)

    def _bound_to(self, call: f.Call, frame: Frame) -> tuple[Maker, ...] | None:
        engine = _argument(call, "bind")
        return None if engine is None else self._project.makers.behind(frame, engine)

    def _configured(self, recipe: Recipe) -> Recipe:
        """With what ``factory.configure(…)`` adds later."""
        for frame, call, makers in self._project.configurations:
            if any(maker.site is recipe.maker.site for maker in makers):
                options = merged(recipe.options, self._engines.options(call, frame), True)
                recipe = Recipe(recipe.maker, options, self._bound_to(call, frame) or recipe.engines)
        return recipe

    # ------------------------------------------------------------------ engines

    def engines_behind(self, maker: Maker, depth: int = 0) -> Iterator[Maker]:
        """The calls that make the engine of which a call makes a copy, a connection or nothing else."""
        bound = maker.target.bound
        made = bound is None or maker.target.makes or self._world.kind(bound.type) not in ("engine", "connection")
        if made or bound is None or depth > MAX_DEPTH:
            yield maker
            return
        for inner in self._project.makers.receiver(maker):
            yield from self.engines_behind(inner, depth + 1)

    def commits_at_once(self, recipe: Recipe) -> bool:
        """Whether the engine or connection, or the copy of it that is used, has the isolation level AUTOCOMMIT."""
        return bool(recipe.engines) and all(self._is_autocommit(maker, 0) for maker in recipe.engines or ())

    def _is_autocommit(self, maker: Maker, depth: int) -> bool:
        if maker.call is None or depth > MAX_DEPTH:
            return False
        options = Variant(maker.frame, self._engines.options(maker.call, maker.frame), ())
        views = [view for view in self._engines.all if view.site is maker.site]
        if any(map(_asks, (options, *(variant for view in views for variant in view.variants)))):
            return True
        bound = maker.target.bound
        if bound is None or maker.target.makes:
            return False
        inner = self._project.makers.receiver(maker)
        return bool(inner) and all(self._is_autocommit(one, depth + 1) for one in inner)


def configurations(project: Project) -> list[tuple[Frame, f.Call, tuple[Maker, ...]]]:
    """The calls ``factory.configure(…)`` of the project, each with what makes the factory."""
    found = []
    for function in project.relevant:
        if "configure" not in function.facts.names and not function.is_module:
            continue
        for site in project.world.flow(function).sites.values():
            bounds = [t.bound for t in site.targets if t.row is not None and t.name.endswith(".configure") and t.bound]
            kinds = [project.world.kind(bound.type) for bound in bounds]
            if isinstance(site.node, f.Call) and kinds and kinds[0] in ("session_factory", "scoped_session"):
                frame = Frame(function)
                found.append((frame, site.node, project.makers.of(frame, bounds[0].sym)))
    return found


def _argument(call: f.Call, name: str) -> f.Expr | None:
    """The keyword argument of that name, else the first positional one."""
    given = next((k.value for k in call.keywords if k.name == name), None)
    plain = [a for a in call.args if not isinstance(a, f.Star)]
    return given if given is not None else plain[0] if plain else None


def _truth(option: Option) -> bool | None:
    """Whether a flag that is on by default is on; None where that is not known or differs."""
    if option.unknown:
        return None
    found = {True if p is None else bool(p.value) for p in option.choices} or {True}
    return found.pop() if len(found) == 1 else None


def _asks(options: Variant) -> bool:
    level = options.option(ISOLATION), options.nested("execution_options", ISOLATION)
    return any(one.may_be(AUTOCOMMIT) for one in level)
