"""What a rule says about one place, with the evidence for it."""

from __future__ import annotations

from msgspec import Struct

from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span


class Step(Struct, frozen=True):
    """One place of a trace: a path relative to the project root, where, and what happens there."""

    path: str
    span: Span
    what: str


class EntryPoint(Struct, frozen=True):
    """A function from which the framework enters the program; ``kind`` as in ``model.effect.ContextKind``."""

    kind: str
    function: str
    path: str
    line: int


class Finding(Struct, frozen=True, kw_only=True):
    """One defect. Paths are relative to the project root with forward slashes.

    ``function`` is the dotted name of the enclosing function (the module's name at module level). ``fingerprint`` is
    filled by the engine; rules leave it empty.
    """

    rule: str
    code: str
    path: str
    span: Span
    function: str
    message: str
    recommendation: str
    severity: Severity
    confidence: Confidence
    effort: Effort
    trace: tuple[Step, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    sources: tuple[str, ...] = ()
    fingerprint: str = ""


class Diagnostic(Struct, frozen=True):
    """Trouble with a file, not with the program in it: PSL002 unreadable-file, PSL003 syntax-error and their like.

    ``path`` is relative to the project root, ``line`` 1-based (0 where there is none).
    """

    path: str
    line: int
    kind: str
    message: str
