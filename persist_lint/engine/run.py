"""One run: the only way in for every face.

    analysis = analyse([Path("src")], load_config(Path("src")))

discovery → facts → vocabulary and surroundings → link → the four families → one defect one finding → suppression →
fingerprints. A project is found from each path and read whole; the paths limit what is reported. All rules always run:
which of them are selected decides only what is shown, so that leaving one out never changes what another says.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from msgspec import Struct, structs

from persist_lint.context.survey import survey
from persist_lint.engine import files
from persist_lint.engine.answers import Answer, key_of_project, remembered
from persist_lint.engine.cache import PackStore, Store
from persist_lint.engine.config import Config
from persist_lint.engine.discovery import discover
from persist_lint.engine.errors import ConfigError, PathError
from persist_lint.engine.families import run_families
from persist_lint.engine.load import Loaded, encoded, load, no_collection
from persist_lint.engine.merge import merged
from persist_lint.engine.outcome import outcome
from persist_lint.engine.roots import find_root
from persist_lint.engine.select import Selection, at_least, selection
from persist_lint.link.project import Project, link
from persist_lint.model.analysis import Analysis
from persist_lint.model.context import Surroundings
from persist_lint.model.facts import Import, ModuleFacts
from persist_lint.model.finding import Diagnostic
from persist_lint.model.vocabulary import Vocabulary
from persist_lint.rules import catalogue
from persist_lint.vocabulary import VocabularyError
from persist_lint.vocabulary import load as load_vocabulary

CACHE_NAME = ".persist_lint_cache"


def analyse(
    paths: Sequence[Path],
    config: Config,
    *,
    executor: Executor | None = None,
    overlay: Mapping[Path, str] | None = None,
    store: Store | None = None,
) -> Analysis:
    """Everything found under the paths (the working directory where none is given).

    ``overlay`` is unsaved text by path, ``executor`` where files are read in parallel, ``store`` a cache to use instead
    of the configured one. Paths in the answer are relative to the project's root; where the paths lie in several
    projects, to the directory that these have in common. Raises EngineError when the run cannot begin.
    """
    unsaved = {_resolved(path): encoded(text) for path, text in (overlay or {}).items()}
    rules = catalogue.load()
    job = _Job(config, selection(config, [entry.rule for entry in rules]), rules, executor, unsaved)
    groups = _by_root(paths or (Path(),), unsaved)
    analyses: list[Analysis] = []
    for root in sorted(groups):
        if analyses:
            gc.collect()  # the project before is full of cycles, and would stay where the caller has no collector
        cache = store if store is not None else _cache(root, config)
        with no_collection():
            analyses.append(_project(root, groups[root], job, cache))
    return analyses[0] if len(analyses) == 1 else merged(analyses)


class _Job(Struct, frozen=True):
    """What all projects of a run share."""

    config: Config
    selection: Selection
    rules: tuple[catalogue.RuleModule, ...]
    executor: Executor | None
    unsaved: dict[Path, bytes]


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise PathError(f"{path}: a symbolic link that leads to itself") from None


def _by_root(paths: Iterable[Path], unsaved: Mapping[Path, bytes]) -> dict[Path, list[Path]]:
    groups: dict[Path, list[Path]] = {}
    for path in paths:
        place = _resolved(path)
        try:
            place.stat()
        except OSError as error:
            if place not in unsaved:
                raise PathError(f"{path}: {(error.strerror or type(error).__name__).lower()}") from None
        groups.setdefault(find_root(place), []).append(place)
    return groups


def _cache(root: Path, config: Config) -> Store | None:
    return PackStore(config.cache_dir or root / CACHE_NAME, root) if config.cache else None


def linked(path: Path, config: Config) -> Project:
    """The linked project around a file or folder, as a run over it sees it: for questions about single functions.

    Raises EngineError when the run cannot begin.
    """
    rules = catalogue.load()
    job = _Job(config, selection(config, [entry.rule for entry in rules]), rules, None, {})
    ((root, places),) = _by_root((path,), {}).items()
    with no_collection():
        return _linked(_read(root, places, job, _cache(root, config)))


class _Read(Struct, frozen=True):
    """A project that was read whole."""

    loaded: Loaded
    audited: list[str]
    problems: tuple[Diagnostic, ...]
    vocabulary: Vocabulary
    surroundings: Surroundings
    unsaved: dict[str, bytes]
    src: tuple[str, ...]


def _read(root: Path, paths: Sequence[Path], job: _Job, store: Store | None) -> _Read:
    config = job.config
    found = discover(root, paths, config, job.unsaved)
    unsaved = {path.relative_to(root).as_posix(): text for path, text in job.unsaved.items() if root in path.parents}
    limit = config.thresholds.max_file_bytes
    names = [file.path for file in found.files]
    loaded = load(root, names, limit=limit, executor=job.executor, overlay=unsaved, store=store)
    vocabulary = _vocabulary(loaded.modules, config, store)
    if store is not None:
        store.save()
    audited = [file.path for file in found.files if file.audited and (file.named or file.path not in loaded.generated)]
    surroundings = survey(root, loaded.modules)
    src = tuple(folder.relative_to(root).as_posix() for folder in config.src if root in folder.parents)
    return _Read(loaded, audited, tuple(found.problems), vocabulary, surroundings, unsaved, src)


def _linked(read: _Read) -> Project:
    return link(read.loaded.modules, read.vocabulary, read.surroundings, audited=frozenset(read.audited), src=read.src)


def _answer(read: _Read, rules: Sequence[catalogue.RuleModule]) -> Answer:
    project = _linked(read)
    raw, families = run_families(project, rules, read.loaded.modules, read.vocabulary)
    notes = {name: project.note(name) for name in sorted({finding.function for finding in raw})}
    return Answer(tuple(raw), families, project.discovered(), notes)


def _key(read: _Read, rules: Sequence[catalogue.RuleModule]) -> bytes:
    names = [entry.rule.name for entry in rules]
    return key_of_project(read.loaded.contents, read.audited, names, read.vocabulary, read.surroundings, read.src)


def _project(root: Path, paths: Sequence[Path], job: _Job, store: Store | None) -> Analysis:
    config = job.config
    read = _read(root, paths, job, store)
    modules = read.loaded.modules
    answer = remembered(store, lambda: _key(read, job.rules), lambda: _answer(read, job.rules))
    completed = {run.family for run in answer.families if run.status == "completed"}
    ran = [entry.rule.name for entry in job.rules if entry.rule.family in completed]
    result = outcome(
        answer.raw,
        modules=modules,
        audited=read.audited,
        selection=job.selection,
        ran=frozenset(ran),
        min_confidence=config.min_confidence,
        source=functools.partial(_content, root, config.thresholds.max_file_bytes, read.unsaved),
    )
    findings = at_least(result.findings, config.min_severity)
    troubles = [*read.problems, *read.loaded.problems(read.audited), *result.diagnostics]
    return Analysis(
        root=str(root),
        files=len(read.audited),
        lines=sum(modules[path].lines for path in read.audited),
        findings=tuple(findings),
        suppressed=result.suppressed,
        diagnostics=tuple(sorted(job.selection.diagnostics(troubles), key=structs.astuple)),
        families=answer.families,
        rules=tuple(name for name in ran if name in job.selection.names),
        surroundings=read.surroundings,
        discovered=answer.discovered,
        notes={name: answer.notes[name] for name in sorted({finding.function for finding in findings})},
    )


def _content(root: Path, limit: int, unsaved: Mapping[str, bytes], path: str) -> bytes:
    """A file's content once more; nothing where it has gone since."""
    try:
        return unsaved[path] if path in unsaved else files.read(root / path, limit)
    except files.ReadError:
        return b""


def _vocabulary(modules: Mapping[str, ModuleFacts], config: Config, store: Store | None) -> Vocabulary:
    imported = {name for facts in modules.values() for one in facts.imports if not one.level for name in _names(one)}
    try:
        return load_vocabulary(sorted(imported), config.vocabulary, store)
    except VocabularyError as error:
        raise ConfigError(" ".join(str(error).split())) from None


def _names(one: Import) -> tuple[str, ...]:
    """The modules that an import can mean: ``from a import b`` imports a, and a.b if that is a module."""
    return (one.module,) if one.name in (None, "*") else (one.module, f"{one.module}.{one.name}")
