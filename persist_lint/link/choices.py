"""The values that an expression may have: constants, defaults of settings, mappings; and operations on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from persist_lint.link.textual import HOLE, sum_of

MAX_CHOICES = 6
ON_WORDS = frozenset({"1", "true", "yes", "on", "t", "y"})
FLAG_WORDS = ON_WORDS | {"", "0", "false", "no", "off", "f", "n"}


class Anything:
    """A value of which nothing is known."""

    def __repr__(self) -> str:
        return "ANYTHING"


ANYTHING = Anything()


class Named(Struct, frozen=True):
    """A class, function or value of a library, by its canonical dotted name."""

    dotted: str


class Possible(Struct, frozen=True):
    """One value that an expression may have; ``settable``: it is the default of a setting or environment variable."""

    value: Any
    settable: bool = False


class Entries(Struct, frozen=True, eq=False):
    """A mapping by its text keys; None among the choices of a key: it may be missing. ``open``: it may hold more."""

    items: dict[str, tuple[Possible | None, ...]]
    open: bool = False


Choices = tuple[Possible, ...]
OPEN: Choices = (Possible(ANYTHING),)


def limited(found: Choices) -> Choices:
    """At most a handful of different values; more are anything."""
    distinct: list[Possible] = []
    for one in found:
        if not any(one is known or (one == known and type(one.value) is type(known.value)) for known in distinct):
            distinct.append(one)
    return tuple(distinct) if len(distinct) <= MAX_CHOICES else OPEN


def settable(found: Choices) -> Choices:
    """The same values, as defaults of a setting; a required setting (``...``) has none and stays anything."""
    return tuple(Possible(p.value, True) for p in found)


def merged(base: Entries, added: Entries, definite: bool) -> Entries:
    """The mapping after an update that happens certainly or perhaps."""
    items = dict(base.items)
    for key, choices in added.items.items():
        certain = definite and None not in choices
        items[key] = choices if certain else tuple(dict.fromkeys((*items.get(key, (None,)), *choices)))
    return Entries(items, base.open or added.open)


def agreed(found: Iterable[bool | None]) -> bool | None:
    """The answer on which all agree."""
    answers = set(found)
    return answers.pop() if len(answers) == 1 else None


def is_vague(possible: Possible) -> bool:
    """Whether it is no plain constant."""
    return possible.value is ANYTHING or isinstance(possible.value, Entries | Named)


def truth_of(possible: Possible) -> bool | None:
    """Whether it counts as true; None where that is not known, as for text settings, which are meant to vary."""
    if is_vague(possible) or (possible.settable and isinstance(possible.value, str)):
        return None
    return bool(possible.value)


def same(one: Possible, other: Possible, wanted: bool) -> bool | None:
    """Whether two values being equal is what is wanted; None where that is not known."""
    if is_vague(one) or is_vague(other):
        known = one if is_vague(other) else other
        thing = one if known is other else other
        return not wanted if isinstance(thing.value, Entries | Named) and known.value is None else None
    if any(p.settable and isinstance(p.value, str) for p in (one, other)) and not _are_flags(one, other):
        return None
    return bool(one.value == other.value) == wanted


def _are_flags(one: Possible, other: Possible) -> bool:
    """Whether both are words for on and off: such a text is a switch, unlike others, which are meant to vary."""
    return all(isinstance(p.value, str) and p.value.lower() in FLAG_WORDS for p in (one, other))


def ordered(one: Possible, other: Possible, op: str) -> bool | None:
    """The answer of an order comparison of numbers; None for other values."""
    a, b = one.value, other.value
    if not (isinstance(a, int | float) and isinstance(b, int | float)):
        return None
    table: dict[str, bool] = {">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b}
    return table[op]


def cast_to(possible: Possible, kind: type) -> Possible:
    """The value converted, as by ``int(x)``."""
    if is_vague(possible):
        return possible
    if kind is bool and possible.settable and isinstance(possible.value, str):
        return Possible(possible.value.strip().lower() in ON_WORDS, True)
    try:
        return Possible(kind(possible.value), possible.settable)
    except (TypeError, ValueError):
        return OPEN[0]


def operated(one: Possible, other: Possible, op: str) -> Possible:
    """The result of an operator."""
    made = sum_of(HOLE if is_vague(one) else one.value, HOLE if is_vague(other) else other.value, op)
    if made is None or (is_vague(one) and is_vague(other)):
        return OPEN[0]
    return Possible(made, one.settable or other.settable)
