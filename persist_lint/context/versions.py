"""Versions of what the project uses: put together from manifests and locks, and asked for by link and rules."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as Pep440

from persist_lint.context.dependencies import Dependency
from persist_lint.context.technologies import DATABASES, DRIVERS, FRAMEWORKS, LESSER, ORMS, QUEUES
from persist_lint.model.context import Surroundings, Version

#: Conflicts over other distributions would not change what is reported.
_TELLING = frozenset({*DRIVERS, *ORMS, *FRAMEWORKS, *QUEUES, "sse-starlette"})


def is_server_dialect(dialect: str | None) -> bool:
    """Whether a SQLAlchemy backend name is that of a database server (False for SQLite and for None)."""
    return dialect is not None and DATABASES.get(dialect, dialect) not in LESSER


def locked_version(surroundings: Surroundings, name: str) -> Pep440 | None:
    """The exact version of a distribution, or None when none is locked or pinned."""
    known = surroundings.versions.get(canonicalize_name(name))
    return None if known is None else _parsed(known.exact)


def between(version: Version | None, low: str | None, high: str | None) -> bool | None:
    """Whether a version is at least ``low`` and below ``high`` (either may be None); None when that is not known.

    With only a range known, the answer is what holds for every version of the range.
    """
    if version is None:
        return None
    least, below = _parsed(low), _parsed(high)
    exact = _parsed(version.exact)
    if exact is not None:
        return (least is None or exact >= least) and (below is None or exact < below)
    lowest, highest, closed = _bounds(version.specifier)
    if (below is not None and lowest is not None and lowest >= below) or (
        least is not None and highest is not None and (highest < least or (highest == least and not closed))
    ):
        return False
    above = least is None or (lowest is not None and lowest >= least)
    under = below is None or (highest is not None and (highest < below or (highest == below and not closed)))
    return True if above and under else None


def overlaps(version: Version | None, specifier: str) -> bool:
    """Whether what is known of a version leaves room for a specifier; True where nothing is known."""
    low, high, closed = _bounds(specifier)
    exact = _parsed(version.exact) if version is not None else None
    if exact is not None:
        return SpecifierSet(specifier).contains(exact, prereleases=True)
    if version is None:
        return True
    lowest, highest, included = _bounds(version.specifier)
    too_old = low is not None and highest is not None and (highest < low or (highest == low and not included))
    too_new = high is not None and lowest is not None and (lowest > high or (lowest == high and not closed))
    return not too_old and not too_new


def _parsed(text: str | None) -> Pep440 | None:
    try:
        return Pep440(text) if text else None
    except InvalidVersion:
        return None


def _bounds(specifier: str) -> tuple[Pep440 | None, Pep440 | None, bool]:
    """The least and the greatest version a specifier allows, and whether the greatest itself is allowed."""
    lowest: Pep440 | None = None
    highest: Pep440 | None = None
    closed = False
    try:
        clauses = sorted(SpecifierSet(specifier), key=str)
    except InvalidSpecifier:
        return None, None, False
    for clause in clauses:
        base = _parsed(clause.version.removesuffix(".*"))
        if base is None:
            continue
        if clause.operator in {">=", ">", "~=", "==", "==="} and (lowest is None or base > lowest):
            lowest = base
        top, inclusive = _top(clause.operator, clause.version, base)
        if top is not None and (highest is None or top < highest or (top == highest and not inclusive)):
            highest, closed = top, inclusive
    return lowest, highest, closed


def _top(operator: str, text: str, base: Pep440) -> tuple[Pep440 | None, bool]:
    if operator in {"<", "<="}:
        return base, operator == "<="
    if operator in {"==", "==="} and not text.endswith(".*"):
        return base, True
    if operator in {"==", "~="}:
        release = base.release if operator == "==" else base.release[:-1]
        return Pep440(".".join(str(n) for n in (*release[:-1], release[-1] + 1))), False
    return None, False


def combined(found: Iterable[Dependency]) -> tuple[dict[str, Version], list[str]]:
    """What is known of each distribution, by name, and the sentences about contradictions.

    The dependencies come nearest folder first; locks beat pins, pins beat ranges, nearer beats farther.
    """
    by_name: dict[str, list[Dependency]] = {}
    for dependency in found:
        by_name.setdefault(dependency.name, []).append(dependency)
    versions: dict[str, Version] = {}
    conflicts: list[str] = []
    for name in sorted(by_name):
        said = by_name[name]
        pins = sorted((d for d in said if d.exact), key=lambda d: (not d.locked, d.optional))
        exact = pins[0] if pins else None
        asked = [d for d in said if d.specifier and not d.locked]
        ranges = [d for d in asked if not d.optional] or asked or [d for d in said if d.specifier]
        specifier = ranges[0].specifier if ranges else ""
        source = exact or (ranges[0] if ranges else said[0])
        versions[name] = Version(exact.exact if exact else None, specifier, source.source)
        if exact is not None and name in _TELLING:
            conflicts += _contradictions(exact, said)
    return versions, conflicts


def _contradictions(exact: Dependency, said: list[Dependency]) -> list[str]:
    found: dict[str, None] = {}
    version = _parsed(exact.exact)
    for other in said:
        if other.exact and other.exact != exact.exact and not other.optional:
            found[f"{exact.name}: {exact.source} has {exact.exact}, {other.source} has {other.exact}; "
                  f"{exact.exact} is taken."] = None  # fmt: skip
        elif not other.exact and other.specifier and not other.locked and version is not None:
            try:
                allowed = SpecifierSet(other.specifier).contains(version, prereleases=True)
            except InvalidSpecifier:
                continue
            if not allowed:
                found[f"{exact.name}: {exact.source} has {exact.exact}, which {other.source} "
                      f"({other.specifier}) does not allow; {exact.exact} is taken."] = None  # fmt: skip
    return list(found)
