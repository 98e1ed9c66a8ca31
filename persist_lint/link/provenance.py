"""Where entities come from: from an expression back to the query that selected them, the parameter or the constructor.

    jobs = {job.id: job for job in await repo.recent()}      jobs: what recent() gives, a query of Job in repo.py
    for job in jobs.values():
        show(job.owner)                                      its argument: owner of that query's jobs

Collections are seen through: what a list, a dictionary or a row of a result holds comes from where that comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.link.arguments import actuals
from persist_lint.link.bindings import Binding, bindings, result_exprs
from persist_lint.link.effects import Effect
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, LibFn, Statement, Value, members
from persist_lint.link.sites import Site, Target, passed
from persist_lint.link.statements import loader_options, statement_of
from persist_lint.link.tree import spelled
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

Options = tuple[tuple[str, str], ...]
RootKind = Literal["query", "param", "made", "unknown"]
MAX_ROOTS = 12
MAX_DEPTH = 40
#: Builtins and helpers whose result holds what their first argument holds.
HOLDERS = frozenset(
    {"list", "sorted", "reversed", "set", "frozenset", "tuple", "iter", "aiter", "enumerate", "zip", "next", "anext",
     "min", "max", "dict", "filter", "deepcopy", "copy", "groupby", "islice", "chain"}
)  # fmt: skip
#: Methods of dictionaries and collections that give what these hold.
TAKES = frozenset({"get", "pop", "popleft", "values", "items", "copy", "setdefault", "popitem", "union"})


class Root(Struct, frozen=True, eq=False):
    """Where an entity comes from.

    ``path`` are the relationships followed from there, in order; ``known`` are paths that were set since. ``query``:
    ``effect`` selected it, with these loader ``options``; ``param``: the function's parameter of that number; ``made``:
    ``cls`` is constructed at ``node``.
    """

    kind: RootKind
    function: Function
    node: f.Node
    path: tuple[str, ...] = ()
    effect: Effect | None = None
    options: Options = ()
    param: int = -1
    cls: Class | None = None
    known: tuple[tuple[str, ...], ...] = ()

    @property
    def entities(self) -> tuple[Class, ...]:
        """The mapped classes that the query selects."""
        if self.effect is None:
            return () if self.cls is None else (self.cls,)
        if self.effect.statement is not None:
            return self.effect.statement.entities
        return () if self.effect.entity is None else (self.effect.entity,)


class Provenance:
    """Answers for the whole project; each expression is followed once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world
        self._known: dict[tuple[Function, int], tuple[Root, ...]] = {}
        self._given: dict[Function, tuple[Root, ...]] = {}
        self._bound: dict[Function, dict[str, list[Binding]]] = {}
        self._depth = 0

    def of(self, function: Function, expr: f.Expr) -> tuple[Root, ...]:
        """The roots of what the expression is or holds, in the function's terms; empty where it is nothing."""
        key = (function, id(expr))
        if key not in self._known:
            self._known[key] = ()  # while it is followed: a loop adds nothing
            if self._depth > MAX_DEPTH:
                return (Root("unknown", function, expr),)
            self._depth += 1
            try:
                self._known[key] = _limited(function, expr, self._step(function, expr))
            finally:
                self._depth -= 1
        return self._known[key]

    def returned(self, function: Function) -> tuple[Root, ...]:
        """The roots of what a function returns or yields, in its own terms."""
        if function not in self._given:
            self._given[function] = ()
            found = [root for expr in result_exprs(function) for root in self._handed_out(function, expr)]
            self._given[function] = _limited(function, f.Other(function.facts.at), found)
        return self._given[function]

    def _handed_out(self, function: Function, expr: f.Expr) -> Iterator[Root]:
        """The roots of a result, with the attributes that the function has set or refreshed."""
        base, flow = spelled(expr), self._world.flow(function)
        touches = (t for t in flow.touches.values() if t.written and isinstance(t.node, f.Attr))
        names = [t.name for t in touches if isinstance(t.node, f.Attr) and spelled(t.node.value) == base]
        for site in flow.sites.values():
            names += refreshed_attributes(site, base)
        for root in self.of(function, expr):
            yield replace(root, known=(*root.known, *((*root.path, name) for name in names))) if names else root

    # ------------------------------------------------------------------ expressions

    def _step(self, function: Function, expr: f.Expr) -> Iterable[Root]:
        match expr:
            case f.Await(value=inner) | f.Star(value=inner) | f.Walrus(value=inner) | f.Subscript(value=inner):
                return self.of(function, inner)
            case f.Name():
                return self._name(function, expr)
            case f.Attr():
                return self._attribute(function, expr)
            case f.Call():
                return self._call(function, expr)
            case f.IfExp(body=first, orelse=second):
                return (*self.of(function, first), *self.of(function, second))
            case f.Bool(values=items) | f.Seq(items=items) | f.DictLit(values=items):
                return [root for item in items for root in self.of(function, item)]
            case f.Comp(elt=elt, value=value):
                return self.of(function, elt if value is None else value)
            case f.Const(value=None):
                return ()
        return (Root("unknown", function, expr),)

    def _name(self, function: Function, expr: f.Name) -> Iterable[Root]:
        found, definite = self._reaching(function, expr)
        roots = [root for one in found for root in self.of(function, one)]
        if definite:
            return roots
        number = next((i for i, p in enumerate(function.params) if p.name == expr.id), None)
        if number is not None:
            return (*roots, Root("param", function, expr, param=number))
        if not found and function.parent is not None and not function.is_module:
            outer = self._reaching(function.parent, expr)[0]
            known = [root for one in outer for root in self.of(function.parent, one)]
            return known or (Root("unknown", function, expr),)
        return roots or (Root("unknown", function, expr),)

    def _reaching(self, function: Function, expr: f.Name) -> tuple[list[f.Expr], bool]:
        """What may have been assigned to a name before its use, last first, and whether one of it surely was."""
        if function not in self._bound:
            self._bound[function] = bindings(function)
        places = self._project.view(function).places
        around = {id(frame.block) for frame in places.frames(expr)}
        found: list[f.Expr] = []
        known = self._bound[function].get(expr.id, [])
        for binding in reversed(known):
            if binding.region is not None:
                if binding.region.at <= expr.at and expr.at <= _end(binding.region):
                    return [binding.value], True
                continue
            if binding.at >= expr.at and around:
                continue
            found.append(binding.value)
            if not binding.adds and id(binding.block) in around:
                return found, True
        return found, False

    def _attribute(self, function: Function, expr: f.Attr) -> Iterable[Root]:
        flow = self._world.flow(function)
        site = flow.sites.get(expr)
        if site is not None and any(target.function is not None for target in site.targets):
            return self._results(function, site, expr)
        touch = flow.touches.get(expr)
        cls = self._world.models.entity_class(touch.base) if touch is not None else None
        if touch is None or cls is None:
            return (Root("unknown", function, expr),)
        models = self._world.models
        proxy = models.info(cls).proxies.get(expr.name)
        steps = (expr.name,) if proxy is None else (proxy.relation, proxy.attribute)
        if steps[0] not in models.info(cls).relations:
            return (Root("unknown", function, expr),)
        return [replace(root, path=(*root.path, *steps)) for root in self.of(function, expr.value)]

    # ------------------------------------------------------------------ calls

    def _call(self, function: Function, expr: f.Call) -> Iterable[Root]:
        site = self._world.flow(function).sites.get(expr)
        if site is None:
            return (Root("unknown", function, expr),)
        for kind in members(site.callee.type):
            if isinstance(kind, ClassObj) and self._world.models.is_model(kind.cls):
                return (Root("made", function, expr, cls=kind.cls),)
        if any(target.function is not None for target in site.targets):
            return self._results(function, site, expr)
        return self._library(function, site, expr)

    def _library(self, function: Function, site: Site, expr: f.Call) -> Iterable[Root]:
        """What a call of a library gives: a query, or what its receiver or its argument holds."""
        queried = [
            e
            for e in self._project.summaries.own(function)
            if e.site is site and e.kind in ("db.select", "db.statement", "unit.merge")
        ]
        for effect in queried:
            if effect.kind == "unit.merge":
                return self.of(function, expr.args[0]) if expr.args else ()
            return (Root("query", function, expr, effect=effect, options=self._options(site, effect)),)
        name = site.targets[0].name if site.targets else ""
        names = [name, *(kind.name for kind in members(site.callee.type) if isinstance(kind, LibFn))]
        if any(n.rpartition(".")[2] in HOLDERS and not isinstance(expr.func, f.Attr) for n in names if n):
            return [r for a in expr.args if not isinstance(a, f.Lambda) for r in self.of(function, a)]
        if any(n.endswith(("typing.cast", ".gather")) for n in names):
            args = expr.args[-1:] if name.endswith("cast") else expr.args
            return [root for argument in args for root in self.of(function, argument)]
        if isinstance(expr.func, f.Attr):
            return self._of_receiver(function, site, expr.func)
        return (Root("unknown", function, expr),)

    def _of_receiver(self, function: Function, site: Site, func: f.Attr) -> Iterable[Root]:
        """``result.scalars().all()``, ``session.query(Job).all()``, ``jobs.values()``."""
        bound = next((t.bound for t in site.targets if t.bound is not None), None)
        kinds = [self._world.kind(kind) for v in (bound, site.result) if v is not None for kind in members(v.type)]
        if "query" in kinds:
            statement = next((s for v in (site.result, bound) if v is not None and (s := statement_of(v))), None)
            effect = next((e for e in self._project.summaries.own(function) if e.site is site), None)
            if statement is not None and statement.entities:
                sent = effect or self._iterated(function, statement)
                effect = replace(sent, statement=statement) if sent is not None else None
                cls = statement.entities[0]
                return (Root("query", function, func, (), effect, statement.options, -1, cls),)
        if bound is not None and not {"result", "query"} & set(kinds) and func.name not in TAKES:
            return (Root("unknown", function, func),)
        if bound is None and func.name not in TAKES:
            return (Root("unknown", function, func),)
        return self.of(function, func.value)

    def _iterated(self, function: Function, statement: Statement) -> Effect | None:
        """The effect of iterating over a query somewhere in the function."""
        own = self._project.summaries.own(function)
        made = (e for e in own if e.kind == "db.select" and e.statement is not None)
        return next((e for e in made if e.statement is not None and e.statement.entities == statement.entities), None)

    def _options(self, site: Site, effect: Effect) -> Options:
        if effect.statement is not None:
            return effect.statement.options
        given = site.keyword("options")
        return () if given is None else loader_options(given)

    def _results(self, function: Function, site: Site, expr: f.Expr) -> Iterator[Root]:
        """What the functions give that a call may run, in the caller's terms."""
        for target in site.targets:
            if target.function is None or target.manner in ("entry", "stored", "later"):
                continue
            for root in self.returned(target.function):
                yield from self.through(function, site, target, root)

    def through(self, function: Function, site: Site, target: Target, root: Root) -> Iterable[Root]:
        """A callee's root in the terms of the function that calls it."""
        callee = target.function
        assert callee is not None
        if root.kind == "param":
            argument = self.argument(site, target, root.param)
            if argument is None:
                return ()
            inner = self.of(function, argument)
            return [
                replace(one, path=(*one.path, *root.path), known=(*one.known, *((*one.path, *k) for k in root.known)))
                for one in inner
            ]
        if root.kind != "query" or root.effect is None:
            return (root,)
        leaf = root.effect.leaf.site
        for effect in self._project.summaries.at_site(function, site):
            if effect.site is not None and effect.leaf.site is leaf:
                known = effect.statement
                if known is not None and known is not root.effect.statement:  # it was passed: in the caller's terms
                    return (replace(root, effect=effect, options=known.options),)
                return (replace(root, effect=effect, options=self._settled(callee, site, target, root.options)),)
        return (replace(root, options=self._settled(callee, site, target, root.options)),)

    def _settled(self, callee: Function, site: Site, target: Target, options: Options) -> Options:
        """Options that the callee takes from a parameter: what this call passes for it."""
        if not any(strategy == "?" and path for strategy, path in options):
            return options
        known = actuals(callee, target.bound, *passed(site, target))
        found: list[tuple[str, str]] = []
        for strategy, path in options:
            if strategy != "?" or not path:
                found.append((strategy, path))
            elif int(path) in known:
                found += loader_options(known[int(path)])
        return tuple(dict.fromkeys(found))

    def argument(self, site: Site, target: Target, number: int) -> f.Expr | None:
        """The expression that a call passes for a parameter; None where it passes none, or not as one."""
        assert target.function is not None
        value = actuals(target.function, target.bound, *passed(site, target)).get(number)
        if value is None:
            return None
        return next((expr for expr, one in arguments_of(site) if one is value), None) or self._receiver(
            site, target, value
        )

    def _receiver(self, site: Site, target: Target, value: Value) -> f.Expr | None:
        match site.node:
            case f.Attr(value=base) | f.Call(func=f.Attr(value=base)) if value is target.bound:
                return base
        return None


def refreshed_attributes(site: Site, base: str) -> list[str]:
    """The attributes with which a call of ``refresh`` loads the entity of that name; ``*`` where it may be any."""
    node = site.node
    if not isinstance(node, f.Call) or not node.args or not any(t.name.endswith(".refresh") for t in site.targets):
        return []
    if spelled(node.args[0]) != base:
        return []
    keywords = (k.value for k in node.keywords if k.name == "attribute_names")
    match node.args[1] if len(node.args) > 1 else next(keywords, None):
        case None:
            return []
        case f.Seq(items=items) if all(isinstance(item, f.Const) for item in items):
            return [str(item.value) for item in items if isinstance(item, f.Const)]
    return ["*"]


def arguments_of(site: Site) -> list[tuple[f.Expr, Value]]:
    """The arguments of a call with their values."""
    node = site.node
    if not isinstance(node, f.Call):
        return []
    found = list(zip(node.args, site.args, strict=False))
    return found + [(k.value, value) for k, (_, value) in zip(node.keywords, site.keywords, strict=False)]


def _limited(function: Function, expr: f.Expr, roots: Iterable[Root]) -> tuple[Root, ...]:
    found: dict[object, Root] = {}
    for root in roots:
        found.setdefault((root.kind, id(root.node), root.path, root.param, root.options), root)
        if len(found) > MAX_ROOTS:
            return (Root("unknown", function, expr),)
    return tuple(found.values())


def _end(node: f.Node) -> Span:
    return Span(node.at.end_line, node.at.end_column, node.at.end_line, node.at.end_column)
