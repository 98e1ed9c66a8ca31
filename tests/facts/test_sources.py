"""Bytes of every kind: encodings, line ends, broken and hostile files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import warnings

import pytest
from facts_shown import shown

from persist_lint.facts import decode
from persist_lint.facts.build import content_digest, module_facts
from persist_lint.facts.codec import decode_body, decode_module, encode_module
from persist_lint.model.facts import FACTS_VERSION, ModuleFacts, Problem

READABLE = [
    (b"x = '\xc3\xa9'\n", "é"),
    (b"\xef\xbb\xbfx = '\xc3\xa9'\n", "é"),
    (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "é"),
    (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n", "€"),
    (b"\xef\xbb\xbf# coding: utf-8\nx = '\xc3\xa9'\n", "é"),
    (b"# coding: shift_jis\rx = '\x83\x65'\r", "テ"),
    (b"x = 'a'\r\n", "a"),
    (b"\x0c\nx = 'a'\n", "a"),
    (b"x = '''a\r\nb'''\r\n", "a\nb"),
    (b"x = 'a'", "a"),
]
UNREADABLE = [
    (b"x = 1\ny = '\xe9'\n", 2, "not decodable as utf-8: invalid continuation byte"),
    (b"# coding: nonsense\n", 1, "the encoding is not known: unknown encoding: nonsense"),
    (b"# coding: rot13\n", 1, "not decodable: 'rot13' is not a text encoding; use codecs.decode() to handle arbitrary"),
    (b"\xef\xbb\xbf# coding: latin-1\n", 1, "the encoding is not known: encoding problem: utf-8"),
    (b"\xff\xfex\x00", 1, "the file is UTF-16, which Python does not read as source; save it as UTF-8"),
    (b"x = 1\n\x00", 2, "the file contains null bytes: it is not Python source text"),
    (b"# coding: utf-7\nx = '+2AA-'\n", 1, "the file contains lone surrogates: it is not Python source text"),
]


@pytest.mark.parametrize(("source", "value"), READABLE)
def test_readable(source: bytes, value: str) -> None:
    found = module_facts(source)
    assert found.problem is None
    assert shown(found.body) == f"(Assign((Name('x'),), Const({value!r})),)"


@pytest.mark.parametrize(("source", "line", "message"), UNREADABLE)
def test_unreadable(source: bytes, line: int, message: str) -> None:
    problem = module_facts(source).problem
    assert problem is not None
    assert (problem.line, problem.kind) == (line, "unreadable-file")
    assert problem.message.startswith(message)


def test_columns_count_utf8_bytes_of_the_text() -> None:
    (only,) = module_facts(b"# coding: latin-1\n\xe9 = 1; x\n").body[1:]
    assert (only.at.line, only.at.column) == (2, 8)


def test_an_empty_file() -> None:
    found = module_facts(b"")
    assert (found.lines, found.body, found.problem, found.version) == (0, (), None, FACTS_VERSION)
    assert found.digest == content_digest(b"") == hashlib.blake2b(b"", digest_size=20).hexdigest()


@pytest.mark.parametrize(
    ("source", "lines"), [(b"\n", 1), (b"a\n", 1), (b"a\nb", 2), (b"a\rb\r\nc", 3), (b"a\x0cb\x0b\x1c = 1 +", 1)]
)
def test_lines_are_physical(source: bytes, lines: int) -> None:
    assert module_facts(source).lines == lines


def test_a_syntax_error_names_line_and_reason() -> None:
    found = module_facts(b"import a\n\ndef f(:\n    pass\n")
    assert found.problem == Problem(3, "syntax-error", "invalid syntax")
    assert (found.lines, found.body, found.imports, found.functions) == (4, (), (), ())


NEWER = [
    ((3, 11), "try: pass\nexcept* E: pass\n", "`except*`"),
    ((3, 12), "type A = int\n", "a `type` statement"),
    ((3, 12), "def f[T](a: T): pass\n", "type parameters"),
    ((3, 12), "class A[T]: pass\n", "type parameters"),
    ((3, 13), "class A[T = int]: pass\n", "type parameter defaults"),
    ((3, 12), "x = f'{a['b']}'\n", "an f-string with nested quotes, backslashes or comments"),
    ((3, 14), "x = t'{a}'\n", "a t-string"),
    ((3, 14), "try: pass\nexcept A, B: pass\n", "`except` with several types and no parentheses"),
    ((3, 15), "lazy import a\n", "a lazy import"),
]


@pytest.mark.parametrize(("since", "source", "what"), NEWER)
def test_newer_syntax_says_which_python_reads_it(since: tuple[int, int], source: str, what: str) -> None:
    problem = module_facts(source.encode()).problem
    if sys.version_info >= since:
        assert problem is None
    else:
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        expected = f" ({what} needs Python {since[0]}.{since[1]}, this is Python {running}: run with a newer one)"
        assert problem is not None
        assert problem.kind == "syntax-error"
        assert problem.message.endswith(expected)


def test_older_syntax_is_not_called_newer() -> None:
    for source in (b"print 'a'\n", b"try: pass\nexcept A, e: pass\n", b"exec 'x'\n"):
        problem = module_facts(source).problem
        assert problem is not None
        assert "needs Python" not in problem.message


def test_too_large() -> None:
    problem = module_facts(b"x = '" + b"a" * decode.MAX_BYTES + b"'").problem
    assert problem == Problem(1, "unreadable-file", "the file is too large: 5.0 MB, the limit is 5 MB")
    assert module_facts(b"x = '" + b"a" * (decode.MAX_BYTES - 10) + b"'").problem is None


def test_too_many_elements() -> None:
    problem = module_facts(b"x = [" + b"1," * 500_000 + b"]").problem
    assert problem == Problem(
        1, "unreadable-file", "the file is too large: over 500,000 operators, brackets and commas"
    )


HOSTILE = {
    "open brackets": "x = " + "[" * 5000,
    "brackets": "x = " + "(" * 5000 + ")" * 5000,
    "braces": "x = " + "{1:" * 5000,
    "f-string parts": "x = f'" + "{a}" * 5000 + "'",
    "f-strings in f-strings": "x = " + "f'{" * 5000,
    "sums": "x = " + "a + " * 20_000 + "b",
    "powers": "x = " + "a ** " * 20_000 + "b",
    "signs": "x = " + "- " * 20_000 + "b",
    "nots": "x = " + "not " * 20_000 + "b",
    "attributes": "x = a" + ".b" * 20_000,
    "calls": "x = a" + ".b()" * 20_000,
    "subscripts": "x = a" + "[0]" * 20_000,
    "conditions": "x = " + "a if b else " * 20_000 + "c",
    "lambdas": "x = " + "lambda: " * 20_000 + "c",
    "elifs": "if a: pass\n" + "elif b: pass\n" * 20_000,
    "indents": "".join(" " * n + "if a:\n" for n in range(500)),
    "annotation": "x: " + "a | " * 20_000 + "'c'",
    "annotation text": "x: '" + "a | " * 100 + "c'",
    "nested functions": "".join(" " * n + "def f():\n" for n in range(99)) + " " * 99 + "pass",
    "brackets of sums": "x = " + ("(" + "a + " * 30) * 150 + "b" + ")" * 150,
    "targets": "a = " * 20_000 + "b",
    "strings": "x = " + "'a' " * 20_000,
    "a long line": "x = '" + "a" * 4_000_000 + "'",
    "hashes": "#" * 1_000_000 + " noqa\nx = 1\n",
    "words": "x = '" + "noqa " * 500_000 + "'",
    "a huge number": "x = " + "9" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_yield_facts_or_a_problem(name: str) -> None:
    found = module_facts(HOSTILE[name].encode())
    assert found.problem is None or found.problem.kind in ("unreadable-file", "syntax-error")
    assert found.problem is None or (found.body, found.functions) == ((), ())
    stored = encode_module(found)
    assert encode_module(decode_module(stored)) == stored
    for function in found.functions:
        decode_body(function.body)


@pytest.mark.parametrize("link", [".b", ".b()", "[0]", " + a"])
def test_chains_of_the_greatest_length_do_not_overrun_the_stack(link: str) -> None:
    count = 480_000 // sum(char in ".()[]+" for char in link)
    script = (
        "import sys; from persist_lint.facts.build import module_facts as m; print(m(sys.stdin.buffer.read()).lines)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"x = a" + link.encode() * count, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"1")


def test_the_same_from_any_depth_of_the_callers_stack() -> None:
    sources = [("x = " + "(" * 90 + "a + " * 90 + "b" + ")" * 90).encode(), HOSTILE["nested functions"].encode()]
    expected = [encode_module(module_facts(source)) for source in sources]

    def deeper(levels: int) -> list[bytes]:
        return deeper(levels - 1) if levels else [encode_module(module_facts(source)) for source in sources]

    for levels in (300, 600, 700, 800, 850):
        assert deeper(levels) == expected


def test_warnings_are_neither_shown_nor_raised() -> None:
    source = b"x = '\\d' if 1 is 1 else 0x1for\n"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        assert module_facts(b"x = '\\d'\n").problem is None
        module_facts(source)
    assert seen == []


def test_threads_do_not_disturb_each_other() -> None:
    filters = list(warnings.filters)
    results: list[ModuleFacts] = []
    threads = [threading.Thread(target=lambda: results.append(module_facts(b"x = '\\d'\n"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {encode_module(result) for result in results} == {encode_module(module_facts(b"x = '\\d'\n"))}
    assert warnings.filters == filters
    assert threading.stack_size() == 0
