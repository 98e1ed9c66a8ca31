"""The options that several commands share, as decorators. Nothing but click is imported: the words are spelled here."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

#: The words of model.severity, lowest first (a test compares).
SEVERITIES = ("low", "medium", "high", "critical")
CONFIDENCES = ("possible", "probable", "definite")

_SEVERITY = click.Choice(SEVERITIES, case_sensitive=False)
_CONFIDENCE = click.Choice(CONFIDENCES, case_sensitive=False)
_PATH = click.Path(path_type=Path)


def _split(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Comma-separated words of a repeatable option; None when it was not given."""
    words = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    return words or None


def _together(*decorators: Decorator) -> Decorator:
    return lambda command: reduce(lambda held, decorator: decorator(held), reversed(decorators), command)


def _words(name: str, help_text: str) -> Decorator:
    return click.option(name, multiple=True, metavar="WORDS", callback=_split, help=help_text)


paths_argument: Decorator = click.argument("paths", metavar="[PATH]...", nargs=-1, type=_PATH)

selection: Decorator = _together(
    _words("--select", "Only these rules: codes, prefixes, names or families, comma-separated."),
    _words("--ignore", "Not these rules."),
    _words("--extend-select", "These rules as well."),
)

grades: Decorator = _together(
    click.option("--min-severity", type=_SEVERITY, help="Report from this severity on."),
    click.option("--min-confidence", type=_CONFIDENCE, help="Report from this confidence on (default: probable)."),
    click.option("--fail-on", type=_SEVERITY, help="Exit with 1 only for findings from this severity on."),
)

colour: Decorator = click.option(
    "--color", type=click.Choice(("auto", "always", "never")), default="auto", help="Colours (auto obeys NO_COLOR)."
)

common: Decorator = _together(
    click.option("--config", "config_file", type=_PATH, help="Configuration file, instead of the project's own."),
    click.option("--isolated", is_flag=True, help="Read no configuration file."),
    click.option("--jobs", "-j", type=click.IntRange(min=0), help="Processes to use; 0 is one per processor."),
    _words("--exclude", "Patterns (as in .gitignore) of files to leave out, instead of the defaults."),
    _words("--extend-exclude", "Patterns of files to leave out as well."),
    click.option("--force-exclude", is_flag=True, help="Exclude also paths named on the command line."),
    click.option("--no-cache", is_flag=True, help="Neither read nor write the cache."),
    click.option("--cache-dir", type=_PATH, help="Directory of the cache."),
    click.option("--verbose", "-v", is_flag=True, help="Show the traceback of an internal error."),
    click.option("--quiet", "-q", is_flag=True, help="Print nothing but findings and errors."),
)


def outputs(*formats: str) -> Decorator:
    """``--format`` and ``--output-file`` of a command that prints in these formats, the default first."""
    return _together(
        click.option("--format", "form", type=click.Choice(formats), help=f"Output format (default: {formats[0]})."),
        click.option("--output-file", "-o", type=_PATH, help="Write the output to this file instead."),
    )
