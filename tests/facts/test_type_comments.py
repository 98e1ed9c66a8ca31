"""Type comments stand for annotations; what they cannot say, they do not say."""

from __future__ import annotations

import pytest

from persist_lint.facts.build import module_facts
from persist_lint.facts.codec import decode_body
from persist_lint.model import facts as f


def named(expr: f.Expr | None) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Subscript(value=value, index=index):
            return f"{named(value)}[{named(index)}]"
        case f.Const(value=None):
            return "None"
    return "" if expr is None else type(expr).__name__


def signature(source: str) -> list[str]:
    function = module_facts(source.encode()).functions[0]
    return [*(f"{p.name}: {named(p.annotation)}" for p in function.params), named(function.returns)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def run(self, a, b):\n    # type: (A, int) -> bool\n    pass\n", ["self: ", "a: A", "b: int", "bool"]),
        ("def run(store):\n    # type: (Optional[Store]) -> None\n    pass\n", ["store: Optional[Store]", "None"]),
        ("async def run(a, *b, **c):\n    # type: (A, *B, **C) -> E\n    pass\n", ["a: A", "b: B", "c: C", "E"]),
        ("def run(\n    a,  # type: A\n    b,  # type: B\n):\n    # type: (...) -> C\n    x\n", ["a: A", "b: B", "C"]),
        ("def run(a: X, b):\n    # type: (A, B) -> C\n    pass\n", ["a: X", "b: B", "C"]),
        # comments that do not fit
        ("def run(a, b, c):\n    # type: (A) -> B\n    pass\n", ["a: ", "b: ", "c: ", "B"]),
        ("def run(a):\n    # type: (A) -> B, or so\n    pass\n", ["a: ", ""]),
        ("def run(a):  # type: ignore\n    pass\n", ["a: ", ""]),
        ("def run(a):\n    # type: (A) -> B\n    return call(  # type: C\n        a)\n", ["a: ", ""]),
    ],
)
def test_signatures(source: str, expected: list[str]) -> None:
    assert signature(source) == expected


def test_assignments() -> None:
    source = "def run(self):\n    self.store = None  # type: Optional[Store]\n    a = b = 1  # type: int\n    c = 1\n"
    function = module_facts(source.encode()).functions[0]
    found = [
        named(s.annotation) if isinstance(s, f.AnnAssign) else type(s).__name__ for s in decode_body(function.body)
    ]
    assert found == ["Optional[Store]", "Assign", "Assign"]


def test_the_file_reads_as_without_comments_where_one_stands_wrongly() -> None:
    wrong = b"x = [\n    1,  # type: int\n    2,\n]\n"
    assert module_facts(wrong).problem is None
