"""Colours of a terminal, by name; nothing at all where colour is off."""

from __future__ import annotations

from persist_lint.model.severity import Severity

_CODES = {"bold": "1", "red": "31", "bright-red": "1;31", "yellow": "33", "blue": "34", "dim": "2"}

#: The colour of each severity.
SEVERITY: dict[Severity, str] = {
    Severity.CRITICAL: "bright-red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
}


def paint(text: str, colour: str, on: bool) -> str:
    """The text in the colour, if colour is on."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if on else text
