"""The catalogue: every rule module of the four family packages, found by looking.

    for entry in load():
        entry.rule.code, entry.rule.page        # "PSL101", the docstring of the rule's file
        list(entry.check(project))              # its findings

A module whose name starts with an underscore is a helper and no rule. Everything else in a family package must be a
whole rule: what is missing or doubled is an error, never a rule that silently does not run.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule

if TYPE_CHECKING:
    from persist_lint.link.project import Project

#: The first digit of a rule's number says its family.
HUNDREDS: dict[Family, int] = {Family.QUERY: 1, Family.TRANSACTION: 2, Family.RUNTIME: 3, Family.RESOURCE: 4}


class CatalogueError(Exception):
    """A rule file that is no rule, or two rules with one identity: a defect of persist_lint itself."""


class RuleModule(Struct, frozen=True):
    """One rule ready to run: its identity with ``page`` filled in, its check, the dotted name of its module."""

    rule: Rule
    check: Callable[[Project], Iterator[Finding]]
    module: str


@functools.cache
def load() -> tuple[RuleModule, ...]:
    """All rules, by number. Raises CatalogueError when a file is no rule or two rules share a number or name."""
    found = [entry for family in Family for entry in _of_family(family)]
    found.sort(key=lambda entry: (entry.rule.number, entry.module))
    require_distinct(found)
    return tuple(found)


def _of_family(family: Family) -> Iterator[RuleModule]:
    package = importlib.import_module(f"persist_lint.rules.{family.value}")
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield rule_of(importlib.import_module(info.name), family)


def rule_of(module: ModuleType, family: Family) -> RuleModule:
    """The rule that a module holds; raises CatalogueError when it is incomplete or in the wrong family."""
    rule = getattr(module, "RULE", None)
    check = getattr(module, "check", None)
    if not isinstance(rule, Rule) or not callable(check):
        raise CatalogueError(f"{module.__name__}: a rule file needs RULE = Rule(...) and check(project)")
    if rule.family is not family or rule.number // 100 != HUNDREDS[family]:
        raise CatalogueError(f"{module.__name__}: rule {rule.number} ({rule.family.value}) does not belong here")
    page = (module.__doc__ or "").strip()
    if not page:
        raise CatalogueError(f"{module.__name__}: a rule file needs a docstring; it is the rule's page")
    return RuleModule(structs.replace(rule, page=page), check, module.__name__)


def require_distinct(entries: list[RuleModule]) -> None:
    """Raises CatalogueError when two rules share a number or a name."""
    seen: dict[int | str, str] = {}
    for entry in entries:
        for identity in (entry.rule.number, entry.rule.name):
            if identity in seen:
                raise CatalogueError(f"{entry.module}: {identity} is already the rule of {seen[identity]}")
            seen[identity] = entry.module
