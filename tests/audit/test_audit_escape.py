"""Text of the analysed code can neither break a table nor become markup: judged by a CommonMark + GFM parser."""

import pytest
from audit.samples import RULES, TODAY, adr, analysis, around, finding
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from persist_lint.audit.escape import code, escape, link, meta, plain
from persist_lint.audit.run import audit
from persist_lint.model.finding import EntryPoint, Step
from persist_lint.model.severity import Severity
from persist_lint.model.span import Span

HOSTILE = [
    "a | b",
    "a \\| b",
    "a \\\\| b\\",
    "first\nsecond\r\n\n| x | y |\n",
    "<script>alert(1)</script>",
    "</td><img src=x onerror=alert(1)>",
    "--> <!-- <b>",
    "[click](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "<https://example.org> https://example.org www.example.org",
    "`code` ``two`` ```",
    "`a|b`",
    "**bold** __init__ *it* ~~gone~~",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "{{ 7 * 7 }} {% raw %}",
    "\u202eevil\u2028line\x00\x1b[31m",
    "\ud800 lone",
    "$x$ @someone #1",
    "[ref]: https://example.org",
    "|",
    "\\",
    "`",
    "",
]
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def cells(document):
    """The rendered text of every table row of a document, as tuples."""
    rows, row, inside = [], [], None
    for token in PARSER.parse(document):
        if token.type == "tr_open":
            row = []
        elif token.type in ("td_open", "th_open"):
            inside = ""
        elif token.type == "inline" and inside is not None:
            row.append(shown(token))
            inside = None
        elif token.type == "tr_close":
            rows.append(tuple(row))
    return rows


def shown(inline):
    assert {child.type for child in inline.children} <= {
        "text",
        "code_inline",
        "text_special",
        "strong_open",
        "strong_close",
    }
    return "".join(child.content for child in inline.children)


def table(*cell):
    return f"| A | B | C |\n|---|---|---|\n| x | {' | '.join(cell)} |\n"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", [escape, code])
def test_one_cell_shows_the_text(text, form):
    assert cells(table(form(text), "end"))[1:] == [("x", plain(text), "end")]


@settings(max_examples=300, deadline=None)
@example("\\|`")
@example("a`|\\")
@given(st.text(alphabet=st.one_of(st.sampled_from("\\|`*_[]()<>&;#!~-+=:.1 \n@/wht"), st.characters()), max_size=40))
def test_any_text_is_one_cell_and_one_paragraph(text):
    for form in (escape, code):
        assert cells(table(form(text), "end"))[1:] == [("x", plain(text), "end")]
        if plain(text):
            tokens = PARSER.parse(str(form(text)) + "\n")
            assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
            assert shown(tokens[1]) == plain(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_is_one_printable_line(text):
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


def test_readable_text_stays_readable():
    text = "UPDATE job_steps is sent once per item, see app/db.py:3 (a & b)"
    assert escape(text) == text
    assert escape("8.8/10") == "8.8/10"
    assert escape("2026-11-22") == "2026-11-22"
    assert code("app/__init__.py:3") == "`app/__init__.py:3`"


def test_links():
    assert link("Bulk [DML]", "https://example.org/a b|c") == "[Bulk \\[DML\\]](https://example.org/a%20b%7Cc)"
    assert link("x", "https://example.org/(a)") == "[x](https://example.org/%28a%29)"
    assert link("https://example.org/a", "https://example.org/a") == "<https://example.org/a>"
    assert link("x", "javascript:alert(1)") == "x (javascript:alert(1))"
    assert link("javascript:alert(1)", "javascript:alert(1)") == "javascript:alert(1)"


def test_meta_values_cannot_end_the_comment():
    assert meta("a --> b\nstatus: completed") == "a --&gt; b status: completed"


@pytest.mark.parametrize("text", HOSTILE)
def test_whole_documents_keep_their_shape(text):
    path = f"app/hostile{text}.py"
    hostile = finding(
        202,
        Severity.HIGH,
        path,
        message=text,
        recommendation=text,
        function=text,
        trace=(Step(path, Span(1, 0, 1, 1), text),),
        entry_points=(EntryPoint("request", text, path, 1),),
        sources=(text,) if text else (),
    )
    decided = finding(202, Severity.HIGH, "app/x.py", message=f"transaction open {text}")
    run = analysis(hostile, decided, surroundings=around(adr("app/x.py: transaction stays open.", title=text, id=text)))
    result = audit(run, today=TODAY, rules=RULES, write=False, scan_path=text)
    worker, report = result.workers[1].text, result.report.text
    located = plain(f"{path}:41")
    assert ("HIGH", located, plain(text), "Principle of scope_too_wide", plain(text), "M") in cells(worker)
    assert ("HIGH", located, plain(text), plain(text), "M") in cells(report)
    assert headings(worker) == ["h1", "h2", "h2", "h2", "h3", "h3"]
    assert headings(report) == ["h2", *["h3"] * 4, *["h4"] * 4, *["h3"] * 3]
    assert [token.content.count("-->") for token in PARSER.parse(worker) if token.type == "html_block"] == [1]
    assert not [token for token in PARSER.parse(report) if token.type == "html_block"]
    assert not [child for child in inlines(worker) + inlines(report) if child.type in ("html_inline", "image")]


def headings(document):
    return [token.tag for token in PARSER.parse(document) if token.type == "heading_open"]


def inlines(document):
    return [child for token in PARSER.parse(document) for child in token.children or ()]
