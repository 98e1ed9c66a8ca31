"""Report files of an audit are whole: the old text or the new one wherever a run dies, untouched if it cannot run."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from end_to_end.tool import tool, write

from persist_lint.faces import cli

BEFORE = "import time\n\n\nasync def wait() -> None:\n    time.sleep(3)\n"
AFTER = BEFORE + "    time.sleep(4)\n"
#: What changes a folder, as the interpreter's audit events name it.
CHANGES = frozenset({"os.rename", "os.link", "os.mkdir", "os.remove", "os.chmod"})

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs that are killed are forks of the test")


def _reports(root: Path) -> dict[str, bytes]:
    """The report files by path; what a killed run left half-written beside them is hidden."""
    folder = root / "docs" / "project"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _restore(root: Path, reports: dict[str, bytes]) -> None:
    for path in sorted((root / "docs").rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()
    for name, content in reports.items():
        (root / name).write_bytes(content)


def _audit(root: Path) -> None:
    assert tool("audit", "--no-cache", ".", cwd=root).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything imported that an audit needs, once and not in every fork."""
    root = write(tmp_path_factory.mktemp("warm"), {"app.py": BEFORE})
    assert cli.run(["audit", "--no-cache", str(root)]) == 0


def _killed_before(step: int, root: Path) -> bool:
    """Audit in a child that is killed (SIGKILL) before its ``step``-th change to the folder; False if it ended."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    try:
        left = [step]

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            opened = arguments[2] if event == "open" else 0
            writes = isinstance(opened, int) and bool(opened & (os.O_WRONLY | os.O_RDWR))
            if (event in CHANGES or writes) and str(root) in str(arguments[0]):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        os._exit(cli.run(["audit", "--no-cache", str(root)]))
    finally:
        os._exit(3)


def test_reports_are_old_or_new_wherever_the_run_is_killed(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": BEFORE})
    _audit(tmp_path)
    old = _reports(tmp_path)
    (tmp_path / "app.py").write_text(AFTER)
    _audit(tmp_path)
    new = _reports(tmp_path)
    assert [name for name in old if new[name] == old[name]] == []

    step = 0
    while True:
        step += 1
        _restore(tmp_path, old)
        killed = _killed_before(step, tmp_path)
        found = _reports(tmp_path)
        assert sorted(found) == sorted(old), step
        assert {name: content for name, content in found.items() if content not in (old[name], new[name])} == {}, step
        if not killed:
            break
    assert found == new
    # Six files: each is opened, and put in place by a link and a rename.
    assert step > 6 * 3


def test_a_first_run_that_is_killed_leaves_whole_files_or_none(tmp_path: Path) -> None:
    write(tmp_path / "done", {"app.py": BEFORE})
    _audit(tmp_path / "done")
    whole = _reports(tmp_path / "done")
    step, killed = 0, True
    while killed:
        step += 1
        root = write(tmp_path / str(step), {"app.py": BEFORE})
        killed = _killed_before(step, root)
        found = _reports(root) if (root / "docs").exists() else {}
        assert {name: content for name, content in found.items() if content != whole[name]} == {}, step
    assert found == whole


@pytest.mark.parametrize(
    "sources",
    [
        {"pyproject.toml": "[tool.persist-lint]\nselect = [\n"},
        {"pyproject.toml": "[tool.persist-lint]\nselekt = []\n"},
        {"pyproject.toml": '[tool.persist-lint]\nvocabulary = ["nowhere.toml"]\n'},
    ],
    ids=["broken", "unknown key", "no such vocabulary"],
)
def test_an_audit_that_cannot_run_touches_nothing(tmp_path: Path, sources: dict[str, str]) -> None:
    write(tmp_path, {"app.py": BEFORE})
    _audit(tmp_path)
    old = _reports(tmp_path)
    write(tmp_path, {"app.py": AFTER, **sources})
    done = tool("audit", "--no-cache", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert _reports(tmp_path) == old
