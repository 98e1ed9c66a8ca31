"""Drawing findings, counting verdicts on them, and holding a new run against these."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verdicts", ROOT / "benchmarks" / "verdicts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["verdicts"] = module
    spec.loader.exec_module(module)
    return module


verdicts = _loaded()


def finding(number: int, rule: str = "query-in-loop", line: int | None = None) -> dict[str, Any]:
    return {"fingerprint": f"{number:016x}", "rule": rule, "path": "app/jobs.py", "line": line or number}


def reports(folder: Path, **projects: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, found in projects.items():
        (folder / f"{name}.json").write_text(json.dumps({"findings": found}))
    return folder


def test_draws_the_same_few_per_rule_over_all_projects_and_keeps_what_was_read(tmp_path: Path) -> None:
    out = reports(tmp_path / "out", one=[finding(n) for n in range(1, 30)], two=[finding(n) for n in range(30, 60)])
    arguments = ["--verdicts", str(tmp_path / "read"), "draw", str(out), "--per-rule", "5", "--seed", "3"]
    assert verdicts.main(arguments) == 0
    drawn = {name: verdicts.load(tmp_path / "read" / f"{name}.toml") for name in ("one", "two")}
    assert sum(map(len, drawn.values())) == 5 and all(drawn.values())
    read = [verdicts.Read(**{**vars(one), "verdict": "right", "why": 'a "query" per row'}) for one in drawn["one"]]
    verdicts.save(tmp_path / "read" / "one.toml", read)
    assert verdicts.main(arguments) == 0
    assert verdicts.load(tmp_path / "read" / "one.toml") == read


def test_counts_per_rule(tmp_path: Path) -> None:
    reads = [
        verdicts.Read("a", "query-in-loop", "x.py", 1, "right", "so"),
        verdicts.Read("b", "query-in-loop", "x.py", 2, "wrong", "so"),
        verdicts.Read("c", "lost-update", "x.py", 3, "debatable", "so"),
        verdicts.Read("d", "lost-update", "x.py", 4),
    ]
    assert verdicts.table(reads).splitlines()[2:] == [
        "| lost-update | 1 | 0 | 0 | 1 |  |",
        "| query-in-loop | 2 | 1 | 1 | 0 | 50% |",
        "| **all** | 3 | 1 | 1 | 1 | 50% |",
    ]


def test_a_run_is_held_against_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = [
        verdicts.Read(f"{1:016x}", "query-in-loop", "app/jobs.py", 1, "right", "so"),
        verdicts.Read(f"{2:016x}", "query-in-loop", "app/jobs.py", 2, "wrong", "so"),
        verdicts.Read(f"{3:016x}", "query-in-loop", "app/jobs.py", 3, "right", "so"),
    ]
    verdicts.save(tmp_path / "read" / "one.toml", reads)
    out = reports(tmp_path / "out", one=[finding(1, line=9), finding(2), finding(4, "lost-update")])
    assert verdicts.main(["--verdicts", str(tmp_path / "read"), "diff", str(out)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "## one",
        "moved  right     app/jobs.py:1: query-in-loop -> app/jobs.py:9",
        "still  wrong     app/jobs.py:2: query-in-loop",
        "gone   right     app/jobs.py:3: query-in-loop",
        "other     1 lost-update",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('verdict = "fine"\nwhy = "so"', "one.toml: aa: 'fine' is none of right, wrong, debatable"),
        ('verdict = "right"', "one.toml: aa: a verdict needs its reason; fill in 'why'"),
    ],
)
def test_a_verdict_that_cannot_count(
    fields: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[[finding]]\nfingerprint = "aa"\nrule = "query-in-loop"\npath = "x.py"\nline = 1\n'
    (tmp_path / "one.toml").write_text(text + fields)
    assert verdicts.main(["--verdicts", str(tmp_path), "table"]) == 2
    assert capsys.readouterr().err == f"verdicts: {message}\n"


def test_published_verdicts_can_be_counted() -> None:
    assert verdicts.main(["table"]) == 0
