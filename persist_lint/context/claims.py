"""What sources claim, and which claim holds when they disagree."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from msgspec import Struct

from persist_lint.context.technologies import DATABASES


class Rank(enum.IntEnum):
    """How close a source is to what runs; lower is closer."""

    COMPOSE = 0
    ENVIRONMENT = 1
    CONFIGURATION = 2
    DOCUMENT = 3
    CODE = 4
    DEPENDENCY = 5
    IMPORT = 6
    OPTIONAL = 7
    FOREIGN = 8


class Claim(Struct, frozen=True):
    """One source's word on one fact: ``fact`` is db, driver, orm, async, framework, queue, team_id or url.

    ``version`` is that of the thing claimed, "" when not said; ``of`` the database that a driver belongs to.
    ``source`` is ``path:line``.
    """

    fact: str
    value: str
    source: str
    rank: Rank
    version: str = ""
    of: str = ""


#: Among databases that are named equally often: the order of the table, which is that of how common they are.
_PREFERENCE = {name: at for at, name in enumerate(dict.fromkeys(DATABASES.values()))}


def parts(version: str) -> int:
    """How exact a version is: its number of components."""
    return version.count(".") + 1 if version else 0


def best(claims: Iterable[Claim]) -> Claim | None:
    """The claim of the value with the closest sources; equal ones are told apart by their next closest."""
    by_value: dict[str, list[Claim]] = {}
    for claim in claims:
        by_value.setdefault(claim.value, []).append(claim)
    if not by_value:
        return None
    ranked = {value: (*sorted(int(c.rank) for c in found), len(Rank)) for value, found in by_value.items()}
    value = min(ranked, key=lambda name: (ranked[name], _PREFERENCE.get(name, len(_PREFERENCE)), name))
    return min(by_value[value], key=lambda claim: claim.rank)


def best_version(claims: Iterable[Claim]) -> Claim | None:
    """The claim with the most exact version, the closest source among equals."""
    return min((c for c in claims if c.version), key=lambda c: (-parts(c.version), c.rank), default=None)


def agrees(version: str, other: str) -> bool:
    """Whether one version is the other, said less exactly."""
    return f"{version}.".startswith(f"{other}.") or f"{other}.".startswith(f"{version}.")
