"""Projects from source texts, and what the printers say of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from persist_lint import vocabulary
from persist_lint.context.survey import survey
from persist_lint.facts.build import module_facts
from persist_lint.link import debug
from persist_lint.link.project import Project, link


def project_of(root: Path, sources: Mapping[str, str]) -> Project:
    """The linked project of the files, in the order given; ``root`` is an empty folder."""
    modules = {path: module_facts(text.encode()) for path, text in sources.items()}
    assert all(facts.problem is None for facts in modules.values())
    imported = {entry.module for facts in modules.values() for entry in facts.imports if entry.level == 0}
    return link(modules, vocabulary.load(sorted(imported)), survey(root, modules))


def everything(project: Project) -> dict[str, str]:
    """What the printers say of every function that any rule could speak of."""
    printers = (debug.calls, debug.effects, debug.session, debug.types, debug.loops)
    return {
        f"{printer.__name__} {function.dotted}": printer(project, function.dotted)
        for function in project.relevant
        for printer in printers
    }
