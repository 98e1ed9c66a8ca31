"""Type variables in types: which there are, and what types are with them replaced."""

from __future__ import annotations

from collections.abc import Mapping

from persist_lint.link.lattice import (
    ClassObj,
    Closure,
    Coll,
    Coro,
    Dict,
    Either,
    Inst,
    Lib,
    LibClass,
    Manager,
    Tup,
    Type,
    TypeParam,
    Unknown,
    Value,
    members,
    union,
)


def variables(kind: Type) -> list[str]:
    """The names of the type variables that a type mentions, in order."""
    match kind:
        case TypeParam(name=name):
            return [name]
        case Inst(args=args) | ClassObj(args=args) | Lib(args=args) | LibClass(args=args) | Either(members=args):
            found = [name for arg in args for name in variables(arg)]
        case Coll(item=item):
            found = variables(item)
        case Dict(key=key, value=value):
            found = [*variables(key), *variables(value)]
        case Coro(of=of) | Closure(returns=of):
            found = variables(of.type)
        case Tup(items=items):
            found = [name for item in items for name in variables(item.type)]
        case _:
            found = []
    return list(dict.fromkeys(found))


def class_type(kind: Type) -> Type:
    """``type[X]`` of what a type variable stands for."""
    found: list[Type] = []
    for one in members(kind):
        match one:
            case Inst(cls=cls, args=args):
                found.append(ClassObj(cls, args))
            case Lib(name=name, args=args):
                found.append(LibClass(name, args))
            case TypeParam(name=name, bound=bound):
                found.append(TypeParam(name, bound, True))
            case _:
                found.append(Unknown("class of something unknown"))
    return union(found)


def nesting(kind: Type) -> int:
    """How deep the arguments of a type are nested: 0 for one without."""
    match kind:
        case Inst(args=args) | ClassObj(args=args) | Lib(args=args) | LibClass(args=args):
            return 1 + max(map(nesting, args)) if args else 0
        case Either(members=parts):
            return max(map(nesting, parts))
        case Coll(item=item):
            return 1 + nesting(item)
        case Dict(key=key, value=value):
            return 1 + max(nesting(key), nesting(value))
        case Tup(items=items):
            return 1 + max((nesting(item.type) for item in items), default=0)
    return 0


def has_param(kind: Type) -> bool:
    """Whether a type mentions a type variable."""
    match kind:
        case TypeParam():
            return True
        case Inst(args=args) | Lib(args=args) | ClassObj(args=args) | LibClass(args=args):
            return any(has_param(a) for a in args)
        case Coll(item=item):
            return has_param(item)
        case Dict(key=key, value=value):
            return has_param(key) or has_param(value)
        case Either(members=parts):
            return any(has_param(p) for p in parts)
        case Coro(of=of) | Manager(of=of) | Closure(returns=of):
            return has_param(of.type)
        case Tup(items=items):
            return any(has_param(i.type) for i in items)
    return False


def replace_params(kind: Type, table: Mapping[str, Type]) -> Type:
    """The type with its variables replaced where the table knows them."""
    match kind:
        case TypeParam(name=name, is_class=is_class):
            found = table.get(name)
            if found is None:
                return kind
            return class_type(found) if is_class else found
        case Inst(cls=cls, args=args):
            return Inst(cls, tuple(replace_params(a, table) for a in args))
        case ClassObj(cls=cls, args=args):
            return ClassObj(cls, tuple(replace_params(a, table) for a in args))
        case Lib(name=name, args=args):
            return Lib(name, tuple(replace_params(a, table) for a in args))
        case Coll(item=item, kind=shape, item_sym=sym):
            return Coll(replace_params(item, table), shape, sym)
        case Dict(key=key, value=value):
            return Dict(replace_params(key, table), replace_params(value, table))
        case Either(members=parts):
            return union([replace_params(p, table) for p in parts])
        case Coro(of=of):
            return Coro(Value(replace_params(of.type, table), of.sym, of.weak))
        case Manager(of=of, function=function, is_async=is_async):
            return Manager(Value(replace_params(of.type, table), of.sym, of.weak), function, is_async)
        case Closure(at=at, returns=of):
            return Closure(at, Value(replace_params(of.type, table), of.sym, of.weak))
        case Tup(items=items):
            return Tup(tuple(Value(replace_params(i.type, table), i.sym) for i in items))
    return kind
