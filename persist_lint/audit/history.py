"""What earlier audits left behind: the results log, and the worker reports in dated folders.

The log is a Markdown table that other tools may share and people may edit. Only rows of our skill and metric are
read or replaced; whatever else the file holds stays as it is. Rows beyond fifty are dropped from the top.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from msgspec import Struct

from persist_lint.audit.report import WORKERS, Past
from persist_lint.audit.score import NONE, Tally, change, density, shown
from persist_lint.audit.write import explain

SKILL = "ln-650"
METRIC = "overall_score"
_SCALE = "0-10"
_MOST_ROWS = 50
_COLUMNS = ("Date", "Skill", "Metric", "Scale", "Score", "Delta")
_RULER = re.compile(r"\|?(?:\s*:?-+:?\s*\|)+\s*:?-*:?\s*")
_AUDITED = re.compile(r"^Audited: \d+ files, (\d+) lines\.", re.MULTILINE)
_COUNT = re.compile(r"^(critical|high|medium|low|status): (\w+)$", re.MULTILINE)


class Row(Struct, frozen=True):
    """One of our own rows of the log."""

    day: date
    score: Decimal | None


def read_log(path: Path) -> str:
    """The log's text, "" when there is none; bytes that are not UTF-8 survive as surrogates (see ``encode_log``).

    Raises AuditWriteError when it exists but cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise explain("read", path, error) from error


def encode_log(text: str) -> bytes:
    """The bytes of a log's text, those that were not UTF-8 as they were."""
    return text.encode("utf-8", "surrogateescape")


def last_before(log: str, today: date) -> Row | None:
    """Our last row of an earlier day, in the order of the file; None when there is none."""
    lines = log.splitlines()
    start = _table(lines)
    if start is None:
        return None
    header = _cells(lines[start])
    rows = [_own(line, header) for line in lines[start + 2 :]]
    return next((row for row in reversed(rows) if row is not None and row.day < today), None)


def with_row(log: str, today: date, score: Decimal | None) -> str:
    """The log with today's row in place: replaced when the day has one, appended otherwise, at most fifty rows."""
    before = last_before(log, today)
    delta = change(score, before.score if before else None)
    lines = log.splitlines()
    start = _table(lines)
    if start is None:
        lines += [""] if lines else ["# Audit Results Log", ""]
        start = len(lines)
        lines += [_line(_COLUMNS), _line(["-" * len(column) for column in _COLUMNS])]
    header = _cells(lines[start])
    values = dict(zip(_COLUMNS, (today.isoformat(), SKILL, METRIC, _SCALE, shown(score), delta), strict=True))
    first = start + 2
    last = next((at for at in range(first, len(lines)) if "|" not in lines[at]), len(lines))
    rows = lines[first:last]
    own = [at for at, line in enumerate(rows) if (row := _own(line, header)) is not None and row.day == today]
    new = _line([values.get(column, "") for column in header])
    if own:
        rows[own[-1]] = new
        rows = [line for at, line in enumerate(rows) if at not in own[:-1]]
    else:
        rows.append(new)
    return "\n".join([*lines[:first], *rows[-_MOST_ROWS:], *lines[last:]]) + "\n"


def past(log: str, output_dir: Path, today: date) -> Past:
    """The overall score and the raw penalty per 10,000 lines of the last audits of earlier days.

    The score comes from the results log, the penalty from the newest complete dated folder beside ``output_dir``.
    """
    row = last_before(log, today)
    day, penalty = _last_density(output_dir, today)
    return Past(
        score=row.score if row else None,
        score_date=row.day.isoformat() if row else "",
        density=penalty,
        density_date=day,
    )


def _last_density(output_dir: Path, today: date) -> tuple[str, Decimal | None]:
    try:
        names = sorted((entry.name for entry in output_dir.parent.iterdir()), reverse=True)
    except OSError:
        return "", None
    for name in names:
        day = _day(name)
        if day is not None and day < today:
            penalty = _folder_density(output_dir.parent / name)
            if penalty is not None:
                return name, penalty
    return "", None


def _folder_density(folder: Path) -> Decimal | None:
    penalty, lines = Decimal(0), 0
    for _, name in WORKERS.values():
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        counts = dict(_COUNT.findall(text.partition("-->")[0]))
        audited = _AUDITED.search(text)
        if audited is None or not {"critical", "high", "medium", "low", "status"} <= counts.keys():
            return None
        lines = int(audited[1])
        if counts.pop("status") == "completed":
            penalty += Tally(**{key: int(value) for key, value in counts.items() if value.isdigit()}).penalty
    return density(penalty, lines)


def _table(lines: list[str]) -> int | None:
    """The index of the header of the first table that has all our columns."""
    for at in range(len(lines) - 1):
        if set(_COLUMNS) <= set(_cells(lines[at])) and _RULER.fullmatch(lines[at + 1].strip()):
            return at
    return None


def _own(line: str, header: list[str]) -> Row | None:
    cells = dict(zip(header, _cells(line), strict=False))
    day = _day(cells.get("Date", ""))
    if day is None or cells.get("Skill") != SKILL or cells.get("Metric") != METRIC:
        return None
    return Row(day, _score(cells.get("Score", NONE)))


def _score(text: str) -> Decimal | None:
    try:
        score = Decimal(text)
    except InvalidOperation:
        return None
    return score if score.is_finite() else None


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
