"""The answer of one run, before context validation and scores."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from persist_lint.model.context import Surroundings
from persist_lint.model.finding import Diagnostic, Finding
from persist_lint.model.rule import Family


class Engine(Struct, frozen=True, kw_only=True):
    """A database engine that the code creates; pool figures are None where the code leaves the default."""

    path: str
    line: int
    is_async: bool
    url: str | None = None
    dialect: str | None = None
    pool_class: str | None = None
    pool_size: int | None = None
    max_overflow: int | None = None
    pool_pre_ping: bool | None = None
    pool_recycle: int | None = None
    pool_timeout: float | None = None


class SessionFactory(Struct, frozen=True, kw_only=True):
    """A session factory that the code creates; None where the code leaves the default."""

    path: str
    line: int
    name: str
    is_async: bool
    expire_on_commit: bool | None = None
    autoflush: bool | None = None


class Relationship(Struct, frozen=True, kw_only=True):
    target: str
    lazy: str
    many: bool


class Model(Struct, frozen=True, kw_only=True):
    """A mapped class: ``columns`` by count, relationships by name."""

    name: str
    table: str | None
    columns: int
    relationships: dict[str, Relationship]
    path: str
    line: int


class Channel(Struct, frozen=True, kw_only=True):
    """One place that publishes to or listens on a channel; ``name`` may be a template with ``{}`` holes."""

    name: str
    path: str
    line: int
    technology: str
    publishes: bool


class Discovered(Struct, frozen=True, kw_only=True):
    """What link found of the things that REPORT's project context lists."""

    engines: tuple[Engine, ...] = ()
    session_factories: tuple[SessionFactory, ...] = ()
    models: tuple[Model, ...] = ()
    channels: tuple[Channel, ...] = ()


class FunctionNote(Struct, frozen=True, kw_only=True):
    """What context validation (Rule 6) needs to know of a function that holds a finding.

    ``calls`` are the dotted names of the calls in the function; ``guards`` those entered by ``with`` around line spans:
    (first line, last line, dotted name). ``keywords`` are the names of keyword arguments in its calls, ``constants``
    the integers among the arguments of its calls (``limit(50)``); a bound counts as small when all of them are.
    """

    calls: tuple[str, ...] = ()
    guards: tuple[tuple[int, int, str], ...] = ()
    keywords: tuple[str, ...] = ()
    constants: tuple[int, ...] = ()


class Suppressed(Struct, frozen=True):
    """A finding that a comment silences; ``kind`` is noqa, pylint or persist-lint."""

    finding: Finding
    kind: str
    path: str
    line: int
    reason: str | None


class FamilyRun(Struct, frozen=True):
    """How one family's worker ended; ``error`` is one line; ``skipped`` says why the family does not apply."""

    family: Family
    status: Literal["completed", "skipped", "error"]
    note: str = ""


class Analysis(Struct, frozen=True, kw_only=True):
    """Everything one run found. ``root`` is absolute; all other paths are relative to it.

    ``rules`` are the names of the rules that ran; ``notes`` by function name, for the functions with findings.
    """

    root: str
    files: int
    lines: int
    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    diagnostics: tuple[Diagnostic, ...]
    families: tuple[FamilyRun, ...]
    rules: tuple[str, ...]
    surroundings: Surroundings
    discovered: Discovered
    notes: dict[str, FunctionNote] = {}
