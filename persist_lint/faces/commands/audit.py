"""``persist-lint audit``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from persist_lint.faces.commands.check import complain
from persist_lint.faces.errors import FaceError, one_line
from persist_lint.faces.output import emit, note
from persist_lint.faces.run import analysed, configured
from persist_lint.model.severity import Severity


def run(
    *,
    path: Path,
    fail_on: str | None,
    output_dir: Path | None,
    report: Path | None,
    no_write: bool,
    no_validate: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Audit the project, write the reports (or print the consolidated one), and return 0, 1 or 2."""
    from persist_lint.audit.run import audit
    from persist_lint.audit.write import AuditWriteError

    config = configured(path, options)
    analysis = analysed((path,), config)
    try:
        result = audit(
            analysis,
            today=date.today(),
            output_dir=output_dir,
            report_path=report,
            write=not no_write,
            scan_path=_scan_path(path, Path(analysis.root)),
            validated=not no_validate,
        )
    except AuditWriteError as error:
        raise FaceError(one_line(error)) from error
    if no_write:
        emit(result.report.text)
    else:
        emit("".join(f"{line}\n" for line in (*result.summary, f"Report written: {_near(result.report.path)}")))
    if no_write and not quiet:
        note("\n".join(result.summary))
    if complain(analysis.families):
        return 2
    if fail_on is None:
        return 0
    return int(any(finding.severity >= Severity[fail_on.upper()] for finding in result.verdict.findings))


def _scan_path(path: Path, root: Path) -> str:
    place = path.resolve()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else place.as_posix()


def _near(path: Path) -> str:
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()
