#!/usr/bin/env python3
"""How much link resolves in real projects: call sites, reasons of what stays Unknown, origins of sessions.

    python benchmarks/resolution.py                            the projects of corpus.toml, as corpus.py unpacked them
    python benchmarks/resolution.py --roots DIR... [--list]    other trees

Counted are the call sites of the functions that any rule could speak of, tests left out. A site is *resolved* when link
knows what it may run: functions of the project, rows of the vocabulary, or something without effects (builtins, methods
of plain data, classes without a constructor of their own). A library that has no vocabulary is *outside*; all else is
*Unknown*. Sessions are counted once per function that uses them, and by the worst of the ways back from there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from call_graph import linked  # noqa: E402
from corpus import CACHE, projects  # noqa: E402

from persist_lint.link.index import Function  # noqa: E402
from persist_lint.link.origins import Origins, sessions_used  # noqa: E402
from persist_lint.link.project import Project  # noqa: E402
from persist_lint.link.sites import Site  # noqa: E402

#: Operators of columns build SQL; a parameter that is called runs what the callers passed, and counts there.
SETTLED = ("a column's operator", "a function that was passed in")
OUTSIDE = re.compile(r"no row for |library type |no such name")
#: Reasons that name what they speak of, by class.
CLASSES = (
    (re.compile(r".* has no attribute .* that is known"), "an attribute that the class does not say"),
    (re.compile(r"no attribute .* known"), "an attribute of something unknown"),
    (re.compile(r"attribute of a .*"), "an attribute of something that has none"),
    (re.compile(r"a .* is not called"), "something that is not called"),
    (re.compile(r".* has no __call__"), "an instance without __call__"),
    (re.compile(r"builtin .*"), "a builtin that is not modelled"),
    (re.compile(r".* is not known to be callable"), "a library object that is called"),
    (re.compile(r"super has no .*"), "a method of a base outside the project"),
    (re.compile(r"result of .*"), "the result of something unknown"),
)


WAYS = (
    ("known", "opened, injected or shared in the project"),
    ("caller", "passed by code outside the project"),
    ("outside", "made by a library without vocabulary"),
    ("unknown", "unknown"),
    ("unseen", "perhaps a session: something unknown that is asked to commit, execute …"),
)
KNOWN = ("known", "caller", "outside")
#: Methods of sessions and connections that little else has.
TELLING = frozenset(
    {"commit", "rollback", "flush", "refresh", "scalars", "scalar", "execute", "executemany", "add_all"}
)


@dataclass
class Counts:
    """What was counted in one project."""

    name: str
    sites: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def kind_of(site: Site) -> str:
    """What is known of a call: project, vocabulary, plain, outside or Unknown."""
    if any(target.function is not None for target in site.targets):
        return "project"
    if site.targets:
        return "vocabulary"
    if not site.reason or site.reason in SETTLED:
        return "plain"
    return "outside" if OUTSIDE.match(site.reason) else "Unknown"


def class_of(reason: str) -> str:
    """The reason without the names in it."""
    return next((words for pattern, words in CLASSES if pattern.fullmatch(reason)), reason)


def counted(name: str, root: Path) -> Counts:
    """Count one project."""
    project = linked(root)[0]
    found = Counts(name)
    for function in project.relevant:
        if not project.is_test(function.module.path):
            _count(project, function, found)
    return found


def _count(project: Project, function: Function, found: Counts) -> None:
    unseen: set[str] = set()
    for site in project.world.flow(function).sites.values():
        kind = kind_of(site)
        found.sites[kind] += 1
        if kind == "Unknown":
            found.reasons[class_of(site.reason)] += 1
            receiver, _, method = site.name.rpartition(".")
            unseen.update({receiver} if receiver and method in TELLING else ())
    found.sessions["unseen"] += len(unseen)
    origins = Origins(project)
    for sym, (_, at) in sessions_used(project, function).items():
        ways = origins.of(function, sym)
        kinds = {one.kind for one in ways}
        kind = next((one for one in ("unknown", "outside", "caller") if one in kinds), "known")
        found.sessions[kind] += 1
        if kind == "unknown":
            why = "; ".join(one.text for one in ways if one.kind == "unknown")
            found.unknown.append(f"{function.module.path}:{at.line} {function.dotted}: {why}")


def report(all_: list[Counts], *, full: bool) -> str:
    """Markdown: call sites, reasons, sessions."""
    lines = ["| project | call sites | project | vocabulary | no effects | outside | Unknown | resolved |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|--:|"]
    for one in all_:
        total = one.sites.total()
        inside = total - one.sites["outside"]
        shares = [
            f"{_share(one.sites[kind], total)}" for kind in ("project", "vocabulary", "plain", "outside", "Unknown")
        ]
        lines.append(
            f"| {one.name} | {total:,} | {' | '.join(shares)} | {_share(inside - one.sites['Unknown'], inside)} |"
        )
    lines += ["", "| Unknown because | " + " | ".join(one.name for one in all_) + " |"]
    lines += ["|---|" + "--:|" * len(all_)]
    reasons: Counter[str] = sum((one.reasons for one in all_), Counter())
    for reason, _ in reasons.most_common(18):
        lines.append(f"| {reason} | " + " | ".join(str(one.reasons[reason]) for one in all_) + " |")
    lines += ["", "| sessions come from | " + " | ".join(one.name for one in all_) + " |", "|---|" + "--:|" * len(all_)]
    for kind, words in WAYS:
        lines.append(f"| {words} | " + " | ".join(str(one.sessions[kind]) for one in all_) + " |")
    known = [_share(sum(one.sessions[k] for k in KNOWN), one.sessions.total()) for one in all_]
    lines.append("| origin known | " + " | ".join(known) + " |")
    if full:
        lines += ["", *(f"- {text}" for one in all_ for text in one.unknown)]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roots", type=Path, nargs="+", help="trees to count instead of the corpus")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where corpus.py keeps its trees ({CACHE})")
    parser.add_argument("--list", action="store_true", help="list the sessions whose origin is unknown")
    options = parser.parse_args()
    if options.roots:
        places = [(root.resolve().name, root.resolve()) for root in options.roots]
    else:
        trees = options.cache.expanduser() / "trees"
        places = [(p.distribution, trees / f"{p.distribution}-{p.version}") for p in projects([])]
    missing = [str(root) for _, root in places if not root.is_dir()]
    if missing:
        print(f"not there: {', '.join(missing)}; python benchmarks/corpus.py --download fetches them", file=sys.stderr)
        return 2
    # One process each: a linked project is large, and one after the other keeps the machine usable.
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1) as executor:
        found = list(executor.map(counted, *zip(*places, strict=True)))
    print(report(found, full=options.list), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
