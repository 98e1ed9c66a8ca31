"""Facts ↔ bytes: exact, typed, deterministic; over arbitrary text and the standard library's own files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import msgspec
import pytest
from facts_shown import shown
from hypothesis import given, settings
from hypothesis import strategies as st

from persist_lint.facts import expressions
from persist_lint.facts.build import module_facts
from persist_lint.facts.codec import decode_body, decode_module, encode_body, encode_module

STDLIB = Path(sysconfig.get_paths()["stdlib"])
WORDS = "def class async await yield lambda if else: match case for in with as try: except import from @ x 0 1e9 é"
MARKS = """= ( ) [ ] { } ' " f' ''' \\ #noqa : , . *"""
PIECES = [*WORDS.split(" "), *MARKS.split(" "), "def f(a, *, b=1):", "class A:", " ", "\n", "\n    ", "\r", "\f"]


def _round_trip(source: bytes) -> None:
    found = module_facts(source)
    stored = encode_module(found)
    again = decode_module(stored)
    assert shown(again) == shown(found)
    assert encode_module(again) == stored
    assert encode_module(module_facts(source)) == stored
    for function in found.functions:
        assert encode_body(decode_body(function.body)) == function.body


@given(st.binary(max_size=300))
def test_arbitrary_bytes(source: bytes) -> None:
    _round_trip(source)


@given(st.text(max_size=200))
def test_arbitrary_text(source: str) -> None:
    _round_trip(source.encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_pieces_of_code(pieces: list[str]) -> None:
    _round_trip("".join(pieces).encode())


def _library() -> list[Path]:
    """A twentieth of the files; all of them, in some ten seconds, with PERSIST_LINT_ALL_STDLIB=1."""
    files = sorted(path for path in STDLIB.rglob("*.py") if "site-packages" not in path.parts)
    return files if os.environ.get("PERSIST_LINT_ALL_STDLIB") else files[::20]


def test_the_standard_library_is_understood_and_round_trips() -> None:
    problems = []
    for path in _library():
        source = path.read_bytes()
        found = module_facts(source)
        if found.problem is not None:
            problems.append(path)
        stored = encode_module(found)
        assert encode_module(decode_module(stored)) == stored
        assert [encode_body(decode_body(f.body)) for f in found.functions] == [f.body for f in found.functions]
    # The library holds broken files on purpose: as test data.
    expected = {"test", "tests", "test_lib2to3", "data", "tokenizedata"}
    assert [path for path in problems if not expected & set(path.parts)] == []


def test_damaged_and_foreign_bytes_are_refused() -> None:
    stored = encode_module(module_facts(b"def f(): return 1\n"))
    for damaged in (b"", stored[:-1], stored + b"x", b"\x93" + stored[1:], b"\xff" * 20):
        with pytest.raises(msgspec.DecodeError):
            decode_module(damaged)
    with pytest.raises(msgspec.ValidationError):
        decode_body(b"\x91\x92\xa5Bogus\x94\x01\x00\x01\x00")


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    script = (
        "import pathlib, hashlib; from persist_lint.facts.build import module_facts as m;"
        "from persist_lint.facts.codec import encode_module as e; import persist_lint.facts.expressions as x;"
        "print(hashlib.sha256(e(m(pathlib.Path(x.__file__).read_bytes()))).hexdigest())"
    )
    digests = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment)
        digests.add(done.stdout.strip())
    source = Path(expressions.__file__).read_bytes()
    assert digests == {hashlib.sha256(encode_module(module_facts(source))).hexdigest().encode()}
