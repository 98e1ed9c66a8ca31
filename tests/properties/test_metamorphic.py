"""What does not matter to the database changes no finding: names of variables, order, modules, decorators, ``with``.

Every rule's own example meets every change; of its cases some, with several changes on top of each other, which
Hypothesis draws (the same ones in every run).
"""

from __future__ import annotations

import collections
import dataclasses
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.runner import Case, cases_of, example, failed_families, run
from literate import literate_files, write_project
from persist_lint.engine.config import load_config
from persist_lint.engine.run import analyse
from persist_lint.model.analysis import Analysis
from persist_lint.rules import catalogue
from properties.transforms import (
    Files,
    Transform,
    decorated,
    normal,
    renamed_locals,
    reordered,
    split,
    synchronous,
    wrapped_bodies,
)

RULES = {entry.rule.name: entry.rule for entry in catalogue.load()}
CASES = {path.stem: path for path in literate_files(Path(__file__).parent.parent / "cases")}
CHANGES: tuple[Transform, ...] = (renamed_locals, reordered, wrapped_bodies, decorated, split)
#: What only the event loop makes a defect.
ON_THE_LOOP = frozenset({"blocking-io-in-async", "sync-sleep-in-async", "cpu-bound-in-async"})
#: What puts a plain function on the loop.
CALLBACKS = ("call_soon", "call_later", "call_at", "add_done_callback", "coroutine", "add_callback", "add_reader")
Told = collections.Counter[tuple[str, ...]]


def told(analysis: Analysis) -> Told:
    """What is said of which function, and how surely."""
    assert not failed_families(analysis)
    return collections.Counter(
        (f.rule, f.function.replace("_apart", ""), f.severity.name, f.confidence.name) for f in analysis.findings
    )


def found(case: Case, files: Files) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        return told(run(dataclasses.replace(case, files=files), Path(folder)))


def all_cases(name: str) -> list[Case]:
    path = CASES[name]
    cases = cases_of(path.read_text("utf-8"), name, path.name)
    return [case for case in cases if not case.known_gap and not any(a.rule == "syntax-error" for a in case.assertions)]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", sorted(RULES))
def test_own_example(name: str, change: Transform) -> None:
    case = example(RULES[name].bad, name, name)
    files = normal(case.files)
    assert found(case, change(files)) == found(case, files)


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=8, derandomize=True, database=None)
@given(data=st.data())
def test_cases_with_several_changes(name: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(all_cases(name)))
    changes = data.draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3, unique=True))
    files = changed = normal(case.files)
    for change in changes:
        changed = change(changed)
    assert found(case, changed) == found(case, files), (case.where, [change.__name__ for change in changes])


@pytest.mark.parametrize("name", sorted(ON_THE_LOOP & CASES.keys()))
def test_nothing_holds_a_loop_that_is_not_there(name: str) -> None:
    """Without ``async`` and ``await`` there is no event loop, but for what is registered with one."""
    for case in all_cases(name):
        if not any(word in text for text in case.files.values() for word in CALLBACKS):
            loud = {rule for rule, *_ in found(case, synchronous(case.files))} & ON_THE_LOOP
            assert not loud, (case.where, loud)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_works_with_all_others_off(name: str, tmp_path: Path) -> None:
    case = example(RULES[name].bad, name, name)
    write_project(tmp_path, case.files)
    config = msgspec.structs.replace(load_config(tmp_path), jobs=1, cache=False, select=(name,))
    alone = told(analyse([tmp_path], config))
    assert alone == {key: count for key, count in found(case, case.files).items() if key[0] == name}


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    case = next(case for case in all_cases("query-in-loop") if case.loud and len(case.files) > 3)
    write_project(tmp_path, case.files)
    config = msgspec.structs.replace(load_config(tmp_path), jobs=1, cache=False)
    paths = sorted(path for path in tmp_path.rglob("*.py"))
    assert told(analyse(paths, config)) == told(analyse(paths[::-1], config)) != collections.Counter()
