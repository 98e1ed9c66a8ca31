"""One run for a face: the configuration found, the engine called, every foreseen failure turned into one line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from persist_lint.faces.errors import FaceError, one_line

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from persist_lint.engine.config import Config
    from persist_lint.link.project import Project
    from persist_lint.model.analysis import Analysis


def project_root(path: Path) -> Path:
    """The absolute root of the project that holds the path."""
    from persist_lint.engine.roots import find_root

    return find_root(path)


def settings(start: Path, *, config_file: Path | None = None, isolated: bool = False, **options: Any) -> Config:
    """The configuration for the project that holds ``start``; options that are not None replace its fields.

    Raises FaceError when the configuration is wrong.
    """
    from persist_lint.engine.config import load_config

    with _as_one_line():
        config = load_config(start, config_file=config_file, isolated=isolated)
    return msgspec.structs.replace(config, **{name: value for name, value in options.items() if value is not None})


def configured(start: Path, options: Mapping[str, Any]) -> Config:
    """The configuration with the options of the command line laid over it, as ``options.common`` names them."""
    from persist_lint.model.severity import Confidence, Severity

    config = settings(start, config_file=options["config_file"], isolated=options["isolated"])
    changes: dict[str, Any] = {
        name: options[name]
        for name in ("select", "ignore", "exclude", "jobs", "cache_dir")
        if options.get(name) is not None
    }
    for name in ("extend_select", "extend_exclude"):
        changes[name] = (*getattr(config, name), *(options.get(name) or ()))
    if options.get("min_severity"):
        changes["min_severity"] = Severity[options["min_severity"].upper()]
    if options.get("min_confidence"):
        changes["min_confidence"] = Confidence[options["min_confidence"].upper()]
    if any(options.get(name) for name in ("select", "ignore", "extend_select")):
        changes["source"] = None  # or an error in these words would name the file
    if options["force_exclude"]:
        changes["force_exclude"] = True
    if options["no_cache"]:
        changes["cache"] = False
    return msgspec.structs.replace(config, **changes)


def analysed(
    paths: Sequence[Path], config: Config, *, overlay: Mapping[Path, str] | None = None, parallel: bool = True
) -> Analysis:
    """The engine's answer for the paths; ``parallel`` allows worker processes (``config.jobs`` of them).

    Raises FaceError for what the user can mend (configuration, paths, vocabulary).
    """
    from persist_lint.engine.run import analyse

    with _as_one_line(), _executor(config.jobs if parallel else 1) as executor:
        return analyse(tuple(paths), config, executor=executor, overlay=overlay)


def linked(path: Path, config: Config) -> Project:
    """The linked project around a path, for questions about its functions. Raises FaceError as ``analysed`` does."""
    from persist_lint.engine.run import linked as read

    with _as_one_line():
        return read(path, config)


def reported_files(paths: Sequence[Path], config: Config) -> tuple[Path, list[str]]:
    """The project's root, and below it the files that the run would report on, sorted."""
    from persist_lint.engine.discovery import discover
    from persist_lint.engine.roots import find_root

    with _as_one_line():
        places = [path.resolve() for path in paths]
        root = find_root(places[0])
        return root, [file.path for file in discover(root, places, config).files if file.audited]


@contextlib.contextmanager
def _as_one_line() -> Iterator[None]:
    from persist_lint.engine.errors import EngineError

    try:
        yield
    except EngineError as error:
        raise FaceError(one_line(error)) from error


@contextlib.contextmanager
def _executor(jobs: int) -> Iterator[Executor | None]:
    """A pool of so many processes (0: one per processor this process may use), or None for one."""
    wanted = jobs or _processors()
    if wanted == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(max_workers=wanted) as executor:
        yield executor


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
