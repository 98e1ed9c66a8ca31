"""The physical lines of statements, and the comments that suppress findings."""

from __future__ import annotations

import io
import sys
import tokenize

import pytest
from facts_shown import facts

from persist_lint.model.facts import Comment

LINES = [
    ("a = 1\nb = 2\n", ()),
    ("f(\n  a,\n)\n", ((1, 3),)),
    ("x = '''a\nb\n'''\n", ((1, 3),)),
    ('"""Doc\nstring."""\n', ((1, 2),)),
    ("def f():\n    '''Doc\n    string.'''\n", ((2, 3),)),
    ("if a:\n    b\n", ()),
    ("if a:\n\n    # why\n    b\n", ()),
    ("if (\n    a\n    and b  # c: d\n):\n    c\n", ((1, 4),)),
    ("if a:\n    b\nelif (\n    c\n):\n    d\n", ((3, 5),)),
    ("def f(\n    a,\n    b=lambda: 1,  # x: y\n) -> None:\n    pass\n", ((1, 4),)),
    ("def f(\n): pass\n", ((1, 2),)),
    ("if (a and\n        b): return\n", ((1, 2),)),
    ("if a:\n    b; c\n", ()),
    ("def f(\n):\n\n    pass\n", ((1, 2),)),
    ("def f(\n    a):\n    # text: more\n    pass\n", ((1, 2),)),
    ("def f(\n    a: int\n):\n    @d(\n        1\n    )\n    def g(): pass\n", ((1, 3),)),
    ("class A(\n    B,\n    k=1,\n):\n    x = 1\n", ((1, 4),)),
    ("class A:\n\n    @d\n    def f(self): pass\n", ()),
    ("for x in (\n    y\n):\n    pass\n", ((1, 3),)),
    ("while (\n    y\n):\n    pass\n", ((1, 3),)),
    ("with (\n    a as b,\n    c as d,\n):\n    pass\n", ((1, 4),)),
    ("with a as b, \\\n        c as d:\n    pass\n", ((1, 2),)),
    ("try:\n    pass\nexcept (\n    A,\n    B,\n) as e:\n    pass\n", ((3, 6),)),
    ("match (\n    a\n):\n    case A():\n        pass\n", ((1, 3),)),
    ("match a:\n    case (\n        A()\n        | B()\n    ) if c:\n        pass\n", ((2, 5),)),
    ("match a:\n    case A(): pass\n    case B():\n        f(\n        )\n", ((4, 5),)),
    ("@d(\n    1\n)\ndef f():\n    pass\n", ()),
    ("if a: f(\n  b)\n", ((1, 2),)),
    ("x = [\n    1,\n]; y = (\n    2)\n", ((1, 3), (3, 4))),
    ("if é and (\n    'ü'):\n    pass\n", ((1, 2),)),
]


@pytest.mark.parametrize(("source", "expected"), LINES)
def test_lines_of_statements(source: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert facts(source).statements == expected


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695")
def test_lines_of_heads_with_type_parameters() -> None:
    assert facts("def f[\n    T: int\n](\n):\n    pass\n").statements == ((1, 4),)


def test_elif_chains_have_heads_beyond_the_limit_too() -> None:
    source = "if a:\n    b\n" + "elif c:\n    d\n" * 150 + "elif (\n    e\n):\n    f\n"
    assert facts(source).statements == ((303, 305),)


def test_suppression_comments_of_all_spellings() -> None:
    source = """\
x = 1  # noqa
y = 1  # NoQA: PSL101
é = 1  # type: ignore # noqa: E501
# persist-lint: ignore-file[query-in-loop] generated
z = 1  # persist-lint:ignore[x] why
    # pylint: disable=n-update-loop
# flake8: noqa
"""
    assert facts(source).comments == (
        Comment(1, 7, "# noqa", False),
        Comment(2, 7, "# NoQA: PSL101", False),
        Comment(3, 8, "# type: ignore # noqa: E501", False),
        Comment(4, 0, "# persist-lint: ignore-file[query-in-loop] generated", True),
        Comment(5, 7, "# persist-lint:ignore[x] why", False),
        Comment(6, 4, "# pylint: disable=n-update-loop", True),
        Comment(7, 0, "# flake8: noqa", True),
    )


@pytest.mark.parametrize(
    "source",
    ["x = '# noqa'\n", "x = '''\n# noqa\n'''\n", "noqa = 1\n", "# an ordinary comment\n", "pylint = 1  # a: b\n", ""],
)
def test_no_suppression_comment(source: str) -> None:
    assert facts(source).comments == ()


def test_comments_inside_statements_and_strings_around() -> None:
    source = "f(\n    'a'  # noqa: PSL101\n    '# noqa'\n)\n"
    assert facts(source).comments == (Comment(2, 9, "# noqa: PSL101", False),)


def test_form_feeds_and_carriage_returns_end_no_line_or_one() -> None:
    assert facts("a = 1\r\n\x0cb = 2  # noqa\r\nc = 3\r").comments == (Comment(2, 8, "# noqa", False),)
    assert facts("a = 1\r\n\x0cb = 2\r\nc = 3\r").lines == 3


TRICKY = [
    r"x = 'it\'s # noqa'",
    r'x = r"\" # noqa", b"\\" # noqa',
    "x = '''a' # noqa\n\"\"\" # noqa''' # noqa",
    'x = """a"" # noqa\n\\""" # noqa"""; y = 1 # noqa',
    "x = ''; y = \"\"; z = '''''' # noqa: A",
    "x = 'a\\\n# noqa'  # noqa",
    "# don't # noqa\nx = \"won't # noqa\"",
    "x = {'#': '#noqa'} # noqa # noqa",
    '# """ noqa\nx = 1 # noqa',
    "x = f'{a}# noqa' rf'''{b!r}\n# noqa'''\n# noqa",
]


def _by_tokenize(text: str) -> list[tuple[int, int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="\n").readline)
    return [(*t.start, t.string) for t in tokens if t.type == tokenize.COMMENT and "noqa" in t.string]


@pytest.mark.parametrize("source", TRICKY)
def test_comments_and_strings_are_told_apart_as_tokenize_does(source: str) -> None:
    assert [(c.line, c.column, c.text) for c in facts(source).comments] == _by_tokenize(source)
