"""How bad, how sure, how much work: the three grades of a finding."""

from __future__ import annotations

import enum


class Severity(enum.IntEnum):
    """Ordered, so that ``max`` and comparisons do what one expects."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def lowered(self, by: int = 1) -> Severity:
        """The severity so many levels lower, never below LOW."""
        return Severity(max(int(Severity.LOW), int(self) - by))


class Confidence(enum.IntEnum):
    """How the evidence was resolved: all typed, one step by convention, or weaker."""

    POSSIBLE = 1
    PROBABLE = 2
    DEFINITE = 3


class Effort(enum.Enum):
    """S under an hour, M one to four hours, L more."""

    S = "S"
    M = "M"
    L = "L"
