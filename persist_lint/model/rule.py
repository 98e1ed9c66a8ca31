"""What a rule is: its identity, its texts, its grades. Everything printed about a rule derives from here."""

from __future__ import annotations

import enum

from msgspec import Struct

from persist_lint.model.severity import Effort, Severity


class Family(enum.Enum):
    """The four checker families, valued by the name that users write."""

    QUERY = "query"
    TRANSACTION = "transaction"
    RUNTIME = "runtime"
    RESOURCE = "resource"


class Rule(Struct, frozen=True, kw_only=True):
    """One rule of the catalogue.

    ``number`` is 101 to 499 and gives the flake8 code ``PSL101`` and the pylint id ``W7101``. ``check`` is the check
    id of the audit's reports. ``severities`` maps a situation, in words, to a severity (the table that ``explain``
    prints). ``bad`` and ``good`` are literate examples as in ``tests/cases``: ``bad`` marks each flagged line with
    ``# error: [name]``. ``page`` is the rule file's docstring: what, why, instead, not reported.
    """

    number: int
    name: str
    family: Family
    check: str
    title: str
    effort: Effort
    principle: str
    severities: tuple[tuple[Severity, str], ...]
    recommendation: str
    sources: tuple[str, ...]
    bad: str
    good: str
    page: str = ""
    beyond_audit: bool = False

    @property
    def code(self) -> str:
        """The flake8 code, as in ``PSL102``."""
        return f"PSL{self.number}"

    @property
    def pylint_id(self) -> str:
        """The pylint message id, as in ``W7102``."""
        return f"W7{self.number}"
