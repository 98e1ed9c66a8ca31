"""Statements as they are built: ``select(Job).where(Job.id == x).options(selectinload(Job.steps)).limit(10)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from persist_lint.link.index import Class
from persist_lint.link.lattice import (
    UNKNOWN_SYM,
    ClassObj,
    Coll,
    Coro,
    Data,
    Dict,
    Either,
    Inst,
    Lib,
    Null,
    Statement,
    Sym,
    Tup,
    Type,
    Unknown,
    Value,
    members,
    substitute,
    union,
)
from persist_lint.link.sqltext import known_text
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.libcall import LibraryCall
    from persist_lint.link.world import World

MAX_PARTS = 12
OPTION = "sqlalchemy.orm.Load"


def statement_of(value: Value) -> Statement | None:
    """The statement that a value is, carries or resulted from."""
    for kind in members(value.type):
        if isinstance(kind, Lib):
            for argument in kind.args:
                if isinstance(argument, Statement):
                    return argument
    return None


def translated(kind: Type, actuals: Mapping[Any, Sym]) -> Type:
    """A type with the symbols inside it (a statement's, those of a tuple's items) in the caller's terms.

    Without actuals it says what holds anywhere: parameters and locals are not known, constants and globals are.
    """
    match kind:
        case Lib(name=name, args=args) if any(isinstance(a, Statement) for a in args):
            return Lib(name, tuple(_in_terms(a, actuals) if isinstance(a, Statement) else a for a in args))
        case Coro(of=of):
            return Coro(Value(translated(of.type, actuals), of.sym, of.weak))
        case Either(members=parts):
            return Either(tuple(translated(p, actuals) for p in parts))
        case Tup(items=items):
            return Tup(tuple(_moved(item, actuals) for item in items))
        case Dict(key=key, value=value, fields=fields) if fields:
            return Dict(key, translated(value, actuals), tuple((name, _moved(v, actuals)) for name, v in fields))
        case Coll(item=item, kind=shape, item_sym=sym) if isinstance(item, Tup | Dict | Lib):
            return Coll(translated(item, actuals), shape, sym)
    return kind


def _moved(value: Value, actuals: Mapping[Any, Sym]) -> Value:
    return Value(translated(value.type, actuals), substitute(value.sym, actuals), value.weak)


def _in_terms(statement: Statement, actuals: Mapping[Any, Sym]) -> Statement:
    keys = tuple((name, substitute(sym, actuals)) for name, sym in statement.keys)
    session = None if statement.session is None else substitute(statement.session, actuals)
    return msgspec.structs.replace(statement, keys=keys, session=session)


def in_terms_of(number: int, statement: Statement) -> Statement:
    """A statement as the function sees it that gets it as a parameter; what it compares with, the caller knows."""
    keys = tuple((name, ("given", number, name)) for name, _ in statement.keys)
    session = None if statement.session is None else ("given", number, "")
    return msgspec.structs.replace(statement, keys=keys, session=session)


def symbols(known: Mapping[int, Value]) -> dict[object, Sym]:
    """What ``substitute`` replaces at a call: parameters by number, and what the statements passed compare with."""
    found: dict[object, Sym] = {}
    for number, value in known.items():
        found[number] = value.sym
        if isinstance(value.type, Lib | Either) and (statement := statement_of(value)) is not None:
            found.update(((number, name), sym) for name, sym in statement.keys)
            if statement.session is not None:
                found[number, ""] = statement.session
    return found


def entity_of(world: World, value: Value | None) -> Type | None:
    """The instance type of the mapped class that an argument names (``get(Job, …)``), or of the entity it is."""
    if value is None:
        return None
    for kind in members(value.type):
        match kind:
            case ClassObj(cls=cls, args=args):
                return Inst(cls, args)
            case Inst():
                return kind
            case Coll(item=Inst() as item):
                return item
    return None


def started(world: World, call: LibraryCall) -> Statement:
    """The statement that a constructor makes: ``select(Job, Job.id, func.count())``, ``update(Job)``, ``text("…")``."""
    row = call.row
    verb = row.verb or "other"
    if verb == "text":
        text = call.argument(row.of)
        return Statement("text", text=known_text(text) if text is not None else None)
    inner = statement_of(call.args[0]) if call.args and verb == "select" else None
    if inner is not None:
        return inner
    statement = _select(Statement(verb), call.arguments(row.of))
    session = call.bound.sym if call.bound is not None and world.is_session(call.bound) else None
    return msgspec.structs.replace(statement, session=session)


def _select(statement: Statement, values: tuple[Value, ...]) -> Statement:
    entities: list[Class] = []
    columns: list[tuple[str, str]] = []
    counted: list[str] = []
    aggregates = statement.aggregates
    for value in values:
        if value.sym[0] == "column":
            columns.append((value.sym[1], value.sym[2]))
            continue
        for kind in members(value.type):
            match kind:
                case ClassObj(cls=cls):
                    entities.append(cls)
                case Data(name="aggregate"):
                    aggregates = True
                    columns.append(("", ""))
                    counted += [value.sym[1][1]] if value.sym[0] == "aggregate" else []
                case Unknown() | Data():
                    columns.append(("", ""))
    return msgspec.structs.replace(
        statement,
        entities=tuple(dict.fromkeys(entities)),
        columns=tuple(columns),
        aggregates=aggregates,
        sources=_sources(statement, (*counted, *(dotted for dotted, _ in columns))),
    )


def aggregate(call: LibraryCall) -> Value:
    """What ``func.count(Job.id)`` gives: a number made of many rows, and of which column; ``coalesce`` keeps it."""
    of = next((v.sym for v in call.args if v.sym[0] in ("column", "aggregate")), UNKNOWN_SYM)
    if call.name.endswith(".coalesce") and not any(is_aggregate(v) for v in call.args):
        return Value(Data(), ("call", call.place))
    return Value(Data("aggregate"), ("aggregate", of) if of[0] == "column" else of)


def is_aggregate(value: Value) -> bool:
    """Whether a value is a function over many rows, in a statement."""
    return isinstance(value.type, Data) and value.type.name == "aggregate"


def _sources(statement: Statement, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*statement.sources, *(n for n in names if n))))[:MAX_PARTS]


def _mentioned(call: LibraryCall) -> tuple[str, ...]:
    """Dotted names of the classes that a method's arguments are about: ``select_from(Job)``, ``where(Job.id == 1)``."""
    found: list[str] = []
    for value in call.args:
        found += [kind.cls.dotted for kind in members(value.type) if isinstance(kind, ClassObj)]
        match value.sym:
            case ("column", name, _) | ("eq", ("column", name, _), _) | ("isin" | "cond", ("column", name, _)):
                found.append(name)
    return tuple(found)


def with_part(world: World, statement: Statement, call: LibraryCall) -> Statement:
    """The statement with what one method call adds."""
    replace = msgspec.structs.replace
    statement = replace(statement, sources=_sources(statement, _mentioned(call)))
    match call.row.part:
        case "where":
            keys, inside = conditions(call)
            return replace(
                statement,
                keys=tuple(dict.fromkeys((*statement.keys, *keys)))[:MAX_PARTS],
                inside=tuple(dict.fromkeys((*statement.inside, *inside)))[:MAX_PARTS],
                filtered=True,
            )
        case "limit":
            amount = call.args[0].sym if call.args else UNKNOWN_SYM
            number = amount[1] if amount[0] == "const" and isinstance(amount[1], int) else 0
            return replace(statement, limit=number)
        case "lock":
            return replace(statement, locks=True)
        case "order":
            return replace(statement, ordered=True)
        case "values":
            named = ("*" if name is None else name for name, _ in call.keywords)
            rows = call.expr.args[0] if call.expr is not None and call.expr.args else None
            one = isinstance(rows, f.Seq) and len(rows.items) == 1 and not isinstance(rows.items[0], f.Star)
            many = not one and any(isinstance(kind, Coll) for value in call.args[:1] for kind in members(value.type))
            sets = (*statement.sets, *named, *("*" for _ in call.args))
            return replace(statement, sets=sets, many=many or statement.many)
        case "options":
            options = [o for value in call.args for o in loader_options(value)]
            return replace(statement, options=tuple(dict.fromkeys((*statement.options, *options)))[: 4 * MAX_PARTS])
        case "columns":
            return _select(replace(statement, entities=(), columns=()), call.args)
        case "group" | "distinct":
            return replace(statement, aggregates=True)
        case "conflict":
            return replace(statement, verb="upsert")
    return statement


def loader_options(value: Value) -> tuple[tuple[str, str], ...]:
    """The loader options that an argument is, or holds: ``.options(*eager)``.

    What cannot be seen is the option ``?``, with the number of the parameter that it comes from, where it does.
    """
    return tuple(dict.fromkeys(option for kind in members(value.type) for option in _options(kind, value.sym)))


def _options(kind: Type, sym: Sym) -> tuple[tuple[str, str], ...]:
    unseen = (("?", str(sym[1]) if sym[0] == "param" else ""),)
    match kind:
        case Lib(args=(Statement(options=options), *_)):
            return options
        case Tup(items=items):
            return tuple(option for item in items for option in loader_options(item))
        case Null():
            return ()
        case Coll(item=item):
            return tuple(option for one in members(item) for option in _options(one, sym))
    return unseen


def with_options(held: Value, added: Value) -> Value:
    """A list after loader options were appended; what it was, where something else is added."""
    options = loader_options(added)
    if not isinstance(held.type, Coll) or all(strategy == "?" for strategy, _ in options):
        return held
    option = Lib(OPTION, (Statement("options", options=options),))
    return Value(Coll(union([held.type.item, option]), held.type.kind), held.sym, held.weak)


def conditions(call: LibraryCall) -> tuple[list[tuple[str, Sym]], list[str]]:
    """(attribute, symbol) of the equalities, and attributes tested with ``in_``."""
    keys: list[tuple[str, Sym]] = []
    inside: list[str] = []
    for value in call.args:
        match value.sym:
            case ("eq", ("column", _, name), other):
                keys.append((name, other))
            case ("isin", ("column", _, name)):
                inside.append(name)
    keys += [(name, value.sym) for name, value in call.keywords if name is not None]
    return keys, inside


def load_option(option: Statement, call: LibraryCall) -> Statement:
    """A loader option with one more step: ``selectinload(Job.steps).joinedload(Step.log)``."""
    strategy = call.name.rpartition(".")[2]
    prefix = f"{option.options[-1][1]}." if option.options else ""
    found = [(strategy, prefix + _step(v)) if _step(v) else ("?", "") for v in call.args if statement_of(v) is None]
    inner = [(s, prefix + p) for v in call.args if (o := statement_of(v)) is not None for s, p in o.options]
    return msgspec.structs.replace(option, options=(*option.options, *found, *inner))


def _step(value: Value) -> str:
    """The attribute that a loader option is about; "" where it is more than that (``of_type``, ``and_``)."""
    match value.sym:
        case ("column", _, str(name)) | ("const", str(name)):
            return name
    return ""


def scalar_type(statement: Statement) -> Type:
    """The type of the first column of a row."""
    if statement.entities:
        return Inst(statement.entities[0])
    return Data() if statement.columns else Unknown("statement not known")


def row_type(statement: Statement) -> Type:
    """The type of a row: an entity for a legacy query of one class, else a tuple in order of selection."""
    if statement.session is not None and len(statement.entities) == 1 and not statement.columns:
        return Inst(statement.entities[0])
    items = [Value(Inst(cls)) for cls in statement.entities] + [Value(Data()) for _ in statement.columns]
    return Tup(tuple(items)) if items else Unknown("row")
