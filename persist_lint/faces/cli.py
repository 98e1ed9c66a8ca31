"""The command line. Only click and the standard library are imported here: ``--help`` must answer at once.

Exit status: 0 nothing to report, 1 findings, 2 the tool could not do its work.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from persist_lint import __version__
from persist_lint.faces.errors import FaceError, one_line
from persist_lint.faces.options import colour, common, grades, outputs, paths_argument, selection

NAME = "persist-lint"
FAILED = 2


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> int:
    """A static analyser for Python programs that use a database."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return FAILED
    return 0


@cli.command()
@paths_argument
@outputs("concise", "full", "json", "markdown")
@colour
@selection
@grades
@common
@click.option("--statistics", is_flag=True, help="Count findings per rule, and show times, on standard error.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even when there are findings.")
@click.option("--show-settings", is_flag=True, help="Print the settings of this run and stop.")
@click.option("--show-files", is_flag=True, help="Print the files that would be reported on and stop.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="Read this file's text from standard input.")
def check(**options: Any) -> int:
    """Findings of the project's files, on the terminal. PATH limits what is reported; "-" is standard input."""
    from persist_lint.faces.commands import check as command

    return command.run(**options)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@selection
@grades
@common
@click.option("--output-dir", type=click.Path(path_type=Path), help="Directory of the four worker reports.")
@click.option("--report", type=click.Path(path_type=Path), help="File of the consolidated report.")
@click.option("--no-write", is_flag=True, help="Print the consolidated report and write no files.")
@click.option("--no-validate", is_flag=True, help="Leave findings as they are: no context validation.")
def audit(**options: Any) -> int:
    """The scored audit of a project, written as report files."""
    from persist_lint.faces.commands import audit as command

    return command.run(**options)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@outputs("json", "text")
@common
def context(**options: Any) -> int:
    """The project context: stack, engines, models, triggers (JSON unless on a terminal)."""
    from persist_lint.faces.commands import context as command

    return command.run(**options)


@cli.command()
@click.argument("rule")
@outputs("text", "json", "markdown")
def explain(**options: Any) -> int:
    """A rule's page: what, why, bad, good, severity, sources. RULE is a name or a code."""
    from persist_lint.faces.commands import pages

    return pages.explain(**options)


@cli.command()
@outputs("text", "json", "markdown")
def rules(**options: Any) -> int:
    """The table of all rules."""
    from persist_lint.faces.commands import pages

    return pages.rules(**options)


@cli.command()
@click.argument("question", type=click.Choice(("calls", "effects", "session")))
@click.argument("place", metavar="PATH:FUNCTION")
@outputs("text", "json")
@common
def debug(**options: Any) -> int:
    """What the analyser believes about one function: its calls, its effects, its sessions, each with evidence.

    FUNCTION is a name (get, Repo.get, outer.inner), a line of the file, or <module> for what runs at import.
    """
    from persist_lint.faces.commands import debug as command

    return command.run(**options)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status; every failure is one line on standard error."""
    try:
        status = cli.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except click.ClickException as error:
        return _failed(" ".join(error.format_message().split()), _way_out(error))
    except FaceError as error:
        return _failed(str(error))
    except (KeyboardInterrupt, click.Abort):
        return _failed("interrupted")
    except Exception as error:  # whatever goes wrong in the tool itself, the user gets one line
        return _internal(error, verbose=_wants_details(arguments))
    return status if isinstance(status, int) else 0


def main() -> NoReturn:
    """The console script."""
    # The process ends with its one run: to search what it made for cycles, then or at exit, takes seconds for nothing.
    gc.disable()
    status = run(sys.argv[1:])
    gc.freeze()
    sys.exit(status)


def _failed(message: str, way_out: str = "") -> int:
    click.echo(f"{NAME}: {message}{way_out}", err=True)
    return FAILED


def _way_out(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f' (see "{context.command_path} --help")' if context else ""


def _internal(error: Exception, *, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else "; run again with -v for the traceback"
    return _failed(f"internal error: {type(error).__name__}: {one_line(error)}{hint}")


def _wants_details(arguments: Sequence[str]) -> bool:
    flags = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return any(flag == "--verbose" or (flag[:1] == "-" and flag[1:] and set(flag[1:]) == {"v"}) for flag in flags)
