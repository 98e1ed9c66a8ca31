"""Decorated functions: what a call of one runs, where a decorator of the project does something of its own.

def with_session(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        with maker() as session:
            return function(*args, db=session, **kwargs)
    return wrapper

@with_session
def load(id, db): ...               load(1) runs the wrapper around load: it opens a session, and passes it as ``db``

A decorator may also be a class, whose objects keep the function and call it in ``__call__``; there the attribute that
keeps it is known to hold it (``Function.holder``). The wrapper is walked once per function that it stands for, with the
function's own parameters in the place of what ``*args`` and ``**kwargs`` hand on. A decorator that only registers, or
whose wrapper only calls through, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.attributes import assigned_attributes
from persist_lint.link.given import handed_in
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, Fn, Inst, Type, Value, members
from persist_lint.link.names import Binding, Variable
from persist_lint.link.sites import Site
from persist_lint.link.tree import heads, is_name, post_order, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.classes import Classes
    from persist_lint.link.world import World

MAX_WRAPPERS = 5_000
#: Calls below a wrapper, within which it is asked for effects; deeper ones count as effects.
MAX_LEVELS = 4
FORWARDED = frozenset({"positional", "normal", "keyword"})


def undecorated(function: Function) -> Function:
    """The function that a wrapper stands for in the end; any other function itself."""
    while function.decorates is not None:
        function = function.decorates
    return function


class Decorated:
    """What stands for the functions that were asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stands: dict[Function, Function] = {}
        self._beneath: dict[tuple[Function, f.Expr], Function] = {}
        self._inner: dict[tuple[Function, Function], Function] = {}
        #: Decorators without arguments whose wrapper only calls through, apart for plain functions and coroutines.
        self._idle: set[tuple[Binding, bool]] = set()

    def runs(self, function: Function) -> Function:
        """What a call of the function runs first: the outermost wrapper around it, or itself."""
        if not function.facts.decorators or function.is_generator or function.is_property:
            return function
        if function not in self._stands:
            self._stands[function] = function  # while its decorators are looked at
            if len(self._inner) < MAX_WRAPPERS:
                self._stands[function] = self._outermost(function)
        return self._stands[function]

    def beneath(self, function: Function, decorator: f.Expr) -> Function:
        """What one of a function's decorators gets: the outermost wrapper of those below it, or the function itself."""
        self.runs(function)
        return self._beneath.get((function, decorator), function)

    def around(self, function: Function) -> list[Function]:
        """The wrappers that stand for a function, the innermost first; none where calls of it run the function."""
        found: list[Function] = []
        if not function.facts.decorators:
            return found
        standing = self.runs(function)
        while standing.decorates is not None and standing is not function:
            found.insert(0, standing)
            standing = standing.decorates
        return found

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
            copy.parent, copy.decorates, copy.holder = outer, outer.decorates, outer.holder
            self._take_over(copy)
            self._inner[key] = copy
        return self._inner[key]

    # ------------------------------------------------------------------ the wrapper

    def _outermost(self, function: Function) -> Function:
        standing = function
        for expr in reversed(function.facts.decorators):
            if standing is not function:
                self._beneath[function, expr] = standing
            named = expr.func if isinstance(expr, f.Call) else expr
            binding = self._binding(function, named)
            if binding is not None and (binding, function.is_async) not in self._idle:
                wrapper, idle = self._around(standing, self._world.evaluate_at(function, expr))
                standing = wrapper or standing
                if idle and named is expr:
                    self._idle.add((binding, function.is_async))
        return standing

    def _binding(self, function: Function, named: f.Expr) -> Binding | None:
        """What a decorator is called: a function, a class or an object of the project; None for those of libraries."""
        resolver = self._world.resolver
        binding = resolver.binding(named, function.module, function.parent)
        if isinstance(binding, Function | Class):
            return binding
        base = named.value if isinstance(named, f.Attr) else named
        holder = resolver.binding(base, function.module, function.parent)
        if not isinstance(holder, Variable):
            return None
        for value in holder.values:
            made = resolver.binding(value.func, holder.module) if isinstance(value, f.Call) else None
            if isinstance(named, f.Attr):
                return resolver.class_member(made, named.name) if isinstance(made, Class) else None
            if isinstance(made, Function | Class):
                return holder
        return None

    def _around(self, function: Function, decorator: Value) -> tuple[Function | None, bool]:
        """The wrapper that a decorator gives for a function, None where it is not understood or only calls through.

        And whether the latter is so: then it is so for every function of that kind.
        """
        idle = False
        found = list(self._made(function, decorator))
        alike = [made for made in found if made.is_async is function.is_async]
        for made in alike or found:  # ``return async_wrapper if iscoroutinefunction(function) else wrapper``
            through = self._through(made)
            if through and self._adds(made, through):
                return made, False
            idle = idle or bool(through)
        return None, idle

    def _made(self, function: Function, decorator: Value) -> Iterator[Function]:
        """What a decorator puts in the place of a function: functions that it gives, ``__call__`` of its objects."""
        for kind in members(decorator.type):
            if isinstance(kind, ClassObj):
                yield from self._called(kind.cls, 1, function)
                continue
            maker, number = _maker(self._world.classes, kind)
            if maker is None or len(maker.params) <= number:
                continue
            applied = maker.origin.variant(None, (), {number: Fn(function, bare=True)})
            applied.decorates = function
            for given in self._world.flow(applied).returns:
                for made in members(given.type):
                    if isinstance(made, Fn) and made.function.decorates is function:
                        yield made.function
                    elif isinstance(made, Inst) and given.sym[0] == "new":
                        places = [i for i, sym in given.sym[2] if sym == ("param", number)]
                        yield from self._called(made.cls, places[0], function) if places else ()

    def _called(self, cls: Class, number: int, function: Function) -> list[Function]:
        """``__call__`` of an object whose constructor keeps the function, its parameter of that number."""
        classes = self._world.classes
        call, init = classes.find_method(cls, "__call__"), classes.find_method(cls, "__init__")
        if call is None or init is None or not call.params:
            return []
        names = [name for name in assigned_attributes(init) if handed_in(init, name) == number]
        if not names or (function.is_method and classes.find_method(cls, "__get__") is None):
            return []
        copy = call.origin.variant(None, (), {})
        copy.decorates = function
        held = Value(Inst(cls), ("global", function.dotted))
        copy.holder = (call.params[0].name, held, frozenset({*names, "__wrapped__"}))
        self._take_over(copy)
        return [copy]

    def _through(self, wrapper: Function) -> list[Site]:
        """The calls by which a wrapper calls what it stands for."""
        return [site for site in self._world.flow(wrapper).sites.values() if _calls(site, wrapper.decorates)]

    def _adds(self, wrapper: Function, through: list[Site]) -> bool:
        """Whether a wrapper does more than to call through; a coroutine takes a plain function to the loop."""
        inner = wrapper.decorates
        if wrapper.is_async and inner is not None and not inner.is_async:
            return True
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
        if function.is_method or wrapper.holder is not None:
            wrapper.owner = function.owner
            wrapper.receiver, wrapper.arguments = function.receiver, function.arguments
            wrapper.is_class_method, wrapper.is_static = function.is_class_method, function.is_static
        caught = {p.kind: p.name for p in wrapper.facts.params if p.kind in ("args", "kwargs")}
        own = [p for p in wrapper.facts.params if p.kind not in caught]
        if wrapper.holder is not None and own and own[0].name == wrapper.holder[0]:
            del own[0]
            wrapper.params = tuple(own)
        if not caught:
            return
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
        starred = next((i for i, a in enumerate(call.args) if isinstance(a, f.Star) and is_name(a.value, args)), None)
        if starred is not None:
            named = frozenset(k.name for k in call.keywords if k.name is not None)
            first = next((i for i, a in enumerate(call.args[:starred]) if _is_wrapped(a, wrapper)), -1)
            return starred - first - 1, named
    return 0, frozenset()


def _maker(classes: Classes, kind: Type) -> tuple[Function | None, int]:
    """What is called to decorate a function, and the number of the parameter that gets it."""
    match kind:
        case Fn(function=function, bound=bound):
            return function, 1 if bound is not None and function.is_method else 0
        case Inst(cls=cls):
            return classes.find_method(cls, "__call__"), 1
    return None, 0


def _calls_in(function: Function) -> Iterator[f.Call]:
    for statement in statements(function.body):
        for head in heads(statement):
            yield from (part for part in post_order(head) if isinstance(part, f.Call))


def _is_wrapped(expr: f.Expr, wrapper: Function) -> bool:
    """Whether an argument is the decorated function: ``to_thread(function, *args)``."""
    if isinstance(expr, f.Attr) and wrapper.holder is not None:
        return expr.name in wrapper.holder[2] and is_name(expr.value, wrapper.holder[0])
    scope = wrapper.parent
    while scope is not None and scope.decorates is not None:
        if any(is_name(expr, scope.params[number].name) for number in scope.given):
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
