"""From what the families found to what is reported.

One place, one rule: one finding. Of several rules at one place the strongest speaks (``rules.precedence``), among
those sure enough to be shown. Then selection and severity overrides, then suppression; fingerprints are given before
anything is suppressed or hidden, so that equal findings keep their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import structs

from persist_lint.engine import suppression
from persist_lint.engine.fingerprint import with_fingerprints
from persist_lint.engine.select import Selection
from persist_lint.engine.suppression import Outcome
from persist_lint.model.facts import ModuleFacts
from persist_lint.model.finding import EntryPoint, Finding
from persist_lint.model.severity import Confidence
from persist_lint.rules.precedence import settle


def outcome(
    raw: Iterable[Finding],
    *,
    modules: Mapping[str, ModuleFacts],
    audited: Sequence[str],
    selection: Selection,
    ran: frozenset[str],
    min_confidence: Confidence,
    source: Callable[[str], bytes],
) -> Outcome:
    """The findings in order, those suppressed, and what is wrong with the comments.

    ``ran`` are the names of the rules that were looked for; ``source`` gives a file's content by path.
    """
    within = frozenset(audited)
    every = ordered(distinct(finding for finding in raw if finding.path in within))
    sure = settle(finding for finding in every if finding.confidence >= min_confidence)
    unsure = [finding for finding in every if finding.confidence < min_confidence]
    marked = with_fingerprints(ordered(selection.findings([*sure, *unsure])), source)
    return suppression.apply(
        [finding for finding in marked if finding.confidence >= min_confidence],
        modules,
        audited,
        selection,
        ran,
        hidden=[finding for finding in marked if finding.confidence < min_confidence],
    )


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """By path, line, column, code."""
    return sorted(findings, key=lambda one: (one.path, one.span, one.code, one.message))


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per place and rule: the surest, then worst, with the entry points of all."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.path, finding.span, finding.code), []).append(finding)
    return [_joined(group) for group in groups.values()]


def _joined(group: Sequence[Finding]) -> Finding:
    if len(group) == 1:
        return group[0]
    best = min(group, key=lambda one: (-one.confidence, -one.severity, len(one.trace), one.message))
    entries = {entry for finding in group for entry in finding.entry_points}
    return structs.replace(best, entry_points=tuple(sorted(entries, key=_entry_order)))


def _entry_order(entry: EntryPoint) -> tuple[str, int, str, str]:
    return entry.path, entry.line, entry.function, entry.kind
