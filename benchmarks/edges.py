#!/usr/bin/env python3
"""Hold the static call graph against calls that really happened.

    python benchmarks/edges.py record DIR --roots app -- python -m pytest tests    records while the command runs
    python benchmarks/edges.py compare DIR --root . [--package app] [--list]       how much of it link knows
    python benchmarks/edges.py examples                                            both, for the example services

What is recorded is said in ``edge_recorder/sitecustomize.py``. Each pair of functions is asked of the call graph once;
every edge that it denies is listed with what it says about the line instead.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from call_graph import CallGraph, Denied, Shares, compared, read_edges  # noqa: E402


def record(folder: Path, roots: list[Path], command: list[str], place: Path) -> int:
    """Run the command with the recorder in it and in all Python processes that it starts; its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    path = [str(HERE / "edge_recorder"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "PERSIST_LINT_EDGES": str(folder.resolve()),
        "PERSIST_LINT_EDGES_ROOTS": os.pathsep.join(str(root.resolve()) for root in roots),
    }
    return subprocess.run(command, cwd=place, env=environment, check=False).returncode


def report(title: str, shares: Shares, denied: list[Denied], *, full: bool) -> str:
    """A Markdown table of the shares and, where asked for, every denied edge by cause."""
    lines = [f"## {title}", "", "| calls | recorded | held | share |", "|---|--:|--:|--:|"]
    for kind, (held, all_) in shares.items():
        share = f"{100 * held / all_:.1f} %" if all_ else "–"
        lines.append(f"| {kind} | {all_} | {held} | {share} |")
    causes = Counter((one.kind, one.cause) for one in denied)
    lines += ["", "| denied | cause | edges |", "|---|---|--:|"]
    lines += [f"| {kind} | {cause} | {count} |" for (kind, cause), count in causes.most_common()]
    if full:
        for kind, cause in sorted(causes):
            lines += ["", f"{kind}, {cause}:", ""]
            lines += [f"- {one.text}" for one in denied if (one.kind, one.cause) == (kind, cause)]
    return "\n".join(lines) + "\n\n"


def examples(*, full: bool) -> int:
    """Record both examples while their tests run, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        place = HERE.parent
        command = [sys.executable, "-m", "pytest", "-q", "tests/examples"]
        status = record(Path(folder), [place / "examples"], command, place)
        for name in ("job_service", "job_service_fixed"):
            root = place / "examples" / name
            print(report(name, *compared(CallGraph.of(root), read_edges(Path(folder), root)), full=full), end="")
    return status


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="run a command and record")
    recording.add_argument("folder", type=Path)
    recording.add_argument("--roots", type=Path, nargs="+", required=True, help="folders of the project's code")
    recording.add_argument("run", nargs="+", metavar="COMMAND", help="after --")
    comparing = commands.add_parser("compare", help="compare what was recorded")
    comparing.add_argument("folder", type=Path)
    comparing.add_argument("--root", type=Path, required=True, help="the project's root")
    comparing.add_argument("--package", default="", help="the folder below it to which the comparison is limited")
    both = commands.add_parser("examples", help="record and compare the two examples")
    for one in (comparing, both):
        one.add_argument("--list", action="store_true", help="list every edge that is denied")
    return parser.parse_args()


def main() -> int:
    """The exit status of what was run, or 0."""
    options = arguments()
    if options.command == "record":
        return record(options.folder, options.roots, options.run, Path())
    if options.command == "examples":
        return examples(full=options.list)
    graph = CallGraph.of(options.root.resolve(), options.package)
    edges = read_edges(options.folder, options.root.resolve() / options.package)
    print(report(options.root.resolve().name, *compared(graph, edges), full=options.list), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
