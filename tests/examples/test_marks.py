"""The analyser finds in the examples what their marks say, on exactly these lines, and nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import persist_lint

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MARK = re.compile(r"# error: \[([a-z-]+)\]$")
Place = tuple[str, int, str]

PLANTED = {
    "query-in-loop": 2,
    "n-update-loop": 2,
    "missing-bulk-operation": 1,
    "redundant-entity-fetch": 1,
    "transaction-too-wide": 1,
    "missing-rollback": 1,
    "missing-intermediate-commit": 1,
    "unawaited-session-call": 1,
    "blocking-io-in-async": 2,
    "sync-sleep-in-async": 1,
    "unnecessary-list-allocation": 1,
    "streaming-resource-holding": 1,
    "missing-resource-cleanup": 1,
    "pool-configuration-gap": 1,
    "over-fetching": 1,
    "unnecessary-resolve": 1,
    "wrong-caching-scope": 1,
    "lazy-load-in-loop": 1,
    "transaction-too-narrow": 1,
    "long-held-transaction": 1,
    "event-channel-mismatch": 1,
    "side-effect-before-commit": 1,
    "concurrent-session-use": 1,
    "lost-update": 1,
    "async-lazy-load": 1,
    "string-concat-in-loop": 1,
    "cpu-bound-in-async": 1,
    "redundant-data-copy": 1,
    "resource-scope-mismatch": 1,
    "error-path-leak": 1,
    "injected-session-in-long-lived-context": 1,
    "client-per-call": 1,
}


def marks(tree: Path) -> set[Place]:
    """(path below the examples, 1-based line, rule) of every `# error: [rule]` in the tree's Python files."""
    return {
        (path.relative_to(tree.parent).as_posix(), number, found[1])
        for path in tree.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if (found := MARK.search(line))
    }


def findings(tree: Path) -> list[Place]:
    """What `check` reports there: (path below the examples, line, rule), in the order of the report."""
    # the analyser that these tests import, be it installed or the work tree's
    package_home = str(Path(persist_lint.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "persist_lint", "check", tree.name, "--format", "json"],
        cwd=tree.parent,
        env={**os.environ, "PYTHONPATH": package_home},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["errors"] == []
    assert done.returncode == (1 if report["findings"] else 0)
    return [(finding["path"], finding["line"], finding["rule"]) for finding in report["findings"]]


def test_every_rule_is_planted() -> None:
    planted = [rule for _, _, rule in marks(EXAMPLES / "job_service")]
    assert {rule: planted.count(rule) for rule in planted} == PLANTED


def test_every_planted_defect_is_found() -> None:
    assert findings(EXAMPLES / "job_service") == sorted(marks(EXAMPLES / "job_service"))


def test_the_fixed_service_has_no_marks() -> None:
    assert marks(EXAMPLES / "job_service_fixed") == set()


def test_the_fixed_service_is_silent() -> None:
    assert findings(EXAMPLES / "job_service_fixed") == []


def test_marks_are_read_from_the_ends_of_lines(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "a.py").write_text(
        "'# error: [not-a-mark] here'\nx = 1  # error: [query-in-loop]\n# error: [n-update-loop]\n"
    )
    (tmp_path / "tree" / "README.md").write_text("# error: [query-in-loop]\n")
    assert marks(tmp_path / "tree") == {("tree/sub/a.py", 2, "query-in-loop"), ("tree/sub/a.py", 3, "n-update-loop")}
