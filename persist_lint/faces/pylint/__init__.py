"""The pylint plugin: ``pylint --load-plugins persist_lint``.

Five checkers, one per family and one for diagnostics; their messages are the catalogue. One run per lint: its id is
made in ``load_configuration``, which pylint calls once options are known, in the parent and again in every worker. As
an attribute of the linter the id survives the linter's pickling, so that workers know whose run they belong to.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

from persist_lint.faces import snapshot

if TYPE_CHECKING:
    from pylint.lint import PyLinter

#: The linter's attribute that holds the run id.
RUN = "persist_lint_run"


def register(linter: PyLinter) -> None:
    """Add the checkers that the linter does not have yet (a plugin may be loaded under two names, or once more)."""
    from persist_lint.faces.pylint.checkers import CHECKERS

    present = {checker.name for checker in linter.get_checkers()}
    for checker in CHECKERS:
        if checker.name not in present:
            linter.register_checker(checker(linter))


def load_configuration(linter: PyLinter) -> None:
    """Give the lint its run id, unless it has one (a second plugin name, or a worker of the run)."""
    run_of(linter)


def run_of(linter: PyLinter) -> str:
    """The id of the linter's run; made, and to be cleaned up by this process, where there is none."""
    run: str | None = getattr(linter, RUN, None)
    if run is None:
        run = snapshot.new_run()
        setattr(linter, RUN, run)
        weakref.finalize(linter, snapshot.forget, run)
    return run


def restart(linter: PyLinter) -> None:
    """Start the run afresh when its owner opens its checkers: once per lint, while workers open them for every file."""
    run = run_of(linter)
    if snapshot.owner(run) == os.getpid():
        snapshot.forget(run)
