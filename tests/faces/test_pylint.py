"""The pylint plugin: the same messages whatever the number of jobs and the start method, one analysis per lint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faces.fake_engine import Host

ONLY = (
    "--load-plugins=persist_lint",
    "--disable=all",
    "--enable=persist-query,persist-transaction,persist-runtime,persist-resource,persist-project,useless-suppression",
    "--msg-template={path}:{line}:{column}:{end_line}:{end_column}: {msg_id} {symbol} {msg}",
    "--score=n",
)
EXPECTED = [
    "app/jobs.py:6:14:6:29: W7102 n-update-loop one UPDATE or DELETE per item of a loop here (HIGH, effort M)",
    "app/jobs.py:13:27:13:40: W7303 sync-sleep-in-async time.sleep on the event loop here (MEDIUM, effort S)",
    "app/jobs.py:14:0::: W7004 suppression-without-reason the comment gives no reason",
    "app/other.py:5:4:5:17: W7303 sync-sleep-in-async time.sleep on the event loop here (MEDIUM, effort S)",
]
FILES = ("app/jobs.py", "app/other.py", "app/quiet.py")


def messages(text: str) -> list[str]:
    """The message lines, sorted; pylint prints the name of each module above its messages."""
    return sorted(line for line in text.splitlines() if not line.startswith("*" * 13))


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_two_jobs_say_the_same_from_one_analysis(host: Host, analyses: Callable[[], int], method: str) -> None:
    done = host("pylint", *ONLY, "-j2", *FILES, method=method)
    assert (messages(done.stdout), done.stderr) == (sorted(EXPECTED), "")
    assert (done.returncode, analyses()) == (4, 1)


def test_one_job(host: Host, analyses: Callable[[], int], tmp_path: Path) -> None:
    done = host("pylint", *ONLY, *FILES)
    assert (messages(done.stdout), done.stderr) == (sorted(EXPECTED), "")
    assert (done.returncode, analyses()) == (4, 1)


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_nothing_is_left_behind(host: Host, tmp_path: Path, jobs: str) -> None:
    host("pylint", *ONLY, jobs, *FILES)
    assert not list(tmp_path.glob("persist-lint-run-*"))


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_two_names_of_the_plugin_do_not_double_messages(host: Host, jobs: str) -> None:
    twice = "--load-plugins=persist_lint,persist_lint.faces.pylint"
    done = host("pylint", *ONLY, twice, jobs, *FILES)
    assert messages(done.stdout) == sorted(EXPECTED)


def test_a_directory_given_to_pylint(host: Host) -> None:
    done = host("pylint", *ONLY, "--recursive=y", ".")
    assert messages(done.stdout) == sorted(EXPECTED)


def test_a_disable_comment_that_hits_is_not_useless(host: Host) -> None:
    done = host("pylint", *ONLY, "--enable=suppressed-message", "app/jobs.py")
    assert [line for line in messages(done.stdout) if " I00" in line] == [
        "app/jobs.py:10:0::: I0020 suppressed-message Suppressed 'n-update-loop' (from line 10)"
    ]


def test_checkers_and_symbols_are_known_to_pylint(host: Host) -> None:
    done = host(
        "pylint", *ONLY, "--disable=n-update-loop,persist-project,useless-suppression", "app/jobs.py", "app/other.py"
    )
    assert [line.split()[1] for line in messages(done.stdout)] == ["W7303", "W7303"]


def test_least_severity(host: Host) -> None:
    done = host("pylint", *ONLY, "--persist-lint-min-severity=high", "app/jobs.py", "app/other.py")
    assert [line.split()[1] for line in messages(done.stdout)] == ["W7004", "W7102"]


def test_standard_input(host: Host) -> None:
    done = host("pylint", *ONLY, "--from-stdin", "app/jobs.py", stdin="x = 1\ny = 2\nz = 3\n")
    assert [line.split(": ")[0] for line in messages(done.stdout)] == ["app/jobs.py:3:0:3:5"]


def test_help_of_a_message(host: Host) -> None:
    done = host("pylint", "--load-plugins=persist_lint", "--help-msg=n-update-loop")
    assert done.stdout == (
        ":n-update-loop (W7102): *%(message)s (%(severity)s, effort %(effort)s)*\n"
        "  One UPDATE or DELETE per item of a loop. A statement per item costs a round\n"
        "  trip per item. Instead: Issue one UPDATE for all items. This message belongs\n"
        "  to the persist-query checker.\n\n"
    )


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_a_wrong_configuration_is_one_line(host: Host, project: Path, jobs: str) -> None:
    (project / ".persist-lint.toml").write_text("selct = []\n")
    done = host("pylint", *ONLY, jobs, *FILES)
    where = project / ".persist-lint.toml"
    assert done.stderr == f'persist-lint: {where}: unknown key "selct"; did you mean "select"?\n'
    assert done.returncode == 1


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_an_internal_error_is_one_line(host: Host, project: Path, jobs: str) -> None:
    done = host("pylint", *ONLY, jobs, *FILES, fault="crash")
    assert done.stderr == (
        "persist-lint: internal error: ZeroDivisionError: division by zero;"
        ' run "persist-lint check -v" for the traceback\n'
    )
    assert sorted(path.name for path in project.iterdir()) == ["app", "setup.cfg"]


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_a_failed_family_is_said_once_and_spoils_nothing(host: Host, jobs: str) -> None:
    done = host("pylint", *ONLY, jobs, *FILES, fault="family")
    assert done.stderr == "persist-lint: the query family failed: KeyError: 'x'\n"
    assert messages(done.stdout) == sorted(EXPECTED)


def test_json_output_of_pylint_holds_the_columns(host: Host) -> None:
    done = host("pylint", *ONLY, "--output-format=json2", "app/other.py")
    (message,) = json.loads(done.stdout)["messages"]
    assert (message["line"], message["column"], message["endLine"], message["endColumn"]) == (5, 4, 5, 17)
