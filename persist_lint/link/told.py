"""Answers about one function as plain data, and as text."""

from __future__ import annotations

from msgspec import Struct


class Said(Struct, frozen=True):
    """One thing that is said: where, about what, and details as (label, text) in order. Columns count from 0."""

    line: int
    column: int
    about: str
    details: tuple[tuple[str, str], ...]


class Belief(Struct, frozen=True):
    """Everything that is said of a function in answer to one question; ``runs`` are its entry points."""

    function: str
    path: str
    line: int
    question: str
    runs: tuple[str, ...]
    said: tuple[Said, ...]


def text(belief: Belief) -> str:
    """The answer as text, one detail to a line."""
    lines = [f"{belief.question} of {belief.function} ({belief.path}:{belief.line})"]
    lines += [f"reached as {entry}" for entry in belief.runs] or ["reached from no known entry point"]
    for said in belief.said:
        lines += ["", f"{said.line} {said.about}"]
        width = max((len(label) for label, _ in said.details), default=0)
        lines += [f"    {label:<{width}}  {detail}" for label, detail in said.details]
    if not belief.said:
        lines += ["", "nothing"]
    return "".join(f"{line}\n" for line in lines)
