"""One defect, one finding: which rule speaks where several meet on one line.

The order is that of the catalogue's documentation: "211 first; 402 > 202 > 205 > 401; 406 > 402; 210 > 108;
208 > 301; 303, 305 > 301; 105 > 102; 101 > 103 > 107; 407 > 403; 201 > 102". A chain is transitive. A rule loses to
the rules named before it even where those lose to a third one.
"""

from __future__ import annotations

from collections.abc import Iterable

from persist_lint.model.finding import Finding

#: Each chain from the strongest rule to the weakest.
CHAINS: tuple[tuple[int, ...], ...] = (
    (406, 402, 202, 205, 401),
    (210, 108),
    (208, 301),
    (303, 301),
    (305, 301),
    (105, 102),
    (101, 103, 107),
    (407, 403),
    (201, 102),
)
#: An unawaited call does nothing at all, so nothing else that is said of its line holds.
FIRST = 211


def _stronger() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for chain in CHAINS:
        for place, weak in enumerate(chain):
            table.setdefault(f"PSL{weak}", set()).update(f"PSL{strong}" for strong in chain[:place])
    return {weak: frozenset(strong) for weak, strong in table.items()}


STRONGER = _stronger()


def settle(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that a stronger rule's finding on the same line makes superfluous, order kept."""
    findings = list(findings)
    present: dict[tuple[str, int], set[str]] = {}
    for finding in findings:
        present.setdefault((finding.path, finding.span.line), set()).add(finding.code)
    return [finding for finding in findings if not _beaten(finding.code, present[finding.path, finding.span.line])]


def _beaten(code: str, present: set[str]) -> bool:
    first = f"PSL{FIRST}"
    return (code != first and first in present) or not present.isdisjoint(STRONGER.get(code, frozenset()))
