"""The tables of mapped classes: names that are written down, that constants say, that a method makes of the class's.

class Base(DeclarativeBase):
    @declared_attr.directive
    def __tablename__(cls) -> str:
        return cls.__name__.lower() + "s"        Order → orders
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from persist_lint.link.declared import last_of
from persist_lint.link.index import Class, Function
from persist_lint.link.names import Variable
from persist_lint.link.resolve import Resolver
from persist_lint.link.tree import flat
from persist_lint.model import facts as f

MAX_DEPTH = 8
WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def directive(cls: Class) -> Function | None:
    """The method of the class itself that makes the table names of what inherits from it."""
    return next((method for method in cls.methods.get("__tablename__", ()) if method.is_declared_attr), None)


def made_name(resolver: Resolver, cls: Class, method: Function) -> str:
    """What a ``__tablename__`` method gives for a class; its name in snake case where the method is not understood."""
    for statement in method.body:
        if isinstance(statement, f.Return) and statement.value is not None:
            found = text_of(resolver, statement.value, cls, method, 0)
            if found is not None:
                return found
    return WORD_START.sub("_", cls.name).lower()


def text_of(resolver: Resolver, expr: f.Expr, cls: Class, method: Function | None, depth: int) -> str | None:
    """The text that an expression is, with ``cls.__name__`` known; None where it is not simply that."""
    if depth > MAX_DEPTH:
        return None

    def inner(part: f.Expr) -> str | None:
        return text_of(resolver, part, cls, method, depth + 1)

    match expr:
        case f.Const(value=str(text)):
            return text
        case f.Attr(name="__name__"):
            return cls.name if method is not None else None
        case f.Bin(op="+", left=left, right=right):
            first, second = inner(left), inner(right)
            return None if first is None or second is None else first + second
        case f.FString(parts=parts):
            found = [inner(part) for part in parts]
            return None if None in found else "".join(part or "" for part in found)
        case f.Call(func=f.Attr(value=value, name="lower" | "upper" as name), args=()):
            said = inner(value)
            return said if said is None else said.lower() if name == "lower" else said.upper()
        case f.Name() | f.Attr():
            bound = resolver.binding(expr, cls.module, method or cls.parent)
            if isinstance(bound, Variable) and len(bound.values) == 1 and isinstance(bound.values[0], f.Const):
                return inner(bound.values[0])
    return None


def table_call(resolver: Resolver, cls: Class) -> f.Call | None:
    """The ``Table("orders", metadata, …)`` that the class itself names as its ``__table__``."""
    for statement in flat(cls.facts.body):
        match statement:
            case f.Assign(targets=(f.Name(id="__table__"),), value=value):
                if isinstance(value, f.Name | f.Attr):
                    bound = resolver.binding(value, cls.module, cls.parent)
                    value = bound.values[0] if isinstance(bound, Variable) and bound.values else value
                if isinstance(value, f.Call) and last_of(value.func) == "Table":
                    return value
    return None


def table_columns(call: f.Call) -> Iterator[tuple[str, f.Call]]:
    """(name, call) of the columns of a ``Table(…)``."""
    for argument in call.args:
        match argument:
            case f.Call(args=(f.Const(value=str(name)), *_)) if last_of(argument.func) == "Column":
                yield name, argument
