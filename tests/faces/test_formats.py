"""The output formats over the fake engine's answer, and over text that means harm."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from faces import fake_engine
from faces.fake_engine import LOOP, SLEEP, finding
from markdown_it import MarkdownIt
from msgspec.structs import replace

from persist_lint.audit.verdict import Advisory
from persist_lint.faces.formats import FORMATS, Page, render
from persist_lint.faces.schema import findings_schema
from persist_lint.faces.shown import Shown, show
from persist_lint.faces.source import Sources
from persist_lint.faces.text import markdown, plain, width
from persist_lint.model.finding import Diagnostic, Step
from persist_lint.model.severity import Severity
from persist_lint.model.span import Span

EVIL = "a|b`\x1b[2J\n\u202e<b>\udc80"
SAFE = "a|b`\\x1b[2J\\n\\u202e<b>\\udc80"


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persist_lint.rules.catalogue.load", fake_engine.load)


@pytest.fixture
def shown(project: Path) -> Shown:
    return show(fake_engine.answer(project), Severity.LOW)


def page(root: Path, **more: object) -> Page:
    return Page(sources=Sources(root), cwd=root, **more)


def with_advisory(shown: Shown) -> Shown:
    """The same, with an advisory and a finding made of hostile text."""
    evil = finding(
        LOOP,
        EVIL.replace("\n", "") + ".py",
        1,
        0,
        1,
        message=EVIL,
        recommendation=EVIL,
        function=EVIL,
        trace=(Step("x.py", Span(1, 0, 1, 1), EVIL),),
    )
    advisory = Advisory(
        finding=finding(SLEEP, "app/other.py", 5, 4, 17),
        original_severity=Severity.MEDIUM,
        rule="execution-context",
        evidence=("the file lies in tasks/", EVIL),
    )
    return replace(
        shown,
        findings=(*shown.findings, evil),
        advisories=(advisory,),
        diagnostics=(*shown.diagnostics, Diagnostic(EVIL, 0, "unreadable-file", EVIL)),
    )


def test_full(shown: Shown) -> None:
    blocks = render("full", shown, page(shown.root)).split("\n\n")
    assert blocks[0] == (
        "app/jobs.py:6:15: PSL102 n-update-loop HIGH one UPDATE or DELETE per item of a loop here\n"
        "  6 |         await repo.close(job)\n"
        "    |               ^^^^^^^^^^^^^^^\n"
        "  trace:\n"
        "    app/jobs.py:5:5: loop over jobs\n"
        "  reached from: request app.quiet.route (app/quiet.py:1)\n"
        "  confidence: definite, effort: M\n"
        "  do: Issue one UPDATE for all items."
    )
    assert blocks[1].splitlines()[:3] == [
        "app/jobs.py:13:27: PSL303 sync-sleep-in-async MEDIUM time.sleep on the event loop here",
        "  13 |     time.sleep(len('ä')); time.sleep(2)",
        "     |                           ^^^^^^^^^^^^^",
    ]
    assert blocks[2] == "app/jobs.py:14:1: PSL004 suppression-without-reason the comment gives no reason"


def test_full_marks_to_the_end_of_the_first_line_of_several(project: Path, shown: Shown) -> None:
    (project / "app/wide.py").write_text("\tcall('日本', open(\n\t\t'x'))  \n", encoding="utf-8")
    wide = finding(SLEEP, "app/wide.py", 1, 1, 0)
    wide = replace(wide, span=Span(1, 16, 2, 6))
    only = show(fake_engine.answer(project, findings=(wide,), diagnostics=()), Severity.LOW)
    assert render("full", only, page(project)).splitlines()[1:3] == [
        "  1 |     call('日本', open(",
        "    | " + " " * 17 + "^^^^^",
    ]


def test_json_is_as_its_schema_says(shown: Shown) -> None:
    answer = json.loads(render("json", with_advisory(shown), page(shown.root)))
    schema = findings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)
    assert (len(answer["findings"]), len(answer["advisories"]), len(answer["suppressed"])) == (4, 1, 3)


def test_json_of_a_finding(shown: Shown) -> None:
    answer = json.loads(render("json", shown, page(shown.root)))
    assert list(answer) == [
        "schema_version", "tool", "root", "files", "lines", "findings", "advisories", "suppressed", "errors",
    ]  # fmt: skip
    assert list(answer["findings"][0].items()) == [
        ("rule", "n-update-loop"),
        ("code", "PSL102"),
        ("family", "query"),
        ("check", "n_update_delete_loop"),
        ("severity", "HIGH"),
        ("confidence", "definite"),
        ("effort", "M"),
        ("principle", "Query Efficiency / Batch Operations"),
        ("path", "app/jobs.py"),
        ("line", 6),
        ("column", 15),
        ("end_line", 6),
        ("end_column", 30),
        ("function", "app.jobs.close"),
        ("message", "one UPDATE or DELETE per item of a loop here"),
        ("recommendation", "Issue one UPDATE for all items."),
        ("sources", ["https://docs.sqlalchemy.org/"]),
        ("entry_points", [{"kind": "request", "function": "app.quiet.route", "path": "app/quiet.py", "line": 1}]),
        ("trace", [{"path": "app/jobs.py", "line": 5, "column": 5, "what": "loop over jobs"}]),
        ("fingerprint", "PSL102:6"),
        ("fix", None),
    ]
    assert answer["suppressed"][2]["suppression"] == {
        "kind": "persist-lint",
        "path": "app/jobs.py",
        "line": 12,
        "reason": "ten at most",
    }
    assert answer["root"] == "."
    assert answer["errors"][1] == {
        "path": "app/missing.py",
        "line": 0,
        "kind": "unreadable-file",
        "message": "permission denied",
    }


def test_paths_from_another_working_directory(shown: Shown) -> None:
    there = Page(sources=Sources(shown.root), cwd=shown.root.parent)
    answer = json.loads(render("json", shown, there))
    assert (answer["root"], answer["findings"][0]["path"]) == ("project", "project/app/jobs.py")


@pytest.mark.parametrize("name", ["concise", "full"])
def test_terminals_never_obey_analysed_text(shown: Shown, name: str) -> None:
    text = render(name, with_advisory(shown), page(shown.root))
    assert all(char == "\n" or char.isprintable() for char in text)
    assert SAFE in text


def test_markdown_tables_hold_hostile_text(shown: Shown) -> None:
    text = render("markdown", with_advisory(shown), page(shown.root))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows = sum(token.type == "tr_open" for token in tokens)
    assert rows == (1 + 4) + (1 + 1) + (1 + 3)
    cells = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for cell in cells for child in cell.children or ()}
    assert kinds == {"text"}
    assert SAFE in {cell.children and "".join(child.content for child in cell.children) for cell in cells}


def test_formats_without_findings(project: Path) -> None:
    empty = show(fake_engine.answer(project, findings=(), suppressed=(), diagnostics=()), Severity.LOW)
    texts = {name: render(name, empty, page(project)) for name in FORMATS}
    assert (texts["concise"], texts["full"]) == ("", "")
    assert texts["markdown"] == "# persist-lint\n\n3 files, 20 lines. 0 findings.\n"
    assert json.loads(texts["json"])["findings"] == []


def test_plain() -> None:
    assert plain("Jöb é日本") == "Jöb é日本"
    assert plain(EVIL) == SAFE


def test_width() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]


def test_markdown_text_is_shown_as_it_is() -> None:
    text = "*a* _b_ [c](d) <e> &amp; ~~f~~ `g` | h \\ # i"
    (_, inline, _) = MarkdownIt("commonmark").enable("strikethrough").parse(markdown(text))
    assert "".join(child.content for child in inline.children or ()) == text


@pytest.mark.parametrize(
    ("data", "line", "expected"),
    [
        (b"a\r\nb\rc\n", 3, "c"),
        (b"a\x0cb\n\xe2\x80\xa8c\n", 2, "\u2028c"),
        (b"\xef\xbb\xbfx = 1\n", 1, "x = 1"),
        (b"# coding: latin-1\n'\xe4'\n", 2, "'ä'"),
        (b"# coding: nonsense\nx\n", 2, "x"),
        (b"\xff\n", 1, "\ufffd"),
        (b"", 7, ""),
    ],
)
def test_lines_are_those_that_python_counts(tmp_path: Path, data: bytes, line: int, expected: str) -> None:
    (tmp_path / "x.py").write_bytes(data)
    assert Sources(tmp_path).line("x.py", line) == expected


def test_a_file_that_is_gone_has_no_lines(tmp_path: Path) -> None:
    assert Sources(tmp_path).line("x.py", 1) == ""
