"""What people wrote down: docs/project/tech_stack.md, and the Team ID of docs/tasks/kanban_board.md.

| Database | PostgreSQL 16 |            db postgresql, version 16
- ORM: SQLAlchemy 2.0 (async)           orm sqlalchemy, version 2.0; async asyncio
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from persist_lint.context.claims import Claim, Rank
from persist_lint.context.files import Folder
from persist_lint.context.technologies import DATABASES, DRIVER_NAMES, DRIVERS, FRAMEWORKS, ORMS, QUEUES

TECH_STACK = "docs/project/tech_stack.md"
KANBAN = "docs/tasks/kanban_board.md"

_MARKUP = re.compile(r"[*`]|\[(?=[^\]]*\]\()|\]\([^)]*\)|(?<!\w)_|_(?!\w)")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+(.*)$")
_RULER = re.compile(r"^[\s|:-]+$")
_REJECTED = re.compile(r"alternativ|reject|considered|not used|instead of|deprecated|legacy|frontend", re.IGNORECASE)
_VERSION = r"[\s|(]{0,6}(?:version\s*)?v?(\d+(?:\.\d+)*)?"
_LABELS = {
    "db": re.compile(r"database|\bdb\b|data ?store|storage|persistence|\brdbms\b|\bsql\b", re.IGNORECASE),
    "driver": re.compile(r"driver|connector|database|\bdb\b|\borm\b|persistence|data", re.IGNORECASE),
    "orm": re.compile(
        r"\borm\b|data (?:access|layer|mapp)|persistence|database (?:access|toolkit|layer)", re.IGNORECASE
    ),
    "framework": re.compile(r"framework|backend|\bapi\b|\bweb\b|server|http", re.IGNORECASE),
    "queue": re.compile(r"queue|task|worker|broker|messag|background|schedul|job", re.IGNORECASE),
}
_NAMES: dict[str, Mapping[str, str]] = {
    "db": DATABASES,
    "driver": {DRIVER_NAMES.get(name, name): DRIVER_NAMES.get(name, name) for name in DRIVERS},
    "orm": {name: name for name in ORMS if name != "django"} | {"django orm": "django"},
    "framework": {name: name for name in FRAMEWORKS},
    "queue": {name: name for name in QUEUES},
}
_DRIVER_OF = {DRIVER_NAMES.get(name, name): driver.db for name, driver in DRIVERS.items()}
_SINGLE = frozenset({"db", "driver", "orm"})
_PLACEHOLDER = re.compile(r"^(?:[-–—?]*|tbd|todo|n/?a|none|\[.*\]|\{.*\}|<.*>)$", re.IGNORECASE)


def tech_stack_claims(folder: Folder) -> Iterator[Claim]:
    """What the tables and bullet lists of tech_stack.md say; sections about alternatives are passed over."""
    for number, label, value in _rows(folder.text(TECH_STACK) or ""):
        source = f"{TECH_STACK}:{number}"
        claimed = False
        for fact, pattern in _LABELS.items():
            if pattern.search(label):
                found = list(_named(fact, value, source))
                claimed = claimed or bool(found)
                yield from found
        if not claimed:
            for fact in _LABELS:
                yield from (
                    c for c in _named(fact, f"{label} {value}", source) if label.lower().startswith(c.value[:4])
                )
        if re.search(r"\basync(?:io)?\b", f"{label} {value}", re.IGNORECASE) and not re.search(r"\bno\b", value, re.I):
            yield Claim("async", "asyncio", source, Rank.DOCUMENT)


def _named(fact: str, text: str, source: str) -> Iterator[Claim]:
    found: list[tuple[int, Claim]] = []
    for spelling, name in _NAMES[fact].items():
        match = re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-]){_VERSION}", text, re.IGNORECASE)
        if match is not None:
            claim = Claim(fact, name, source, Rank.DOCUMENT, match.group(1) or "", _DRIVER_OF.get(name, ""))
            found.append((match.start(), claim))
    found.sort(key=lambda pair: pair[0])
    for _, claim in found[:1] if fact in _SINGLE else found:
        yield claim
        if fact == "driver":
            yield Claim("db", claim.of, source, Rank.DOCUMENT)


def _rows(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, label and value of each table row and ``label: value`` bullet, markup removed."""
    passed = 0
    for number, line in enumerate(text.split("\n"), 1):
        heading = re.match(r"^(#+)\s+(.*)$", line)
        if heading is not None:
            level = len(heading.group(1))
            if passed == 0 or level <= passed:
                passed = level if _REJECTED.search(heading.group(2)) else 0
            continue
        if passed or "~~" in line or _RULER.match(line):
            continue
        plain = _MARKUP.sub("", line).strip()
        if plain.startswith("|"):
            cells = [cell.strip() for cell in plain.strip("|").split("|")]
            yield number, cells[0], " | ".join(cells[1:])
        elif _BULLET.match(line):
            label, separator, value = re.sub(r"^(?:[-+]|\d+\.)\s+", "", plain).partition(":")
            yield number, label.strip(), value.strip() if separator else ""


def team_claims(folder: Folder) -> Iterator[Claim]:
    """The Team ID of the kanban board's variable table, unless it is a placeholder."""
    for number, label, value in _rows(folder.text(KANBAN) or ""):
        if re.fullmatch(r"team[ _]?id", label, re.IGNORECASE):
            team = value.split("|")[0].strip()
            if not _PLACEHOLDER.match(team):
                yield Claim("team_id", team, f"{KANBAN}:{number}", Rank.DOCUMENT)
