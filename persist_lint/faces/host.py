"""What the host linters (pylint, flake8) print of a run: the findings of one file at a time.

    told(HostRun(run=…), "app/jobs.py")  →  (Told(line=7, code="PSL102", …), …)

Both hosts hand over files one by one and in several processes; the project behind them is read once per run.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.faces import snapshot
from persist_lint.faces.diagnostics import BY_NAME
from persist_lint.faces.errors import FaceError, one_line
from persist_lint.faces.text import plain
from persist_lint.model.analysis import Analysis
from persist_lint.model.finding import Diagnostic, Finding
from persist_lint.model.severity import Severity

#: The "family" of diagnostics.
PROJECT = "project"

if TYPE_CHECKING:
    from persist_lint.engine.config import Config

Index = Mapping[Path, tuple["Told", ...]]


class HostRun(Struct, frozen=True):
    """One lint of a host. ``named`` are the paths given to the host; ``config`` the configuration file, "" for none."""

    run: str
    config: str = ""
    min_severity: Severity | None = None
    named: tuple[str, ...] = ()


class Told(Struct, frozen=True):
    """One thing for the host to print; columns are 0-based UTF-8 bytes, as in ``ast``.

    ``family`` is the family's name or "project"; ``severity`` and ``effort`` are "" for diagnostics; ``silenced``
    is the kind of comment that suppresses it, or "".
    """

    line: int
    column: int
    end_line: int | None
    end_column: int | None
    code: str
    name: str
    family: str
    message: str
    severity: str = ""
    effort: str = ""
    silenced: str = ""


def told(host: HostRun, path: str, text: str | None = None) -> tuple[Told, ...]:
    """What the run says about the file, in order; ``text`` is what stands for the file's content (standard input).

    Raises FaceError with one line when the analysis cannot be done.
    """
    try:
        return _told(host, path, text)
    except FaceError:
        raise
    except Exception as error:  # a fault of ours must not become the host's crash report for every file
        hint = 'run "persist-lint check -v" for the traceback'
        raise FaceError(f"internal error: {type(error).__name__}: {one_line(error)}; {hint}") from error


def _told(host: HostRun, path: str, text: str | None) -> tuple[Told, ...]:
    from persist_lint.faces.run import settings

    file = Path(path).resolve()
    paths = _paths(host, file)
    key = "\0".join(str(place) for place in (*paths, *(() if text is None else ("", file))))

    def config() -> Config:
        return settings(
            paths[0], config_file=Path(host.config) if host.config else None, min_severity=host.min_severity
        )

    index = snapshot.answer(
        host.run,
        key,
        build=lambda: _build(config(), paths, {} if text is None else {file: text}),
        prepare=lambda analysis: _index(config(), analysis),
    )
    return index.get(file, ())


def _paths(host: HostRun, file: Path) -> tuple[Path, ...]:
    """What ``check`` would be asked to look at: the paths given to the host, if the file lies under them.

    Otherwise (pylint takes names of modules, too) the project of the file.
    """
    from persist_lint.faces.run import project_root

    named = tuple(sorted({Path(name).resolve() for name in host.named if Path(name).exists()}))
    if any(place == file or place in file.parents for place in named):
        return named
    return (project_root(file),) if file.exists() else (file,)


def _build(config: Config, paths: tuple[Path, ...], overlay: Mapping[Path, str]) -> Analysis:
    """Analyse the whole project, in this process: a host's worker may have no child processes."""
    from persist_lint.faces.run import analysed

    analysis = analysed(paths, config, overlay=overlay, parallel=False)
    for family in analysis.families:
        if family.status == "error":
            print(f"persist-lint: the {family.family.value} family failed: {plain(family.note)}", file=sys.stderr)
    return analysis


def _index(config: Config, analysis: Analysis) -> Index:
    from persist_lint.faces.shown import show
    from persist_lint.rules import catalogue

    shown = show(analysis, config.min_severity)
    families = {entry.rule.code: entry.rule.family.value for entry in catalogue.load()}
    index: defaultdict[Path, list[Told]] = defaultdict(list)
    for finding in shown.findings:
        index[shown.root / finding.path].append(_of_finding(finding, families, ""))
    for item in shown.suppressed:
        index[shown.root / item.finding.path].append(_of_finding(item.finding, families, item.kind))
    for trouble in shown.diagnostics:
        if BY_NAME[trouble.kind].in_hosts:
            index[shown.root / trouble.path].append(_of_diagnostic(trouble))
    return {
        path: tuple(sorted(items, key=lambda item: (item.line, item.column, item.code)))
        for path, items in index.items()
    }


def _of_finding(finding: Finding, families: Mapping[str, str], silenced: str) -> Told:
    return Told(
        line=finding.span.line,
        column=finding.span.column,
        end_line=finding.span.end_line,
        end_column=finding.span.end_column,
        code=finding.code,
        name=finding.rule,
        family=families[finding.code],
        message=plain(finding.message),
        severity=finding.severity.name,
        effort=finding.effort.value,
        silenced=silenced,
    )


def _of_diagnostic(trouble: Diagnostic) -> Told:
    return Told(
        line=max(trouble.line, 1),
        column=0,
        end_line=None,
        end_column=None,
        code=BY_NAME[trouble.kind].code,
        name=trouble.kind,
        family=PROJECT,
        message=plain(trouble.message),
    )
