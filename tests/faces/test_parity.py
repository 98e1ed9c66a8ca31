"""Every face shows the same: one project through the command line, pylint and flake8, with one and two processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faces.fake_engine import IMPORT_ROOT
from flake8_plugin import flake8_configuration

PROJECT = Path(__file__).parent / "project"
Place = tuple[str, int, str]

#: What the project's comments and code say: a query per item behind a repository, one in the open, one blocking sleep,
#: one comment that has become useless.
EXPECTED: set[Place] = {
    ("app/api.py", 14, "PSL303"),
    ("app/database.py", 5, "PSL404"),
    ("app/service.py", 11, "PSL107"),
    ("app/service.py", 18, "PSL107"),
    ("app/service.py", 38, "PSL001"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that caches do not end up in the repository, and outside of what is taken for tests."""
    root = tmp_path_factory.mktemp("parity") / "service"
    shutil.copytree(PROJECT, root)
    (root / ".flake8").write_text(flake8_configuration("select = PSL"))
    return root


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(IMPORT_ROOT), "PYLINTHOME": str(project.parent)}
    return subprocess.run(
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def cli(project: Path, jobs: int) -> tuple[set[Place], str]:
    done = run(project, "-m", "persist_lint", "check", "--format", "json", f"-j{jobs}", ".")
    answer = json.loads(done.stdout)
    places = {(item["path"], item["line"], item["code"]) for item in answer["findings"]}
    codes = {"unused-suppression": "PSL001", "suppression-without-reason": "PSL004"}
    return places | {(item["path"], item["line"], codes[item["kind"]]) for item in answer["errors"]}, done.stderr


def pylint(project: Path, jobs: int) -> tuple[set[Place], str]:
    families = ",".join(f"persist-{name}" for name in ("query", "transaction", "runtime", "resource", "project"))
    options = ("--disable=all", f"--enable={families},useless-suppression", "--recursive=y", "--score=n")
    template = "--msg-template={path}|{line}|{msg_id}"
    arguments = (*options, template, "--load-plugins=persist_lint", f"-j{jobs}", ".")
    done = run(project, "-m", "pylint", *arguments)
    rows = [line.split("|") for line in done.stdout.splitlines() if not line.startswith("*" * 13)]
    return {(path, int(line), code.replace("W7", "PSL")) for path, line, code in rows}, done.stderr


def flake8(project: Path, jobs: int) -> tuple[set[Place], str]:
    done = run(project, "-m", "flake8", "--format=%(path)s|%(row)d|%(code)s", f"-j{jobs}", ".")
    rows = [line.split("|") for line in done.stdout.splitlines()]
    return {(path.removeprefix("./"), int(line), code) for path, line, code in rows}, done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("face", [cli, pylint, flake8], ids=["cli", "pylint", "flake8"])
def test_same_rules_on_same_lines(project: Path, face: object, jobs: int) -> None:
    places, errors = face(project, jobs)  # type: ignore[operator]
    assert (sorted(places), errors) == (sorted(EXPECTED), "")
