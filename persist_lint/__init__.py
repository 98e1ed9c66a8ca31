"""persist_lint: a static analyser for Python programs that use a database.

Importing the package imports none of its dependencies; ``register`` and ``load_configuration`` are what
``pylint --load-plugins persist_lint`` calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylint.lint import PyLinter

__version__ = "0.1.0"


def register(linter: PyLinter) -> None:
    """Add the checkers of persist_lint to a pylint run."""
    from persist_lint.faces.pylint import register as add_checkers

    add_checkers(linter)


def load_configuration(linter: PyLinter) -> None:
    """Start a run of persist_lint for a pylint lint; pylint calls it when its options are known."""
    from persist_lint.faces.pylint import load_configuration as start_run

    start_run(linter)
