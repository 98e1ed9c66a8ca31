"""``persist-lint check``."""

from __future__ import annotations

import io
import sys
import time
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persist_lint.faces.diagnostics import BY_NAME
from persist_lint.faces.errors import FaceError
from persist_lint.faces.formats import Page, render
from persist_lint.faces.output import colour_wanted, emit, note
from persist_lint.faces.run import analysed, configured, reported_files
from persist_lint.faces.shown import Shown, counts, number, show
from persist_lint.faces.source import Sources
from persist_lint.faces.text import plain
from persist_lint.model.severity import Severity

if TYPE_CHECKING:
    from persist_lint.engine.config import Config
    from persist_lint.model.analysis import FamilyRun

_STDIN = Path("-")
_TERMINAL_FORMATS = frozenset({"concise", "full"})


def run(
    *,
    paths: tuple[Path, ...],
    form: str | None,
    output_file: Path | None,
    color: str,
    fail_on: str | None,
    statistics: bool,
    exit_zero: bool,
    show_settings: bool,
    show_files: bool,
    stdin_filename: Path | None,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Analyse, print, and return 0, 1 or 2."""
    started = time.perf_counter()
    paths, overlay = _with_stdin(paths, stdin_filename)
    config = configured(paths[0], options)
    if show_settings or show_files:
        emit(_settings(config) if show_settings else _files(paths, config), output_file)
        return 0
    analysis = analysed(paths, config, overlay=overlay)
    shown = show(analysis, config.min_severity)
    name = form or "concise"
    root = shown.root
    page = Page(
        sources=Sources(root, {_below(path, root): text for path, text in overlay.items()}),
        cwd=Path.cwd(),
        colour=name in _TERMINAL_FORMATS and colour_wanted(color, output_file),
    )
    emit(render(name, shown, page), output_file)
    if statistics:
        note(_statistics(shown, time.perf_counter() - started))
    if not quiet and name in _TERMINAL_FORMATS:
        note(f"{counts(shown)} in {number(shown.files, 'file')}.")
    failed = complain(shown.families)
    found = worst(shown, Severity[(fail_on or "low").upper()])
    return 2 if failed else int(found and not exit_zero)


def worst(shown: Shown, limit: Severity) -> bool:
    """Is there a finding or diagnostic of at least this severity?"""
    severities = [finding.severity for finding in shown.findings]
    severities += [BY_NAME[trouble.kind].severity for trouble in shown.diagnostics]
    return any(severity >= limit for severity in severities)


def complain(families: tuple[FamilyRun, ...]) -> bool:
    """Say on standard error which families failed; True if one did."""
    failed = [family for family in families if family.status == "error"]
    for family in failed:
        note(f"persist-lint: the {family.family.value} family failed: {plain(family.note)}")
    return bool(failed)


def _with_stdin(paths: tuple[Path, ...], stdin_filename: Path | None) -> tuple[tuple[Path, ...], dict[Path, str]]:
    """The paths to analyse and the text that stands for one of them."""
    if stdin_filename is None and _STDIN in paths:
        raise FaceError('"-" is standard input: name the file that it stands for with --stdin-filename')
    if stdin_filename is None:
        return paths or (Path(),), {}
    named = tuple(path for path in paths if path != _STDIN)
    return named or (stdin_filename,), {stdin_filename.resolve(): _read_stdin()}


def _read_stdin() -> str:
    data = sys.stdin.buffer.read()
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise FaceError(f"standard input cannot be decoded: {error}") from None


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _settings(config: Config) -> str:
    import json

    import msgspec

    values = msgspec.to_builtins(config, enc_hook=str)
    for key in ("min_severity", "min_confidence"):
        values[key] = getattr(config, key).name.lower()
    values["severity"] = {rule: severity.name.lower() for rule, severity in config.severity.items()}
    return json.dumps({key.replace("_", "-"): value for key, value in values.items()}, indent=2) + "\n"


def _files(paths: tuple[Path, ...], config: Config) -> str:
    page = Page(sources=Sources(Path()), cwd=Path.cwd())
    root, found = reported_files(paths, config)
    return "".join(f"{page.shown_path(root, path)}\n" for path in found)


def _statistics(shown: Shown, seconds: float) -> str:
    numbers = Counter(f"{finding.code} {finding.rule}" for finding in shown.findings)
    rows = [f"{count:6} {rule}" for rule, count in sorted(numbers.items(), key=lambda row: (-row[1], row[0]))]
    return "\n".join((*rows, f"{number(shown.files, 'file')}, {number(shown.lines, 'line')} in {seconds:.2f} s"))
