"""The command line: exit status, one-line errors, where output goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from faces import fake_engine
from faces.fake_engine import IMPORT_ROOT, Host, finding

from persist_lint import __version__
from persist_lint.faces import options
from persist_lint.faces.cli import run
from persist_lint.model.analysis import Analysis, FamilyRun
from persist_lint.model.rule import Family
from persist_lint.model.severity import Confidence, Severity

LINES = [
    "app/jobs.py:6:15: PSL102 n-update-loop HIGH one UPDATE or DELETE per item of a loop here",
    "app/jobs.py:13:27: PSL303 sync-sleep-in-async MEDIUM time.sleep on the event loop here",
    "app/jobs.py:14:1: PSL004 suppression-without-reason the comment gives no reason",
    "app/missing.py:1:1: PSL002 unreadable-file permission denied",
    "app/other.py:5:5: PSL303 sync-sleep-in-async MEDIUM time.sleep on the event loop here",
]
SUMMARY = "3 findings (1 high, 2 medium), 2 diagnostics in 3 files.\n"


@pytest.fixture
def engine(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake engine in this process, the working directory in the project."""
    monkeypatch.setitem(sys.modules, "persist_lint.engine.run", fake_engine.engine())
    monkeypatch.setattr("persist_lint.rules.catalogue.load", fake_engine.load)
    monkeypatch.chdir(project)


def answers(monkeypatch: pytest.MonkeyPatch, project: Path, **fields: object) -> None:
    """Make the engine give the fake answer with these fields."""

    def analyse(paths: Sequence[Path], config: object, **_more: object) -> Analysis:
        return fake_engine.answer(project, **fields)

    monkeypatch.setattr(sys.modules["persist_lint.engine.run"], "analyse", analyse)


@pytest.mark.usefixtures("engine")
class TestCheck:
    def test_findings(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check"]) == 1
        shown = capsys.readouterr()
        assert (shown.out.splitlines(), shown.err) == (LINES, SUMMARY)

    def test_nothing_to_report(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answers(monkeypatch, project, findings=(), diagnostics=())
        assert run(["check"]) == 0
        assert capsys.readouterr() == ("", "0 findings in 3 files.\n")

    def test_quiet(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check", "-q"]) == 1
        assert capsys.readouterr().err == ""

    def test_exit_zero(self) -> None:
        assert run(["check", "--exit-zero"]) == 0

    @pytest.mark.parametrize(
        ("fail_on", "diagnostics", "status"), [("high", (), 1), ("critical", (), 0), ("low", (), 1)]
    )
    def test_fail_on(
        self,
        project: Path,
        monkeypatch: pytest.MonkeyPatch,
        fail_on: str,
        diagnostics: tuple[()],
        status: int,
    ) -> None:
        answers(monkeypatch, project, diagnostics=diagnostics)
        assert run(["check", "--fail-on", fail_on]) == status

    def test_a_diagnostic_alone_counts(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        answers(monkeypatch, project, findings=())
        assert run(["check"]) == 1

    def test_min_severity_after_validation(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(["check", "--min-severity", "high"])
        assert capsys.readouterr().out.splitlines() == [LINES[0], LINES[2], LINES[3]]

    def test_a_failed_family_is_status_two_and_spoils_nothing(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answers(monkeypatch, project, families=(FamilyRun(Family.QUERY, "error", "KeyError: 'x'"),))
        assert run(["check", "-q", "--exit-zero"]) == 2
        shown = capsys.readouterr()
        assert shown.out.splitlines() == LINES
        assert shown.err == "persist-lint: the query family failed: KeyError: 'x'\n"

    def test_statistics(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(["check", "--statistics", "-q"])
        rows = capsys.readouterr().err.splitlines()
        assert rows[:2] == ["     2 PSL303 sync-sleep-in-async", "     1 PSL102 n-update-loop"]
        assert rows[2].startswith("3 files, 20 lines in ")

    def test_output_file_is_written_whole(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "out.txt").write_text("old")
        assert run(["check", "-q", "--output-file", "out.txt", "--color", "auto"]) == 1
        assert (project / "out.txt").read_text().splitlines() == LINES
        assert capsys.readouterr().out == ""
        assert sorted(path.name for path in project.iterdir()) == ["app", "out.txt", "setup.cfg"]

    def test_output_file_into_nowhere(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check", "-o", "nowhere/out.txt"]) == 2
        assert (
            capsys.readouterr().err == "persist-lint: nowhere/out.txt: cannot be written: No such file or directory\n"
        )

    def test_output_file_may_be_a_device(self) -> None:
        assert run(["check", "-o", "/dev/null"]) == 1
        assert not Path("/dev/null").is_file()

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch, project: Path, host: Host) -> None:
        done = host("cli", "check", "-q", "--stdin-filename", "app/new.py", "-", stdin="x = 1\ny = 'ä'\n")
        assert done.stdout == "app/new.py:2:1: PSL303 sync-sleep-in-async MEDIUM time.sleep on the event loop here\n"

    def test_standard_input_needs_a_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check", "-"]) == 2
        assert capsys.readouterr().err == (
            'persist-lint: "-" is standard input: name the file that it stands for with --stdin-filename\n'
        )

    def test_show_settings(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / ".persist-lint.toml").write_text('select = ["query"]\nmin-severity = "high"\n')
        assert run(["check", "--show-settings", "--ignore", "PSL1,PSL2"]) == 0
        shown = capsys.readouterr().out
        assert '"select": [\n    "query"\n  ]' in shown
        assert '"ignore": [\n    "PSL1",\n    "PSL2"\n  ]' in shown
        assert '"min-severity": "high"' in shown

    def test_show_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check", "--show-files", "app"]) == 0
        assert capsys.readouterr().out.splitlines() == ["app/jobs.py", "app/other.py", "app/quiet.py"]

    def test_paths_are_relative_to_the_working_directory(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(project / "app")
        run(["check", "-q"])
        assert capsys.readouterr().out.splitlines()[0] == LINES[0].replace("app/jobs.py", "jobs.py", 1)


@pytest.mark.usefixtures("engine")
class TestFailures:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["check", "nowhere"], "nowhere: no such file or directory"),
            (["check", "--config", "nowhere.toml"], "nowhere.toml: cannot be read: No such file or directory"),
            (["explain", "n-updat-loop"], '"n-updat-loop" names no rule; did you mean "n-update-loop"?'),
            (["explain", "xyzzy"], '"xyzzy" names no rule; "persist-lint rules" lists them'),
        ],
    )
    def test_one_line(self, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(arguments) == 2
        assert capsys.readouterr() == ("", f"persist-lint: {message}\n")

    def test_an_unknown_option(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["check", "--formt"]) == 2
        (line,) = capsys.readouterr().err.splitlines()  # the words are click's
        assert line.startswith("persist-lint: No such option")
        assert "--formt" in line
        assert line.endswith(' (see "persist-lint check --help")')

    def test_an_unknown_rule_on_the_command_line(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / ".persist-lint.toml").write_text("")
        assert run(["check", "--show-settings", "--select", "x"]) == 0
        assert '"source": null' in capsys.readouterr().out

    def test_a_broken_configuration(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / ".persist-lint.toml").write_text("selct = []\n")
        assert run(["check"]) == 2
        where = project / ".persist-lint.toml"
        assert capsys.readouterr().err == f'persist-lint: {where}: unknown key "selct"; did you mean "select"?\n'

    def test_isolated_reads_no_configuration(self, project: Path) -> None:
        (project / ".persist-lint.toml").write_text("selct = []\n")
        assert run(["check", "--isolated"]) == 1

    def test_internal_error(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def analyse(*_arguments: object, **_more: object) -> None:
            raise ZeroDivisionError("two\nlines \x1b[31m")

        monkeypatch.setattr(sys.modules["persist_lint.engine.run"], "analyse", analyse)
        assert run(["check"]) == 2
        line = "persist-lint: internal error: ZeroDivisionError: two lines \\x1b[31m"
        assert capsys.readouterr().err == f"{line}; run again with -v for the traceback\n"
        assert run(["check", "-v"]) == 2
        shown = capsys.readouterr().err
        assert shown.startswith("Traceback (most recent call last):\n")
        assert shown.endswith(f"{line}\n")

    def test_an_interrupt(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def analyse(*_arguments: object, **_more: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(sys.modules["persist_lint.engine.run"], "analyse", analyse)
        assert run(["check"]) == 2
        assert capsys.readouterr().err.strip() == "persist-lint: interrupted"

    def test_no_command_prints_the_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([]) == 2
        assert capsys.readouterr().err.startswith("Usage: persist-lint ")


def test_a_reader_that_goes_away_is_no_error(project: Path, host: Host) -> None:
    code = (
        "import subprocess, sys\n"
        "done = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "done.stdout.close()\n"
        "error = done.stderr.read()\n"
        "print(done.wait(), error.decode())\n"
    )
    command = [sys.executable, fake_engine.__file__, "fork", "cli", "check", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(IMPORT_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("choice", "variables", "coloured"),
    [("always", {}, True), ("never", {}, False), ("auto", {}, False), ("always", {"NO_COLOR": "1"}, True)],
)
def test_colour(
    choice: str,
    variables: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run(["check", "--color", choice])
    assert ("\x1b[" in capsys.readouterr().out) is coloured


@pytest.mark.usefixtures("engine")
class TestPages:
    def test_rules(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["rules"]) == 0
        assert capsys.readouterr().out == (
            "PSL102  n-update-loop               query    one UPDATE or DELETE per item of a loop\n"
            "PSL303  sync-sleep-in-async         runtime  time.sleep on the event loop\n"
            "PSL001  unused-suppression          project  a suppression comment suppresses nothing\n"
            "PSL002  unreadable-file             project  a file cannot be read\n"
            "PSL003  syntax-error                project  a file cannot be parsed\n"
            "PSL004  suppression-without-reason  project  a suppression comment gives no reason\n"
        )

    @pytest.mark.parametrize("word", ["n-update-loop", "PSL102", "psl102", "W7102"])
    def test_explain(self, word: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["explain", word]) == 0
        assert capsys.readouterr().out == (
            "# n-update-loop (PSL102, W7102)\n"
            "\n"
            "one UPDATE or DELETE per item of a loop\n"
            "\n"
            "Family: query · Check: n_update_delete_loop · Effort: M · Query Efficiency / Batch Operations\n"
            "\n"
            "A statement per item costs a round trip per item.\n"
            "\n"
            "## Severity\n"
            "\n"
            "- HIGH: unbounded\n"
            "- LOW: known small\n"
            "\n"
            "## Bad\n"
            "\n"
            "```python\n"
            "for job in jobs:\n"
            "    repo.close(job)  # error: [n-update-loop]\n"
            "```\n"
            "\n"
            "## Good\n"
            "\n"
            "```python\n"
            "repo.close_all(jobs)\n"
            "```\n"
            "\n"
            "## Instead\n"
            "\n"
            "Issue one UPDATE for all items.\n"
            "\n"
            "## Sources\n"
            "\n"
            "- <https://docs.sqlalchemy.org/>\n"
        )

    def test_explain_a_diagnostic(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["explain", "PSL003", "--format", "json"]) == 0
        assert '"name": "syntax-error"' in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
class TestAudit:
    def test_reports_are_written(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["audit", "--output-dir", "out", "--report", "report.md"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[:2] == [
            "Report written: out/651-query-efficiency.md",
            "Score: 9.0/10 | Issues: 1 (C:0 H:1 M:0 L:0)",
        ]
        assert lines[-1] == "Report written: report.md"
        assert sorted(path.name for path in (project / "out").iterdir()) == [
            "651-query-efficiency.md",
            "652-transaction-correctness.md",
            "653-runtime-performance.md",
            "654-resource-lifecycle.md",
        ]

    def test_no_write_prints(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["audit", "--no-write"]) == 0
        assert capsys.readouterr().out.startswith("## Persistence & Performance Audit Report - ")
        assert sorted(path.name for path in project.iterdir()) == ["app", "setup.cfg"]

    @pytest.mark.parametrize(("fail_on", "status"), [("high", 1), ("critical", 0)])
    def test_fail_on(self, fail_on: str, status: int) -> None:
        assert run(["audit", "--no-write", "--fail-on", fail_on]) == status

    def test_without_validation_severities_stay(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = finding(fake_engine.SLEEP, "app/tasks/x.py", 1, 0, 1, severity=Severity.HIGH, function="app.setup")
        rule = fake_engine.SLEEP
        answers(monkeypatch, project, findings=(found,))
        assert rule.check == "sync_sleep_in_async"
        assert run(["audit", "--no-write", "--no-validate", "--fail-on", "high"]) == 1


@pytest.mark.usefixtures("engine")
def test_context(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["context"]) == 0
    assert capsys.readouterr().out.startswith('{\n  "tech_stack": {')
    assert run(["context", "--format", "text"]) == 0
    assert "codebase_root: " in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"persist-lint {__version__}\n"


def test_words_of_options_are_those_of_the_model() -> None:
    assert tuple(severity.name.lower() for severity in Severity) == options.SEVERITIES
    assert tuple(confidence.name.lower() for confidence in Confidence) == options.CONFIDENCES
