"""The flake8 plugin: extension ``PSL``.

One run per flake8 run. Its id is made in ``parse_options`` and kept in an environment variable, because under
forkserver and spawn every worker parses the options again: a worker takes the id when the id's owner is its parent
process, so that an unrelated flake8 started with an inherited environment makes its own.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from persist_lint import __version__
from persist_lint.faces import snapshot

if TYPE_CHECKING:
    import argparse
    import ast

    from flake8.options.manager import OptionManager

_VARIABLE = "PERSIST_LINT_FLAKE8_RUN"


class Plugin:
    """What flake8 makes for each file: yields (line, column, text, type) for what the run says about it."""

    name = "persist-lint"
    version = __version__

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str], options: argparse.Namespace) -> None:
        self._filename = filename
        self._lines = lines
        self._options = options

    @staticmethod
    def add_options(manager: OptionManager) -> None:
        """Add the options, which are those of the pylint plugin; they can stand in flake8's configuration as well."""
        manager.add_option(
            "--persist-lint-config",
            default="",
            metavar="FILE",
            parse_from_config=True,
            normalize_paths=True,
            help="Configuration file of persist-lint (default: found from each project's root).",
        )
        manager.add_option(
            "--persist-lint-min-severity",
            default="",
            choices=["", "low", "medium", "high", "critical"],
            parse_from_config=True,
            help="Lowest severity that persist-lint reports (default: as configured).",
        )

    @staticmethod
    def parse_options(_manager: OptionManager, options: argparse.Namespace, _files: Sequence[str]) -> None:
        """Begin the run, or join the one of the parent process."""
        options.persist_lint_run = _join_or_begin()

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """The findings and diagnostics of the file. What ``# noqa`` silences is left to flake8 and its options."""
        from flake8.exceptions import ExecutionError

        from persist_lint.faces.errors import FaceError
        from persist_lint.faces.host import told

        try:
            found = told(self._host(), self._filename, "".join(self._lines) if self._stdin() else None)
        except FaceError as error:
            raise ExecutionError(f"persist-lint: {error}") from None
        for item in found:
            if item.silenced in ("", "noqa"):
                grades = f" ({item.severity}, effort {item.effort})" if item.severity else ""
                yield item.line, item.column, f"{item.code} {item.name}: {item.message}{grades}", type(self)

    def _stdin(self) -> bool:
        return "-" in self._options.filenames

    def _host(self) -> Any:
        from persist_lint.faces.host import HostRun
        from persist_lint.model.severity import Severity

        chosen = self._options.persist_lint_min_severity
        return HostRun(
            run=self._options.persist_lint_run,
            config=self._options.persist_lint_config,
            min_severity=Severity[chosen.upper()] if chosen else None,
            named=tuple(self._options.filenames) or (".",),
        )


def _join_or_begin() -> str:
    known = os.environ.get(_VARIABLE, "")
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == snapshot.owner(known):
        return known
    if snapshot.owner(known) == os.getpid():
        snapshot.forget(known)
    run = os.environ[_VARIABLE] = snapshot.new_run()
    atexit.register(snapshot.forget, run)
    return run
