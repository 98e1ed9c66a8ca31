"""What was decided and planned: architecture decision records, decisions in architecture.md, the roadmap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from persist_lint.context.files import Folder, join
from persist_lint.model.context import Adr

_DIRECTORIES = ("docs/reference/adrs", "docs/decisions", "docs/architecture/decisions", "doc/adr", "adr")
_ARCHITECTURE = ("docs/architecture.md", "docs/project/architecture.md", "docs/ARCHITECTURE.md", "ARCHITECTURE.md")
_ROADMAPS = ("docs/roadmap.md", "docs/project/roadmap.md", "docs/tasks/roadmap.md", "docs/ROADMAP.md", "ROADMAP.md")
_NO_RECORDS = frozenset({"readme", "index", "template", "adr-template", "adr_template", "summary", "changelog"})
_NUMBER = re.compile(r"^(?:adr[-_ ]?)?(\d{1,4})(?=[-_. :]|$)", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
_STATUS_LINE = re.compile(r"^\s*(?:[-*|]\s*)?\W{0,3}status\W{0,3}\s*[:|]\W*(\w[\w -]*)", re.IGNORECASE)
_DECIDING = re.compile(r"decision|\badrs?\b|trade-?off|known limitation|accepted", re.IGNORECASE)
_ITEM = re.compile(r"^\s*[-*+]\s+(?:\[([ xX])\]\s+)?(.+)$")
_ITEM_ID = re.compile(r"\b([A-Z]{2,8}-\d+)\b")
_LONGEST = 20_000


def decisions(folder: Folder) -> tuple[Adr, ...]:
    """All records in path order, then decisions of architecture.md, then roadmap items; each document once."""
    found: list[Adr] = []
    names = [name for name, is_directory in folder.entries("docs") if is_directory and name.lower().startswith("adr")]
    for directory in dict.fromkeys((*(join("docs", name) for name in names), *_DIRECTORIES)):
        for name in folder.files(directory):
            stem, _, ending = name.rpartition(".")
            if ending.lower() in {"md", "markdown"} and stem.lower() not in _NO_RECORDS:
                path = join(directory, name)
                text = folder.text(path)
                if text is not None:
                    found.append(_record(path, text))
    for paths, read in ((_ARCHITECTURE, _decided), (_ROADMAPS, _planned)):
        for path in paths:
            text = folder.text(path)
            if text is not None:
                found += read(path, text)
                break
    return tuple(found)


def _record(path: str, text: str) -> Adr:
    """A record in MADR's, Nygard's or any form with a heading and a status."""
    lines = text.split("\n")
    first, matter = _front_matter(lines)
    title, line = PurePosixPath(path).stem, 1
    for number in range(first, len(lines)):
        heading = _HEADING.match(lines[number])
        if heading is not None:
            title, line = heading.group(2), number + 1
            break
    else:
        title = matter.get("title", title)
    number_match = _NUMBER.match(title) or _NUMBER.match(PurePosixPath(path).stem)
    ident = f"ADR-{int(number_match.group(1)):03d}" if number_match else PurePosixPath(path).stem
    plain = re.sub(r"^(?:adr[-_ ]?)?\d{1,4}\s*[:.\-–—]\s*", "", title, flags=re.IGNORECASE)
    plain = re.sub(r"^adr\s*[:\-–—]\s*", "", plain, flags=re.IGNORECASE)
    status = matter.get("status") or _status(lines[first:])
    return Adr(ident, plain.strip(), status.lower(), "\n".join(lines[first:]).strip()[:_LONGEST], path, line)


def _front_matter(lines: list[str]) -> tuple[int, dict[str, str]]:
    """The index of the first line after YAML front matter, and its plain ``key: value`` lines."""
    if not lines or lines[0].strip() != "---":
        return 0, {}
    found: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            return number + 1, found
        key, separator, value = line.partition(":")
        if separator:
            found[key.strip().lower()] = value.strip().strip("\"'")
    return 0, {}


def _status(lines: list[str]) -> str:
    """The first word group of a ``Status:`` line, or of what stands below a heading Status."""
    below = False
    for line in lines:
        said = _STATUS_LINE.match(line)
        if said is not None:
            return said.group(1).strip()
        heading = _HEADING.match(line)
        if heading is not None:
            below = heading.group(2).strip(":").lower() == "status"
        elif below and (word := re.search(r"\w[\w -]*", line)):
            return word.group().strip()
    return ""


def _sections(text: str) -> Iterator[tuple[int, str, int, str]]:
    """Level, title, 1-based line and body of each heading; fenced blocks hold no headings."""
    lines = text.split("\n")
    starts: list[tuple[int, str, int]] = []
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading is not None:
            starts.append((len(heading.group(1)), heading.group(2), number))
    for at, (level, title, line_number) in enumerate(starts):
        end = starts[at + 1][2] - 1 if at + 1 < len(starts) else len(lines)
        yield level, title, line_number, "\n".join(lines[line_number:end]).rstrip()[:_LONGEST]


def _decided(path: str, text: str) -> list[Adr]:
    """The sections of an architecture document that speak of decisions, with those below them."""
    found: list[Adr] = []
    inside = 0
    for level, title, line, body in _sections(text):
        if inside and level <= inside:
            inside = 0
        if not inside and level > 1 and _DECIDING.search(title):
            inside = level
        if inside and body:
            named = _ITEM_ID.search(title)
            ident = named.group(1) if named else f"{PurePosixPath(path).stem.lower()}:{line}"
            found.append(Adr(ident, title, _status(body.split("\n")), body.strip(), path, line))
    return found


def _planned(path: str, text: str) -> list[Adr]:
    """A roadmap's sections and list items; a ticked item is done, one below a heading that says so too."""
    found: list[Adr] = []
    for level, title, line, body in _sections(text):
        done = re.search(r"\b(?:done|completed|shipped|released)\b", title, re.IGNORECASE) is not None
        prose = "\n".join(row for row in body.split("\n") if not _ITEM.match(row)).strip()
        if level > 1 and prose:
            said = "done" if done else _status(body.split("\n")) or "planned"
            found.append(Adr(_ident(title, line), title, said.lower(), prose, path, line))
        for number, row in enumerate(body.split("\n"), line + 1):
            item = _ITEM.match(row)
            if item is not None:
                plain = re.sub(r"[*`]", "", item.group(2)).strip()
                state = "done" if done or (item.group(1) or " ") in "xX" else "planned"
                found.append(Adr(_ident(plain, number), plain, state, plain, path, number))
    return found


def _ident(title: str, line: int) -> str:
    named = _ITEM_ID.search(title)
    return named.group(1) if named else f"roadmap:{line}"
