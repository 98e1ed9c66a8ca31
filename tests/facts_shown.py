"""Facts as compact text, for exact comparison: ``Call(Attr(Name('db'), 'get'), (Name('User'),), ())``; no spans."""

from __future__ import annotations

from msgspec import Struct

from persist_lint.facts.build import module_facts
from persist_lint.facts.codec import decode_body
from persist_lint.model.facts import FunctionFacts, ModuleFacts, Stmt
from persist_lint.model.span import Span


def shown(value: object) -> str:
    """The constructor call that makes the value, spans left out."""
    if isinstance(value, Struct):
        fields = [getattr(value, name) for name in value.__struct_fields__]
        return f"{type(value).__name__}({', '.join(shown(field) for field in fields if not isinstance(field, Span))})"
    if isinstance(value, tuple):
        return "(" + "".join(shown(item) + ", " for item in value).removesuffix(" " if len(value) == 1 else ", ") + ")"
    return repr(value)


def facts(source: str) -> ModuleFacts:
    """The facts of a text that is expected to be understood."""
    found = module_facts(source.encode())
    assert found.problem is None
    return found


def statement(source: str) -> str:
    """The only statement of a module, as text."""
    (only,) = facts(source).body
    return shown(only)


def expression(source: str) -> str:
    """An expression, as text."""
    text = statement(source)
    return text.removeprefix("ExprStmt(").removesuffix(")")


def function(source: str, name: str) -> FunctionFacts:
    """The function with the qualified name."""
    (found,) = [function for function in facts(source).functions if function.qualname == name]
    return found


def body(source: str, name: str) -> tuple[Stmt, ...]:
    """The statements of the function with the qualified name."""
    return decode_body(function(source, name).body)
