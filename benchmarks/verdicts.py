#!/usr/bin/env python3
"""Verdicts on findings in code that nobody here wrote: draw some, count them, hold a new run against them.

    python benchmarks/corpus.py --findings out/           the findings of each project, as out/<project>.json
    python benchmarks/verdicts.py draw out/ --seed 7      up to 15 per rule, over all projects, into docs/quality/
    python benchmarks/verdicts.py table                   what was read, rule by rule, as a Markdown table
    python benchmarks/verdicts.py diff out/               which of those read are found, gone or moved; what is new

``docs/quality/<project>.toml`` holds one ``[[finding]]`` per finding drawn: its fingerprint, rule and place, and,
filled in by somebody who did not write the rule, ``verdict`` ("right", "wrong" or "debatable") and ``why``. Drawing
again keeps what is there. Exit status 1 when ``diff`` finds that a right one is gone or a wrong one is still found.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERDICTS = ("right", "wrong", "debatable")
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "quality"


class VerdictError(Exception):
    """A file cannot be used: one line."""


@dataclass(frozen=True)
class Read:
    """A finding that was drawn; ``verdict`` is "" until somebody has read it in its code."""

    fingerprint: str
    rule: str
    path: str
    line: int
    verdict: str = ""
    why: str = ""


def load(path: Path) -> list[Read]:
    """The findings of one project's file; none where there is no file. Raises VerdictError, which names the entry."""
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("finding", [])
        found = [Read(**row) for row in rows]
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise VerdictError(f"{path.name}: {error}") from None
    for one in found:
        if one.verdict not in ("", *VERDICTS):
            raise VerdictError(f"{path.name}: {one.fingerprint}: {one.verdict!r} is none of {', '.join(VERDICTS)}")
        if one.verdict and not one.why:
            raise VerdictError(f"{path.name}: {one.fingerprint}: a verdict needs its reason; fill in 'why'")
    return found


def save(path: Path, reads: Iterable[Read]) -> None:
    """Write one project's file, in order of rule and place, whole."""
    lines = [f"# Findings in {path.stem}, drawn at random and read in its code; see benchmarks/verdicts.py.", ""]
    for one in sorted(reads, key=lambda one: (one.rule, one.path, one.line, one.fingerprint)):
        lines.append("[[finding]]")
        # JSON's strings and integers are TOML's, too
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(one).items()]
        lines.append("")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text("\n".join(lines), "utf-8")
    draft.replace(path)


def findings_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The findings of each project, from the JSON reports in a folder."""
    reports = sorted(folder.glob("*.json"))
    if not reports:
        raise VerdictError(f"{folder}: no <project>.json; make them with corpus.py --findings")
    return {path.stem: json.loads(path.read_text("utf-8"))["findings"] for path in reports}


def draw(found: dict[str, list[dict[str, Any]]], folder: Path, per_rule: int, seed: int) -> int:
    """Add up to ``per_rule`` findings of each rule, what was drawn before included; the number added."""
    known = {project: load(folder / f"{project}.toml") for project in found}
    taken = {one.fingerprint for reads in known.values() for one in reads}
    counts = collections.Counter(one.rule for reads in known.values() for one in reads)
    pool: dict[str, list[tuple[str, dict[str, Any]]]] = collections.defaultdict(list)
    for project in sorted(found):
        for finding in sorted(found[project], key=lambda one: one["fingerprint"]):
            if finding["fingerprint"] not in taken:
                pool[finding["rule"]].append((project, finding))
    added = 0
    for rule, candidates in sorted(pool.items()):
        wanted = min(max(per_rule - counts[rule], 0), len(candidates))
        for project, finding in random.Random(f"{seed}:{rule}").sample(candidates, wanted):
            known[project].append(Read(finding["fingerprint"], rule, finding["path"], finding["line"]))
            added += 1
    for project, reads in known.items():
        if reads:
            save(folder / f"{project}.toml", reads)
    return added


def table(reads: Iterable[Read]) -> str:
    """What was read, rule by rule, as a Markdown table; the share counts right ones among right and wrong ones."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for one in reads:
        counts[one.rule][one.verdict or "unread"] += 1
    total: collections.Counter[str] = sum(counts.values(), collections.Counter())
    rows = ["| rule | read | right | wrong | debatable | right of decided |", "|---|--:|--:|--:|--:|--:|"]
    for rule, count in [*sorted(counts.items()), ("**all**", total)]:
        right, wrong, debatable = (count[verdict] for verdict in VERDICTS)
        share = f"{right / (right + wrong):.0%}" if right + wrong else ""
        rows.append(f"| {rule} | {right + wrong + debatable} | {right} | {wrong} | {debatable} | {share} |")
    return "\n".join(rows)


def compare(reads: list[Read], found: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """One line per finding that was read and is gone, moved, or still found though wrong; and whether that is bad."""
    now = {one["fingerprint"]: one for one in found}
    lines = []
    bad = False
    for one in reads:
        finding = now.get(one.fingerprint)
        place = f"{one.path}:{one.line}: {one.rule}"
        if finding is None:
            lines.append(f"gone   {one.verdict or 'unread':9} {place}")
            bad = bad or one.verdict == "right"
        elif one.verdict == "wrong":
            lines.append(f"still  wrong     {place}")
            bad = True
        elif (finding["path"], finding["line"]) != (one.path, one.line):
            lines.append(f"moved  {one.verdict or 'unread':9} {place} -> {finding['path']}:{finding['line']}")
    read = {one.fingerprint for one in reads}
    new = collections.Counter(one["rule"] for one in found if one["fingerprint"] not in read)
    lines += [f"other  {count:4} {rule}" for rule, count in sorted(new.items())]
    return lines, bad


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--verdicts", type=Path, default=FOLDER, help="the folder of the verdicts (docs/quality)")
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="add findings to be read")
    drawing.add_argument("findings", type=Path)
    drawing.add_argument("--per-rule", type=int, default=15)
    drawing.add_argument("--seed", type=int, default=7)
    commands.add_parser("table", help="count the verdicts")
    comparing = commands.add_parser("diff", help="hold a run against the verdicts")
    comparing.add_argument("findings", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == "draw":
            added = draw(findings_in(options.findings), options.verdicts, options.per_rule, options.seed)
            print(f"{added} findings to be read")
            return 0
        if options.command == "table":
            print(table(one for path in sorted(options.verdicts.glob("*.toml")) for one in load(path)))
            return 0
        status = 0
        for project, found in findings_in(options.findings).items():
            lines, bad = compare(load(options.verdicts / f"{project}.toml"), found)
            print("\n".join([f"## {project}", *lines]))
            status = max(status, int(bad))
        return status
    except VerdictError as error:
        print(f"verdicts: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
