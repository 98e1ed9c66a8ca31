"""Every kind of statement: source → lean node."""

from __future__ import annotations

import sys

import pytest
from facts_shown import facts, shown, statement

from persist_lint.model.facts import Import, Match
from persist_lint.model.span import Span

STATEMENTS = [
    ("a = b.c = 1", "Assign((Name('a'), Attr(Name('b'), 'c')), Const(1))"),
    ("a: int = 1", "AnnAssign(Name('a'), Name('int'), Const(1))"),
    ("a += 1", "AugAssign(Name('a'), '+', Const(1))"),
    ("raise E() from e", "Raise(Call(Name('E'), (), ()), Name('e'))"),
    ("raise", "Raise(None, None)"),
    ("return", "Return(None)"),
    ("if a:\n b\nelse:\n c", "If(Name('a'), (ExprStmt(Name('b')),), (ExprStmt(Name('c')),))"),
    (
        "if a:\n pass\nelif b:\n pass\n",
        "If(Name('a'), (Jump('pass'),), (If(Name('b'), (Jump('pass'),), ()),))",
    ),
    (
        "for a, b in c:\n break\nelse:\n pass",
        "For(Seq('tuple', (Name('a'), Name('b'))), Name('c'), (Jump('break'),), (Jump('pass'),), False)",
    ),
    ("async for a in b: continue", "For(Name('a'), Name('b'), (Jump('continue'),), (), True)"),
    ("while a:\n b\nelse:\n c", "While(Name('a'), (ExprStmt(Name('b')),), (ExprStmt(Name('c')),))"),
    (
        "with a() as b, c: pass",
        "With((WithItem(Call(Name('a'), (), ()), Name('b')), WithItem(Name('c'), None)), (Jump('pass'),), False)",
    ),
    ("async with a: pass", "With((WithItem(Name('a'), None),), (Jump('pass'),), True)"),
    (
        "try: a\nexcept (E, F) as e: b\nexcept: c\nelse: d\nfinally: f",
        "Try((ExprStmt(Name('a')),), (Handler(Seq('tuple', (Name('E'), Name('F'))), 'e', (ExprStmt(Name('b')),)), "
        "Handler(None, None, (ExprStmt(Name('c')),))), (ExprStmt(Name('d')),), (ExprStmt(Name('f')),), False)",
    ),
    ("import a.b", "Import('a.b', None, 'a', 0)"),
    ("import a.b as c", "Import('a.b', None, 'c', 0)"),
    ("from a.b import c", "Import('a.b', 'c', 'c', 0)"),
    ("from ..a import b as c", "Import('a', 'b', 'c', 2)"),
    ("from . import b", "Import('', 'b', 'b', 1)"),
    ("from a import *", "Import('a', '*', '', 0)"),
    ("global a, b", "Scope('global', ('a', 'b'))"),
    ("nonlocal a", "Scope('nonlocal', ('a',))"),
    ("del a, b.c", "Delete((Name('a'), Attr(Name('b'), 'c')))"),
    ("assert a, b", "Assert(Name('a'))"),
    ("pass", "Jump('pass')"),
    ("def f(): pass", "FuncDef(0)"),
    ("class A: pass", "ClassDef(0)"),
]
PATTERNS = [
    ("A()", "(Name('A'),)", "()"),
    ("m.A(x, k=B(y))", "(Attr(Name('m'), 'A'), Name('B'))", "('x', 'y')"),
    ("A() | B() as c", "(Name('A'), Name('B'))", "('c',)"),
    ("[a, *rest]", "()", "('a', 'rest')"),
    ("{'k': v, **more}", "()", "('more', 'v')"),
    ("{Key.a: A()}", "(Name('A'),)", "()"),
    ("Color.RED | 3 | None", "()", "()"),
    ("_", "()", "()"),
    ("[*_]", "()", "()"),
    ("(A(x) | B(x))", "(Name('A'), Name('B'))", "('x',)"),
]


@pytest.mark.parametrize(("source", "expected"), STATEMENTS)
def test_statement(source: str, expected: str) -> None:
    assert statement(source) == expected


@pytest.mark.parametrize(("pattern", "classes", "binds"), PATTERNS)
def test_case(pattern: str, classes: str, binds: str) -> None:
    assert statement(f"match s:\n case {pattern} if g:\n  pass") == (
        f"Match(Name('s'), (Case({classes}, {binds}, Name('g'), (Jump('pass'),)),))"
    )


def test_a_case_spans_its_pattern_to_the_end_of_its_body() -> None:
    (only,) = facts("match s:\n  case A():\n    f()\n    g()\n").body
    assert isinstance(only, Match)
    assert only.cases[0].at == Span(2, 7, 4, 7)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except*")
def test_except_star() -> None:
    assert statement("try: a\nexcept* E: b") == (
        "Try((ExprStmt(Name('a')),), (Handler(Name('E'), None, (ExprStmt(Name('b')),)),), (), (), True)"
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695")
def test_type_statement_and_type_parameters() -> None:
    assert statement("type Db[T] = Annotated['Session', T]") == (
        "TypeAlias('Db', Subscript(Name('Annotated'), Seq('tuple', (Name('Session'), Name('T')))),"
        " (TypeVariable('T', None),))"
    )
    assert statement("def f[T: int](a: T) -> T: ...") == "FuncDef(0)"
    assert statement("class A[T](B): ...") == "ClassDef(0)"
    (function,) = facts("def f[T: 'Base', *Ts, **P](a: T) -> T: ...").functions
    assert [p.name for p in function.type_params] == ["T", "Ts", "P"]
    assert [shown(p.bound) for p in function.type_params] == ["Name('Base')", "None", "None"]
    (cls,) = facts("class A[T](B['T']): ...").classes
    assert [p.name for p in cls.type_params] == ["T"]
    assert [shown(base) for base in cls.bases] == ["Subscript(Name('B'), Name('T'))"]


def test_one_import_per_name_at_any_depth() -> None:
    source = """\
import a, b.c
if TYPE_CHECKING:
    from d import (
        e,
        f as g,
    )
def outer():
    try:
        import h
    except ImportError:
        class Inner:
            from .i import *
"""
    found = facts(source)
    assert [(i.module, i.name, i.binds, i.level, i.at.line) for i in found.imports] == [
        ("a", None, "a", 0, 1),
        ("b.c", None, "b", 0, 1),
        ("d", "e", "e", 0, 4),
        ("d", "f", "g", 0, 5),
        ("h", None, "h", 0, 9),
        ("i", "*", "", 1, 12),
    ]
    assert [type(node).__name__ for node in found.body] == ["Import", "Import", "If", "FuncDef"]
    assert isinstance(found.body[0], Import)
    assert found.body[0] is found.imports[0]


def test_a_very_long_elif_chain_keeps_every_branch() -> None:
    source = "if x0:\n    y0()\n" + "".join(f"elif x{n}:\n    y{n}()\n" for n in range(1, 300)) + "else:\n    z()\n"
    text = shown(facts(source).body)
    assert [text.count(f"If(Name('x{n}'), (ExprStmt(Call(Name('y{n}'), (), ())),)") for n in range(300)] == [1] * 300
    assert text.count("Name('z')") == 1
