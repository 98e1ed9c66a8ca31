"""The three spellings of suppression, and what is wrong with them."""

from __future__ import annotations

import pytest
from engine.make import finding, rule
from msgspec import structs

from persist_lint.engine.comments import Directive, directives
from persist_lint.engine.config import Config
from persist_lint.engine.select import selection
from persist_lint.engine.suppression import Outcome, apply
from persist_lint.facts.build import module_facts
from persist_lint.model.facts import Comment

LOOP = rule(102, "n-update-loop")
COMMIT = rule(201, "missing-intermediate-commit")
RULES = [LOOP, COMMIT]


def judged(source: str, *lines: int, of: object = LOOP, hidden: tuple[int, ...] = (), **options: object) -> Outcome:
    chosen = selection(structs.replace(Config(), **options), RULES)
    ran = frozenset(one.name for one in RULES)
    findings = [finding(of, "a.py", line) for line in lines]  # type: ignore[arg-type]
    weak = [finding(of, "a.py", line) for line in hidden]  # type: ignore[arg-type]
    modules = {"a.py": module_facts(source.encode())}
    return apply(findings, modules, ["a.py"], chosen, ran, hidden=weak)


def silenced(source: str, *lines: int, of: object = LOOP) -> list[tuple[int, str, int, str | None]]:
    """(finding's line, kind, comment's line, reason)."""
    outcome = judged(source, *lines, of=of)
    assert len(outcome.findings) + len(outcome.suppressed) == len(lines)
    return [(one.finding.span.line, one.kind, one.line, one.reason) for one in outcome.suppressed]


def complaints(source: str, *lines: int, **options: object) -> list[tuple[int, str, str]]:
    outcome = judged(source, *lines, **options)  # type: ignore[arg-type]
    return [(one.line, one.kind, one.message) for one in outcome.diagnostics]


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# noqa", ("noqa", "ignore", ())),
        ("# NOQA:PSL102,E501 W1", ("noqa", "ignore", ("PSL102", "E501", "W1"))),
        ("# noqa: psl102 because", ("noqa", "ignore", ("PSL102",))),
        ("# noqa : PSL102", ("noqa", "ignore", ())),
        ("# noqa: because", ("noqa", "ignore", ())),
        (
            "# persist-lint: ignore[n-update-loop, PSL1] no bulk call",
            ("persist-lint", "ignore", ("n-update-loop", "PSL1"), "no bulk call"),
        ),
        ("#persist-lint:ignore-file[query] — generated", ("persist-lint", "ignore-file", ("query",), "generated")),
        ("# persist-lint: ignore", ("persist-lint", "ignore", ())),
        ("# pylint: disable=n-update-loop, W7101 ; why", ("pylint", "disable", ("n-update-loop", "W7101"))),
        ("# why  # pylint: disable-next=persist-query", ("pylint", "disable-next", ("persist-query",))),
        ("# pylint:enable = n-update-loop", ("pylint", "enable", ("n-update-loop",))),
        ("# pylint: skip-file", ("pylint", "ignore-file", ())),
        ("# pylint: disable=all", ("pylint", "ignore-file", ())),
    ],
)
def test_grammar(comment: str, expected: tuple[object, ...]) -> None:
    kind, action, selectors, *reason = expected
    directive = Directive(kind, action, selectors, 3, False, *reason)  # type: ignore[arg-type]
    assert list(directives(Comment(3, 0, comment, False))) == [directive]


@pytest.mark.parametrize(
    "comment",
    [
        "#noqa",
        "# persist-lint: ignores[x]",
        "# persist-lint: ignore[]",
        "# pylint: n-update-loop",
        "# pylint: disable n-update-loop",
        "# flake8: noqa",
    ],
)
def test_what_is_no_suppression(comment: str) -> None:
    assert list(directives(Comment(3, 0, comment, False))) == []


def test_flake8_noqa_alone_on_its_line_is_for_the_file() -> None:
    assert list(directives(Comment(3, 0, "# flake8: noqa", True))) == [Directive("noqa", "ignore-file", (), 3, True)]
    assert silenced("x = 1\ny = 2\n# flake8: noqa\n", 1, 2) == [(1, "noqa", 3, None), (2, "noqa", 3, None)]


STATEMENT = "x = f(\n    1,  # noqa: PSL102\n    2,\n)\ny = 2\n"


def test_noqa_reaches_all_lines_of_its_statement() -> None:
    assert silenced(STATEMENT, 1, 3, 4, 5) == [(1, "noqa", 2, None), (3, "noqa", 2, None), (4, "noqa", 2, None)]


def test_noqa_on_the_head_of_a_block_does_not_reach_into_it() -> None:
    source = "for x in (\n    1,\n):  # noqa: PSL1\n    y = 2\n"
    assert silenced(source, 1, 4) == [(1, "noqa", 3, None)]


def test_noqa_for_another_code() -> None:
    assert silenced("x = 1  # noqa: PSL201, E501\n", 1) == []
    assert silenced("x = 1  # noqa: PSL2\n", 1, of=COMMIT) == [(1, "noqa", 1, None)]


def test_own_comment_behind_code_and_above_it() -> None:
    source = (
        "x = f(\n    1,\n)  # persist-lint: ignore[query] one\n"
        "# persist-lint: ignore[n-update-loop] two\n# noqa\ny = f(\n    2,\n)\nz = 3\n"
    )
    assert silenced(source, 1, 7, 9) == [(1, "persist-lint", 3, "one"), (7, "persist-lint", 4, "two")]


def test_own_comment_inside_a_statement_is_about_that_statement() -> None:
    source = "x = f(\n    # persist-lint: ignore[PSL102] why\n    1,\n)\ny = 1\n"
    assert silenced(source, 1, 5) == [(1, "persist-lint", 2, "why")]


def test_ignore_file() -> None:
    source = "x = 1\ny = 2\n# persist-lint: ignore-file[PSL102] why\n"
    assert silenced(source, 1, 2) == [(1, "persist-lint", 3, "why"), (2, "persist-lint", 3, "why")]
    assert silenced(source, 1, of=COMMIT) == []


@pytest.mark.parametrize("word", ["n-update-loop", "W7102", "persist-query", "W", "warning"])
def test_names_that_pylint_knows(word: str) -> None:
    assert silenced(f"x = 1  # pylint: disable={word}\ny = 2\n", 1, 2) == [(1, "pylint", 1, None)]


def test_pylint_next_enable_and_file() -> None:
    assert silenced("# pylint: disable-next=W7102\nx = 1\ny = 2\n", 2, 3) == [(2, "pylint", 1, None)]
    source = "# pylint: disable=W7102\nx = 1\n# pylint: enable=W7102\ny = 2\n"
    assert silenced(source, 2, 4) == [(2, "pylint", 1, None)]
    assert silenced("x = 1\n# pylint: skip-file\n", 1) == [(1, "pylint", 2, None)]


def test_the_first_kind_counts_and_all_are_used() -> None:
    source = "x = 1  # pylint: disable=W7102 # noqa: PSL102 # persist-lint: ignore[PSL102] why\n"
    assert silenced(source, 1) == [(1, "persist-lint", 1, "why")]
    assert complaints(source, 1) == []


def test_unused() -> None:
    source = (
        "a = 1  # noqa: PSL102, E501\n"
        "b = 1  # persist-lint: ignore[query, transaction] why\n"
        "c = 1  # pylint: disable=n-update-loop,unused-import\n"
        "d = 1  # noqa\n"
    )
    assert complaints(source, 2) == [
        (1, "unused-suppression", "PSL102 silences nothing here; remove it"),
        (2, "unused-suppression", "transaction silences nothing here; remove it"),
        (3, "unused-suppression", "n-update-loop silences nothing here; remove it"),
    ]


def test_unused_only_for_rules_looked_for_here() -> None:
    source = "a = 1  # noqa: PSL102\nb = 1  # noqa: PSL2\n"
    assert complaints(source, select=("PSL2",)) == [(2, "unused-suppression", "PSL2 silences nothing here; remove it")]
    assert complaints(source, per_file_ignores={"a.py": ("all",)}) == []
    assert judged(source, select=("PSL102", "PSL201")).diagnostics != ()


def test_a_finding_too_weak_to_show_makes_its_comment_used() -> None:
    assert complaints("a = 1  # noqa: PSL102\n", hidden=(1,)) == []


def test_names_of_no_rule() -> None:
    source = (
        "a = 1  # noqa: PSL999\nb = 1  # persist-lint: ignore[n-updte-loop] why\nc = 1  # pylint: disable=nothing\n"
    )
    assert complaints(source) == [
        (1, "unused-suppression", "PSL999 names no rule"),
        (2, "unused-suppression", 'n-updte-loop names no rule; did you mean "n-update-loop"?'),
    ]


def test_without_reason() -> None:
    source = "a = 1  # persist-lint: ignore[PSL102]\nb = 1  # noqa: PSL102\n# persist-lint: ignore\nc = 1\n"
    message = "a suppression has to give its reason: # persist-lint: "
    assert complaints(source, 1, 2, 4) == [
        (1, "suppression-without-reason", message + "ignore[PSL102] why"),
        (3, "suppression-without-reason", message + "ignore[rule] why"),
    ]


def test_files_that_are_not_audited_are_not_judged() -> None:
    modules = {"a.py": module_facts(b"a = 1  # noqa: PSL102\n")}
    ran = frozenset({LOOP.name})
    assert apply([], modules, [], selection(Config(), RULES), ran) == Outcome((), (), ())
