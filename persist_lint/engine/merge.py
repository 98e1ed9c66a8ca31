"""Several projects in one run: their analyses as one, with paths from their common directory.

Findings, diagnostics and suppressions are those of all; a family has failed if it failed anywhere, and is skipped if
it applies nowhere. The surroundings are those of the first project, by root: two projects have no common tech stack,
and what was judged by the others' surroundings has been judged already.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from persist_lint.model.analysis import Analysis, Discovered, FamilyRun, Suppressed
from persist_lint.model.context import Surroundings
from persist_lint.model.finding import Diagnostic, Finding

_RANK = {"error": 0, "completed": 1, "skipped": 2}


def merged(analyses: Sequence[Analysis]) -> Analysis:
    """One analysis of several, which are given by root; a finding that two of them share counts once."""
    common = Path(os.path.commonpath([one.root for one in analyses]))
    moved = [_moved(one, _prefix(Path(one.root), common)) for one in analyses]
    findings = _distinct([finding for one in moved for finding in one.findings])
    suppressed = {_key(item.finding): item for one in moved for item in reversed(one.suppressed)}
    return Analysis(
        root=str(common),
        files=sum(one.files for one in moved),
        lines=sum(one.lines for one in moved),
        findings=tuple(findings),
        suppressed=tuple(suppressed[key] for key in sorted(suppressed)),
        diagnostics=tuple(sorted({item for one in moved for item in one.diagnostics}, key=structs.astuple)),
        families=tuple(_worst(runs) for runs in zip(*(one.families for one in moved), strict=True)),
        rules=tuple(dict.fromkeys(name for one in moved for name in one.rules)),
        surroundings=moved[0].surroundings,
        discovered=Discovered(
            engines=tuple(item for one in moved for item in one.discovered.engines),
            session_factories=tuple(item for one in moved for item in one.discovered.session_factories),
            models=tuple(item for one in moved for item in one.discovered.models),
            channels=tuple(item for one in moved for item in one.discovered.channels),
        ),
        notes={name: note for one in moved for name, note in one.notes.items()},
    )


def _prefix(root: Path, common: Path) -> str:
    relative = root.relative_to(common).as_posix()
    return "" if relative == "." else relative + "/"


def _key(finding: Finding) -> tuple[object, ...]:
    return (finding.path, finding.span, finding.code)


def _distinct(findings: list[Finding]) -> list[Finding]:
    first = {_key(finding): finding for finding in reversed(findings)}
    return [first[key] for key in sorted(first)]


def _worst(runs: Sequence[FamilyRun]) -> FamilyRun:
    return min(runs, key=lambda run: _RANK[run.status])


def _moved(analysis: Analysis, prefix: str) -> Analysis:
    if not prefix:
        return analysis
    discovered = analysis.discovered
    return structs.replace(
        analysis,
        findings=tuple(_moved_finding(finding, prefix) for finding in analysis.findings),
        suppressed=tuple(
            Suppressed(_moved_finding(one.finding, prefix), one.kind, prefix + one.path, one.line, one.reason)
            for one in analysis.suppressed
        ),
        diagnostics=tuple(
            Diagnostic(prefix + one.path, one.line, one.kind, one.message) for one in analysis.diagnostics
        ),
        surroundings=_moved_surroundings(analysis.surroundings, prefix),
        discovered=Discovered(
            engines=tuple(structs.replace(one, path=prefix + one.path) for one in discovered.engines),
            session_factories=tuple(
                structs.replace(one, path=prefix + one.path) for one in discovered.session_factories
            ),
            models=tuple(structs.replace(one, path=prefix + one.path) for one in discovered.models),
            channels=tuple(structs.replace(one, path=prefix + one.path) for one in discovered.channels),
        ),
    )


def _moved_finding(finding: Finding, prefix: str) -> Finding:
    return structs.replace(
        finding,
        path=prefix + finding.path,
        trace=tuple(structs.replace(step, path=prefix + step.path) for step in finding.trace),
        entry_points=tuple(structs.replace(entry, path=prefix + entry.path) for entry in finding.entry_points),
    )


def _moved_surroundings(around: Surroundings, prefix: str) -> Surroundings:
    return structs.replace(
        around,
        triggers=tuple(structs.replace(one, path=prefix + one.path) for one in around.triggers),
        adrs=tuple(structs.replace(one, path=prefix + one.path) for one in around.adrs),
        sources={name: prefix + place for name, place in around.sources.items()},
        migrations=tuple(prefix + path for path in around.migrations),
    )
