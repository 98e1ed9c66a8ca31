"""The checkers, with messages made from the catalogue: one per family, and ``persist-project`` for diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylint.checkers import BaseRawFileChecker
from pylint.constants import WarningScope

from persist_lint.faces.diagnostics import KINDS
from persist_lint.faces.errors import FaceError
from persist_lint.faces.explain import summary
from persist_lint.faces.host import PROJECT, HostRun, Told, told
from persist_lint.faces.pylint import restart, run_of
from persist_lint.model.rule import Family
from persist_lint.model.severity import Severity
from persist_lint.rules import catalogue

if TYPE_CHECKING:
    from astroid import nodes
    from pylint.typing import ExtraMessageOptions, MessageDefinitionTuple, Options

_LINE: ExtraMessageOptions = {"scope": WarningScope.LINE}
_FINDING = "%(message)s (%(severity)s, effort %(effort)s)"
_DIAGNOSTIC = "%(message)s"
_OPTIONS: Options = (
    (
        "persist-lint-config",
        {
            "type": "string",
            "default": "",
            "metavar": "<file>",
            "help": "Configuration file of persist-lint (default: found from each project's root).",
        },
    ),
    (
        "persist-lint-min-severity",
        {
            "type": "choice",
            "choices": ["", *(severity.name.lower() for severity in Severity)],
            "default": "",
            "metavar": "<severity>",
            "help": "Lowest severity that persist-lint reports (default: as configured).",
        },
    ),
)


class PersistChecker(BaseRawFileChecker):
    """Emits one family's findings of each file; the file itself is read by the engine, not here."""

    family: str

    def open(self) -> None:
        restart(self.linter)

    def process_module(self, node: nodes.Module) -> None:
        for item in self._told(node):
            # A finding that a pylint comment silences goes to pylint all the same: pylint drops it, and knows then that
            # the comment is of use. What the other comments silence, pylint must not see.
            if item.family == self.family and item.silenced in ("", "pylint"):
                self.add_message(
                    item.name,
                    line=item.line,
                    col_offset=item.column,
                    end_lineno=item.end_line,
                    end_col_offset=item.end_column,
                    args={"message": item.message, "severity": item.severity, "effort": item.effort},
                )

    def _told(self, node: nodes.Module) -> tuple[Told, ...]:
        if node.file is None:
            return ()
        config = self.linter.config
        chosen = config.persist_lint_min_severity
        host = HostRun(
            run=run_of(self.linter),
            config=config.persist_lint_config,
            min_severity=Severity[chosen.upper()] if chosen else None,
            # pylint keeps the paths that it was given since 4.1; before, the project of each file is asked for
            named=tuple(getattr(config, "files", ())),
        )
        try:
            return told(host, node.file, _unsaved(node) if config.from_stdin else None)
        except FaceError as error:
            # pylint turns any Exception into a crash report per file; this ends the lint with one line, also when it
            # is raised in a worker.
            raise SystemExit(f"persist-lint: {error}") from None


def _unsaved(node: nodes.Module) -> str:
    """The text that pylint read from standard input."""
    stream = node.stream()
    if stream is None:
        return ""
    with stream:
        return str(stream.read(), node.file_encoding or "utf-8", "replace")


def _messages(family: Family) -> dict[str, MessageDefinitionTuple]:
    rules = [entry.rule for entry in catalogue.load() if entry.rule.family is family]
    return {rule.pylint_id: (_FINDING, rule.name, summary(rule), _LINE) for rule in rules}


# Classes of this module, not made by calls to ``type``: the linter is pickled with its checkers under ``pylint -j``.
class QueryChecker(PersistChecker):
    """Query efficiency: W71xx."""

    name = "persist-query"
    family = Family.QUERY.value
    msgs = _messages(Family.QUERY)


class TransactionChecker(PersistChecker):
    """Transaction correctness: W72xx."""

    name = "persist-transaction"
    family = Family.TRANSACTION.value
    msgs = _messages(Family.TRANSACTION)


class RuntimeChecker(PersistChecker):
    """Runtime performance: W73xx."""

    name = "persist-runtime"
    family = Family.RUNTIME.value
    msgs = _messages(Family.RUNTIME)


class ResourceChecker(PersistChecker):
    """Resource lifecycle: W74xx."""

    name = "persist-resource"
    family = Family.RESOURCE.value
    msgs = _messages(Family.RESOURCE)


class ProjectChecker(PersistChecker):
    """Diagnostics about suppression comments: W70xx. It also holds the options of all five."""

    name = "persist-project"
    family = PROJECT
    msgs = {kind.pylint_id: (_DIAGNOSTIC, kind.name, kind.page, _LINE) for kind in KINDS if kind.in_hosts}  # noqa: RUF012
    options = _OPTIONS


CHECKERS: tuple[type[PersistChecker], ...] = (
    QueryChecker,
    TransactionChecker,
    RuntimeChecker,
    ResourceChecker,
    ProjectChecker,
)
