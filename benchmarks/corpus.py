#!/usr/bin/env python3
"""Run persist_lint over the real projects of corpus.toml and say how it went, as a Markdown table.

    python benchmarks/corpus.py                         download what is missing, run check and audit on each project
    python benchmarks/corpus.py --only zenml --jobs 1   one project, on one core
    python benchmarks/corpus.py --findings out/         keep each project's findings as out/<name>.json
    python benchmarks/corpus.py --download              only fetch and unpack, print where

The archives are wheels, downloaded by pip from the index that it is configured for, checked against their hash and
unpacked outside the repository. Nothing of them is ever imported or run. Exit status 1 when a run crashed, reported an
internal error or gave no answer.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
CACHE = Path("~/.cache/persist-lint-corpus")
#: What an analysis could want to read; the rest of an archive (web assets, models) stays packed.
WANTED = (".py", ".pyi", ".toml", ".cfg", ".ini", ".txt", ".sql", ".mako", ".yml", ".yaml", ".md", ".lock")
LARGEST = 20_000_000


class CorpusError(Exception):
    """The corpus cannot be had: one line."""


@dataclass(frozen=True)
class Project:
    """A row of corpus.toml."""

    distribution: str
    version: str
    file: str
    sha256: str
    package: str


@dataclass
class Run:
    """One run of the tool: seconds of wall time and of processor time, peak resident memory in MiB."""

    status: int
    seconds: float
    processor: float
    peak: float
    output: str
    errors: str

    @property
    def trouble(self) -> str:
        """Why this run is no answer, or nothing."""
        text = self.errors.strip()
        if self.status not in (0, 1):
            return f"exit {self.status}: {text.splitlines()[-1] if text else 'no message'}"
        return "a traceback on standard error" if "Traceback" in text else ""


@dataclass
class Row:
    """What one project gave."""

    project: Project
    check: Run
    audit: Run
    lines: int = 0
    trouble: list[str] = field(default_factory=list)
    rules: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: int = 0


def projects(only: list[str]) -> list[Project]:
    """The projects of corpus.toml, or those named."""
    with (HERE / "corpus.toml").open("rb") as file:
        known = [Project(**row) for row in tomllib.load(file)["project"]]
    unknown = set(only) - {project.distribution for project in known}
    if unknown:
        raise CorpusError(f"corpus.toml has no {', '.join(sorted(unknown))}")
    return [project for project in known if not only or project.distribution in only]


def archive(project: Project, cache: Path) -> Path:
    """The project's wheel in the cache, downloaded if missing and checked by its hash."""
    place = cache / "archives" / project.file
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--dest", str(place.parent), f"{project.distribution}=={project.version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode or not place.exists():
            reason = (done.stderr.strip().splitlines() or [f"pip gave no {project.file}"])[-1]
            raise CorpusError(f"{project.distribution} {project.version}: not downloaded: {reason}")
    with place.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != project.sha256:
        raise CorpusError(f"{place}: is not the archive that corpus.toml names; remove it and run again")
    return place


def unpacked(project: Project, cache: Path) -> Path:
    """The directory that holds the project's package, unpacked if missing; it is a project root of its own."""
    place = cache / "trees" / f"{project.distribution}-{project.version}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as draft:
            tree = Path(draft) / "tree"
            tree.mkdir()
            with zipfile.ZipFile(archive(project, cache)) as wheel:
                for member in wheel.infolist():
                    _extract(wheel, member, tree)
            (tree / ".persist-lint.toml").touch()
            tree.replace(place)
    return place


def _extract(wheel: zipfile.ZipFile, member: zipfile.ZipInfo, tree: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        raise CorpusError(f"{wheel.filename}: {member.filename!r} would leave the directory")
    if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16) or member.file_size > LARGEST:
        return
    if path.suffix not in WANTED and path.name != "METADATA":
        return
    target = tree / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with wheel.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def run(command: list[str], folder: Path, environment: dict[str, str], limit: float) -> Run:
    """Run a command; it is killed after ``limit`` seconds (exit status -9)."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        # wait4, not getrusage(RUSAGE_CHILDREN): that one only knows the largest of all children so far
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            if time.perf_counter() - started > limit:
                process.kill()
            time.sleep(0.01)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        scale = 1024 * 1024 if sys.platform == "darwin" else 1024
        output.seek(0)
        errors.seek(0)
        texts = [file.read().decode("utf-8", "replace") for file in (output, errors)]
        processor = usage.ru_utime + usage.ru_stime
        return Run(process.returncode, seconds, processor, usage.ru_maxrss / scale, *texts)


def measure(project: Project, tree: Path, options: argparse.Namespace) -> Row:
    """Both commands over one project, with the tool of the work tree unless another is named."""
    tool = shlex.split(options.tool) if options.tool else [sys.executable, "-m", "persist_lint"]
    environment = dict(os.environ) if options.tool else {**os.environ, "PYTHONPATH": str(HERE.parent)}
    jobs = [] if options.jobs is None else ["--jobs", str(options.jobs)]
    check = run(
        [*tool, "check", "--format", "json", "--no-cache", *jobs, project.package], tree, environment, options.limit
    )
    audit = run([*tool, "audit", "--no-write", "--no-cache", *jobs, "."], tree, environment, options.limit)
    row = Row(project, check, audit)
    for name, done in (("check", check), ("audit", audit)):
        if done.trouble:
            row.trouble.append(f"{name}: {done.trouble}")
    try:
        answer: dict[str, Any] = json.loads(check.output)
        row.lines = answer["lines"]
        row.rules.update(finding["rule"] for finding in answer["findings"])
        row.errors = len(answer["errors"])
    except (ValueError, KeyError) as error:
        said = (check.errors.strip().splitlines() or [str(error)])[-1]
        row.trouble.append(f"check: its answer cannot be read: {said}")
    if options.findings:
        options.findings.mkdir(parents=True, exist_ok=True)
        (options.findings / f"{project.distribution}.json").write_text(check.output, "utf-8")
        (options.findings / f"{project.distribution}.md").write_text(audit.output, "utf-8")
    return row


def _times(run: Run) -> str:
    return f"{run.seconds:.1f} s ({run.processor:.1f} s)"


def report(rows: list[Row]) -> str:
    """Two Markdown tables: how the runs went (wall time, processor time in brackets), and findings per rule."""
    head = "| project | lines | check | audit | peak memory | exit | findings | diagnostics |"
    lines = [head, "|---|--:|--:|--:|--:|---|--:|--:|"]
    for row in rows:
        lines.append(
            f"| {row.project.distribution} {row.project.version} | {row.lines:,} | {_times(row.check)} "
            f"| {_times(row.audit)} | {max(row.check.peak, row.audit.peak):.0f} MiB "
            f"| {row.check.status}, {row.audit.status} | {row.rules.total()} | {row.errors} |"
        )
    names = sorted({rule for row in rows for rule in row.rules})
    lines += ["", "| rule | " + " | ".join(row.project.distribution for row in rows) + " | all |"]
    lines += ["|---|" + "--:|" * (len(rows) + 1)]
    for name in names:
        counts = [row.rules[name] for row in rows]
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + f" | {sum(counts)} |")
    trouble = [f"- {row.project.distribution}: {text}" for row in rows for text in row.trouble]
    return "\n".join([*lines, *(["", "Trouble:", "", *trouble] if trouble else [])]) + "\n"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where archives and trees are kept ({CACHE})")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="only these projects")
    parser.add_argument("--download", action="store_true", help="download and unpack, run nothing")
    parser.add_argument("--tool", help="how to run the tool (default: that of the work tree)")
    parser.add_argument("--jobs", type=int, help="handed to the tool")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one run")
    parser.add_argument("--findings", type=Path, metavar="DIR", help="keep findings and reports there")
    parser.add_argument("--out", type=Path, help="write the tables there too")
    return parser.parse_args()


def main() -> int:
    """0 when every run answered, 1 otherwise, 2 when the corpus cannot be had."""
    options = arguments()
    rows = []
    try:
        cache = options.cache.expanduser()
        for project in projects(options.only):
            tree = unpacked(project, cache)
            if options.download:
                print(f"{project.distribution} {project.version}: {tree / project.package}")
                continue
            rows.append(measure(project, tree, options))
            print(f"{project.distribution}: {rows[-1].rules.total()} findings", file=sys.stderr)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 2
    if rows:
        text = report(rows)
        print(text, end="")
        if options.out:
            options.out.write_text(text, "utf-8")
    return 1 if any(row.trouble for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
