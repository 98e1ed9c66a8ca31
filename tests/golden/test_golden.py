"""Every golden file: what link finds is what stands there; see docs/testing.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.runner import GAP, Golden, answers, goldens_of, updated
from literate import FormatError, literate_files

HERE = Path(__file__).parent
FENCE = "```"


def _goldens() -> list[Golden]:
    return [golden for path in literate_files(HERE) for golden in goldens_of(path.read_text("utf-8"), path.name)]


GOLDENS = _goldens()


@pytest.mark.parametrize(
    "golden", GOLDENS, ids=[f"{golden.where.partition(':')[0]}::{golden.title}" for golden in GOLDENS]
)
def test_golden(golden: Golden, tmp_path: Path) -> None:
    if not golden.is_readable:
        pytest.skip("newer syntax")
    expected = [(_label(block), block.text.rstrip("\n") + "\n") for block in golden.expected]
    found = [(_label(block), answer) for block, answer in answers(golden, tmp_path)]
    if golden.is_gap:
        assert found != expected, f"{golden.where}: the gap is mended; take {GAP!r} off the heading"
        return
    assert found == expected, f"{golden.where}: if the new answer is right, run python tests/golden/update.py"


def _label(block: object) -> str:
    attributes = block.attributes  # type: ignore[attr-defined]
    return f"{attributes['kind']} {attributes.get('function', '')}".strip()


def test_a_file_without_headings_is_one_project() -> None:
    text = f'# calls\n{FENCE}python\nx = 1\n{FENCE}\n{FENCE}golden kind="calls" function="main.f"\nmain.g\n{FENCE}\n'
    (golden,) = goldens_of(text, "calls.md")
    assert (golden.title, golden.files) == ("", {"main.py": "x = 1\n"})
    assert [(block.attributes, block.text) for block in golden.expected] == [
        ({"kind": "calls", "function": "main.f"}, "main.g\n")
    ]


def test_each_heading_is_a_project_of_its_own_and_shares_the_preamble() -> None:
    block = f'{FENCE}golden kind="models"\n{FENCE}\n'
    text = f'{FENCE}python title="db.py"\n{FENCE}\n## one\n{FENCE}python\na\n{FENCE}\n{block}## two\n{block}'
    assert [list(golden.files) for golden in goldens_of(text, "m.md")] == [["db.py", "main.py"], ["db.py"]]


def test_update_leaves_known_gaps_alone() -> None:
    block = f'{FENCE}golden kind="models"\nwhat should be\n{FENCE}\n'
    text = f"{FENCE}python\nx = 1\n{FENCE}\n## known gap: models\n{block}## found\n{block}"
    assert updated(text, "m.md") == text.replace(
        "## found\n" + block, f'## found\n{FENCE}golden kind="models"\nnothing\n{FENCE}\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{FENCE}python\n{FENCE}\n", 'g.md:1: nothing is expected; add a block ```golden kind="calls"'),
        (
            f'{FENCE}golden kind="call"\n{FENCE}\n',
            "g.md:1: kind must be one of calls, contexts, effects, engines, factories, loads, loops, models, session, "
            "types",
        ),
        (
            f'{FENCE}golden kind="calls"\n{FENCE}\n## t\n',
            "g.md:1: an expected block before the first heading; move it below one",
        ),
    ],
)
def test_badly_written_golden_is_an_error(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        goldens_of(text, "g.md")
    assert str(caught.value) == message
