"""The diagnostics: trouble with files and comments, outside the catalogue of rules and the score."""

from __future__ import annotations

from msgspec import Struct

from persist_lint.model.severity import Severity


class Kind(Struct, frozen=True):
    """One kind of diagnostic. ``severity`` is what ``--fail-on`` compares.

    ``in_hosts``: pylint and flake8 show it as well.
    """

    code: str
    name: str
    title: str
    page: str
    severity: Severity
    in_hosts: bool

    @property
    def pylint_id(self) -> str:
        """The pylint message id, as in ``W7001``."""
        return f"W7{self.code.removeprefix('PSL')}"


KINDS: tuple[Kind, ...] = (
    Kind(
        "PSL001",
        "unused-suppression",
        "a suppression comment suppresses nothing",
        "A comment names a rule of persist-lint that ran and reports nothing there. Remove the comment, or the rule"
        " from it, so that it cannot hide the next defect.",
        Severity.LOW,
        True,
    ),
    Kind(
        "PSL002",
        "unreadable-file",
        "a file cannot be read",
        "The file is missing, too large, not text, or may not be read. The rest of the project is analysed without it.",
        Severity.HIGH,
        False,
    ),
    Kind(
        "PSL003",
        "syntax-error",
        "a file cannot be parsed",
        "The file is not valid Python for the interpreter that runs persist-lint. The rest of the project is analysed"
        " without it.",
        Severity.HIGH,
        False,
    ),
    Kind(
        "PSL004",
        "suppression-without-reason",
        "a suppression comment gives no reason",
        "A `# persist-lint: ignore[...]` comment must say why the finding is accepted: write the reason behind the"
        " bracket.",
        Severity.LOW,
        True,
    ),
)

BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
