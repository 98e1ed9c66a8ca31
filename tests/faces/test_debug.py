"""``persist-lint debug``: exact answers about the example service, and what it says to a wrong question."""

from __future__ import annotations

from pathlib import Path

import pytest

from persist_lint.faces.cli import run

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).parent / "debug"

ANSWERS = {
    "calls.txt": ("calls", "app/services/reports.py:ReportService._line"),
    "effects.txt": ("effects", "app/services/customers.py:change_tiers"),
    "session.txt": ("session", "app/worker/processor.py:_claim"),
    "effects.json": ("effects", "app/services/reports.py:17", "--format", "json"),
}

MISTAKES = {
    "app/worker/processor.py:_clain": "app/worker/processor.py: no function _clain; did you mean JobProcessor._claim?",
    "app/db.py:engine": "app/db.py: no function engine; it has get_session, open_connection",
    "app/db.py:99999": "app/db.py: no line 99999; it has 26",
    "app/db.py": "app/db.py: name a file and a function, as in app/jobs.py:Repo.get or app/jobs.py:40",
    "app/nowhere.py:f": "app/nowhere.py: no such file",
    "README.md:f": "README.md: not among the files that were analysed",
    "app/clients/http.py:__init": "app/clients/http.py: no function __init; did you mean HttpClient.__init__?",
}


@pytest.fixture(autouse=True)
def in_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "job_service")


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["debug", "--no-cache", *ANSWERS[name]]) == 0
    assert capsys.readouterr().out == (EXPECTED / name).read_text("utf-8")


def test_what_runs_at_import(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["debug", "--no-cache", "calls", "app/db.py:<module>"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines[:1] + lines[2:] if line and not line.startswith(" ")] == [
        "calls of app.db (app/db.py:1)",
        "11 create_async_engine",
        "12 async_sessionmaker",
        "21 Depends",
    ]


@pytest.mark.parametrize("place", MISTAKES)
def test_mistakes(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["debug", "--no-cache", "calls", place]) == 2
    assert capsys.readouterr().err == f"persist-lint: {MISTAKES[place]}\n"


def test_a_name_of_several_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "setup.cfg").touch()
    file = tmp_path / "two.py"
    file.write_text("class A:\n    def get(self): ...\n\n\nclass B:\n    def get(self): ...\n", "utf-8")
    assert run(["debug", "--no-cache", "calls", f"{file}:get"]) == 2
    assert capsys.readouterr().err == "persist-lint: two.py: get is more than one function: A.get, B.get\n"
    assert run(["debug", "--no-cache", "calls", f"{file}:B.get"]) == 0
    assert capsys.readouterr().out == ("calls of two.B.get (two.py:6)\nreached from no known entry point\n\nnothing\n")
