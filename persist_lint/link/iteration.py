"""Taking values apart: elements of collections, items of tuples, what an awaitable gives, what builtins return."""

from __future__ import annotations

from persist_lint.link.lattice import (
    UNKNOWN_SYM,
    ClassObj,
    Coll,
    Coro,
    Data,
    Dict,
    Inst,
    Lib,
    LibClass,
    LibFn,
    Sym,
    Tup,
    Type,
    Unknown,
    Value,
    item_sym,
    join,
    members,
    package_path,
    union,
    unknown,
)
from persist_lint.link.sqltext import FIELD, filled, joined, known_text
from persist_lint.model import facts as f

SAME_COLLECTION = frozenset({"list", "sorted", "reversed", "set", "frozenset", "tuple", "iter", "aiter", "filter"})
COLLECTION_KINDS = {"set": "set", "frozenset": "set", "iter": "iterator", "filter": "iterator", "reversed": "iterator"}
DATA_RESULTS = frozenset(
    {"len", "str", "int", "float", "bool", "bytes", "repr", "hash", "id", "ord", "chr", "abs", "round", "any", "all",
     "isinstance", "issubclass", "hasattr", "callable", "print", "format", "divmod", "pow", "range"}
)  # fmt: skip
FIRST_ITEM = frozenset({"next", "anext", "min", "max"})


def element(value: Value) -> Value:
    """What iterating a value yields."""
    kinds = []
    sym: Sym = UNKNOWN_SYM
    for kind in members(value.type):
        match kind:
            case Coll(item=item, item_sym=known):
                kinds.append(item)
                sym = known
            case Dict(key=key):
                kinds.append(key)
            case Tup(items=items):
                kinds.append(join(list(items)).type if items else Unknown("empty tuple"))
            case Data(name="str" | "range" | "bytes"):
                kinds.append(Data(kind.name if kind.name == "str" else "int"))
            case ClassObj(cls=cls, args=args):
                kinds.append(Inst(cls, args))  # an enumeration
            case _:
                kinds.append(Unknown("item of something unknown"))
    return Value(union(kinds), sym, value.weak)


def unpacked(value: Value, number: int) -> Value:
    """Element ``number`` of a value unpacked into several targets."""
    for kind in members(value.type):
        if isinstance(kind, Tup):
            within = -len(kind.items) <= number < len(kind.items)
            return kind.items[number] if within else unknown("tuple too short")
    return element(value)


def subscripted(base: Value, index_expr: f.Expr, index: Value) -> Value:
    """``base[index]``."""
    results = []
    for kind in members(base.type):
        match kind:
            case Dict() if index.sym[0] == "const" and (known := kind.field(index.sym[1])) is not None:
                if len(members(base.type)) == 1:
                    return known
                results.append(known.type)
            case Dict(value=value):
                results.append(value)
            case Coll(item=item) if isinstance(index_expr, f.Slice):
                results.append(Coll(item))
            case Coll(item=item):
                results.append(item)
            case Tup(items=items) if isinstance(index_expr, f.Const) and isinstance(index_expr.value, int):
                number = index_expr.value
                results.append(items[number].type if -len(items) <= number < len(items) else Unknown("no such item"))
            case Data():
                results.append(Data())
            case Lib():
                results.append(kind)
            case LibClass(name=name):
                parts = index.type.items if isinstance(index.type, Tup) else (index,)
                results.append(LibClass(name, tuple(map(_argument, parts))))
            case ClassObj(cls=cls):
                parts = index.type.items if isinstance(index.type, Tup) else (index,)
                results.append(ClassObj(cls, tuple(map(_argument, parts))))
            case _:
                results.append(Unknown("item of something unknown"))
    sym: Sym = ("attr", base.sym, f"[{index.sym[1]!r}]") if index.sym[0] == "const" else UNKNOWN_SYM
    if base.sym[0] == "dict" and index.sym[0] == "const":
        sym = item_sym(base.sym, index.sym[1], UNKNOWN_SYM)
    return Value(union(results), sym, base.weak)


def _argument(index: Value) -> Type:
    match index.type:
        case ClassObj(cls=cls, args=args):
            return Inst(cls, args)
        case LibClass(name=name, args=args):
            return Lib(name, args)
        case LibFn(name=name) if name.startswith("builtins."):
            return Data(name.rpartition(".")[2])
    return Unknown("type argument")


def awaited(value: Value) -> Value:
    """What ``await value`` gives; an awaited library object (a task) gives its type argument."""
    results: list[Value] = []
    for kind in members(value.type):
        match kind:
            case Coro(of=of):
                results.append(of)
            case Lib(args=(first, *_)) if not hasattr(first, "verb"):
                results.append(Value(first))
            case Unknown():
                results.append(unknown("awaited something unknown"))
            case _:
                results.append(Value(kind, value.sym))
    return join(results)


def builtin(name: str, args: tuple[Value, ...]) -> Value:
    """What a call of a builtin function gives."""
    short = name.rpartition(".")[2]
    first = args[0] if args else None
    if short in DATA_RESULTS:
        kind = Data(short if short in ("str", "int", "float", "bool", "bytes", "range") else "")
        return Value(kind, package_path(args) if short == "str" else UNKNOWN_SYM)
    if first is None:
        if short in SAME_COLLECTION:
            return Value(Coll(Unknown("empty"), COLLECTION_KINDS.get(short, "list")))
        return Value(Dict(Unknown("empty"), Unknown("empty"))) if short == "dict" else unknown(f"builtin {short}")
    if short in SAME_COLLECTION:
        source = args[-1] if short == "filter" else first
        item = element(source)
        return Value(Coll(item.type, COLLECTION_KINDS.get(short, "list"), item.sym), source.sym)
    if short == "enumerate":
        return Value(Coll(Tup((Value(Data("int")), element(first))), "iterator"), first.sym)
    if short == "zip":
        return Value(Coll(Tup(tuple(element(a) for a in args)), "iterator"))
    if short in FIRST_ITEM:
        return Value(union([element(first).type, *(a.type for a in args[1:])]))
    if short == "dict":
        return Value(first.type) if isinstance(first.type, Dict) else Value(Dict(Unknown("pairs"), Unknown("pairs")))
    if short == "type":
        match first.type:
            case Inst(cls=cls, args=inner):
                return Value(ClassObj(cls, inner))
    if short == "map":
        return Value(Coll(Unknown("mapped"), "iterator"), args[-1].sym)
    if short == "groupby":
        item = element(first)
        return Value(Coll(Tup((unknown("key of a group"), Value(Coll(item.type, "iterator", item.sym)))), "iterator"))
    if short in ("cast", "staticmethod"):
        return args[-1]
    return unknown(f"builtin {short}")


def _of_key(kind: Dict, key: Value) -> Value | None:
    return kind.field(key.sym[1]) if key.sym[0] == "const" else None


def builtin_method(bound: Value, name: str, args: tuple[Value, ...]) -> Value:
    """What a method of a list, dict, set, tuple or plain value gives."""
    match bound.type:
        case Data(name="aggregate") if name in ("label", "filter", "cast"):
            return bound  # of a statement: ``func.count(Job.id).label("jobs")``
        case Coll(item=item) if name in ("pop", "popleft"):
            return Value(item)
        case Coll() if name in ("copy", "union", "difference", "intersection", "__iter__", "__aiter__"):
            return bound
        case Coll(item=item) if name in ("__next__", "__anext__"):
            return Value(item)
        case Dict() if name in ("get", "pop", "setdefault") and args and (known := _of_key(bound.type, args[0])):
            return known
        case Dict(value=value) if name in ("get", "pop", "setdefault"):
            default = args[1].sym if len(args) > 1 else ("const", None)
            named = len(args) > 0 and args[0].sym[0] == "const" and isinstance(args[0].sym[1], str)
            sym = item_sym(bound.sym, args[0].sym[1], default) if named and default[0] == "const" else UNKNOWN_SYM
            return Value(union([value, *(a.type for a in args[1:])]), sym)
        case Dict(key=key, value=value) if name in ("items", "keys", "values"):
            pair = Tup((Value(key), Value(value)))
            item = pair if name == "items" else key if name == "keys" else value
            return Value(Coll(item, "iterator"), bound.sym)
        case Dict() if name == "copy":
            return bound
        case Data(name="str") if name in ("split", "splitlines", "rsplit"):
            return Value(Coll(Data("str")))
        case Data(name="str") if name == "format":
            return Value(filled(known_text(bound), FIELD))
        case Data(name="str") if name == "join" and len(args) == 1:
            return Value(joined(known_text(bound), args[0]))
        case Data(name="str") if name in ("strip", "lstrip", "rstrip"):
            return Value(Data("str", bound.type.text))
        case Data():
            return Value(Data("str" if bound.type.name == "str" else ""))
    return unknown(f"method {name} of a collection")
