"""What should live as long as the process and is made anew for every call: engines, pools, clients, session factories.

From the place where it is made, the calls are followed back up to a request, a stream or a queue consumer. A way ends
where the process keeps what was made: a cached function, a global or attribute that is filled once, a module's own
statements.

    def get_client():                    Creation: made here, for each call of
        return boto3.client("s3")
    class Service:
        def url(self, path):             this method, which requests reach
            return get_client().generate_presigned_url(…)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from persist_lint.link.arguments import actuals
from persist_lint.link.callers import Caller
from persist_lint.link.contexts import HOT, is_test
from persist_lint.link.index import Function
from persist_lint.link.lattice import Null, Value, members, mentions
from persist_lint.link.ownership import Resource
from persist_lint.link.sites import Loop, Site, Target, passed
from persist_lint.link.tree import statements, targets
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

KINDS = frozenset({"engine", "pool", "http_client", "net_client", "cache_client", "broker_client", "session_factory"})
CONSTRUCTORS = frozenset({"__init__", "__post_init__", "__attrs_post_init__", "model_post_init", "__new__"})
KEEPS = ("cache", "singleton", "memo", "once")
#: Arguments that say whose client it is and where it connects to.
CREDENTIALS = frozenset(
    {"api_key", "token", "access_token", "auth", "auth_token", "base_url", "azure_endpoint", "credentials", "password",
     "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "organization", "endpoint_url", "region_name"}
)  # fmt: skip
MAX_CALLS = 400
MAX_DECIDED = 2
NONE_GUARDS = frozenset({("none", True), ("truth", False)})


class Creation(Struct, frozen=True, eq=False):
    """Something made for every call or turn. ``kind`` is its TypeKind, "" for a library's function that makes a client
    for one request. ``callers`` lead from the call that makes it up to an entry point; ``loop`` is set where it is made
    in every turn of one."""

    function: FunctionView
    site: Site
    target: Target
    kind: str
    name: str
    callers: tuple[Caller, ...]
    loop: Loop | None
    varies: bool  # its credentials or address differ from call to call
    again: tuple[Span, ...] = ()  # where the function makes the same once more

    @property
    def seldom(self) -> bool:
        """Whether what is lost is a handshake that hardly counts: one request's, or a client's for administrators."""
        if any(loop.bound == "none" for loop in self.site.loops) or self.kind in ("engine", "pool"):
            return False
        return not self.kind or self.function.for_admins

    @property
    def weak(self) -> bool:
        """Whether a call on the way is one of several candidates, or resolved by convention."""
        return self.target.weak or any(c.target.weak or len(c.site.targets) > 1 for c in self.callers)


class _Way(Struct, frozen=True, eq=False):
    """A function on the way up; ``missing`` is the parameter that has to be left out for it to be made."""

    function: Function
    missing: int | None
    callers: tuple[Caller, ...] = ()


Made = tuple[Site, Target, str]


class PerCall:
    """Answers for all functions of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._world = project.world

    def of(self, view: FunctionView) -> list[Creation]:
        """What a function makes for every call or every turn of a loop, in order of place."""
        if view.function.is_module or not view.function.facts.names:
            return []
        made = list(self._made(view))
        found: dict[str, Creation] = {}
        for site, target, kind in made:
            if not self._belongs(view.function, site, target, kind, made):
                one = self._created(view, site, target, kind)
                if one is not None:
                    first = found.setdefault(one.name, one)
                    if first is not one:
                        found[one.name] = structs.replace(first, again=(*first.again, one.site.at))
        return list(found.values())

    def _belongs(self, function: Function, site: Site, target: Target, kind: str, made: list[Made]) -> bool:
        """Whether it is a part of something else that is made along with it: a connector, a factory's engine."""
        others = [other for other, _, _ in made if other is not site]
        given = {value.sym for other in others for value in (*other.args, *(v for _, v in other.keywords))}
        if any(node is site.node for other in others for node in _arguments(other)):
            return True
        if site.result.sym[0] in ("open", "call", "new") and site.result.sym in given:
            return kind != "engine"
        if target.bound is not None and any(target.bound.sym == other.result.sym for other in others):
            return True
        return kind == "session_factory" and (
            any(k == "engine" for _, _, k in made) or self._bound_to_new(function, site.argument(0, "bind"))
        )

    def _bound_to_new(self, function: Function, bind: Value | None) -> bool:
        """Whether a factory's engine was made for it, here or by a caller."""
        if bind is None:
            return False
        if bind.sym[0] == "param":
            callers = self._project.callers.of(function)
            known = [(c, actuals(function, c.target.bound, *passed(c.site, c.target))) for c in callers]
            return any(bind.sym[1] in k and self._bound_to_new(c.function, k[bind.sym[1]]) for c, k in known)
        sites = self._world.flow(function).sites.values()
        sources = (t.function for s in sites if s.result.sym == bind.sym for t in s.targets)
        made = (self._project.resources.returned(one) for one in sources if one is not None)
        return any(one is not None and one.kind == "engine" for one in made)

    def _made(self, view: FunctionView) -> Iterator[Made]:
        for call in view.calls:
            for target in call.site.targets:
                row = target.row
                if row is None or row.level != "application" or call.site.manner == "stored":
                    continue
                gives = self._world.library_type(target.makes or row.gives)
                kind = gives.is_ if gives is not None else ""
                if kind in KINDS or "net" in row.does:
                    yield call.site, target, kind if kind in KINDS else ""
                    break

    def _created(self, view: FunctionView, site: Site, target: Target, kind: str) -> Creation | None:
        function = view.function
        name = target.makes or target.name
        if self._is_kept(function, site, kind) or self._is_small(function, site, kind):
            return None
        loop = next((one for one in reversed(site.loops) if one.bound == "none"), None)
        given = (*site.args, *(value for _, value in site.keywords))
        turns = loop is not None and not any(mentions(value.sym, loop.place) for value in given)
        callers = self._up(function, site, kind) if view.hot else None
        if callers is None and not turns:
            return None
        varies = kind not in ("engine", "session_factory") and self._varies(function, site)
        return Creation(view, site, target, kind, name, callers or (), loop if turns else None, varies)

    def _varies(self, function: Function, site: Site) -> bool:
        """Whether whose it is, or where it connects to, is decided by the caller."""
        sites = self._world.flow(function).sites.values()
        by_result = {one.result.sym: one for one in sites}

        def decided(value: Value, depth: int) -> bool:
            root = value.sym
            while root[0] == "attr":
                root = root[1]
            if root[0] == "param":
                return not (function.is_method and root[1] == 0)
            made = by_result.get(value.sym)
            inner = (*made.args, *(v for _, v in made.keywords)) if made is not None and depth else ()
            return any(decided(one, depth - 1) for one in inner)

        return any(decided(value, MAX_DECIDED) for name, value in site.keywords if name in CREDENTIALS)

    def _is_small(self, function: Function, site: Site, kind: str) -> bool:
        """Engines without a pool, on purpose."""
        return kind == "engine" and self._project.engines.may_be_poolless(function, site)

    # ------------------------------------------------------------------ upward

    def _up(self, function: Function, site: Site, kind: str) -> tuple[Caller, ...] | None:
        """The calls from the creation up to an entry point of a request; None where the process keeps it."""
        missing = next((g[0] for g in site.guards if isinstance(g[0], int) and (g[1], g[2]) in NONE_GUARDS), None)
        queue = deque([_Way(function.origin, missing)])
        seen = {function.origin}
        for _ in range(MAX_CALLS):
            if not queue:
                break
            way = queue.popleft()
            if self._is_cached(way.function):
                continue
            if way.function in self._hot and way.missing is None:
                return way.callers
            for caller in self._project.callers.of(way.function):
                above = self._above(way, caller, kind)
                if above is not None and above.function not in seen:
                    seen.add(above.function)
                    queue.append(above)
        return None

    def _above(self, way: _Way, caller: Caller, kind: str) -> _Way | None:
        """The caller's part of the way; None where it ends there."""
        function = caller.function
        if function.is_module or is_test(function.module.path) or caller.site.manner == "stored":
            return None
        missing = None
        if way.missing is not None:
            known = actuals(way.function, caller.target.bound, *passed(caller.site, caller.target)).get(way.missing)
            if known is not None and known.sym[0] == "param":
                missing = known.sym[1]
            elif known is not None and not all(isinstance(kind, Null) for kind in members(known.type)):
                return None
        if self._is_kept(function, caller.site, kind) or self._is_sibling(function, way.function):
            return None
        return _Way(function.origin, missing, (*way.callers, caller))

    def _is_kept(self, function: Function, site: Site, kind: str) -> bool:
        """Whether what a call gives is kept for later calls."""
        if self._project.summaries.once.is_first_only(function, site.at) or self._is_cached(function):
            return True
        ownership = self._project.resources.ownership
        parents = ownership.parents(function)
        for use in ownership.uses(function, site.node, Resource(kind, frozenset())):
            if use.kind == "kept" and function.name not in CONSTRUCTORS:
                return True
            if use.kind == "moved" and _is_stored(use.node, parents, function):
                return True
        return False

    def _is_sibling(self, caller: Function, callee: Function) -> bool:
        """Whether both are one method of two implementations: behind their interface they do not meet."""
        if caller.owner is None or callee.owner is None or caller.name != callee.name:
            return False
        mine, other = self._world.classes.mro(caller.owner), self._world.classes.mro(callee.owner)
        return callee.owner not in mine and caller.owner not in other and any(cls in other for cls in mine)

    @cached_property
    def _hot(self) -> frozenset[Function]:
        return frozenset(e.function.origin for e in self._project.contexts.entries if e.kind in HOT)

    @staticmethod
    def _is_cached(function: Function) -> bool:
        return any(word in name.lower() for name in function.decorator_names for word in KEEPS)


def _arguments(site: Site) -> tuple[f.Expr, ...]:
    node = site.node
    return (*node.args, *(k.value for k in node.keywords)) if isinstance(node, f.Call) else ()


def _is_stored(node: f.Node, parents: dict[f.Node, f.Expr | f.Stmt], function: Function) -> bool:
    """Whether the statement around an expression stores it in an object, a mapping or a global."""
    inner: f.Node = node
    while inner in parents:
        inner = parents[inner]
    outer = {name for s in statements(function.body) if isinstance(s, f.Scope) for name in s.names}
    return any(
        isinstance(t, f.Attr | f.Subscript) or (isinstance(t, f.Name) and t.id in outer)
        for t in targets(inner)  # type: ignore[arg-type]
    )
