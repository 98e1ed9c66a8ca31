"""Which files a project consists of, and which of them are audited.

Left out, as if they were not there: hidden directories and files, virtual environments, what ``exclude`` and the
.gitignore files name (those above the project up to the git root, ``.git/info/exclude`` and nested ones included),
and tests, fixtures and examples unless ``include_tests``. Read for linking but not audited: vendored and generated
code. A link to a directory is not followed: its target either lies in the project anyway or is not part of it; a link
to a file is, unless the project has the file already.

A path named on the command line is read and audited all the same. The patterns that leave it out do not count for it;
below a named directory exclusions count as if it were the root. With ``force_exclude`` naming a path lifts nothing.

A file that lies in no project is read with the files beside it and the packages below them: its directory may be
anything, somebody's home included.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from msgspec import Struct, structs

from persist_lint.engine import files
from persist_lint.engine.config import Config
from persist_lint.engine.errors import PathError
from persist_lint.engine.patterns import Patterns, first_verdict
from persist_lint.engine.roots import is_marked
from persist_lint.model.finding import Diagnostic

_GITIGNORE_LIMIT = 1_000_000


class SourceFile(Struct, frozen=True):
    """One file to read: a project-relative path, is it audited, was it itself named on the command line?"""

    path: str
    audited: bool
    named: bool = False


class Found(Struct, frozen=True):
    """The files of a project by path, and what was in the way (within the paths asked for)."""

    root: Path
    files: tuple[SourceFile, ...]
    problems: tuple[Diagnostic, ...]


def discover(root: Path, paths: Collection[Path], config: Config, extra: Iterable[Path] = ()) -> Found:
    """All files of the project at ``root``, audited where they lie under ``paths``.

    All paths are absolute and resolved; ``extra`` are files that exist only as unsaved text. Raises PathError when a
    named directory cannot be listed, ConfigError for a bad pattern.
    """
    named = sorted({path.relative_to(root).as_posix() for path in paths})
    alone = not is_marked(root) and not any(path.is_dir() for path in paths)
    walk = _Walk(root, _Rules.of(root, config), packages_only=alone)
    walk.directory("", walk.rules)
    if not config.force_exclude:
        for path in named:
            _add_named(walk, path)
    for unsaved in extra:
        if unsaved.is_relative_to(root):
            relative = unsaved.relative_to(root).as_posix()
            walk.files.setdefault(relative, SourceFile(relative, True, relative in named))
    return Found(
        root=root,
        files=tuple(_limited(walk.files[path], named) for path in sorted(walk.files)),
        problems=tuple(walk.problems[path] for path in sorted(walk.problems) if _within(path, named)),
    )


def _within(path: str, named: list[str]) -> bool:
    return any(scope == "." or path == scope or path.startswith(scope + "/") for scope in named)


def _limited(file: SourceFile, named: list[str]) -> SourceFile:
    return file if not file.audited or _within(file.path, named) else SourceFile(file.path, False)


def _add_named(walk: _Walk, path: str) -> None:
    place = walk.root / path
    if not place.is_dir():
        if place.exists():
            walk.files[path] = SourceFile(path, True, True)
        return
    try:
        os.scandir(place).close()
    except OSError as error:
        raise PathError(f"{place}: cannot be listed: {(error.strerror or '').lower()}") from None
    if path != "." and walk.rules.leaves_alone(walk.root, path):
        walk.directory(path + "/", walk.rules.lifted(walk.root, path))


class _Rules(Struct, frozen=True):
    """The patterns in force; ``ignored`` are .gitignore files, innermost first."""

    excluded: tuple[Patterns, ...]
    tests: tuple[Patterns, ...]
    unaudited: tuple[Patterns, ...]
    ignored: tuple[Patterns, ...]

    @staticmethod
    def of(root: Path, config: Config) -> _Rules:
        """The rules of the configuration, and of the .gitignore files above the root."""
        return _Rules(
            excluded=(Patterns.of(config.exclude), Patterns.of(config.extend_exclude)),
            tests=() if config.include_tests else (Patterns.of(config.tests),),
            unaudited=tuple(Patterns.of(part) for part in (config.vendored, config.generated)),
            ignored=tuple(_above(root)),
        )

    def leaves_out(self, path: str) -> bool:
        """Is the path not part of the project? A directory's path ends in a slash."""
        return any(one.match(path) for one in (*self.excluded, *self.tests)) or first_verdict(path, self.ignored)

    def leaves_alone(self, root: Path, path: str) -> bool:
        """Would the directory, or one above it, not have been audited had it not been named?"""
        parts = path.split("/")
        above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        return any(
            part.rpartition("/")[2].startswith(".")
            or (root / part / "pyvenv.cfg").exists()
            or self.with_gitignore(root, part.rpartition("/")[0]).leaves_out(part + "/")
            or any(one.match(part + "/") for one in self.unaudited)
            for part in above
        )

    def with_gitignore(self, root: Path, directory: str) -> _Rules:
        """These rules with those of all .gitignore files from the root's down to that of the directory."""
        rules = self.entering(root, "")
        walked = ""
        for part in directory.split("/") if directory else ():
            walked += part + "/"
            rules = rules.entering(root, walked)
        return rules

    def entering(self, root: Path, directory: str) -> _Rules:
        """These rules with those of the directory's own .gitignore ("" or a path ending in a slash)."""
        own = _gitignore(root / directory / ".gitignore", directory)
        return self if own is None else structs.replace(self, ignored=(own, *self.ignored))

    def lifted(self, root: Path, path: str) -> _Rules:
        """The rules below a named directory. Exclusions that leave it out count from it, ignore files only inside it;
        a list that makes it a test or vendored no longer counts, or its files would be left out one by one.
        """
        place = path + "/"
        inside = self.with_gitignore(root, path.rpartition("/")[0])
        return _Rules(
            excluded=tuple(one.below(place) if one.match(place) else one for one in self.excluded),
            tests=tuple(one for one in self.tests if not one.match(place)),
            unaudited=tuple(one for one in self.unaudited if not one.match(place)),
            ignored=() if first_verdict(place, inside.ignored) else inside.ignored,
        )


def _gitignore(path: Path, base: str) -> Patterns | None:
    try:
        text = files.read(path, _GITIGNORE_LIMIT).decode("utf-8", "replace")
    except files.ReadError:
        return None
    return Patterns.of_gitignore(text, base)


def _above(root: Path) -> Iterator[Patterns]:
    """The ignore files between the git root and the project, innermost first, unless they ignore the project itself."""
    top = next((place for place in (root, *root.parents) if (place / ".git").exists()), None)
    if top is None:
        return
    for place in (root, *root.parents):
        inside = root.relative_to(place).as_posix() + "/" if place != root else ""
        names = [] if place == root else [".gitignore"]
        names += [".git/info/exclude"] if place == top else []
        for name in names:
            own = _gitignore(place / name, "")
            if own is not None and not (inside and own.match(inside)):
                yield _Prefixed(own.spec, prefix=inside) if inside else own
        if place == top:
            return


class _Prefixed(Patterns, frozen=True):
    """Patterns of a file above the root: paths get the way from that file to the root in front."""

    prefix: str = ""

    def verdict(self, path: str) -> bool | None:
        """As in Patterns."""
        return self.spec.check_file(self.prefix + path).include


class _Walk:
    """One traversal; ``files`` and ``problems`` by project-relative path."""

    def __init__(self, root: Path, rules: _Rules, *, packages_only: bool) -> None:
        self.root = root
        self.rules = rules
        self._packages_only = packages_only
        self.files: dict[str, SourceFile] = {}
        self.problems: dict[str, Diagnostic] = {}

    def directory(self, start: str, rules: _Rules) -> None:
        """Adds all files below a directory ("" or a path ending in a slash)."""
        waiting = [(start, rules)]
        links: list[tuple[str, _Rules]] = []
        while waiting:
            directory, outer = waiting.pop()
            inner = outer.entering(self.root, directory)
            for entry in self._entries(directory):
                path = directory + entry.name
                if entry.name.startswith(".") or not self._has_plain_name(path):
                    continue
                if entry.is_symlink():
                    links.append((path, inner))
                elif entry.is_dir(follow_symlinks=False):
                    if self._is_entered(path, inner):
                        waiting.append((path + "/", inner))
                else:
                    self._file(path, inner)
        self._add_links(links)

    def _is_entered(self, path: str, rules: _Rules) -> bool:
        place = self.root / path
        if rules.leaves_out(path + "/") or (place / "pyvenv.cfg").exists():
            return False
        return not self._packages_only or (place / "__init__.py").exists()

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / directory) as entries:
                return list(entries)
        except OSError as error:
            path = directory.rstrip("/") or "."
            reason = (error.strerror or type(error).__name__).lower()
            self._problem(path, f"the directory cannot be listed: {reason}")
            return []

    def _has_plain_name(self, path: str) -> bool:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            if path.endswith(".py"):
                shown = os.fsencode(path).decode("utf-8", "backslashreplace")
                self._problem(shown, "its name is not valid UTF-8; rename it")
            return False
        return True

    def _problem(self, path: str, message: str) -> None:
        self.problems[path] = Diagnostic(path, 0, "unreadable-file", message)

    def _file(self, path: str, rules: _Rules) -> None:
        if path.endswith(".py") and not rules.leaves_out(path):
            if not any(one.match(path) for one in rules.unaudited):
                self.files[path] = SourceFile(path, True)
            else:
                self.files.setdefault(path, SourceFile(path, False))

    def _add_links(self, links: list[tuple[str, _Rules]]) -> None:
        """Links to files, once all real files are known; those to nothing too: reading them says what is wrong."""
        if not any(path.endswith(".py") for path, _ in links):
            return
        known = {str(self.root / path) for path in self.files}
        for path, rules in sorted(links, key=lambda link: link[0]):
            place = self.root / path
            target = os.path.realpath(place)
            if not place.is_dir() and target not in known:
                self._file(path, rules)
                known.add(target)
