"""Runs literate cases: a project in, the findings it must give marked in its own lines.

A line of a case's Python file ends with its assertions, which are taken off before the file is written:

    await db.execute(stmt)  # error: [n-update-loop]
    await db.execute(stmt)  # error: [n-update-loop] HIGH definite "jobs" [query-in-loop]

Each asserts exactly one report of that rule on that line. See ``docs/testing.md``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from literate import Block, FormatError, Section, files_of, parse, write_project
from persist_lint.engine.config import load_config
from persist_lint.engine.run import analyse
from persist_lint.model.analysis import Analysis
from persist_lint.model.severity import Confidence, Severity

MARK = re.compile(r"[ \t]*#[ \t]*error:(?P<asserted>.*)$")
ASSERTION = re.compile(
    r"""[ \t,]*(?:\#[ \t]*error:)?[ \t]*\[(?P<rule>[a-z0-9-]+)\]
        (?:[ \t]+(?P<severity>LOW|MEDIUM|HIGH|CRITICAL)\b)?
        (?:[ \t]+(?P<confidence>possible|probable|definite)\b)?
        (?:[ \t]+"(?P<message>[^"]*)")?""",
    re.VERBOSE,
)
GAP = "known gap:"
ALL_RULES = "(all rules)"
#: Diagnostics that spoil every case in which they are not asserted: the case is not what its author wrote.
BROKEN = frozenset({"syntax-error", "unreadable-file"})


@dataclass(frozen=True)
class Assertion:
    """What one mark says; None where it leaves something open."""

    path: str
    line: int
    rule: str
    severity: Severity | None = None
    confidence: Confidence | None = None
    message: str | None = None

    def accepts(self, report: Report) -> bool:
        """Whether the report is what was asserted."""
        return (
            (self.path, self.line, self.rule) == (report.path, report.line, report.rule)
            and self.severity in (None, report.severity)
            and self.confidence in (None, report.confidence)
            and (self.message is None or self.message in report.message)
        )

    def __str__(self) -> str:
        grades = [grade.name if isinstance(grade, Severity) else grade.name.lower() for grade in self._grades()]
        text = [] if self.message is None else [f'"{self.message}"']
        return " ".join([f"{self.path}:{self.line}", f"[{self.rule}]", *grades, *text])

    def _grades(self) -> Iterator[Severity | Confidence]:
        yield from (grade for grade in (self.severity, self.confidence) if grade is not None)

    @property
    def exactness(self) -> int:
        """How much is asserted: the most exact assertions choose their report first."""
        return sum(value is not None for value in (self.severity, self.confidence, self.message))


@dataclass(frozen=True)
class Report:
    """A finding or diagnostic of a run; a diagnostic has no grades."""

    path: str
    line: int
    rule: str
    message: str
    severity: Severity | None = None
    confidence: Confidence | None = None

    def __str__(self) -> str:
        grades = [] if self.severity is None else [self.severity.name]
        grades += [] if self.confidence is None else [self.confidence.name.lower()]
        return " ".join([f"{self.path}:{self.line}", f"[{self.rule}]", *grades, f'"{self.message}"'])


@dataclass(frozen=True)
class Case:
    """One project and what it must give. ``where`` is ``file:line``; ``rule`` is the one that the file is about."""

    title: str
    where: str
    rule: str
    files: dict[str, str]
    assertions: tuple[Assertion, ...]
    known_gap: bool = False
    all_rules: bool = False

    @property
    def loud(self) -> bool:
        """Whether the case asserts a finding of the rule that its file is about."""
        return any(assertion.rule == self.rule for assertion in self.assertions)


def cases_of(text: str, rule: str, name: str) -> list[Case]:
    """The cases of a case file. Raises FormatError for a case without files and for a mark that cannot be read."""
    preamble, *sections = parse(text, name)
    if not sections:
        raise FormatError(f"{name}:1: no case; each one starts with a heading '## what it shows'")
    shared = files_of(preamble.blocks, name)
    return [_case(section, shared, rule, name) for section in sections]


def _case(section: Section, shared: dict[str, Block], rule: str, name: str) -> Case:
    own = files_of(section.blocks, name)
    if not own:
        raise FormatError(f"{name}:{section.line}: the case {section.title!r} has no file of its own")
    files, assertions = _read({**shared, **own}, name)
    return Case(
        title=section.title,
        where=f"{name}:{section.line}",
        rule=rule,
        files=files,
        assertions=assertions,
        known_gap=section.title.startswith(GAP),
        all_rules=ALL_RULES in section.title,
    )


def example(text: str, rule: str, name: str) -> Case:
    """A rule's own bad or good example: code blocks as in a case file, or plain code, which is ``main.py``."""
    text = textwrap.dedent(text)
    if re.search(r"^```", text, re.MULTILINE):
        (section,) = parse(text, name)
        files, assertions = _read(files_of(section.blocks, name), name)
    else:
        files, assertions = _read({"main.py": Block("python", {}, text.lstrip("\n"), 0, 0)}, name)
    return Case(title=name, where=name, rule=rule, files=files, assertions=assertions)


def _read(blocks: dict[str, Block], name: str) -> tuple[dict[str, str], tuple[Assertion, ...]]:
    files: dict[str, str] = {}
    assertions: list[Assertion] = []
    for path, block in blocks.items():
        lines = block.text.split("\n")
        if path.endswith(".py"):
            for index, line in enumerate(lines):
                lines[index], found = unmark(line, path, index + 1, f"{name}:{block.line + index + 1}")
                assertions.extend(found)
        files[path] = "\n".join(lines)
    return files, tuple(assertions)


def unmark(line: str, path: str, number: int, where: str) -> tuple[str, list[Assertion]]:
    """A line without its mark, and what the mark asserts. Raises FormatError for a mark that cannot be read."""
    mark = MARK.search(line)
    if mark is None:
        return line, []
    rest = mark["asserted"].rstrip()
    found: list[Assertion] = []
    while rest:
        match = ASSERTION.match(rest)
        if match is None:
            break
        severity, confidence = match["severity"], match["confidence"]
        found.append(
            Assertion(
                path,
                number,
                match["rule"],
                Severity[severity] if severity else None,
                Confidence[confidence.upper()] if confidence else None,
                match["message"],
            )
        )
        rest = rest[match.end() :]
    if rest.strip() or not found:
        raise FormatError(f'{where}: cannot read {line.strip()!r}; write # error: [rule] SEVERITY confidence "text"')
    return line[: mark.start()], found


def run(case: Case, root: Path) -> Analysis:
    """Write the case's project into ``root``, an empty folder, and analyse it in this process, without a cache."""
    write_project(root, case.files)
    config = msgspec.structs.replace(load_config(root), jobs=1, cache=False)
    return analyse([root], config)


def reports_of(analysis: Analysis) -> list[Report]:
    """Findings and diagnostics alike, in order."""
    findings = [Report(f.path, f.span.line, f.rule, f.message, f.severity, f.confidence) for f in analysis.findings]
    diagnostics = [Report(d.path, d.line, d.kind, d.message) for d in analysis.diagnostics]
    return sorted(findings + diagnostics, key=lambda report: (report.path, report.line, report.rule, report.message))


def differences(case: Case, reports: list[Report]) -> list[str]:
    """What is missing and what is too much, one line each; empty when the case holds.

    In scope are the rule that the file is about, the rules that the case asserts, broken files, or, with ``(all
    rules)``, everything.
    """
    scope = {case.rule, *BROKEN, *(assertion.rule for assertion in case.assertions)}
    left = [report for report in reports if case.all_rules or report.rule in scope]
    missing: list[Assertion] = []
    for assertion in sorted(case.assertions, key=lambda assertion: -assertion.exactness):
        match = next((report for report in left if assertion.accepts(report)), None)
        if match is None:
            missing.append(assertion)
        else:
            left.remove(match)
    order = sorted(missing, key=lambda assertion: (assertion.path, assertion.line, assertion.rule))
    return [f"missing:    {assertion}" for assertion in order] + [f"unexpected: {report}" for report in left]


def failed_families(analysis: Analysis) -> list[str]:
    """The families whose worker failed: no case may hide a crash, not even a known gap."""
    return [f"{run.family.value}: {run.note}" for run in analysis.families if run.status == "error"]
