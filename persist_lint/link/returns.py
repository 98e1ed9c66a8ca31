"""What parameters are and what functions give back.

Parameters: annotation; else injection (``Depends``); else default; else what the callers that are known pass; else a
conventional name, which makes the value weak. Returns: annotation if it says something, else the join of the return
statements; symbols are in the callee's terms and are translated at each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from persist_lint.link.arguments import actuals
from persist_lint.link.decorated import is_same
from persist_lint.link.fields import is_callable_only
from persist_lint.link.index import Class, Function
from persist_lint.link.iteration import awaited, element
from persist_lint.link.lattice import (
    INNER_SYM,
    NONE,
    NOTHING,
    UNKNOWN_SYM,
    ClassObj,
    Closure,
    Coll,
    Coro,
    Data,
    Dict,
    Either,
    Fn,
    Inst,
    Lib,
    Manager,
    Null,
    Partial,
    Statement,
    Tup,
    Type,
    TypeParam,
    Unknown,
    Value,
    join,
    members,
    substitute,
    union,
    unknown,
)
from persist_lint.link.libcall import called
from persist_lint.link.overloads import chosen
from persist_lint.link.overloads import declared as overloads
from persist_lint.link.params import has_param, replace_params
from persist_lint.link.resolve import instance_of
from persist_lint.link.sites import passed
from persist_lint.link.statements import in_terms_of, scalar_type, statement_of, symbols, translated
from persist_lint.link.tree import statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.sites import Keywords, Place
    from persist_lint.link.world import World

MAX_CALLERS = 12
MAX_CALLER_HOPS = 4
CONVENTIONAL_SESSIONS = frozenset({"db_session", "async_session", "session", "db"})
MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})


class Returns:
    """The part of ``World`` that answers for parameters and returned values."""

    def __init__(self) -> None:
        self._parameters: dict[tuple[Function, int], Value] = {}
        self._returned: dict[Function, Value] = {}
        self._hops = 0

    def _w(self) -> World:
        return cast("World", self)

    # ------------------------------------------------------------------ parameters

    def parameter(self, function: Function, number: int) -> Value:
        """What parameter ``number`` is known to be; its symbol is the walk's business."""
        key = (function, number)
        if key in self._parameters:
            self._w().asking.again(key)
            return self._parameters[key]
        self._parameters[key] = unknown("asked while being computed")
        self._w().asking.begin(key)
        self._parameters[key] = self._parameter(function, number)
        self._w().asking.end(key)
        return self._parameters[key]

    def _parameter(self, function: Function, number: int) -> Value:
        world, parameter = self._w(), function.params[number]
        if number in function.given:
            return Value(function.given[number])
        if number == 0 and function.is_method and function.owner is not None:
            owner = function.receiver or function.owner
            own = function.arguments or own_parameters(world, owner)
            kind: Type = ClassObj(owner, own) if function.is_class_method else Inst(owner, own)
            return Value(kind)
        home, place = _home(function, number)
        kind = world.resolver.annotation(parameter.annotation, home.module, home, home.owner)
        if parameter.kind == "args":
            return Value(Coll(kind, "tuple"))
        if parameter.kind == "kwargs":
            return Value(Dict(Data("str"), kind))
        if not isinstance(kind, Unknown):
            if function.name == "__init__" and is_callable_only(kind):
                passed_in = self._from_callers(function, number)
                return Value(kind) if isinstance(passed_in.type, Unknown) else passed_in
            return self._injected(kind, home, place)
        default = parameter.default
        defaults = [world.evaluate_at(home, default)] if isinstance(default, f.Call | f.Name | f.Attr) else []
        for value in (*defaults, *(self.provided(p) for p in world.providers(home, place))):
            if not isinstance(value.type, Unknown):
                return Value(value.type, UNKNOWN_SYM, value.weak)
        if isinstance(parameter.default, f.Const) and parameter.default.value is not None:
            return Value(Data(type(parameter.default.value).__name__))
        found = self._from_callers(function, number)
        silent = isinstance(found.type, Unknown) and parameter.annotation is not None
        return Value(kind) if silent else found

    def _injected(self, kind: Type, function: Function, number: int) -> Value:
        """What an annotated parameter is; where a provider gives it, that says which session, which implementation."""
        world = self._w()
        for provider in world.providers(function, number):
            given = self.provided(provider)
            if world.kind(kind) == "session" == world.kind(given.type) or world.refines(given.type, kind):
                return Value(given.type)
        return Value(kind)

    def _from_callers(self, function: Function, number: int) -> Value:
        """The join of what resolved callers pass, and theirs, a few levels up."""
        world = self._w()
        found: list[Value] = []
        # what runs a function that was passed in is known call by call (see ``higher``); constructors keep theirs
        useless = (Unknown, Null) if function.name == "__init__" else (Unknown, Null, Fn, Partial, Closure)
        if self._hops < MAX_CALLER_HOPS and (function.params[number].annotation is None or function.name == "__init__"):
            self._hops += 1
            try:
                wrapper = world.decorated.caller_of(function)
                for caller in [*wrapper, *world.callers_by_name(function)[:MAX_CALLERS]]:
                    for site in list(world.flow(caller).sites.values()):
                        for target in site.targets:
                            if (
                                target.function is not None
                                and is_same(target.function, function)
                                and target.manner in ("here", "thread", "task")
                            ):
                                value = actuals(function, target.bound, *passed(site, target)).get(number)
                                if value is not None and not isinstance(value.type, useless):
                                    found.append(Value(_seen_by(number, value)))
            finally:
                self._hops -= 1
        if found:
            joined = join(found)
            return Value(joined.type, UNKNOWN_SYM, True)
        return self._conventional(function, number)

    def _conventional(self, function: Function, number: int) -> Value:
        """A conventional session name without annotation: an (async) session if the project uses only that kind."""
        parameter = function.params[number]
        if parameter.annotation is None and parameter.name in CONVENTIONAL_SESSIONS:
            kind = self._w().conventional_session(function)
            if kind is not None:
                return Value(kind, UNKNOWN_SYM, True)
        return unknown("parameter without annotation")

    # ------------------------------------------------------------------ returns

    def returned(self, function: Function) -> Value:
        """What calling (and awaiting) a function gives, in its own terms; generators give their collection."""
        key = ("returned", function)
        if function in self._returned:
            self._w().asking.again(key)
            return self._returned[function]
        self._returned[function] = unknown("asked while being computed")
        self._w().asking.begin(key)
        self._returned[function] = self._find_returned(function)
        self._w().asking.end(key)
        return self._returned[function]

    def _find_returned(self, function: Function) -> Value:
        world = self._w()
        declared = world.resolver.annotation(function.facts.returns, function.module, function, function.owner)
        if function.is_generator:
            return self._generated(function, declared)
        if not isinstance(declared, Unknown) and not _worth_inferring(declared):
            return self._query_behind(function, declared) or Value(declared)
        if not isinstance(declared, Unknown) and world.classes.is_abstract(function):
            return Value(declared)
        if isinstance(declared, Unknown) and gives_nothing(function) and not world.classes.is_abstract(function):
            return NONE
        returns = world.flow(function).returns
        inferred = join(returns) if returns else NOTHING
        if isinstance(declared, Unknown) and isinstance(inferred.type, Unknown):
            said = self._overloaded(function)
            return Value(union(said)) if said else inferred if returns else Value(declared)
        return world.declared(declared, inferred) if returns else Value(declared)

    def _overloaded(self, function: Function) -> list[Type]:
        """What the ``@overload`` declarations of a function say that it returns."""
        if not function.is_overloaded:
            return []
        kinds = [
            self._w().resolver.annotation(one.facts.returns, one.module, one, one.owner) for one in overloads(function)
        ]
        return [kind for kind in kinds if not isinstance(kind, Unknown)]

    def _query_behind(self, function: Function, declared: Type) -> Value | None:
        """The Query that a function gives though it says it gives a list: whoever iterates that sends the SELECT."""
        if "query" not in function.facts.names or not any(isinstance(k, Coll) for k in members(declared)):
            return None
        returns = self._w().flow(function).returns
        found = join(returns) if returns else NOTHING
        return found if self._w().kind(found.type) == "query" else None

    def _generated(self, function: Function, declared: Type) -> Value:
        kind = "async_generator" if function.is_async else "generator"
        yields = self._w().flow(function).yields
        inferred = join(yields) if yields else NOTHING
        said = next((k.item for k in members(declared) if isinstance(k, Coll)), None)
        if said is not None and not isinstance(said, Unknown):
            inferred = self._w().declared(said, inferred)
        if self._is_manager(function):
            return Value(Manager(inferred, function, function.is_async))
        return Value(Coll(inferred.type, kind, inferred.sym))

    @staticmethod
    def _is_manager(function: Function) -> bool:
        return bool(function.decorator_names & MANAGERS)

    def result(self, function: Function, bound: Value | None, known: dict[int, Value], place: Place) -> Value:
        """What one call gives: the returned value in the caller's terms, as a coroutine where the function is async."""
        world = self._w()
        value = self.returned(function)
        syms = symbols(known)
        sym = substitute(value.sym, syms)
        if sym in (INNER_SYM, UNKNOWN_SYM):
            sym = ("call", place)
        if sym[0] == "new" and sym[2] == ((-1, INNER_SYM),):
            sym = ("new", sym[1], ((-1, place),))  # which of its instances: the one that this call gives
        kind = value.type
        if function.is_overloaded and (said := chosen(world, function, known)) is not None:
            kind = world.declared(said, Value(kind)).type
        if isinstance(kind, Unknown) and value.sym[0] == "param" and value.sym[1] in known:
            kind = known[value.sym[1]].type
        if bound is not None and isinstance(bound.type, Inst) and function.owner is not None:
            kind = world.classes.bind(kind, bound.type.cls, bound.type.args, function.owner)
        kind = _self_type(kind, bound, function)
        kind = self._bind_calls(kind, function, known)
        kind = translated(kind, syms)
        if isinstance(kind, Coll) and kind.item_sym != UNKNOWN_SYM:
            item = substitute(kind.item_sym, syms)
            made = ("call", place) if kind.kind.endswith("generator") else UNKNOWN_SYM
            kind = Coll(kind.item, kind.kind, made if item == INNER_SYM else item)
        if isinstance(kind, Manager):
            entered = kind.of
            inner = substitute(entered.sym, syms)
            inner = ("open", place) if inner in (INNER_SYM, UNKNOWN_SYM) else inner
            return Value(
                Manager(Value(entered.type, inner, entered.weak), kind.function, kind.is_async), sym, value.weak
            )
        result = Value(kind, sym, value.weak)
        return Value(Coro(result), sym, value.weak) if function.is_async and not function.is_generator else result

    def _bind_calls(self, kind: Type, function: Function, known: dict[int, Value]) -> Type:
        """Type variables of a generic function, bound by the arguments: ``def get(self, model: type[T]) -> T``."""
        if not has_param(kind):
            return kind
        table: dict[str, Type] = {}
        for number, value in known.items():
            parameter = function.params[number]
            declared = self._w().resolver.annotation(parameter.annotation, function.module, function, function.owner)
            actual = value.type
            if isinstance(declared, Closure):
                actual = Coro(awaited(called(self._w(), value)))
            _match(declared, actual, table)
        return replace_params(kind, table)

    def inferred_arguments(
        self, cls: Class, init: Function | None, args: tuple[Value, ...], keywords: Keywords
    ) -> tuple[Type, ...]:
        """The type arguments that the constructor's arguments of a generic class imply; none where they imply none."""
        parameters = self._w().classes.type_parameters(cls)
        if not parameters or init is None or init.owner is not cls:
            return ()
        table: dict[str, Type] = {}
        for number, value in actuals(init, Value(Inst(cls)), args, keywords).items():
            declared = self._w().resolver.annotation(init.params[number].annotation, init.module, init, cls)
            _match(declared, value.type, table)
        return tuple(table.get(one.name, one) for one in parameters) if table else ()

    # ------------------------------------------------------------------ injection

    def provided(self, provider: Value) -> Value:
        """What a dependency provider gives its consumer: what it yields or returns, an instance of a class."""
        for kind in members(provider.type):
            match kind:
                case Fn(function=function, bound=bound):
                    value = self.returned(function)
                    if function.is_generator:
                        value = value.type.of if isinstance(value.type, Manager) else element(value)
                    elif isinstance(value.type, Coll) and value.type.kind.endswith("generator"):
                        value = element(value)
                    return Value(_self_type(value.type, bound, function), UNKNOWN_SYM, value.weak)
                case ClassObj(cls=cls, args=args):
                    return Value(Inst(cls, args))
                case Partial(of=of):
                    return self.provided(of)
                case Inst(cls=cls):
                    method = self._w().classes.find_method(cls, "__call__")
                    if method is not None:
                        return self.provided(Value(Fn(method, provider)))
        return unknown("provider not known")


def _seen_by(number: int, value: Value) -> Type:
    """The type of an argument in terms of the function that gets it."""
    statement = statement_of(value) if isinstance(value.type, Lib) else None
    if statement is None or not isinstance(value.type, Lib):
        return translated(value.type, {})
    return Lib(value.type.name, (in_terms_of(number, statement),))


def _home(function: Function, number: int) -> tuple[Function, int]:
    """Whose parameter it is: of a wrapper's, those that it took over are the decorated function's."""
    name = function.params[number].name
    inner = function.decorates
    if inner is None or any(p.name == name for p in function.facts.params):
        return function, number
    return _home(inner, next(i for i, p in enumerate(inner.params) if p.name == name))


def gives_nothing(function: Function) -> bool:
    """Whether no statement returns a value."""
    return not any(isinstance(s, f.Return) and s.value is not None for s in statements(function.body))


def own_parameters(world: World, cls: Class) -> tuple[Type, ...]:
    """The type parameters of a generic class as its own arguments."""
    return tuple(world.classes.type_parameters(cls))


def _worth_inferring(kind: Type) -> bool:
    """Whether the body may say more than the annotation: whose session, which arguments, which implementation."""
    for one in members(kind):
        if isinstance(one, Inst | Lib | Tup | TypeParam | Closure):
            return True
        if isinstance(one, Coll | Dict) and "Unknown" in repr(one):
            return True
    return False


def _self_type(kind: Type, bound: Value | None, function: Function) -> Type:
    """An instance of the method's own class becomes one of the receiver's class (``-> Self``, ``cls(…)``)."""
    owner = function.owner
    if bound is None or owner is None:
        return kind
    receiver = bound.type if isinstance(bound.type, Inst) else None
    if isinstance(bound.type, ClassObj):
        receiver = Inst(bound.type.cls, bound.type.args)
    match kind:
        case Inst(cls=cls) if cls is owner and receiver is not None and receiver.cls is not owner:
            return receiver
        case Either(members=parts):
            return Either(tuple(_self_type(p, bound, function) for p in parts))
    return kind


def _match(declared: Type, actual: Type, table: dict[str, Type]) -> None:
    match declared, actual:
        case TypeParam(name=name, is_class=is_class), _:
            kind = instance_of(actual) if is_class else actual
            if not isinstance(kind, Unknown | TypeParam):
                table.setdefault(name, kind)
        case Closure(returns=ours_given), Coro(of=theirs_given):  # what the passed function gives
            inner = ours_given.type
            _match(inner.of.type if isinstance(inner, Coro) else inner, theirs_given.type, table)
        case Inst(args=ours), Inst(args=theirs):
            for one, other in zip(ours, theirs, strict=False):
                _match(one, other, table)
        case Coll(item=ours_item), Coll(item=theirs_item):
            _match(ours_item, theirs_item, table)
        case Lib(args=(Tup(items=(ours_row,)),)), Lib(args=(Statement() as statement,)):  # ``Select[tuple[T]]``
            _match(ours_row.type, scalar_type(statement), table)
        case Lib(args=ours), Lib(args=theirs):
            for one, other in zip(ours, theirs, strict=False):
                _match(one, other, table)
