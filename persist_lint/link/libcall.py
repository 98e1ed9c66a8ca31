"""Calls of library functions and methods: what a vocabulary row says they give, applied to the arguments at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.link.iteration import awaited, element
from persist_lint.link.lattice import (
    PACKAGE_SYM,
    UNKNOWN_SYM,
    ClassObj,
    Closure,
    Coll,
    Coro,
    Data,
    Fn,
    Inst,
    Lib,
    LibClass,
    LibFn,
    LibMethod,
    Manager,
    Null,
    Partial,
    Statement,
    Sym,
    Tup,
    Type,
    Unknown,
    Value,
    members,
    package_path,
    session_of,
    unknown,
)
from persist_lint.link.resolve import instance_of
from persist_lint.link.sites import Keywords, Manner, Target
from persist_lint.link.statements import (
    aggregate,
    entity_of,
    load_option,
    row_type,
    scalar_type,
    started,
    statement_of,
    with_part,
)
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row

if TYPE_CHECKING:
    from persist_lint.link.world import World


#: What works on one session or connection: its own, and those that its cursors and transactions lead back to.
HANDLES = frozenset({"session", "connection", "scoped_session", "cursor", "transaction"})
NO_ROW = Row()


class LibraryCall(Struct, frozen=True):
    """A call of a vocabulary row; ``makes`` is the class whose instance it makes."""

    row: Row
    name: str
    bound: Value | None
    args: tuple[Value, ...]
    keywords: tuple[tuple[str | None, Value], ...]
    place: tuple[int, int]
    expr: f.Call | None = None
    makes: str = ""

    def argument(self, words: str) -> Value | None:
        """The argument that argument words (``arg0|kw:statement``, ``self``, ``args``) name."""
        for word in words.split("|"):
            if word == "self":
                return self.bound
            if word == "args":
                return self.args[0] if self.args else None
            if word.startswith("arg") and word[3:].isdigit() and int(word[3:]) < len(self.args):
                return self.args[int(word[3:])]
            if word.startswith("kw:"):
                found = next((v for k, v in self.keywords if k == word[3:]), None)
                if found is not None:
                    return found
        return None

    def arguments(self, words: str) -> tuple[Value, ...]:
        """All arguments that the words name: every positional one for ``args``."""
        if "args" in words.split("|"):
            return self.args
        found = self.argument(words) if words else None
        return () if found is None else (found,)


def library_result(world: World, call: LibraryCall) -> Value:
    """What the call gives, wrapped as a coroutine where the library awaits."""
    result = _given(world, call)
    if isinstance(result.type, Coll) and world.kind(result.type.item) == "path" and call.bound is not None:
        result = Value(result.type, package_path((call.bound, *call.args)), result.weak)
    elif call.name.startswith("os.path.") or world.kind(result.type) == "path":
        receiver = () if call.bound is None or call.makes else (call.bound,)
        joined = package_path((*receiver, *call.args))
        if joined != UNKNOWN_SYM or result.sym == PACKAGE_SYM:
            result = Value(result.type, joined, result.weak)
    return Value(Coro(result)) if world.awaits(call) else result


def _given(world: World, call: LibraryCall) -> Value:
    row = call.row
    if call.makes:
        kept = row.of if world.kind_of(call.makes) in ("pubsub", "file") else ""
        carried: tuple[Type, ...] = tuple(v.type for v in call.arguments(kept))
        if world.kind_of(call.makes) == "session_factory" and (given := call.argument("kw:class_")) is not None:
            carried = tuple(kind for kind in (instance_of(given.type),) if not isinstance(kind, Unknown))
        if row.verb == "text":
            carried = (started(world, call),)
        return Value(Lib(call.makes, carried), ("open", call.place))
    if row.each:
        return Value(Coll(Lib(row.each), "iterator"), ("call", call.place))
    if row.gives == "":
        return Value(Null(), ("call", call.place))
    if row.gives == "self":
        return _self(world, call)
    if "." in row.gives:
        return _typed(world, call)
    return _SHAPES[row.gives](world, call)


def _self(world: World, call: LibraryCall) -> Value:
    bound = call.bound
    if bound is None:
        return unknown("no receiver")
    statement = statement_of(bound)
    if statement is None or not (call.row.part or call.row.of):
        return bound
    if statement.verb == "options":
        changed = load_option(statement, call)
    else:
        changed = with_part(world, statement, call)
    assert isinstance(bound.type, Lib)
    return Value(Lib(bound.type.name, (changed,)), bound.sym, bound.weak)


def _typed(world: World, call: LibraryCall) -> Value:
    """A library type by name: statements, results and options carry what they are about."""
    row = call.row
    kind = world.kind_of(row.gives)
    weak = call.bound is not None and call.bound.weak
    if row.verb is not None:
        return Value(Lib(row.gives, (started(world, call),)), ("call", call.place), weak)
    if row.gives == "sqlalchemy.orm.Load":
        return Value(Lib(row.gives, (load_option(Statement("options"), call),)), ("call", call.place))
    about = call.argument(row.of) if row.of else None
    carried = statement_of(about) if about is not None else None
    if carried is None and call.bound is not None:
        carried = statement_of(call.bound)
    if carried is not None and kind in ("result", "statement", "query", "value"):
        return Value(Lib(row.gives, (carried,)), ("call", call.place), weak)
    if kind in ("task", "future") and about is not None:
        return Value(Lib(row.gives, (awaited(called(world, about)).type,)), ("open", call.place))
    if kind == "session" and (own := _own_class(world, call)) is not None:
        return Value(own, _handle(world, call, kind), weak)
    return Value(Lib(row.gives, _text_of(call, kind)), _handle(world, call, kind), weak)


def _own_class(world: World, call: LibraryCall) -> Type | None:
    """The session class that a factory makes: ``sessionmaker(class_=AsyncSession)``, ``async_sessionmaker[Mine]``."""
    match call.bound.type if call.bound is not None else None:
        case Lib(name=name, args=(made,)) if world.kind_of(name) == "session_factory" and world.kind(made) == "session":
            return made
    return None


def _handle(world: World, call: LibraryCall, kind: str) -> Sym:
    """The symbol of what a session or connection hands out: itself, or a cursor or transaction that works on it.

    A savepoint stands for itself: rolling it back does not end the transaction.
    """
    bound, does = call.bound, call.row.does
    if bound is not None and any(world.kind(k) in HANDLES for k in members(bound.type)) and bound.sym != UNKNOWN_SYM:
        if kind in ("session", "connection") and "session.open" not in does:
            return session_of(bound.sym)
        if kind in ("cursor", "transaction") and "txn.savepoint" not in does:
            return ("on", session_of(bound.sym), call.place)
    return ("open", call.place)


def _text_of(call: LibraryCall, kind: str) -> tuple[Type, ...]:
    """The constant SQL that a prepared statement or cursor was made of, and the connection it runs on."""
    row, bound = call.row, call.bound
    later = row.of and kind in ("statement", "cursor") and "db.statement" not in row.does
    about = call.argument(row.of) if later else None
    if about is None or bound is None or about.sym[0] != "const" or not isinstance(about.sym[1], str):
        return ()
    return (Statement("text", text=about.sym[1], session=session_of(bound.sym)),)


def called(world: World, value: Value) -> Value:
    """The result of calling a function value without arguments known; a coroutine as it is."""
    for kind in members(value.type):
        match kind:
            case Fn(function=function, bound=bound):
                return world.result(function, bound, {}, (0, 0))
            case Partial(of=of):
                return called(world, of)
            case ClassObj() | LibClass():
                return Value(instance_of(kind))
            case Coro():
                return Value(kind)
            case Closure(returns=returns):
                return returns
            case Lib(args=(made,)) if world.kind(kind) in ("task", "future"):
                return Value(made)
    return unknown("result of something unknown")


def _entity(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    found = entity_of(world, about)
    return Value(found if found is not None else Unknown("entity not known"), ("call", call.place))


def _entities(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    statement = statement_of(about) if about is not None else None
    kind = scalar_type(statement) if statement is not None else entity_of(world, about)
    return Value(Coll(kind or Unknown("entity not known")), ("call", call.place))


def _scalar(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    statement = statement_of(about) if about is not None else None
    return Value(
        scalar_type(statement) if statement is not None else Unknown("statement not known"), ("call", call.place)
    )


def _row(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    statement = statement_of(about) if about is not None else None
    return Value(row_type(statement) if statement is not None else Unknown("row"), ("call", call.place))


def _rows(world: World, call: LibraryCall) -> Value:
    row = _row(world, call)
    return Value(Coll(row.type), row.sym)


def _data(world: World, call: LibraryCall) -> Value:
    generator = (
        call.bound is not None and isinstance(call.bound.type, Lib) and "FunctionGenerator" in call.bound.type.name
    )
    return aggregate(call) if generator else Value(Data(), ("call", call.place))


def _instance(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    return unknown("nothing to call") if about is None else called(world, about)


def _injected(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    return unknown("no provider") if about is None else world.provided(about)


def _result_of(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    if about is None:
        return unknown("nothing to run")
    result = called(world, about)
    return awaited(result) if isinstance(result.type, Coro) else result


def _gathered(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of) if call.row.of else None
    if about is not None and any(isinstance(k, Fn | Partial | Closure) for k in members(about.type)):
        return Value(Coll(awaited(called(world, about)).type))  # ``map`` and its kin
    results = [awaited(v) for v in call.args]
    items = [element(v) if isinstance(v.type, Coll) else r for v, r in zip(call.args, results, strict=True)]
    if len(items) == 1 and isinstance(call.args[0].type, Coll):
        return Value(Coll(awaited(items[0]).type))
    return Value(Tup(tuple(items)))


def _item(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    return unknown("no collection") if about is None else world.element(about)


def _collection(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    return unknown("no collection") if about is None else Value(Coll(element(about).type), about.sym)


def _entered(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of)
    if about is None:
        return unknown("nothing to enter")
    match about.type:
        case Manager(of=of):
            return of
        case Inst(cls=cls):
            enter = "__aenter__" if call.row.awaits else "__enter__"
            method = world.classes.find_method(cls, enter)
            return about if method is None else awaited(world.result(method, about, {0: about}, call.place))
    return world.entered(about)


def _held(world: World, call: LibraryCall) -> Value:
    bound = call.bound
    if bound is None or not isinstance(bound.type, Lib):
        return unknown("no receiver")
    sym = ("attr", bound.sym, "()")
    if bound.type.args:
        return Value(bound.type.args[0], sym)
    return world.kept.at(bound.sym[1], "", sym) if bound.sym[0] == "global" else unknown("no variable of the module")


def _argument(world: World, call: LibraryCall) -> Value:
    return call.argument(call.row.of) or unknown("no argument")


def _wrapped(world: World, call: LibraryCall) -> Value:
    about = call.argument(call.row.of) if call.row.of else None
    if about is None:
        return unknown("wraps something unknown")
    manages = call.name in ("contextlib.contextmanager", "contextlib.asynccontextmanager")
    return Value(Partial(about, call.args[1:], call.keywords, manages))  # type: ignore[arg-type]


def _base(world: World, call: LibraryCall) -> Value:
    return unknown("a base class made on the spot")


_SHAPES = {
    "entity": _entity,
    "entities": _entities,
    "scalars": _entities,
    "scalar": _scalar,
    "row": _row,
    "rows": _rows,
    "value": _data,
    "class_of": _instance,
    "instance": _instance,
    "injected": _injected,
    "result_of": _result_of,
    "gathered": _gathered,
    "item": _item,
    "collection": _collection,
    "wrapped": _wrapped,
    "argument": _argument,
    "entered": _entered,
    "held": _held,
    "model_base": _base,
}


def passed_functions(world: World, call: LibraryCall, items: tuple[Value, ...] = ()) -> list[Target]:
    """Functions among the arguments that the callee runs, each with where it runs; on ``items`` if there are any."""
    found: list[Target] = []
    for run in call.row.runs:
        value = call.argument(run.arg)
        if value is None:
            continue
        number = next((i for i, v in enumerate(call.args) if v is value), -1)
        rest = items or (call.args[number + 1 :] if number >= 0 else _as_tuple(call))
        if run.passes and call.bound is not None:
            face = Value(Lib(run.passes), call.bound.sym, call.bound.weak)
            targets = targets_of(world, value, run.where, (face, *rest), call.keywords)
            found.extend(replace(target, greenlet=True) for target in targets)
        else:
            found.extend(targets_of(world, value, run.where, rest, call.keywords))
    return found


def _as_tuple(call: LibraryCall) -> tuple[Value, ...]:
    """The arguments that ``Thread(target=f, args=(a, b))`` hands over."""
    given = next((value.type for name, value in call.keywords if name == "args"), None)
    return given.items if isinstance(given, Tup) and call.makes else ()


def targets_of(
    world: World, value: Value, manner: Manner, rest: tuple[Value, ...], keywords: Keywords = ()
) -> list[Target]:
    """What running a function value with those arguments may run."""
    found: list[Target] = []
    for kind in members(value.type):
        match kind:
            case Fn(function=function, bound=bound, bare=bare):
                found += [
                    Target(c, c.dotted, None, bound, manner, value.weak, arguments=rest, keywords=keywords)
                    for c in world.candidates(function, bound, rest, keywords, bare=bare)
                ]
            case Partial(of=of, args=first, keywords=named):
                found += targets_of(world, of, manner, (*first, *rest), (*named, *keywords))
            case LibFn(name=name):
                call = LibraryCall(world.vocabulary.functions.get(name, NO_ROW), name, None, rest, keywords, (0, 0))
                found += _library_targets(world, call, manner, value.weak)
            case LibMethod(owner=owner, name=name, bound=bound) if owner != "builtins":
                row = world.method_row(owner, name) or NO_ROW
                call = LibraryCall(row, f"{owner}.{name}", bound, rest, keywords, (0, 0))
                found += _library_targets(world, call, manner, value.weak)
            case Inst(cls=cls):
                method = world.classes.find_method(cls, "__call__")
                if method is not None:
                    found.append(
                        Target(
                            method, method.dotted, None, value, manner, value.weak, arguments=rest, keywords=keywords
                        )
                    )
    return found


def _library_targets(world: World, call: LibraryCall, manner: Manner, weak: bool) -> list[Target]:
    """A library function that was passed on, where it does something, and what it runs of its own arguments."""
    if manner in ("entry", "stored"):
        return []
    does = [Target(None, call.name, call.row, call.bound, manner, weak, arguments=call.args, keywords=call.keywords)]
    inner = passed_functions(world, call)
    return [
        *(does if call.row.does else ()),
        *(replace(t, manner=manner) if t.manner == "here" else t for t in inner),
    ]


def managed(generator: Value, made: Value, place: tuple[int, int]) -> Value:
    """What ``contextmanager(generator)(…)`` gives: a manager of what the generator yields."""
    function = next((kind.function for kind in members(generator.type) if isinstance(kind, Fn)), None)
    if function is None or not isinstance(made.type, Coll):
        return made
    item = made.type.item_sym if made.type.item_sym[0] in ("param", "attr", "global") else ("open", place)
    return Value(Manager(Value(made.type.item, item, made.weak), function, function.is_async), made.sym, made.weak)


def runs_later(kind: Type) -> bool:
    """Whether the call that gave it has not run its body yet: a coroutine or generator was made."""
    return isinstance(kind, Coro) or (isinstance(kind, Coll) and kind.kind.endswith("generator"))
