"""One run over small projects, with rules and link replaced by fakes that see the facts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from engine.make import finding, rule
from msgspec import structs

from persist_lint.engine import load, run
from persist_lint.engine.config import Config
from persist_lint.engine.errors import ConfigError, PathError
from persist_lint.engine.run import analyse
from persist_lint.model.analysis import Channel, Discovered, FamilyRun, FunctionNote
from persist_lint.model.context import Surroundings
from persist_lint.model.facts import ModuleFacts
from persist_lint.model.finding import EntryPoint, Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Severity
from persist_lint.rules.catalogue import RuleModule

LOOP = rule(102, "n-update-loop")
COMMIT = rule(201, "missing-intermediate-commit")
SLEEP = rule(303, "sync-sleep-in-async")
LEAK = rule(403, "missing-resource-cleanup")
NO_CACHE = Config(cache=False)

PROGRAM = "import sqlalchemy\n\nasync def f(db):\n    for x in y:\n        db.execute(x)\n"


class FakeProject:
    def __init__(self, modules: Mapping[str, ModuleFacts], audited: frozenset[str]) -> None:
        self.modules = modules
        self.audited = audited

    def discovered(self) -> Discovered:
        return Discovered(
            channels=tuple(
                Channel(name="c", path=path, line=1, technology="redis", publishes=True)
                for path in sorted(self.modules)
            )
        )

    def note(self, function: str) -> FunctionNote:
        return FunctionNote(calls=(function,))


Check = Callable[[FakeProject], Iterator[Finding]]


def everywhere(of: Rule, line: int = 5, **fields: object) -> Check:
    """A check that flags one line of each file, audited or not."""

    def check(project: FakeProject) -> Iterator[Finding]:
        for path in project.modules:
            yield finding(of, path, line, 8, 13, **fields)

    return check


def nothing(project: FakeProject) -> Iterator[Finding]:
    yield from ()


def crash(project: FakeProject) -> Iterator[Finding]:
    yield finding(COMMIT, "app.py", 5)
    raise KeyError("no\nsuch view")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Check]], None]:
    def link(
        modules: object, vocabulary: object, surroundings: object, *, audited: frozenset[str], src: tuple[str, ...]
    ) -> FakeProject:
        assert src == ()
        return FakeProject(modules, audited)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "link", link)
    monkeypatch.setattr(run, "survey", lambda root, modules: Surroundings(sources={"tech_stack.db": "compose.yml:4"}))

    def rules(checks: dict[str, Check]) -> None:
        entries = tuple(
            RuleModule(one, checks.get(one.name, nothing), one.name)  # type: ignore[arg-type]
            for one in (LOOP, COMMIT, SLEEP, LEAK)
        )
        monkeypatch.setattr(run.catalogue, "load", lambda: entries)

    rules({LOOP.name: everywhere(LOOP)})
    return rules


def project(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "setup.cfg").touch()
    for name, text in (files or {"app": PROGRAM}).items():
        (root / f"{name}.py").write_text(text)
    return root


COMPLETED = tuple(FamilyRun(family, "completed") for family in Family)


def test_one_finding_from_file_to_answer(tmp_path: Path, install: object) -> None:
    root = project(tmp_path)
    answer = analyse([root], NO_CACHE)
    assert (answer.root, answer.files, answer.lines, answer.families) == (str(root), 1, 5, COMPLETED)
    assert answer.findings == (structs.replace(finding(LOOP, "app.py", 5, 8, 13), fingerprint="ae74fad4859287c6"),)
    assert answer.rules == (LOOP.name, COMMIT.name, SLEEP.name, LEAK.name)
    assert answer.notes == {"app.f": FunctionNote(calls=("app.f",))}
    assert (answer.suppressed, answer.diagnostics) == ((), ())
    assert answer.discovered == FakeProject({"app.py": None}, frozenset()).discovered()  # type: ignore[dict-item]


def test_paths_limit_what_is_reported(tmp_path: Path, install: object) -> None:
    root = project(tmp_path, a=PROGRAM, b=PROGRAM, c="def (\n")
    answer = analyse([root / "a.py"], NO_CACHE)
    assert ([one.path for one in answer.findings], answer.files, answer.diagnostics) == (["a.py"], 1, ())
    assert [one.path for one in answer.discovered.channels] == ["a.py", "b.py", "c.py"]


def test_a_generated_file_is_read_but_audited_only_when_named(tmp_path: Path, install: object) -> None:
    root = project(tmp_path, a=PROGRAM, b="# generated\n" + PROGRAM)
    assert [one.path for one in analyse([root], NO_CACHE).findings] == ["a.py"]
    assert [one.path for one in analyse([root / "b.py"], NO_CACHE).findings] == ["b.py"]


def test_a_family_that_fails_spoils_nothing_else(tmp_path: Path, install: Callable[[dict[str, Check]], None]) -> None:
    install({LOOP.name: everywhere(LOOP), COMMIT.name: crash})
    root = project(tmp_path, app=PROGRAM.replace("(x)", "(x)  # noqa: PSL201"))
    answer = analyse([root], NO_CACHE)
    assert [one.code for one in answer.findings] == ["PSL102"]
    assert [one.status for one in answer.families] == ["completed", "error", "completed", "completed"]
    reason, _, place = answer.families[1].note.partition(" (")
    assert reason == "missing-intermediate-commit: internal error: KeyError: 'no\\nsuch view'"
    assert place.startswith("persist_lint/engine/families.py:")
    assert answer.rules == (LOOP.name, SLEEP.name, LEAK.name)
    assert answer.diagnostics == ()


def test_families_that_do_not_apply(tmp_path: Path, install: Callable[[dict[str, Check]], None]) -> None:
    install({one.name: everywhere(one, 1) for one in (LOOP, COMMIT, SLEEP, LEAK)})
    answer = analyse([project(tmp_path, app="x = 1\n")], NO_CACHE)
    no_database = "the project imports no ORM and no database driver that persist-lint knows"
    assert answer.families == (
        FamilyRun(Family.QUERY, "skipped", no_database),
        FamilyRun(Family.TRANSACTION, "skipped", no_database),
        FamilyRun(Family.RUNTIME, "skipped", f"the project has no async function, and{no_database[11:]}"),
        FamilyRun(Family.RESOURCE, "skipped", no_database),
    )
    assert (answer.findings, answer.rules) == ((), ())


def test_rows_are_enough_for_the_runtime_family(tmp_path: Path, install: Callable[[dict[str, Check]], None]) -> None:
    install({SLEEP.name: everywhere(SLEEP, 1)})
    answer = analyse([project(tmp_path, app="import sqlite3\n")], NO_CACHE)
    assert {run.status for run in answer.families} == {"completed"}
    assert [one.code for one in answer.findings] == [SLEEP.code]


def test_precedence_holds_even_for_rules_that_are_not_selected(
    tmp_path: Path, install: Callable[[dict[str, Check]], None]
) -> None:
    install({LOOP.name: everywhere(LOOP), COMMIT.name: everywhere(COMMIT)})
    root = project(tmp_path)
    assert [one.code for one in analyse([root], NO_CACHE).findings] == ["PSL201"]
    assert analyse([root], structs.replace(NO_CACHE, ignore=("PSL201",))).findings == ()


def test_confidence_and_severity(tmp_path: Path, install: Callable[[dict[str, Check]], None]) -> None:
    install(
        {
            LOOP.name: everywhere(LOOP, severity=Severity.LOW),
            COMMIT.name: everywhere(COMMIT, confidence=Confidence.POSSIBLE),
        }
    )
    root = project(tmp_path)

    def codes(**options: object) -> list[str]:
        return [one.code for one in analyse([root], structs.replace(NO_CACHE, **options)).findings]

    assert codes() == ["PSL102"]
    assert codes(min_confidence=Confidence.POSSIBLE) == ["PSL201"]
    assert codes(min_severity=Severity.MEDIUM) == []
    assert codes(min_severity=Severity.MEDIUM, severity={"PSL102": Severity.HIGH}) == ["PSL102"]


def test_one_place_and_rule_is_one_finding_with_all_entry_points(
    tmp_path: Path, install: Callable[[dict[str, Check]], None]
) -> None:
    first, second = EntryPoint("request", "a.f", "a.py", 1), EntryPoint("worker", "b.f", "b.py", 1)

    def check(project: FakeProject) -> Iterator[Finding]:
        yield finding(LOOP, "app.py", 5, entry_points=(second,), confidence=Confidence.PROBABLE)
        yield finding(LOOP, "app.py", 5, entry_points=(first, second))

    install({LOOP.name: check})
    answer = analyse([project(tmp_path)], NO_CACHE)
    assert [(one.confidence, one.entry_points) for one in answer.findings] == [(Confidence.DEFINITE, (first, second))]


def test_suppressed_findings_stay_with_their_comment(tmp_path: Path, install: object) -> None:
    root = project(tmp_path, app=PROGRAM.replace("(x)", "(x)  # noqa: PSL102"))
    answer = analyse([root], NO_CACHE)
    assert answer.findings == ()
    assert [(one.finding.code, one.kind, one.path, one.line) for one in answer.suppressed] == [
        ("PSL102", "noqa", "app.py", 5)
    ]
    assert len(answer.suppressed[0].finding.fingerprint) == 16


def test_troubles_in_order_and_ignorable(tmp_path: Path, install: object) -> None:
    root = project(tmp_path, a="def (\n", b="x = 1  # persist-lint: ignore[PSL102]\n", c=PROGRAM)
    (root / "d.py").symlink_to("nothing.py")
    kinds = [(one.path, one.kind) for one in analyse([root], NO_CACHE).diagnostics]
    assert kinds == [
        ("a.py", "syntax-error"),
        ("b.py", "suppression-without-reason"),
        ("b.py", "unused-suppression"),
        ("d.py", "unreadable-file"),
    ]
    ignoring = structs.replace(NO_CACHE, ignore=("PSL001", "suppression-without-reason", "syntax-error"))
    assert [one.path for one in analyse([root], ignoring).diagnostics] == ["d.py"]


def test_unsaved_text(tmp_path: Path, install: object) -> None:
    root = project(tmp_path, app="x = 1\n")
    answer = analyse([root], NO_CACHE, overlay={root / "app.py": PROGRAM, root / "new.py": PROGRAM})
    assert [one.path for one in answer.findings] == ["app.py", "new.py"]
    assert answer.lines == 10


def test_the_same_bytes_whatever_the_executor_and_cache(
    tmp_path: Path, install: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_WORTH_WORKERS", 64)
    names = [f"m{number:03}" for number in range(80)]
    root = project(tmp_path / "project", **dict.fromkeys(names, PROGRAM))
    config = structs.replace(NO_CACHE, cache=True, cache_dir=tmp_path / "cache")
    plain = msgspec.json.encode(analyse([root], NO_CACHE))
    with ThreadPoolExecutor(2) as executor:
        assert msgspec.json.encode(analyse([root], NO_CACHE, executor=executor)) == plain
    assert msgspec.json.encode(analyse([root], config)) == plain
    assert msgspec.json.encode(analyse([root], config)) == plain
    assert len(list((tmp_path / "cache").glob("*.pack"))) == 1
    assert msgspec.json.encode(analyse([root / f"{name}.py" for name in reversed(names)], NO_CACHE)) == plain


def test_the_cache_is_hidden_in_the_project(tmp_path: Path, install: object) -> None:
    analyse([project(tmp_path)], Config())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".persist_lint_cache", "app.py", "setup.cfg"]


def test_several_projects(tmp_path: Path, install: Callable[[dict[str, Check]], None]) -> None:
    two, one = project(tmp_path / "two"), project(tmp_path / "one", app="x = 1\n", lib="def (\n")
    answer = analyse([two, one], NO_CACHE)
    assert (answer.root, answer.files, answer.lines) == (str(tmp_path), 3, 7)
    assert [item.path for item in answer.findings] == ["two/app.py"]
    assert [item.path for item in answer.diagnostics] == ["one/lib.py"]
    assert [item.path for item in answer.discovered.channels] == ["one/app.py", "one/lib.py", "two/app.py"]
    assert answer.families == COMPLETED
    assert answer.surroundings.sources == {"tech_stack.db": "one/compose.yml:4"}


def test_a_project_inside_another_counts_once(tmp_path: Path, install: object) -> None:
    outer = project(tmp_path)
    inner = project(tmp_path / "inner", lib=PROGRAM)
    answer = analyse([outer, inner], NO_CACHE)
    assert [one.path for one in answer.findings] == ["app.py", "inner/lib.py"]


def test_what_cannot_begin(tmp_path: Path, install: object) -> None:
    root = project(tmp_path)
    (root / "self").symlink_to("self")
    with pytest.raises(PathError) as caught:
        analyse([root, root / "none.py"], NO_CACHE)
    assert str(caught.value) == f"{root / 'none.py'}: no such file or directory"
    with pytest.raises(PathError):
        analyse([root / "self"], NO_CACHE)
    with pytest.raises(ConfigError):
        analyse([root], structs.replace(NO_CACHE, select=("nothing-like-it",)))
    broken = root / "own.toml"
    broken.write_text("[library\n")
    with pytest.raises(ConfigError) as refused:
        analyse([root], structs.replace(NO_CACHE, vocabulary=(broken,)))
    assert str(refused.value).startswith(f"{broken}: ")


def test_a_pipe_that_is_named(tmp_path: Path, install: object) -> None:
    root = project(tmp_path)
    os.mkfifo(root / "pipe.py")
    answer = analyse([root / "pipe.py"], NO_CACHE)
    assert [(one.path, one.message) for one in answer.diagnostics] == [
        ("pipe.py", "not a regular file but a named pipe")
    ]


def test_without_paths_it_is_the_working_directory(
    tmp_path: Path, install: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    assert [one.path for one in analyse([], NO_CACHE).findings] == ["app.py"]
