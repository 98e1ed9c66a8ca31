"""Decorated functions: what a call of one runs, where a decorator of the project does something of its own.

def with_session(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        with maker() as session:
            return function(*args, db=session, **kwargs)
    return wrapper

@with_session
def load(id, db): ...               load(1) runs the wrapper around load: it opens a session, and passes it as ``db``

The wrapper is walked once per function that it stands for, with the function's own parameters in the place of what
``*args`` and ``**kwargs`` hand on. A decorator that only registers, or whose wrapper only calls through, changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import Fn, Value, members
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_WRAPPERS = 5_000
#: Calls below a wrapper, within which it is asked for effects; deeper ones count as effects.
MAX_LEVELS = 4
FORWARDED = frozenset({"positional", "normal", "keyword"})


class Decorated:
    """What stands for the functions that were asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stands: dict[Function, Function] = {}
        self._inner: dict[tuple[Function, Function], Function] = {}
        self._idle: set[Function] = set()  # decorators without arguments whose wrapper only calls through

    def runs(self, function: Function) -> Function:
        """What a call of the function runs first: the outermost wrapper around it, or itself."""
        if not function.facts.decorators or function.is_generator or function.is_property:
            return function
        if function not in self._stands:
            self._stands[function] = function  # while its decorators are looked at
            if len(self._inner) < MAX_WRAPPERS:
                self._stands[function] = self._outermost(function)
        return self._stands[function]

    def caller_of(self, function: Function) -> list[Function]:
        """The wrapper that calls a decorated function; none where calls of it run the function itself."""
        standing = self.runs(function.origin if function.decorates is None else function)
        while standing.decorates is not None and not is_same(standing.decorates, function):
            standing = standing.decorates
        return [standing] if standing.decorates is not None else []

    def inner(self, function: Function, outer: Function) -> Function:
        """A nested function as the copy of the function around it defines it."""
        key = (function, outer)
        if key not in self._inner:
            copy = function.variant(None, (), {})
            copy.parent, copy.decorates = outer, outer.decorates
            self._take_over(copy)
            self._inner[key] = copy
        return self._inner[key]

    # ------------------------------------------------------------------ the wrapper

    def _outermost(self, function: Function) -> Function:
        standing = function
        for expr in reversed(function.facts.decorators):
            named = expr.func if isinstance(expr, f.Call) else expr
            binding = self._world.resolver.binding(named, function.module, function.parent)
            if isinstance(binding, Function) and binding not in self._idle:
                wrapper, idle = self._around(standing, self._world.evaluate_at(function, expr))
                standing = wrapper or standing
                if idle and named is expr:
                    self._idle.add(binding)
        return standing

    def _around(self, function: Function, decorator: Value) -> tuple[Function | None, bool]:
        """The wrapper that a decorator gives for a function, None where it is not understood or only calls through.

        And whether the latter is so: then it is so for every function.
        """
        idle = False
        for kind in members(decorator.type):
            number = 1 if isinstance(kind, Fn) and kind.bound is not None and kind.function.is_method else 0
            if not isinstance(kind, Fn) or len(kind.function.params) <= number:
                continue
            applied = kind.function.origin.variant(None, (), {number: Fn(function, bare=True)})
            applied.decorates = function
            for given in self._world.flow(applied).returns:
                for made in members(given.type):
                    if not isinstance(made, Fn) or made.function.decorates is not function:
                        continue
                    through = self._through(made.function)
                    if through and self._adds(made.function, through):
                        return made.function, False
                    idle = idle or bool(through)
        return None, idle

    def _through(self, wrapper: Function) -> list[Site]:
        """The calls by which a wrapper calls what it stands for."""
        return [site for site in self._world.flow(wrapper).sites.values() if _calls(site, wrapper.decorates)]

    def _adds(self, wrapper: Function, through: list[Site]) -> bool:
        """Whether a wrapper does more than to call through."""
        if any(_hands_over(site, wrapper) for site in through):
            return True
        return self._does(wrapper, through, MAX_LEVELS)

    def _does(self, function: Function, through: list[Site], levels: int) -> bool:
        """Whether a function has any effect of its own, down to so many levels of calls; ``through`` left out."""
        targets = [t for s in list(self._world.flow(function).sites.values()) if s not in through for t in s.targets]
        if any(target.row is not None and target.row.does for target in targets):
            return True
        called = {target.function for target in targets if target.function is not None} - {function}
        return bool(called) and (levels == 0 or any(self._does(callee, [], levels - 1) for callee in called))

    # ------------------------------------------------------------------ its parameters

    def _take_over(self, wrapper: Function) -> None:
        """Give a wrapper the parameters of the function that it stands for, for its ``*args`` and ``**kwargs``."""
        function = wrapper.decorates
        assert function is not None
        if function.is_method:
            wrapper.owner = function.owner
            wrapper.receiver, wrapper.arguments = function.receiver, function.arguments
            wrapper.is_class_method, wrapper.is_static = function.is_class_method, function.is_static
        caught = {p.kind: p.name for p in wrapper.facts.params if p.kind in ("args", "kwargs")}
        if not caught:
            return
        own = [p for p in wrapper.facts.params if p.kind not in caught]
        skipped, named = _before(wrapper, caught.get("args", ""))
        names = {p.name for p in own} | named
        taken = [p for p in function.params[skipped:] if p.kind in FORWARDED and p.name not in names]
        if "args" not in caught:
            taken = [p for p in taken if p.kind != "positional"]
        wrapper.params = (*own, *taken)
        places = range(len(own), len(own) + len(taken))
        positional = [i for i in places if wrapper.params[i].kind != "keyword"] if "args" in caught else []
        wrapper.caught = {
            caught.get("args", ""): tuple(positional),
            caught.get("kwargs", ""): tuple(i for i in places if i not in positional),
        }


def _before(wrapper: Function, args: str) -> tuple[int, frozenset[str]]:
    """How many arguments a wrapper passes before ``*args``, and the names of those that it passes by name."""
    for call in _calls_in(wrapper):
        starred = next((i for i, a in enumerate(call.args) if isinstance(a, f.Star) and _is_name(a.value, args)), None)
        if starred is not None:
            named = frozenset(k.name for k in call.keywords if k.name is not None)
            first = next((i for i, a in enumerate(call.args[:starred]) if _is_wrapped(a, wrapper)), -1)
            return starred - first - 1, named
    return 0, frozenset()


def _calls_in(function: Function) -> Iterator[f.Call]:
    for statement in statements(function.body):
        for head in heads(statement):
            yield from (part for part in post_order(head) if isinstance(part, f.Call))


def _is_name(expr: f.Expr, name: str) -> bool:
    return isinstance(expr, f.Name) and expr.id == name


def _is_wrapped(expr: f.Expr, wrapper: Function) -> bool:
    """Whether an argument is the decorated function: ``to_thread(function, *args)``."""
    scope = wrapper.parent
    while scope is not None and scope.decorates is not None:
        if any(_is_name(expr, scope.params[number].name) for number in scope.given):
            return True
        scope = scope.parent
    return False


def _calls(site: Site, function: Function | None) -> bool:
    return any(target.function is not None and is_same(target.function, function) for target in site.targets)


def is_same(called: Function, function: Function | None) -> bool:
    """Whether what is called is the function, or a copy of it for other arguments."""
    return function is not None and called.origin is function.origin and called.decorates is function.decorates


def _hands_over(site: Site, wrapper: Function) -> bool:
    """Whether a call passes on something that the wrapper did not get as an argument, or runs elsewhere."""
    given = (*site.args, *(value for _, value in site.keywords))
    return any(value.sym[0] not in ("param", "free", "?") for value in given) or any(
        target.manner != "here" for target in site.targets
    )
