"""The literate case runner itself: what it reads, what it accepts, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases.runner import Assertion, Case, Report, cases_of, differences, example, failed_families, reports_of, unmark
from literate import FormatError, write_project
from persist_lint.model.analysis import Analysis, Discovered, FamilyRun
from persist_lint.model.context import Surroundings
from persist_lint.model.finding import Diagnostic, Finding
from persist_lint.model.rule import Family
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

FENCE = "```"
TWO_CASES = f"""# query-in-loop

{FENCE}python title="app/db.py"
engine = 1
{FENCE}

## the callee queries

Prose with `# error: [not-a-mark]` in it.

{FENCE}python title="app/main.py"
for x in xs:
    get(x)  # error: [query-in-loop] HIGH "of Job"
{FENCE}
{FENCE}toml title="pyproject.toml"
[project]
name = "x"
{FENCE}
{FENCE}text
not a file
{FENCE}

## known gap: through a lambda (all rules)

{FENCE}python
get(x)
{FENCE}
"""


def report(line: int = 1, rule: str = "query-in-loop", **more: object) -> Report:
    values = {"message": "a query per item of Job", "severity": Severity.HIGH, "confidence": Confidence.DEFINITE}
    return Report("main.py", line, rule, **{**values, **more})  # type: ignore[arg-type]


def case(code: str, title: str = "t", rule: str = "query-in-loop") -> Case:
    (only,) = cases_of(f"## {title}\n\n{FENCE}python\n{code}\n{FENCE}\n", rule, "f.md")
    return only


def test_cases_are_headings_and_files_are_blocks() -> None:
    first, second = cases_of(TWO_CASES, "query-in-loop", "query/query-in-loop.md")
    assert first == Case(
        title="the callee queries",
        where="query/query-in-loop.md:7",
        rule="query-in-loop",
        files={
            "app/db.py": "engine = 1\n",
            "app/main.py": "for x in xs:\n    get(x)\n",
            "pyproject.toml": '[project]\nname = "x"\n',
        },
        assertions=(Assertion("app/main.py", 2, "query-in-loop", Severity.HIGH, None, "of Job"),),
    )
    assert second.files == {"app/db.py": "engine = 1\n", "main.py": "get(x)\n"}
    assert (second.known_gap, second.all_rules, second.loud) == (True, True, False)


def test_own_file_replaces_the_shared_one_of_that_path() -> None:
    text = f"{FENCE}python\na = 1\n{FENCE}\n## t\n{FENCE}python\nb = 2\n{FENCE}\n"
    assert cases_of(text, "r", "f.md")[0].files == {"main.py": "b = 2\n"}


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("# error: [a]", [Assertion("m.py", 3, "a")]),
        ("#error:[a]", [Assertion("m.py", 3, "a")]),
        ("# error: [a] LOW", [Assertion("m.py", 3, "a", Severity.LOW)]),
        ("# error: [a] probable", [Assertion("m.py", 3, "a", None, Confidence.PROBABLE)]),
        (
            '# error: [a] CRITICAL definite "x [y] # z"',
            [Assertion("m.py", 3, "a", Severity.CRITICAL, Confidence.DEFINITE, "x [y] # z")],
        ),
        (
            '# error: [a] "t" [b-c] HIGH',
            [Assertion("m.py", 3, "a", message="t"), Assertion("m.py", 3, "b-c", Severity.HIGH)],
        ),
        ("# error: [a] # error: [b]", [Assertion("m.py", 3, "a"), Assertion("m.py", 3, "b")]),
        ("# error: [a], [a]", [Assertion("m.py", 3, "a"), Assertion("m.py", 3, "a")]),
    ],
)
def test_mark_is_read_and_taken_off(mark: str, expected: list[Assertion]) -> None:
    assert unmark(f"    call()  {mark}", "m.py", 3, "f.md:9") == ("    call()", expected)


def test_line_without_mark_stays_as_it_is() -> None:
    assert unmark("call()  # noqa: PSL107  ", "m.py", 3, "f.md:9") == ("call()  # noqa: PSL107  ", [])


def test_suppression_before_a_mark_stays() -> None:
    line = "call()  # noqa: PSL107  # error: [a]"
    assert unmark(line, "m.py", 3, "f.md:9") == ("call()  # noqa: PSL107", [Assertion("m.py", 3, "a")])


@pytest.mark.parametrize("mark", ["# error:", "# error: a", "# error: [a] high", "# error: [a] HIGH!", "# error: [A]"])
def test_mark_that_cannot_be_read_is_an_error(mark: str) -> None:
    with pytest.raises(FormatError, match=r"^f\.md:9: cannot read 'call\(\)  # error:"):
        unmark(f"call()  {mark}", "m.py", 3, "f.md:9")


def test_marks_count_in_python_files_only() -> None:
    text = f'## t\n{FENCE}sql title="a.sql"\nselect 1 -- # error: [x]\n{FENCE}\n'
    (only,) = cases_of(text, "r", "f.md")
    assert (only.assertions, only.files) == ((), {"a.sql": "select 1 -- # error: [x]\n"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# only prose\n", "f.md:1: no case; each one starts with a heading '## what it shows'"),
        ("## t\n\nprose\n", "f.md:1: the case 't' has no file of its own"),
        (
            f"## t\n{FENCE}python\n{FENCE}\n## t\n{FENCE}python\n{FENCE}\n",
            "f.md:4: two headings say 't'; titles must differ",
        ),
        (
            f"## t\n{FENCE}python\n{FENCE}\n{FENCE}python\n{FENCE}\n",
            "f.md:4: two blocks of one case are 'main.py'; give one another title",
        ),
        (
            f'## t\n{FENCE}python title="../x.py"\n{FENCE}\n',
            "f.md:2: '../x.py' leaves the project; give a relative path",
        ),
        (f"## t\n{FENCE}python title=x.py\n{FENCE}\n", "f.md:2: 'title=x.py' is no attribute; write key=\"value\""),
    ],
)
def test_badly_written_file_is_an_error_that_names_the_line(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        cases_of(text, "r", "f.md")
    assert str(caught.value) == message


def test_case_holds_when_reports_are_exactly_the_marked_ones() -> None:
    assert differences(case("x  # error: [query-in-loop] HIGH definite"), [report()]) == []


def test_missing_and_unexpected_are_told_apart() -> None:
    assert differences(case("x\ny  # error: [query-in-loop] HIGH"), [report(1)]) == [
        "missing:    main.py:2 [query-in-loop] HIGH",
        'unexpected: main.py:1 [query-in-loop] HIGH definite "a query per item of Job"',
    ]


@pytest.mark.parametrize("mark", ["LOW", "possible", '"of Order"'])
def test_grades_and_text_must_agree(mark: str) -> None:
    assert len(differences(case(f"x  # error: [query-in-loop] {mark}"), [report()])) == 2


def test_one_mark_is_one_finding() -> None:
    assert len(differences(case("x  # error: [query-in-loop]"), [report(), report()])) == 1
    assert differences(case("x  # error: [query-in-loop] [query-in-loop]"), [report(), report()]) == []


def test_the_more_exact_mark_chooses_first() -> None:
    two = [report(severity=Severity.LOW), report()]
    assert differences(case("x  # error: [query-in-loop] [query-in-loop] LOW"), two) == []


def test_other_rules_are_out_of_scope_unless_asserted_or_all_rules() -> None:
    other = report(rule="n-update-loop")
    assert differences(case("x"), [other]) == []
    assert len(differences(case("x", "t (all rules)"), [other])) == 1
    assert len(differences(case("x\nx  # error: [n-update-loop]"), [other])) == 2


def test_broken_file_is_always_in_scope() -> None:
    broken = Report("main.py", 1, "syntax-error", "invalid syntax")
    assert differences(case("def"), [broken]) == ['unexpected: main.py:1 [syntax-error] "invalid syntax"']
    assert differences(case("def  # error: [syntax-error]"), [broken]) == []


def test_example_is_plain_code_or_blocks() -> None:
    plain = example("\n    for x in xs:\n        get(x)  # error: [r]\n    ", "r", "r (bad)")
    assert (plain.files, plain.loud) == ({"main.py": "for x in xs:\n    get(x)\n"}, True)
    assert plain.assertions == (Assertion("main.py", 2, "r"),)
    blocks = example(
        f'{FENCE}python title="a.py"\nx\n{FENCE}\n{FENCE}python title="b.py"\ny  # error: [r]\n{FENCE}', "r", "n"
    )
    assert (list(blocks.files), blocks.assertions) == (["a.py", "b.py"], (Assertion("b.py", 1, "r"),))


@pytest.mark.parametrize(
    ("manifest", "written"),
    [
        (None, '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'),
        (
            "[project]\n",
            '[project]\n\n[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n',
        ),
        ("[build-system]\n", "[build-system]\n"),
    ],
)
def test_project_is_a_root_of_its_own(manifest: str | None, written: str, tmp_path: Path) -> None:
    write_project(tmp_path, {"a/b.py": "x\n"} | ({} if manifest is None else {"pyproject.toml": manifest}))
    assert (tmp_path / "pyproject.toml").read_text("utf-8") == written
    assert (tmp_path / "a" / "b.py").read_bytes() == b"x\n"


def analysis_of(**more: object) -> Analysis:
    values = {
        "root": "r", "files": 1, "lines": 1, "findings": (), "suppressed": (), "diagnostics": (), "families": (),
        "rules": (), "surroundings": Surroundings(), "discovered": Discovered(),
    }  # fmt: skip
    return Analysis(**{**values, **more})  # type: ignore[arg-type]


def test_findings_and_diagnostics_become_reports_in_order() -> None:
    finding = Finding(
        rule="r", code="PSL101", path="b.py", span=Span(4, 0, 4, 1), function="b.f", message="m", recommendation="",
        severity=Severity.LOW, confidence=Confidence.PROBABLE, effort=Effort.S,
    )  # fmt: skip
    diagnostic = Diagnostic("a.py", 2, "syntax-error", "bad")
    assert reports_of(analysis_of(findings=(finding,), diagnostics=(diagnostic,))) == [
        Report("a.py", 2, "syntax-error", "bad"),
        Report("b.py", 4, "r", "m", Severity.LOW, Confidence.PROBABLE),
    ]


def test_failed_family_is_told() -> None:
    runs = (FamilyRun(Family.QUERY, "error", "KeyError: x"), FamilyRun(Family.RUNTIME, "completed"))
    assert failed_families(analysis_of(families=runs)) == ["query: KeyError: x"]
