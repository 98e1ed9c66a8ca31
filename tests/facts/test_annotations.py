"""Annotations: forward references in strings are read as code."""

from __future__ import annotations

import pytest
from facts_shown import facts, function, shown

from persist_lint.model.facts import AnnAssign, Subscript
from persist_lint.model.span import Span

ANNOTATIONS = [
    ("int", "Name('int')"),
    ("'AsyncSession'", "Name('AsyncSession')"),
    ("'orm.Session'", "Attr(Name('orm'), 'Session')"),
    ("' Session | None '", "Bin('|', Name('Session'), Const(None))"),
    ("'Session' | None", "Bin('|', Name('Session'), Const(None))"),
    ("Mapped['Post']", "Subscript(Name('Mapped'), Name('Post'))"),
    ("Mapped[list['Post']]", "Subscript(Name('Mapped'), Subscript(Name('list'), Name('Post')))"),
    ("'Mapped[list[\"Post\"]]'", "Subscript(Name('Mapped'), Subscript(Name('list'), Name('Post')))"),
    ("dict[str, 'Post']", "Subscript(Name('dict'), Seq('tuple', (Name('str'), Name('Post'))))"),
    (
        "Callable[['Job'], None]",
        "Subscript(Name('Callable'), Seq('tuple', (Seq('list', (Name('Job'),)), Const(None))))",
    ),
    ("Literal['a', 'b']", "Subscript(Name('Literal'), Seq('tuple', (Const('a'), Const('b'))))"),
    ("typing.Literal['a']", "Subscript(Attr(Name('typing'), 'Literal'), Const('a'))"),
    (
        "Annotated['Session', Depends(get), 'text']",
        "Subscript(Name('Annotated'), Seq('tuple', (Name('Session'), Call(Name('Depends'), (Name('get'),), ()), "
        "Const('text'))))",
    ),
    ("'not a type at all'", "Const('not a type at all')"),
    ("'1 +'", "Const('1 +')"),
    ("''", "Const('')"),
    ("'\\x00'", "Const('\\x00')"),
    ("\"'twice'\"", "Const(\"'twice'\")"),
]


@pytest.mark.parametrize(("source", "expected"), ANNOTATIONS)
def test_annotation(source: str, expected: str) -> None:
    assert shown(facts(f"x: {source}").body) == f"(AnnAssign(Name('x'), {expected}, None),)"


def test_parameters_and_returns_too() -> None:
    found = function("def f(db: 'AsyncSession', *a: 'A') -> 'User | None': ...", "f")
    assert shown(found.params) == (
        "(Param('db', 'normal', Name('AsyncSession'), None), Param('a', 'args', Name('A'), None))"
    )
    assert shown(found.returns) == "Bin('|', Name('User'), Const(None))"
    assert found.names == ("A", "AsyncSession", "User")


def test_what_comes_from_a_string_has_the_strings_span() -> None:
    (only,) = facts("x: 'list[Job]' = []").body
    assert isinstance(only, AnnAssign)
    assert isinstance(only.annotation, Subscript)
    assert only.annotation.at == Span(1, 3, 1, 14)
    assert only.annotation.index.at == Span(1, 3, 1, 14)


def test_hostile_strings_stay_strings_or_are_cut() -> None:
    for text in ("a" * 600, "(" * 400, "a" + ".b" * 200, "[" * 100 + "]" * 100, "x" + "['y']" * 60):
        assert facts(f"x: {text!r}").problem is None
