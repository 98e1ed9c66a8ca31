"""What context validation says of one run's findings."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from persist_lint.model.finding import Finding
from persist_lint.model.severity import Severity

ValidationRule = Literal["planned-or-decided", "execution-context"]


class Reason(Struct, frozen=True, kw_only=True):
    """Why a finding is lowered or set aside: the validation rule applied, and its evidence, a clause each.

    ``label`` is what reports put before the message (``[Planned: ADR-007]``), "" where there is none.
    """

    rule: ValidationRule
    evidence: tuple[str, ...]
    label: str = ""


class Advisory(Struct, frozen=True, kw_only=True):
    """A finding set aside: ``finding`` keeps the severity it had, which is also ``original_severity``.

    ``rule``, ``evidence`` and ``label`` as in Reason.
    """

    finding: Finding
    original_severity: Severity
    rule: ValidationRule
    evidence: tuple[str, ...]
    label: str = ""


class Lowered(Struct, frozen=True, kw_only=True):
    """A finding that stays, one severity lower: ``finding`` carries the new severity."""

    finding: Finding
    original_severity: Severity
    rule: ValidationRule
    evidence: tuple[str, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """``findings`` count (severities after validation, lowered ones included); ``advisories`` cost nothing.

    ``lowered`` repeats, with their evidence, those of ``findings`` that lost a level. All three are ordered by path,
    line, column, code.
    """

    findings: tuple[Finding, ...]
    advisories: tuple[Advisory, ...] = ()
    lowered: tuple[Lowered, ...] = ()
