"""What a manifest or lock file says of one distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

_CARET = re.compile(r"^\^\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_TILDE = re.compile(r"^~\s*v?(\d+)(?:\.(\d+))?(\.\d+)?")


class Dependency(Struct, frozen=True):
    """A normalised distribution name with a PEP 440 specifier or, ``exact``, the version that is locked or pinned."""

    name: str
    specifier: str
    exact: str | None
    path: str
    line: int
    locked: bool = False
    optional: bool = False

    @property
    def source(self) -> str:
        """``path:line``."""
        return f"{self.path}:{self.line}"


def from_requirement(text: str, path: str, line: int, optional: bool = False) -> Dependency | None:
    """A PEP 508 requirement; None for what is none."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return make(requirement.name, str(requirement.specifier), path, line, optional)


def make(name: str, specifier: str, path: str, line: int, optional: bool = False) -> Dependency:
    """A dependency with a specifier; one that names a single version is taken as exact."""
    specifier = ",".join(sorted(part.strip() for part in specifier.split(",") if part.strip()))
    pinned = re.fullmatch(r"===?\s*([^*,]+)", specifier)
    return Dependency(
        canonicalize_name(name), specifier, pinned.group(1).strip() if pinned else None, path, line, optional=optional
    )


def from_poetry(name: str, value: object, path: str, line: int, optional: bool = False) -> Iterator[Dependency]:
    """A dependency as Poetry and Pipfile spell it: a version, or a table with one."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        optional = optional or value.get("optional") is True
        value = value.get("version", "")
    if isinstance(value, str):
        yield make(name, poetry_specifier(value), path, line, optional)


def poetry_specifier(text: str) -> str:
    """Poetry's version constraint as PEP 440: ``^2.1`` is ``>=2.1,<3``. "" for ``*`` and what cannot be said so."""
    found: list[str] = []
    for part in re.split(r"\s*,\s*", text.strip()):
        if part in {"", "*"}:
            continue
        if caret := _CARET.match(part):
            found += [f">={part[1:].strip().lstrip('v')}", f"<{_next(caret.groups(''))}"]
        elif (tilde := _TILDE.match(part)) and not part.startswith("~="):
            major, minor = int(tilde.group(1)), tilde.group(2)
            above = f"{major}.{int(minor) + 1}" if minor else f"{major + 1}"
            found += [f">={part[1:].strip()}", f"<{above}"]
        else:
            found.append(part if part[0] in "<>=!~" else f"=={part}")
    specifier = ",".join(sorted(found))
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return ""
    return specifier


def _next(groups: tuple[str, ...]) -> str:
    """The first version that a caret excludes: the leftmost number that is not zero goes up."""
    numbers = [int(group) for group in groups if group]
    for at, number in enumerate(numbers):
        if number or at == len(numbers) - 1:
            return ".".join(str(n) for n in (*numbers[:at], number + 1))
    return "1"
