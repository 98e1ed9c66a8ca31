"""Fingerprints survive what does not change the defect."""

from __future__ import annotations

import re

from engine.make import finding, rule
from msgspec import structs

from persist_lint.engine.fingerprint import with_fingerprints
from persist_lint.model.finding import Finding
from persist_lint.model.span import Span

LOOP = rule(102, "n-update-loop")
COMMIT = rule(201, "missing-intermediate-commit")


def at(source: str, code: str, nth: int = 0, of: object = LOOP, path: str = "a.py") -> Finding:
    """A finding on the nth place where the code stands."""
    start = [match.start() for match in re.finditer(re.escape(code), source)][nth]
    before, end = source[:start], start + len(code)
    span = Span(
        before.count("\n") + 1,
        len(before.rpartition("\n")[2].encode()),
        source[:end].count("\n") + 1,
        len(source[:end].rpartition("\n")[2].encode()),
    )
    return structs.replace(finding(of, path, 1), span=span)  # type: ignore[arg-type]


def prints(source: str, *findings: Finding) -> list[str]:
    return [one.fingerprint for one in with_fingerprints(findings, lambda path: source.encode())]


CLASS = "class Repo:\n    async def put(self, db):\n        for x in y:\n            await db.execute(x)\n"


def test_sixteen_hex_digits_that_stay() -> None:
    assert prints(CLASS, at(CLASS, "await db.execute(x)")) == ["9c4787c7217843ac"]


def test_moved_reformatted_and_in_another_file_is_the_same() -> None:
    moved = "import os\n\n\n" + CLASS.replace("db.execute(x)", "db . execute(\n                x,\n            )")
    first = prints(CLASS, at(CLASS, "await db.execute(x)"))
    code = "await db . execute(\n                x,\n            )"
    assert prints(moved, at(moved, code, path="b/c.py")) == first


def test_other_rule_function_or_expression_is_another() -> None:
    renamed = CLASS.replace("put", "pat")
    changed = CLASS.replace("(x)", "(z)")
    every = [
        *prints(CLASS, at(CLASS, "await db.execute(x)"), at(CLASS, "await db.execute(x)", of=COMMIT)),
        *prints(renamed, at(renamed, "await db.execute(x)")),
        *prints(changed, at(changed, "await db.execute(z)")),
    ]
    assert len(set(every)) == 4


def test_equal_expressions_are_numbered_within_their_file() -> None:
    source = "def f():\n    g()\n    g()\n"
    first, second = at(source, "g()"), at(source, "g()", 1)
    one, two, other = prints(source, first, second, at(source, "g()", path="b.py"))
    assert one != two
    assert other == one


def test_of_a_block_only_the_head_counts() -> None:
    source = "for x in y:\n    g(x)\n"
    longer = "for x in y:\n    g(x)\n    h(x)\n"
    assert prints(source, at(source, source[:-1])) == prints(longer, at(longer, longer[:-1]))


def test_what_is_no_node_is_told_by_its_words() -> None:
    short, long = "x = y + 'é'\n", "x =  y +   'é'\n"
    assert prints(short, at(short, "= y + 'é'")) == prints(long, at(long, "=  y +   'é'"))


def test_a_file_that_is_gone_or_broken() -> None:
    assert len({*prints("", at("g()\n", "g()")), *prints("def (\n", at("g()\n", "g()"))}) == 2
