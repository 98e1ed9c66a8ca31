"""Which values were only just made, so that nobody else has them.

[row.id for row in rows]     a list of its own; what is in it may be shared
json.loads(text)             shared by nobody at any depth ("deep")
load(key)                    what the function returns, if that is fresh there
"""

from __future__ import annotations

from msgspec import Struct

from persist_lint.link.index import Function, last_name
from persist_lint.link.lattice import Data, LibFn, members
from persist_lint.link.sites import Site
from persist_lint.link.tree import statements
from persist_lint.link.usage import Usage
from persist_lint.link.world import World
from persist_lint.model import facts as f

MAKERS = {"sorted": "list", "list": "list", "dict": "dict", "set": "set"}
#: Functions that build everything anew from text or bytes, or copy all of it.
DEEP = frozenset(
    {"json.loads", "json.load", "pickle.loads", "pickle.load", "orjson.loads", "yaml.safe_load", "marshal.loads",
     "copy.deepcopy", "plistlib.loads"}
)  # fmt: skip
SPLITS = frozenset({"split", "rsplit", "splitlines"})
PLAIN = frozenset({"staticmethod", "classmethod", "override", "final", "abstractmethod"})
MAX_DEPTH = 4


class Fresh(Struct, frozen=True):
    """A value that nobody else has: list, dict, set, or "any" (deep, of a kind not known); ``by``: what makes it."""

    kind: str
    by: str
    deep: bool = False


class Freshness:
    """Answers for all functions of a project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._returned: dict[Function, Fresh | None] = {}
        self._usages: dict[Function, Usage] = {}

    def usage(self, function: Function) -> Usage:
        """What the function does with its names; worked out once."""
        if function not in self._usages:
            self._usages[function] = Usage(function)
        return self._usages[function]

    def of(self, function: Function, expr: f.Expr, *, deep: bool, depth: int = 0) -> Fresh | None:
        """The fresh value that an expression is; with ``deep``, one of which no part is shared."""
        found = self._expression(function, expr, depth)
        if found is None and deep and isinstance(expr, f.Attr | f.Subscript):
            found = self.of(function, expr.value, deep=True, depth=depth)
            found = Fresh("any", found.by, True) if found is not None else None
        return None if found is None or (deep and not found.deep) else found

    def _expression(self, function: Function, expr: f.Expr, depth: int) -> Fresh | None:
        match expr:
            case f.Comp(kind="list" | "set" | "dict" as kind):
                return Fresh(kind, f"the {kind} comprehension")
            case f.Seq(kind="list" | "set" as kind):
                return Fresh(kind, f"the {kind} display")
            case f.DictLit():
                return Fresh("dict", "the dict display")
            case f.Await(value=value):
                return self._expression(function, value, depth)
            case f.Call():
                return self._call(function, expr, depth)
            case f.Name(id=name):
                return self._name(function, name, expr, depth)
        return None

    def _name(self, function: Function, name: str, node: f.Name, depth: int) -> Fresh | None:
        """A local that got something fresh, and has not let it go or got anything from others meanwhile."""
        usage = self.usage(function)
        given = usage.assigned(name)
        if given is None or not usage.stays(name, node):
            return None
        found = self._expression(function, given[0], depth)
        if found is None or not found.deep:
            return found
        changes = (use for use in usage.uses[name] if use.role == "changed" and use.node.at < node.at)
        return found if all(_sets_a_constant(use.statement) for use in changes) else Fresh(found.kind, found.by)

    def _call(self, function: Function, call: f.Call, depth: int) -> Fresh | None:
        site = self._world.flow(function).sites.get(call)
        if site is None:
            return None
        kind = site.callee.type
        if isinstance(kind, LibFn):
            if kind.name in DEEP:
                return Fresh("any", f"{kind.name}()", True)
            made = MAKERS.get(kind.name.removeprefix("builtins."))
            return Fresh(made, f"{kind.name.removeprefix('builtins.')}()") if made and call.args else None
        if isinstance(call.func, f.Attr) and call.func.name in SPLITS and _on_text(site):
            return Fresh("list", f"{call.func.name}()")
        return self._project(site, depth)

    def _project(self, site: Site, depth: int) -> Fresh | None:
        """What project functions give that the call may run; they must agree."""
        functions = [t.function for t in site.targets]
        if not functions or depth >= MAX_DEPTH or len(members(site.callee.type)) > 1:
            return None
        answers = {self._returns(one, depth + 1) if one is not None else None for one in functions}
        found = answers.pop() if len(answers) == 1 else None
        return Fresh(found.kind, f"{site.name}()", found.deep) if found is not None else None

    def _returns(self, function: Function, depth: int) -> Fresh | None:
        if function not in self._returned:
            self._returned[function] = None  # while it is looked at: it may call itself
            self._returned[function] = self._find_returned(function, depth)
        return self._returned[function]

    def _find_returned(self, function: Function, depth: int) -> Fresh | None:
        """A wrapper may keep what it returns, so only plain functions are looked into."""
        if function.is_generator or function.is_property or not function.decorator_names <= PLAIN:
            return None
        values = [s.value for s in statements(function.body) if isinstance(s, f.Return)]
        if not values or any(value is None for value in values):
            return None
        found = {self._expression(function, value, depth) for value in values if value is not None}
        one = found.pop() if len(found) == 1 else None
        return one if one is not None and (one.deep or _promises(function, one.kind)) else None


def fits(made: str, copied: str) -> bool:
    """Whether a copy of that kind gives nothing but the same again: not ``list(dict)``, which takes the keys."""
    return copied == "deep" or (made != "any" and copied in (made, "copy"))


def _promises(function: Function, kind: str) -> bool:
    """Whether callers may rely on the kind: what is declared to be a ``Sequence`` may be a tuple tomorrow."""
    declared = function.facts.returns
    if declared is None:
        return True
    base = declared.value if isinstance(declared, f.Subscript) else declared
    return last_name(base).lower() == kind


def _on_text(site: Site) -> bool:
    bound = getattr(site.callee.type, "bound", None)
    return bound is not None and all(isinstance(kind, Data) and kind.name == "str" for kind in members(bound.type))


def _sets_a_constant(statement: f.Stmt) -> bool:
    return isinstance(statement, f.Assign) and isinstance(statement.value, f.Const)
