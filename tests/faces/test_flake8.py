"""The flake8 plugin: the same lines whatever the number of jobs and the start method, one analysis per run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faces.fake_engine import Host
from flake8_plugin import flake8_configuration

LOOP = "PSL102 n-update-loop: one UPDATE or DELETE per item of a loop here (HIGH, effort M)"
SLEEP = "PSL303 sync-sleep-in-async: time.sleep on the event loop here (MEDIUM, effort S)"
EXPECTED = [
    f"app/jobs.py:6:15: {LOOP}",
    f"app/jobs.py:13:28: {SLEEP}",
    "app/jobs.py:14:1: PSL004 suppression-without-reason: the comment gives no reason",
    f"app/other.py:5:5: {SLEEP}",
]
FILES = ("app/jobs.py", "app/other.py", "app/quiet.py")


@pytest.fixture
def flake8(host: Host, project: Path) -> Host:
    """flake8 with the plugin, and nothing else selected unless the arguments say so."""
    (project / ".flake8").write_text(flake8_configuration("select = PSL"))

    def run(*arguments: str, **more: str) -> object:
        return host("flake8", *arguments, **more)

    return run  # type: ignore[return-value]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_two_jobs_say_the_same_from_one_analysis(
    flake8: Host, analyses: Callable[[], int], tmp_path: Path, method: str
) -> None:
    done = flake8("-j2", *FILES, method=method)
    assert (done.stdout.splitlines(), done.stderr) == (EXPECTED, "")
    assert (done.returncode, analyses()) == (1, 1)
    assert not list(tmp_path.glob("persist-lint-run-*"))


def test_one_job(flake8: Host, analyses: Callable[[], int]) -> None:
    done = flake8("-j1", *FILES)
    assert (done.stdout.splitlines(), done.stderr) == (EXPECTED, "")
    assert (done.returncode, analyses()) == (1, 1)


def test_no_path_is_the_working_directory(flake8: Host) -> None:
    done = flake8("-j1")
    assert done.stdout.replace("./", "").splitlines() == EXPECTED


def test_selected_family(flake8: Host) -> None:
    assert flake8("-j1", "--select=PSL1", *FILES).stdout.splitlines() == EXPECTED[:1]


def test_disable_noqa_shows_what_noqa_hides_and_nothing_else(flake8: Host) -> None:
    done = flake8("-j1", "--disable-noqa", "--select=PSL1", *FILES)
    assert done.stdout.splitlines() == [EXPECTED[0], f"app/jobs.py:8:15: {LOOP}"]


def test_least_severity(flake8: Host) -> None:
    done = flake8("-j1", "--persist-lint-min-severity=high", *FILES)
    assert done.stdout.splitlines() == [EXPECTED[0], EXPECTED[2]]


def test_standard_input(flake8: Host) -> None:
    done = flake8("--stdin-display-name", "app/jobs.py", "-", stdin="x = 1\ny = 2\nz = 3\n")
    assert (done.stdout, done.stderr) == (f"app/jobs.py:3:1: {SLEEP}\n", "")


def test_standard_input_without_a_name(flake8: Host) -> None:
    assert flake8("-", stdin="x = 1\n").stdout == f"stdin:1:1: {SLEEP}\n"


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_an_internal_error_is_one_line(flake8: Host, jobs: str) -> None:
    done = flake8(jobs, *FILES, fault="crash")
    assert done.stdout == (
        "There was a critical error during execution of Flake8:\n"
        "persist-lint: internal error: ZeroDivisionError: division by zero;"
        ' run "persist-lint check -v" for the traceback\n'
    )
    assert (done.stderr, done.returncode) == ("", 1)


def test_an_inherited_run_of_a_stranger_is_not_joined(
    flake8: Host, analyses: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSIST_LINT_FLAKE8_RUN", f"{os.getpid()}-0123456789abcdef01234567")
    for expected in (1, 2):
        assert flake8("-j2", *FILES, method="spawn").stdout.splitlines() == EXPECTED
        assert analyses() == expected


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_a_wrong_configuration_is_one_line(flake8: Host, project: Path, jobs: str) -> None:
    (project / ".persist-lint.toml").write_text("selct = []\n")
    done = flake8(jobs, *FILES)
    where = project / ".persist-lint.toml"
    assert done.stdout == (
        "There was a critical error during execution of Flake8:\n"
        f'persist-lint: {where}: unknown key "selct"; did you mean "select"?\n'
    )
    assert (done.stderr, done.returncode) == ("", 1)
