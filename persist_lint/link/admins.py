"""Which entry points only administrators reach.

The route's path says so (``/admin/…``, also by its router's prefix or where that is included), a dependency or
decorator that asks for it (``Depends(require_admin)``, ``@admin_required``, ``Security(…, scopes=["admin"])``), or the
library (Django's ``ModelAdmin``). That a module or function is called admin says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from persist_lint.link.entries import HOT, Entry
from persist_lint.link.index import Function
from persist_lint.link.lattice import Closure, Fn, Inst, Partial, Sym, Value, members
from persist_lint.link.names import Variable
from persist_lint.link.tree import post_order, spelled
from persist_lint.link.world import World
from persist_lint.model import facts as f

PATH = re.compile(r"/_?admins?(/|$)")
WORD = re.compile(r"(^|[^a-z])(super)?(admins?|administrators?|superusers?|staff)([^a-z]|$)")
CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
INCLUDES = frozenset({"include_router", "register_blueprint", "mount", "add_router"})
ROLES = re.compile(r"role|permission|require|scope|auth|access")
CLASSES = "django.contrib.admin."
MAX_DEPTH = 4


class Admins:
    """Answers for the entry points of a project."""

    def __init__(self, world: World, functions: list[Function]) -> None:
        self._world = world
        self._functions = functions
        self._known: dict[Function, bool] = {}
        self._included: dict[Sym, list[tuple[bool, Sym]]] | None = None

    def only(self, entries: Iterable[Entry]) -> bool:
        """Whether all entry points in requests are for administrators, and there are any."""
        hot = [entry for entry in entries if entry.kind in HOT]
        return bool(hot) and all(self.reach(entry.function) for entry in hot)

    def reach(self, function: Function) -> bool:
        """Whether only administrators get to an entry point."""
        if function not in self._known:
            self._known[function] = self._reach(function)
        return self._known[function]

    def _reach(self, function: Function) -> bool:
        if function.owner is not None:
            bases = self._world.classes.library_bases(function.owner)
            if any(base.startswith(CLASSES) for base in bases):
                return True
        if any(self._by_decorator(decorator, function) for decorator in function.facts.decorators):
            return True
        return any(self._by_parameter(function, number) for number in range(len(function.params)))

    def _by_parameter(self, function: Function, number: int) -> bool:
        world, parameter = self._world, function.params[number]
        if any(_asks(name) for provider in world.providers(function, number) for name in _names(provider)):
            return True
        declared = world.resolver.depends(parameter.annotation, function.module, function)
        calls = (parameter.default, None if declared is None else declared[0])
        return any(k.name == "scopes" and _said(k.value) for c in calls if isinstance(c, f.Call) for k in c.keywords)

    def _by_decorator(self, decorator: f.Expr, function: Function) -> bool:
        row = self._world.row_of_decorator(decorator, function)
        if row is None or row[0].marks is None:
            name = spelled(decorator.func if isinstance(decorator, f.Call) else decorator).rpartition(".")[2]
            roles = decorator.args if isinstance(decorator, f.Call) and ROLES.search(name) else ()
            return _asks(name) or any(_said(role) for role in roles)
        if isinstance(decorator, f.Call):
            path = decorator.args[0] if decorator.args else None
            if isinstance(path, f.Const) and isinstance(path.value, str) and PATH.search(path.value):
                return True
            if _guards(decorator):
                return True
        called = decorator.func if isinstance(decorator, f.Call) else decorator
        return isinstance(called, f.Attr) and self._by_router(called.value, function)

    def _by_router(self, router: f.Expr, function: Function) -> bool:
        found = self._world.resolver.binding(router, function.module, function.parent)
        if not isinstance(found, Variable):
            return False
        if any(isinstance(value, f.Call) and _guards(value) for value in found.values):
            return True
        return self._by_inclusion(("global", f"{found.module.dotted}.{found.name}"), 0)

    def _by_inclusion(self, router: Sym, depth: int) -> bool:
        """Whether every place that includes the router is for administrators."""
        if self._included is None:
            self._included = self._inclusions()
        places = self._included.get(router, [])
        if not places or depth > MAX_DEPTH:
            return False
        return all(guarded or self._by_inclusion(outer, depth + 1) for guarded, outer in places)

    def _inclusions(self) -> dict[Sym, list[tuple[bool, Sym]]]:
        found: dict[Sym, list[tuple[bool, Sym]]] = {}
        for function in self._functions:
            if not function.is_module and INCLUDES.isdisjoint(function.facts.names):
                continue
            for site in self._world.flow(function).sites.values():
                if isinstance(site.node, f.Call) and spelled(site.node.func).rpartition(".")[2] in INCLUDES:
                    outer = next((t.bound.sym for t in site.targets if t.bound is not None), ("?",))
                    for value in site.args:
                        found.setdefault(value.sym, []).append((_guards(site.node), outer))
        return found


def _guards(call: f.Call) -> bool:
    """Whether a route, router or inclusion has an administrators' prefix, or a dependency that asks for them."""
    for keyword in call.keywords:
        match keyword.value:
            case f.Const(value=str(text)) if keyword.name in ("prefix", "url_prefix", "path") and PATH.search(text):
                return True
            case f.Seq(items=items) if keyword.name == "dependencies":
                if any(_asks(spelled(a).rpartition(".")[2]) or _said(a) for i in items for a in _given(i)):
                    return True
    return False


def _given(item: f.Expr) -> Iterator[f.Expr]:
    """What ``Depends(…)`` and ``Security(…, scopes=[…])`` are given."""
    if isinstance(item, f.Call):
        yield from item.args
        yield from (k.value for k in item.keywords)


def _said(expr: f.Expr) -> bool:
    """Whether a role among constants is the administrators'."""
    return any(isinstance(n, f.Const) and isinstance(n.value, str) and _asks(n.value) for n in post_order(expr))


def _asks(name: str) -> bool:
    """Whether a name speaks of administrators: ``require_admin``, ``IsSuperuser``."""
    return WORD.search(CASE.sub("_", name).lower()) is not None


def _names(provider: Value) -> Iterator[str]:
    """The names of what a provider is."""
    for kind in members(provider.type):
        match kind:
            case Fn(function=function):
                yield function.name
            case Inst(cls=cls):
                yield cls.name
            case Partial(of=of):
                yield from _names(of)
            case Closure(returns=returns):
                yield from _names(returns)
