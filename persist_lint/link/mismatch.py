"""Channels that are published to against channels that are listened to, per technology.

"job_events"    published, heard            "job:{}" is heard by "job:{}" and by "job:42"
"job_event"     heard, published nearly: a near miss
"audit"         published, never heard      said only where the project listens at all, and every name is known
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.index import Function
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

Kind = Literal["near", "unheard", "unpublished"]
HOLE = re.compile(r"\{[^{}]*\}")
#: Letters that a name must have outside its holes to be known, and to be near another.
KNOWN, TELLING = 2, 4
MAX_DISTANCE = 2


class End(Struct, frozen=True, eq=False):
    """One place that publishes or listens; ``function`` is None in SQL files, which no finding can stand in."""

    name: str
    function: Function | None
    path: str
    at: Span
    what: str

    @property
    def step(self) -> Step:
        return Step(self.path, self.at, self.what)


class Mismatch(Struct, frozen=True, eq=False):
    """``odd`` is the place to look at; ``others`` are those that it does not meet. ``sure``: all names are known."""

    kind: Kind
    odd: End
    others: tuple[End, ...]
    technology: str
    sure: bool


class _Ends(Struct):
    """What publishes or listens by one technology; ``blind``: some of it under names that nobody knows."""

    known: list[End]
    blind: bool = False


def mismatches(project: Project) -> Iterator[Mismatch]:
    """Every channel that misses its other end, in order of technology, path and place."""
    published, heard = _collected(project)
    for technology in sorted(published.keys() & heard.keys()):
        yield from _compared(technology, published[technology], heard[technology])


def _compared(technology: str, published: _Ends, heard: _Ends) -> Iterator[Mismatch]:
    unheard = _unmet(published.known, heard.known)
    unpublished = _unmet(heard.known, published.known)
    sure = not (published.blind or heard.blind)
    for name, listeners in unpublished.items():
        nearly = [end for other, ends in unheard.items() if is_near(name, other) for end in ends]
        if nearly:
            yield Mismatch("near", listeners[0], tuple(nearly), technology, sure)
            for end in nearly:
                unheard.pop(end.name, None)
        elif published.known and not published.blind:
            yield Mismatch("unpublished", listeners[0], tuple(published.known), technology, sure)
    for ends in unheard.values():
        odd = next((end for end in ends if end.function is not None), None)
        if odd is not None and heard.known and not heard.blind:
            yield Mismatch("unheard", odd, tuple(heard.known), technology, sure)


def _unmet(ends: list[End], others: list[End]) -> dict[str, list[End]]:
    """The names that no name of the other side can be equal to, each with its places."""
    found: dict[str, list[End]] = {}
    for end in ends:
        if not any(can_meet(end.name, other.name) for other in others):
            found.setdefault(end.name, []).append(end)
    return found


def _collected(project: Project) -> tuple[dict[str, _Ends], dict[str, _Ends]]:
    published: dict[str, _Ends] = {}
    heard: dict[str, _Ends] = {}
    for view in project.channels:
        ends = (published if view.publishes else heard).setdefault(view.technology, _Ends([]))
        name = view.name and HOLE.sub("{}", view.name)
        if not name or view.wildcard or _letters(name) < KNOWN:
            ends.blind = True
            continue
        what = f"{'publishes to' if view.publishes else 'listens to'} {name}"
        ends.known.append(End(name, view.function, view.function.module.path, view.site.at, what))
    tops = {function.module.path: function.module.top for function in project.world.index.functions()}
    for trigger in project.surroundings.triggers:
        ends = published.setdefault("postgresql", _Ends([])) if trigger.channels else _Ends([])
        for channel in trigger.channels:
            name = HOLE.sub("{}", channel)
            at = Span(trigger.line, 0, trigger.line, 0)
            if _letters(name) < KNOWN:
                ends.blind = True
            else:
                ends.known.append(
                    End(name, tops.get(trigger.path), trigger.path, at, f"trigger {trigger.name} notifies {name}")
                )
    for side in (published, heard):
        for ends in side.values():
            ends.known.sort(key=lambda end: (end.path, end.at))
    return published, heard


def _letters(name: str) -> int:
    return sum(character.isalnum() for character in name.replace("{}", ""))


# ---------------------------------------------------------------------- names


@lru_cache(maxsize=4096)
def can_meet(one: str, other: str) -> bool:
    """Whether two names, with holes that stand for anything, can be the same."""
    if "{}" not in one and "{}" not in other:
        return one == other
    if not one or not other:
        return not (one or other).replace("{}", "")
    if one.startswith("{}"):
        return can_meet(one[2:], other) or can_meet(one, other[2 if other.startswith("{}") else 1 :])
    if other.startswith("{}"):
        return can_meet(other, one)
    return one[0] == other[0] and can_meet(one[1:], other[1:])


def is_near(one: str, other: str) -> bool:
    """Whether two different names look as if they were meant to be one: case, a letter or two, a part of the other."""
    if one.lower() == other.lower():
        return True
    if min(_letters(one), _letters(other)) < TELLING:
        return False
    return one in other or other in one or _distance(one, other) <= MAX_DISTANCE


def _distance(one: str, other: str) -> int:
    """The edit distance (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, mine in enumerate(one, 1):
        previous, row[0] = row[0], number
        for place, theirs in enumerate(other, 1):
            previous, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, previous + (mine != theirs))
    return row[-1]
