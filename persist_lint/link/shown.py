"""Types, symbols and conditions in words, for the printers: short, stable, without object identities."""

from __future__ import annotations

from persist_lint.link.index import Function
from persist_lint.link.lattice import (
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
    LibClass,
    LibFn,
    LibMethod,
    LibMod,
    Manager,
    Mod,
    Null,
    Partial,
    Statement,
    Super,
    Sym,
    Tup,
    Type,
    TypeParam,
    Unknown,
    Value,
)
from persist_lint.link.sites import Guard


def shown_type(kind: Type) -> str:
    """A type as one would write it: ``app.models.Job``, ``list[str]``, ``Unknown: reason``."""
    match kind:
        case Unknown(reason=reason):
            return f"Unknown: {reason}"
        case Null():
            return "None"
        case Data(name=name):
            return name or "data"
        case Inst(cls=cls, args=args):
            return cls.dotted + _arguments(args)
        case ClassObj(cls=cls, args=args):
            return f"class {cls.dotted}{_arguments(args)}"
        case Lib(name=name, args=args):
            return name + _arguments(args)
        case LibClass(name=name, args=args):
            return f"class {name}{_arguments(args)}"
        case Coll(item=item, kind=shape):
            return f"{shape}[{shown_type(item)}]"
        case Dict(key=key, value=value):
            return f"dict[{shown_type(key)}, {shown_type(value)}]"
        case Tup(items=items):
            return f"tuple[{', '.join(shown_type(i.type) for i in items)}]"
        case Coro(of=of):
            return f"awaitable[{shown_type(of.type)}]"
        case Either(members=members):
            return " | ".join(shown_type(m) for m in members)
        case TypeParam(name=name, is_class=is_class):
            return f"class ~{name}" if is_class else f"~{name}"
        case Statement():
            return shown_statement(kind)
    return _shown_callable(kind)


def _shown_callable(kind: Type) -> str:
    match kind:
        case Fn(function=function):
            return f"function {shown_function(function)}"
        case LibFn(name=name):
            return f"function {name}"
        case LibMethod(owner=owner, name=name):
            return f"method {owner}.{name}"
        case Closure(returns=returns):
            return f"callable -> {shown_type(returns.type)}"
        case Partial(of=of, args=args):
            return f"partial {shown_type(of.type)} with {len(args)}"
        case Mod(module=module):
            return f"module {module.dotted}"
        case LibMod(name=name):
            return f"library name {name}"
        case Super(owner=owner):
            return f"super of {owner.dotted}"
        case Manager(of=of, is_async=is_async):
            return f"{'async ' if is_async else ''}manager[{shown_type(of.type)}]"
    return type(kind).__name__


def _arguments(args: tuple[Type, ...]) -> str:
    return f"[{', '.join(shown_type(a) for a in args)}]" if args else ""


def shown_statement(statement: Statement) -> str:
    """A statement's verb and everything that is known of it, in a fixed order."""
    parts = [statement.verb, *(cls.name for cls in statement.entities)]
    parts += [f"{owner.rpartition('.')[2]}.{name}" if owner else "expression" for owner, name in statement.columns]
    parts += [f"{name}={shown_symbol(sym, None)}" for name, sym in statement.keys]
    parts += [f"{name} in" for name in statement.inside]
    parts += [f"{strategy}({path})" for strategy, path in statement.options if strategy != "?"]
    if statement.limit >= 0:
        parts.append(f"limit {statement.limit or 'given'}")
    flags = {"lock": statement.locks, "aggregate": statement.aggregates, "filtered": statement.filtered}
    return "<" + " ".join(parts + [flag for flag, on in flags.items() if on]) + ">"


def shown_function(function: Function) -> str:
    """A function's dotted name; with its receiver's class where it is a copy for one."""
    if function.decorates is not None:
        return f"{function.dotted} around {shown_function(function.decorates)}"
    if function.receiver is None:
        return function.dotted
    return f"{function.dotted} for {function.receiver.dotted}{_arguments(function.arguments)}"


def shown_value(value: Value) -> str:
    """A value's type, and whether that is a convention or a guess from callers."""
    return shown_type(value.type) + (" (weak)" if value.weak else "")


def shown_symbol(sym: Sym, function: Function | None) -> str:
    """A symbol in the function's terms: parameters by name, places by line."""
    match sym:
        case ("param", int(index)):
            return function.params[index].name if function is not None else f"parameter {index}"
        case ("attr", base, str(name)):
            return f"{shown_symbol(base, function)}.{name}"
        case ("init", base, index):
            return f"{shown_symbol(base, function)}.__init__#{index}"
        case ("item", (line, _), base):
            return f"{shown_symbol(base, function)}[@{line}]"
        case ("new", str(name), args):
            inner = ", ".join(_shown_argument(number, value, function) for number, value in args)
            return f"{name.rpartition('.')[2]}({inner})"
        case ("call" | "open" as kind, (int(line), _)):
            return f"{'result' if kind == 'call' else 'opened'}@{line}"
        case ("on", base, (int(line), _)):
            return f"{shown_symbol(base, function)} by opened@{line}"
        case ("const", value):
            return repr(value)
        case ("kw", base, name, _):
            return f"{shown_symbol(base, function)}[{name!r}]"
        case ("global", str(dotted)):
            return f"global {dotted}"
        case ("free", base):
            return f"outer {shown_symbol(base, None)}"
        case ("keys", *parts):
            return "(" + ", ".join(shown_symbol(part, function) for part in parts) + ")"
        case ("column", str(dotted), name):
            return f"{dotted.rpartition('.')[2]}.{name}"
        case ("eq", column, other):
            return f"{shown_symbol(column, function)} == {shown_symbol(other, function)}"
        case ("isin" | "cond" as kind, column):
            return f"{kind} {shown_symbol(column, function)}"
        case (str(word),):
            return word
    return str(sym[0])


def _shown_argument(number: int, sym: Sym, function: Function | None) -> str:
    return f"@{sym[0]}" if number < 0 else f"{number}={shown_symbol(sym, function)}"


def shown_guard(guard: Guard, function: Function) -> str:
    """A condition on a parameter: ``commit``, ``not commit``, ``session is None``."""
    subject, kind, holds = guard
    if isinstance(subject, int):
        name = function.params[subject].name
    elif subject[0] == "all":
        return "not all: " + " & ".join(shown_guard(inner, function) for inner in subject[1])
    else:
        name = shown_symbol(subject, function)
    if kind.startswith("="):
        return f"{name} {'==' if holds else '!='} {kind[1:]}"
    if kind == "none":
        return f"{name} is None" if holds else f"{name} is not None"
    return name if holds else f"not {name}"


def session_words(sym: Sym, function: Function) -> str:
    """A session in a sentence, as a reader of the function knows it."""
    match sym:
        case ("param", int(index)):
            return f"the session {function.params[index].name}"
        case ("attr" | "init", ("param", 0), _) if function.is_method:
            return "the session of self"
        case ("open", (int(line), _)):
            return f"the session opened in line {line}"
        case ("global", str(dotted)):
            return f"the global session {dotted}"
    return "one session"
