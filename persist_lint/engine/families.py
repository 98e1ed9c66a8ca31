"""The four families as workers: each runs over the same read-only project, and none can spoil another."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import persist_lint
from persist_lint.model.analysis import FamilyRun
from persist_lint.model.facts import ModuleFacts
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family
from persist_lint.model.vocabulary import Vocabulary
from persist_lint.rules.catalogue import RuleModule

if TYPE_CHECKING:
    from persist_lint.link.project import Project

_PERSISTENCE = frozenset({"orm", "driver"})
_NO_DATABASE = "the project imports no ORM and no database driver that persist-lint knows"
_NEITHER = "the project has no async function, and imports no ORM and no database driver that persist-lint knows"


def run_families(
    project: Project, rules: Sequence[RuleModule], modules: Mapping[str, ModuleFacts], vocabulary: Vocabulary
) -> tuple[list[Finding], tuple[FamilyRun, ...]]:
    """All findings, in no particular order, and how each family ended, in the order of the families.

    A family that fails in one of its rules contributes nothing: half of its findings would look like all of them.
    """
    findings: list[Finding] = []
    runs = []
    for family in Family:
        reason = why_skipped(family, modules.values(), vocabulary)
        if reason:
            runs.append(FamilyRun(family, "skipped", reason))
            continue
        found, run = _worker(project, family, [entry for entry in rules if entry.rule.family is family])
        findings += found
        runs.append(run)
    return findings, tuple(runs)


def why_skipped(family: Family, modules: Iterable[ModuleFacts], vocabulary: Vocabulary) -> str:
    """Why the family does not apply to a project with these modules and libraries; "" if it does.

    The runtime family speaks of event loops, and of what programs do with rows: one of the two is enough.
    """
    if any(library.kind in _PERSISTENCE for library in vocabulary.libraries):
        return ""
    if family is not Family.RUNTIME:
        return _NO_DATABASE
    return "" if any(function.is_async for facts in modules for function in facts.functions) else _NEITHER


def _worker(project: Project, family: Family, rules: Sequence[RuleModule]) -> tuple[list[Finding], FamilyRun]:
    found: list[Finding] = []
    for entry in rules:
        try:
            found += entry.check(project)
        except Exception as error:  # any defect of a rule must stay inside its family
            return [], FamilyRun(family, "error", _one_line(entry.rule.name, error))
    return found, FamilyRun(family, "completed")


def _one_line(rule: str, error: Exception) -> str:
    """Rule, error and the line of persist_lint that raised it, without any path of this machine."""
    package = Path(persist_lint.__file__).parent
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(package):
            where = f" (persist_lint/{Path(frame.filename).relative_to(package).as_posix()}:{frame.lineno})"
    text = " ".join(str(error).split())
    return f"{rule}: internal error: {type(error).__name__}{': ' + text if text else ''}{where}"
