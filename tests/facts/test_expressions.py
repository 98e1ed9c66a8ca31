"""Every kind of expression: source → lean node."""

from __future__ import annotations

import sys

import pytest
from facts_shown import body, expression, facts, function, shown

from persist_lint.facts.build import module_facts
from persist_lint.facts.codec import decode_body
from persist_lint.model.facts import Assign, Attr, Call, ExprStmt
from persist_lint.model.span import Span

EXPRESSIONS = [
    ("x", "Name('x')"),
    ("a.b.c", "Attr(Attr(Name('a'), 'b'), 'c')"),
    ("f()", "Call(Name('f'), (), ())"),
    (
        "db.get(User, *ids, lock=True, **more)",
        "Call(Attr(Name('db'), 'get'), (Name('User'), Star(Name('ids'))), "
        "(Keyword('lock', Const(True)), Keyword(None, Name('more'))))",
    ),
    ("1", "Const(1)"),
    ("1.5", "Const(1.5)"),
    ("None", "Const(None)"),
    ("False", "Const(False)"),
    ("9223372036854775807", "Const(9223372036854775807)"),
    ("9223372036854775808", "Other()"),
    ("2j", "Other()"),
    ("...", "Other()"),
    ("(b'abc')", "Bytes(3)"),
    ("1e999", "Const(inf)"),
    ("lambda a, /, b=1, *c, d, **e: b", None),
    (
        "[x for x in xs if x if y]",
        "Comp('list', Name('x'), None, (Generator(Name('x'), Name('xs'), (Name('x'), Name('y')), False),))",
    ),
    ("{x for x in xs}", "Comp('set', Name('x'), None, (Generator(Name('x'), Name('xs'), (), False),))"),
    ("{k: v for k in xs}", "Comp('dict', Name('k'), Name('v'), (Generator(Name('k'), Name('xs'), (), False),))"),
    (
        "(x async for a in b for x in a)",
        "Comp('generator', Name('x'), None, (Generator(Name('a'), Name('b'), (), True), "
        "Generator(Name('x'), Name('a'), (), False)))",
    ),
    ("a and b and c", "Bool('and', (Name('a'), Name('b'), Name('c')))"),
    ("a or b", "Bool('or', (Name('a'), Name('b')))"),
    ("not a", "Unary('not', Name('a'))"),
    ("-a", "Unary('-', Name('a'))"),
    ("+a", "Unary('+', Name('a'))"),
    ("~a", "Unary('~', Name('a'))"),
    ("a < b is not c", "Compare(Name('a'), ('<', 'is not'), (Name('b'), Name('c')))"),
    ("a if t else b", "IfExp(Name('t'), Name('a'), Name('b'))"),
    ("a[0]", "Subscript(Name('a'), Const(0))"),
    ("a[1:n]", "Subscript(Name('a'), Slice(Const(1), Name('n'), None))"),
    ("a[::2]", "Subscript(Name('a'), Slice(None, None, Const(2)))"),
    ("a[1:, 0]", "Subscript(Name('a'), Seq('tuple', (Slice(Const(1), None, None), Const(0))))"),
    ("[a, *b]", "Seq('list', (Name('a'), Star(Name('b'))))"),
    ("a, b", "Seq('tuple', (Name('a'), Name('b')))"),
    ("()", "Seq('tuple', ())"),
    ("{a}", "Seq('set', (Name('a'),))"),
    ("{a: 1, **b}", "DictLit((Name('a'), None), (Const(1), Name('b')))"),
    ("f'a {b!r:>{w}} c'", "FString((Const('a '), Name('b'), Const(' c')))"),
    ("(n := f())", "Walrus(Name('n'), Call(Name('f'), (), ()))"),
    ("'a' 'b'", None),
]
OPERATORS = ["+", "-", "*", "@", "/", "%", "**", "<<", ">>", "|", "^", "&", "//"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in"]


@pytest.mark.parametrize(("source", "expected"), [case for case in EXPRESSIONS if case[1]])
def test_expression(source: str, expected: str) -> None:
    assert expression(source) == expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_binary_operator(operator: str) -> None:
    assert expression(f"a {operator} b") == f"Bin({operator!r}, Name('a'), Name('b'))"


@pytest.mark.parametrize("operator", COMPARISONS)
def test_comparison(operator: str) -> None:
    assert expression(f"a {operator} b") == f"Compare(Name('a'), ({operator!r},), (Name('b'),))"


def test_lambda_keeps_its_parameters_and_is_no_function_of_the_module() -> None:
    found = facts("x = lambda a, /, b=1, *c, d=2, e, **f: (yield b)")
    assert shown(found.body) == (
        "(Assign((Name('x'),), Lambda((Param('a', 'positional', None, None), Param('b', 'normal', None, Const(1)), "
        "Param('c', 'args', None, None), Param('d', 'keyword', None, Const(2)), Param('e', 'keyword', None, None), "
        "Param('f', 'kwargs', None, None)), Yield(Name('b'), False))),)"
    )
    assert found.functions == ()


def test_defaults_belong_to_the_last_positional_parameters() -> None:
    assert shown(function("def f(a, b=1, /, c=2): pass", "f").params) == (
        "(Param('a', 'positional', None, None), Param('b', 'positional', None, Const(1)), "
        "Param('c', 'normal', None, Const(2)))"
    )


def test_yields_and_awaits() -> None:
    source = "async def f():\n    x = yield\n    yield await x\ndef g():\n    yield from h()\n"
    assert shown(body(source, "f")) == (
        "(Assign((Name('x'),), Yield(None, False)), ExprStmt(Yield(Await(Name('x')), False)))"
    )
    assert shown(body(source, "g")) == "(ExprStmt(Yield(Call(Name('h'), (), ()), True)),)"


def test_strings_in_a_row_are_one() -> None:
    assert shown(facts("x = 'a' 'b'").body) == "(Assign((Name('x'),), Const('ab')),)"


def test_lone_surrogates_are_replaced() -> None:
    assert shown(facts(r"x = 'a\ud800b\U0001F600'").body) == "(Assign((Name('x'),), Const('a\ufffdb\U0001f600')),)"


def test_spans_are_lines_and_utf8_columns() -> None:
    (only,) = facts("é = 'ü'; f(\n  a.b)").body[1:]
    assert isinstance(only, ExprStmt)
    assert isinstance(only.value, Call)
    assert only.at == Span(1, 11, 2, 6)
    assert isinstance(only.value.args[0], Attr)
    assert only.value.args[0].value.at == Span(2, 2, 2, 3)


def test_what_a_layout_mentions_counts_but_is_no_part() -> None:
    found = function("def f(): return f'{a:{width.of}}'", "f")
    assert shown(decode_body(found.body)) == "(Return(FString((Name('a'),))),)"
    assert found.names == ("a", "of", "width")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings")
def test_template_strings_are_like_f_strings() -> None:
    assert expression("t'a {b}'") == "FString((Const('a '), Name('b')))"


def test_long_chains_are_cut_and_still_mention_what_they_mention() -> None:
    found = module_facts(("def f(): return first" + ".next()" * 450).encode())
    (only,) = found.functions
    assert found.problem is None
    assert only.names == ("first", "next")
    text = shown(decode_body(only.body))
    assert text.count("Call(") + text.count("Attr(") == 201
    assert text.count("Other()") == 1


def test_a_chain_at_the_limit_is_whole() -> None:
    (only,) = facts("x = " + "a + " * 200 + "b").body
    assert isinstance(only, Assign)
    text = shown(only)
    assert (text.count("Bin("), text.count("Other()"), text.count("Name('a')")) == (200, 0, 200)
