"""Runs golden files: a literate project, and what link finds in it, word for word.

    ```python title="app/repo.py"
    def get(session, id): ...
    ```
    ```golden kind="effects" function="app.repo.get"
    db.select Job by arg:id
    ```

``kind`` is a printer of ``persist_lint.link.debug``; ``function`` is handed to it where the block has one. Below a
heading that starts with ``known gap:`` stands what should be found and is not yet.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from literate import Block, FormatError, files_of, parse, write_project

if TYPE_CHECKING:
    from persist_lint.link.project import Project

KINDS = ("calls", "contexts", "effects", "engines", "factories", "loads", "loops", "models", "session", "types")
GAP = "known gap:"
NEEDED = re.compile(r"\(Python 3\.(\d+)\)$")


@dataclass(frozen=True)
class Golden:
    """One project and what is expected of it; ``where`` is ``file:line``, the title is empty for a whole file."""

    title: str
    where: str
    files: dict[str, str]
    expected: tuple[Block, ...]

    @property
    def is_gap(self) -> bool:
        """Whether link is known not to find this yet."""
        return self.title.startswith(GAP)

    @property
    def is_readable(self) -> bool:
        """Whether this Python knows the syntax: a title may end in ``(Python 3.12)``."""
        needed = NEEDED.search(self.title)
        return needed is None or sys.version_info >= (3, int(needed[1]))


def goldens_of(text: str, name: str) -> list[Golden]:
    """The projects of a golden file: one per ``##`` heading, or the whole file where it has none.

    Raises FormatError for a project that expects nothing and for a block whose kind no printer has.
    """
    preamble, *sections = parse(text, name)
    shared = files_of(preamble.blocks, name)
    stray = [block for block in preamble.blocks if sections and block.language == "golden"]
    if stray:
        raise FormatError(f"{name}:{stray[0].line}: an expected block before the first heading; move it below one")
    found = []
    for section in sections or [preamble]:
        files = {**shared, **files_of(section.blocks, name)}
        expected = tuple(block for block in section.blocks if block.language == "golden")
        if not expected:
            raise FormatError(f'{name}:{section.line}: nothing is expected; add a block ```golden kind="calls"')
        for block in expected:
            if block.attributes.get("kind") not in KINDS:
                raise FormatError(f"{name}:{block.line}: kind must be one of {', '.join(KINDS)}")
        texts = {path: block.text for path, block in files.items()}
        found.append(Golden(section.title, f"{name}:{section.line}", texts, expected))
    return found


def project_of(root: Path) -> Project:
    """What link makes of the files below ``root``, built layer by layer."""
    from persist_lint import vocabulary
    from persist_lint.context.survey import survey
    from persist_lint.facts.build import module_facts
    from persist_lint.link.project import link

    sources = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    modules = {name: module_facts(path.read_bytes()) for name, path in sources.items()}
    broken = [f"{name}: {facts.problem.message}" for name, facts in modules.items() if facts.problem is not None]
    if broken:
        raise FormatError("; ".join(broken))
    imports = [entry for facts in modules.values() for entry in facts.imports if entry.level == 0]
    imported = {
        name for one in imports for name in (one.module, f"{one.module}.{one.name}" if one.name else one.module)
    }
    return link(modules, vocabulary.load(sorted(imported)), survey(root, modules))


def answers(golden: Golden, root: Path) -> Iterator[tuple[Block, str]]:
    """Each expected block with what the printer says now; ``root`` is an empty folder."""
    from persist_lint.link import debug

    write_project(root, golden.files)
    project = project_of(root)
    for block in golden.expected:
        printer = getattr(debug, block.attributes["kind"])
        function = block.attributes.get("function")
        text = printer(project) if function is None else printer(project, function)
        yield block, text.rstrip("\n") + "\n"


def updated(text: str, name: str) -> str:
    """The golden file with every expected block, those of known gaps aside, replaced by what the printers say now."""
    lines = text.splitlines(keepends=True)
    replaced: list[tuple[Block, str]] = []
    for golden in goldens_of(text, name):
        if golden.is_gap or not golden.is_readable:
            continue
        with tempfile.TemporaryDirectory() as folder:
            replaced.extend(answers(golden, Path(folder)))
    for block, answer in sorted(replaced, key=lambda pair: -pair[0].line):
        if "```" in answer:
            raise FormatError(f"{name}:{block.line}: the answer holds a fence of its own")
        lines[block.line : block.end - 1] = [answer]
    return "".join(lines)
