"""An engine and a catalogue with known answers, put in place of the real ones, for tests of the faces alone.

Run as a script it becomes a host: ``fake_engine.py START_METHOD HOST ARGUMENT…`` (cli, pylint, flake8). Worker
processes under spawn and forkserver import the script again and so get the same engine. Each analysis adds a line to
the file that FAKE_ENGINE_LOG names; FAKE_ENGINE_FAULT makes it crash, or one family of it.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import persist_lint
from persist_lint.engine.errors import PathError
from persist_lint.engine.roots import find_root
from persist_lint.model.analysis import Analysis, Discovered, FamilyRun, Suppressed
from persist_lint.model.context import Surroundings
from persist_lint.model.finding import Diagnostic, EntryPoint, Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span
from persist_lint.rules import catalogue

#: Where the tested package is imported from: the repository, or what it is installed in.
IMPORT_ROOT = Path(persist_lint.__file__).parents[1]

#: A function that runs a host in a process of its own, as the fixture ``host`` gives it.
Host = Callable[..., "subprocess.CompletedProcess[str]"]

LOOP = Rule(
    number=102,
    name="n-update-loop",
    family=Family.QUERY,
    check="n_update_delete_loop",
    title="one UPDATE or DELETE per item of a loop",
    effort=Effort.M,
    principle="Query Efficiency / Batch Operations",
    severities=((Severity.HIGH, "unbounded"), (Severity.LOW, "known small")),
    recommendation="Issue one UPDATE for all items.",
    sources=("https://docs.sqlalchemy.org/",),
    bad="for job in jobs:\n    repo.close(job)  # error: [n-update-loop]\n",
    good="repo.close_all(jobs)\n",
    page="A statement per item costs a round trip per item.",
)
SLEEP = Rule(
    number=303,
    name="sync-sleep-in-async",
    family=Family.RUNTIME,
    check="sync_sleep_in_async",
    title="time.sleep on the event loop",
    effort=Effort.S,
    principle="Runtime / Event Loop",
    severities=((Severity.MEDIUM, "always"),),
    recommendation="Await asyncio.sleep.",
    sources=(),
    bad="time.sleep(1)  # error: [sync-sleep-in-async]\n",
    good="await asyncio.sleep(1)\n",
    page="It stops every other request.",
)

#: The project that the answers are about; the comments are really on their lines.
FILES = {
    "setup.cfg": "",
    "app/jobs.py": (
        "import time\n"
        "\n"
        "\n"
        "async def close(repo, jobs):\n"
        "    for job in jobs:\n"
        "        await repo.close(job)\n"
        "    for job in jobs:\n"
        "        await repo.close(job)  # noqa: PSL102\n"
        "    for job in jobs:\n"
        "        await repo.close(job)  # pylint: disable=n-update-loop\n"
        "    for job in jobs:\n"
        "        await repo.close(job)  # persist-lint: ignore[n-update-loop] ten at most\n"
        "    time.sleep(len('ä')); time.sleep(2)\n"
        "    # persist-lint: ignore[n-update-loop]\n"
    ),
    "app/other.py": "import time\n\n\nasync def wait():\n    time.sleep(1)\n",
    "app/quiet.py": "VALUE = 1\n",
}


def finding(rule: Rule, path: str, line: int, column: int, end: int, **more: Any) -> Finding:
    """A finding of the rule on one line."""
    fields: dict[str, Any] = {
        "function": path.removesuffix(".py").replace("/", ".") + ".close",
        "message": f"{rule.title} here",
        "recommendation": rule.recommendation,
        "severity": rule.severities[0][0],
        "confidence": Confidence.DEFINITE,
        "effort": rule.effort,
        "fingerprint": f"{rule.code}:{line}",
        **more,
    }
    return Finding(rule=rule.name, code=rule.code, path=path, span=Span(line, column, line, end), **fields)


def answer(root: Path, **more: Any) -> Analysis:
    """The analysis of FILES under the root."""
    evidence: dict[str, Any] = {
        "trace": (Step("app/jobs.py", Span(5, 4, 6, 29), "loop over jobs"),),
        "entry_points": (EntryPoint("request", "app.quiet.route", "app/quiet.py", 1),),
    }

    def loop(line: int) -> Finding:
        return finding(LOOP, "app/jobs.py", line, 14, 29, **evidence)

    fields: dict[str, Any] = {
        "root": str(root),
        "files": 3,
        "lines": 20,
        "findings": (
            loop(6),
            finding(SLEEP, "app/jobs.py", 13, 27, 40),
            finding(SLEEP, "app/other.py", 5, 4, 17),
        ),
        "suppressed": (
            Suppressed(loop(8), "noqa", "app/jobs.py", 8, None),
            Suppressed(loop(10), "pylint", "app/jobs.py", 10, None),
            Suppressed(loop(12), "persist-lint", "app/jobs.py", 12, "ten at most"),
        ),
        "diagnostics": (
            Diagnostic("app/jobs.py", 14, "suppression-without-reason", "the comment gives no reason"),
            Diagnostic("app/missing.py", 0, "unreadable-file", "permission denied"),
        ),
        "families": tuple(FamilyRun(family, "completed") for family in Family),
        "rules": (LOOP.name, SLEEP.name),
        "surroundings": Surroundings(),
        "discovered": Discovered(),
        **more,
    }
    return Analysis(**fields)


def analyse(
    paths: Sequence[Path],
    config: Any,
    *,
    executor: object = None,
    overlay: Mapping[Path, str] | None = None,
    store: object = None,
) -> Analysis:
    """Stands for engine.run.analyse. A file with an overlay has no findings but one, on the overlay's last line."""
    overlay = overlay or {}
    log = os.environ.get("FAKE_ENGINE_LOG")
    if log:
        with Path(log).open("a") as stream:
            stream.write(f"{os.getpid()} {' '.join(path.name for path in paths)}\n")
    fault = os.environ.get("FAKE_ENGINE_FAULT")
    if fault == "crash":
        raise ZeroDivisionError("division\nby zero")
    for path in paths:
        if not path.exists() and path.resolve() not in overlay:
            raise PathError(f"{path}: no such file or directory")
    root = find_root(paths[0].resolve())
    analysis = answer(root)
    if fault == "family":
        analysis = answer(root, families=(FamilyRun(Family.QUERY, "error", "KeyError: 'x'"),))
    if overlay:
        ((path, text),) = overlay.items()
        last = text.count("\n")
        only = finding(SLEEP, path.relative_to(root).as_posix(), last, 0, 5)
        return answer(root, findings=(only,), suppressed=(), diagnostics=())
    return analysis


def engine() -> ModuleType:
    """Stands for the module engine.run."""
    module = ModuleType("persist_lint.engine.run")
    module.analyse = analyse  # type: ignore[attr-defined]
    return module


def install() -> None:
    """Put engine and catalogue in place, in this process."""
    sys.modules["persist_lint.engine.run"] = engine()
    catalogue.load = load  # type: ignore[assignment]


def load() -> tuple[catalogue.RuleModule, ...]:
    """Stands for catalogue.load."""
    return tuple(catalogue.RuleModule(rule, lambda project: iter(()), "fake") for rule in (LOOP, SLEEP))


def host(name: str, arguments: list[str]) -> int:
    """Run the host and return its exit status."""
    if name == "pylint":
        from pylint.lint import Run

        Run(arguments)
        return 0
    if name == "flake8":
        from flake8.main.cli import main

        return main(arguments)
    from persist_lint.faces.cli import run

    return run(arguments)


if __name__ in ("__main__", "__mp_main__"):
    install()
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    sys.exit(host(sys.argv[2], sys.argv[3:]))
