"""Literate Markdown: headings are cases, fenced blocks with a title are the files of a case's project.

    # anything                        prose and blocks up to the first ``##`` belong to every case
    ## the callee updates             one case: the heading says what it shows
    ```python title="app/jobs.py"     a file; without a title ``main.py`` for Python
    ```

Shared by the rules' cases (``cases.runner``) and by the golden files (``golden.runner``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

ATTRIBUTE = re.compile(r'\s*(\w+)="([^"]*)"')
BUILD_SYSTEM = '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'


class FormatError(Exception):
    """A literate file is not written as it must be: the message names file, line and way out."""


@dataclass(frozen=True)
class Block:
    """A fenced block: ``line`` is the 1-based line of its opening fence, ``end`` that of its closing one."""

    language: str
    attributes: dict[str, str]
    text: str
    line: int
    end: int


@dataclass(frozen=True)
class Section:
    """A ``##`` heading and what stands below it; the preamble has an empty title."""

    title: str
    line: int
    blocks: list[Block] = field(default_factory=list)


def parse(text: str, name: str) -> list[Section]:
    """The sections of a literate file, the preamble (perhaps empty) first; ``name`` is for error messages."""
    sections = [Section("", 1)]
    tokens = MarkdownIt("commonmark").parse(text)
    for position, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            assert token.map is not None
            sections.append(Section(tokens[position + 1].content.strip(), token.map[0] + 1))
        elif token.type == "fence":
            sections[-1].blocks.append(_block(token, name))
    seen: set[str] = set()
    for section in sections[1:]:
        if section.title in seen:
            raise FormatError(f"{name}:{section.line}: two headings say {section.title!r}; titles must differ")
        seen.add(section.title)
    return sections


def _block(token: Token, name: str) -> Block:
    assert token.map is not None
    first, after = token.map
    language, _, rest = token.info.strip().partition(" ")
    attributes: dict[str, str] = {}
    while rest.strip():
        match = ATTRIBUTE.match(rest)
        if match is None:
            raise FormatError(f'{name}:{first + 1}: {rest.strip()!r} is no attribute; write key="value"')
        attributes[match[1]] = match[2]
        rest = rest[match.end() :]
    return Block(language, attributes, token.content, first + 1, after)


def files_of(blocks: list[Block], name: str) -> dict[str, Block]:
    """The files among the blocks, by their path; a block without title is a file only when it is Python's."""
    files: dict[str, Block] = {}
    for block in blocks:
        path = block.attributes.get("title") or ("main.py" if block.language in ("python", "py") else None)
        if path is None:
            continue
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path:
            raise FormatError(f"{name}:{block.line}: {path!r} leaves the project; give a relative path")
        if path in files:
            raise FormatError(f"{name}:{block.line}: two blocks of one case are {path!r}; give one another title")
        files[path] = block
    return files


def write_project(root: Path, files: dict[str, str]) -> None:
    """Write a case's files under ``root`` and make it a project root, with a ``pyproject.toml`` if it has none."""
    manifest = files.get("pyproject.toml", "")
    if "[build-system]" not in manifest:
        files = {**files, "pyproject.toml": f"{manifest}\n{BUILD_SYSTEM}".lstrip("\n")}
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8"))


def literate_files(folder: Path) -> Iterator[Path]:
    """The Markdown files below a folder, in a fixed order."""
    yield from sorted(path for path in folder.rglob("*.md") if path.name != "README.md")
