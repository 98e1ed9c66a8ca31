"""Findings that a comment silences, comments that silence nothing, and comments that do not say why.

Where a comment reaches:
- ``persist-lint: ignore`` and ``noqa`` behind code: all lines of the statement (for a compound statement: of its head);
- ``persist-lint: ignore`` alone on a line: the statement below it;
- ``ignore-file``, ``flake8: noqa`` alone on a line, ``pylint: skip-file``: the file;
- ``pylint: disable``: see ``blocks``; ``disable-next``: the next line.

A finding that several comments silence counts for each, and is filed under the first of persist-lint, noqa, pylint.
Unused is a selector that names rules of ours, all of them looked for in this file, and silences nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from persist_lint.engine.blocks import Reach
from persist_lint.engine.comments import Directive, Kind, directives
from persist_lint.engine.select import Identity, Selection, matching, suggestion
from persist_lint.model.analysis import Suppressed
from persist_lint.model.facts import ModuleFacts
from persist_lint.model.finding import Diagnostic, Finding

_ORDER: tuple[Kind, ...] = ("persist-lint", "noqa", "pylint")
_PYLINT_CATEGORIES = ("W", "warning")


class Outcome(Struct, frozen=True):
    """What is left, what is silenced and by which comment, and what is wrong with the comments."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    diagnostics: tuple[Diagnostic, ...]


def apply(
    findings: Sequence[Finding],
    modules: Mapping[str, ModuleFacts],
    audited: Iterable[str],
    selection: Selection,
    ran: frozenset[str],
    hidden: Sequence[Finding] = (),
) -> Outcome:
    """Parts the findings. ``ran`` are the names of the rules that really ran; ``hidden`` are findings too weak to be
    shown: a comment that silences one of them is not unused.
    """
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    diagnostics: list[Diagnostic] = []
    by_path = {path: list(group) for path, group in groupby(sorted(findings, key=_path), key=_path)}
    weak = {path: list(group) for path, group in groupby(sorted(hidden, key=_path), key=_path)}
    for path in sorted({*audited, *by_path}):
        facts = modules.get(path)
        own = by_path.get(path, [])
        if facts is None or not facts.comments:
            kept += own
            continue
        file = _File(path, facts, selection)
        for finding in own:
            by = file.silencing(finding)
            if by is None:
                kept.append(finding)
            else:
                suppressed.append(Suppressed(finding, by.kind, path, by.line, by.reason))
        for finding in weak.get(path, []):
            file.silencing(finding)
        diagnostics += file.complaints(ran)
    return Outcome(tuple(kept), tuple(suppressed), tuple(diagnostics))


def _path(finding: Finding) -> str:
    return finding.path


class _File:
    """The directives of one file, and which of their selectors have silenced something."""

    def __init__(self, path: str, facts: ModuleFacts, selection: Selection) -> None:
        self._path = path
        self._facts = facts
        self._selection = selection
        self._directives = [one for comment in facts.comments for one in directives(comment)]
        self._statement = _statements(facts.statements)
        self._comment_lines = {comment.line for comment in facts.comments if comment.alone}
        self._pylint: dict[str, dict[int, Directive]] = {}
        self._used: set[tuple[int, str]] = set()

    def silencing(self, finding: Finding) -> Directive | None:
        """The directive under which the finding is filed; marks every selector that silences it as used."""
        off = self._pylint_states(finding.rule).get(finding.span.line)
        hits = []
        for number, directive in enumerate(self._directives):
            if directive.kind == "pylint" and directive.action != "ignore-file":
                reaches = directive is off
            else:
                reaches = self._reaches(directive, finding.span.line)
            if reaches and (selectors := self._meeting(directive, finding.rule)) is not None:
                self._used.update((number, selector) for selector in selectors)
                hits.append(directive)
        return min(hits, key=lambda one: _ORDER.index(one.kind), default=None)

    def _meeting(self, directive: Directive, rule: str) -> list[str] | None:
        """The selectors of the directive that name the rule; None where it is not meant."""
        if not directive.selectors:
            return []
        named = [one for one in directive.selectors if any(rule == it.name for it in self._named(directive, one))]
        return named or None

    def _named(self, directive: Directive, selector: str) -> tuple[Identity, ...]:
        known = self._selection.known
        if directive.kind == "noqa":
            return tuple(one for one in known if one.code.startswith(selector))
        if directive.kind == "persist-lint":
            return matching(selector, known)
        return tuple(one for one in known if one.family and _pylint_names(selector, one))

    def _reaches(self, directive: Directive, line: int) -> bool:
        if directive.action == "ignore-file":
            return True
        target = directive.line
        if directive.kind == "persist-lint" and directive.alone and target not in self._statement:
            target += 1
            while target in self._comment_lines:
                target += 1
        return line == target or self._statement.get(line, line) == self._statement.get(target, target)

    def _pylint_states(self, rule: str) -> dict[int, Directive]:
        """For each line on which pylint's comments switch the rule off, the directive that does."""
        if rule not in self._pylint:
            states: dict[int, Directive] = {}
            reach = Reach(self._facts)
            for one in self._directives:
                if one.kind != "pylint" or one.action == "ignore-file" or self._meeting(one, rule) is None:
                    continue
                if one.action == "disable-next":
                    states[one.line + 1] = one
                    continue
                for line in range(one.line, reach.last_line(one.line) + 1):
                    if one.action == "disable":
                        states[line] = one
                    else:
                        states.pop(line, None)
            self._pylint[rule] = states
        return self._pylint[rule]

    def complaints(self, ran: frozenset[str]) -> Iterator[Diagnostic]:
        """PSL001 and PSL004 for this file, by line."""
        for number, one in enumerate(self._directives):
            for selector in dict.fromkeys(one.selectors):
                if one.action != "enable" and (number, selector) not in self._used:
                    yield from self._unused(one, selector, ran)
            if one.kind == "persist-lint" and one.reason is None:
                example = f"# persist-lint: {one.action}[{', '.join(one.selectors) or 'rule'}] why"
                message = f"a suppression has to give its reason: {example}"
                yield Diagnostic(self._path, one.line, "suppression-without-reason", message)

    def _unused(self, directive: Directive, selector: str, ran: frozenset[str]) -> Iterator[Diagnostic]:
        named = self._named(directive, selector)
        if named:
            if all(one.name in ran and self._selection.runs_in(one.name, self._path) for one in named):
                yield self._complaint(directive, f"{selector} silences nothing here; remove it")
        elif directive.kind == "persist-lint" or (directive.kind == "noqa" and selector.startswith("PSL")):
            message = f"{selector} names no rule{suggestion(selector, self._selection.known)}"
            yield self._complaint(directive, message)

    def _complaint(self, directive: Directive, message: str) -> Diagnostic:
        return Diagnostic(self._path, directive.line, "unused-suppression", message)


def _pylint_names(selector: str, rule: Identity) -> bool:
    """Does pylint take this word of a ``disable=`` for our rule: its symbol, its id, its checker, its category?"""
    words = (rule.name, f"W7{rule.code.removeprefix('PSL')}", f"persist-{rule.family}")
    return selector in words or selector in _PYLINT_CATEGORIES


def _statements(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """For each line of a statement of several lines, the statement's first line; the shorter statement wins."""
    first: dict[int, int] = {}
    for start, end in sorted(pairs, key=lambda pair: pair[0] - pair[1]):
        first.update(dict.fromkeys(range(start, end + 1), start))
    return first
