"""Reads vocabulary files: strictly, and only those that a project needs.

    path ──head()──▶ Library ──choose()──▶ paths ──parse()──▶ VocabularyFile ──merge()──▶ Vocabulary

The head of a file (its first table, ``[library]``) is cut off and parsed alone, so that the files of libraries that the
project does not import cost next to nothing. What came out is kept in the cache, where there is one: TOML is slow.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import msgspec

from persist_lint.model.vocabulary import Library, Vocabulary, VocabularyFile
from persist_lint.vocabulary.check import VocabularyError, complain, explain, similar
from persist_lint.vocabulary.merge import merge

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
HEAD = re.compile(rb"^\[library\]", re.MULTILINE)
HEAD_END = b"\n["


class Cache(Protocol):
    """What keeps the merged rows between runs, by content."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""

    def put(self, key: bytes, value: bytes) -> None:
        """Remembers the value."""


def load(imported: Iterable[str], extra: Sequence[Path] = (), cache: Cache | None = None) -> Vocabulary:
    """All rows for a project that imports the dotted modules ``imported``, and of the user's own files ``extra``.

    Read are the shipped files of which an import root is (a dotted prefix of) an imported module, the always-on ones,
    every file of ``extra``, and what these need. A row of ``extra`` replaces the shipped row of the same name.

    Raises VocabularyError, one line with file, key and way out, for an unreadable file, broken TOML, an unknown key or
    word, a wrong type, or a name that no file describes.
    """
    data = shipped()
    heads = {name: head(HERE / f"{name}.toml", content) for name, content in data.items()}
    own = [(path, content, head(path, content)) for path, content in ((path, read(path)) for path in extra)]
    for path, _, library in own:
        _check_needs(path, library, heads)
    names = choose(heads, imported, [library for _, _, library in own])
    sources = [(HERE / f"{name}.toml", data[name]) for name in names]
    sources += [(path, content) for path, content, _ in own]
    digest = sha256()
    for path, content in sources:
        digest.update(b"%d %s\n" % (len(content), path.name.encode()) + content)
    key = b"vocabulary %d " % len(own) + digest.digest()
    kept = _kept(cache, key)
    if kept is not None:
        return kept
    files = [(path, parse(path, content)) for path, content in sources]
    merged = merge(files, own=len(own), digest=digest.hexdigest())
    if cache is not None:
        cache.put(key, msgspec.msgpack.encode(merged))
    return merged


def _kept(cache: Cache | None, key: bytes) -> Vocabulary | None:
    found = cache.get(key) if cache is not None else None
    try:
        return None if found is None else msgspec.msgpack.decode(found, type=Vocabulary)
    except msgspec.DecodeError:
        return None


@functools.cache
def shipped() -> dict[str, bytes]:
    """The contents of the files that come with persist_lint, by stem, in order of name."""
    return {path.stem: path.read_bytes() for path in sorted(HERE.glob("*.toml"))}


def read(path: Path) -> bytes:
    """The bytes of a user's file; VocabularyError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise VocabularyError(
            f"{path}: cannot be read ({reason}); correct `vocabulary` in [tool.persist-lint]"
        ) from None


def head(path: Path, content: bytes) -> Library:
    """The ``[library]`` table of a file: all up to the table after it is parsed."""
    start = HEAD.search(content)
    end = content.find(HEAD_END, start.end()) if start else -1
    raw = toml(path, content if end < 0 else content[: end + 1])
    if "library" not in raw:
        complain(path, "library", "is missing", "begin the file with [library] and imports = [...]")
    return convert(path, {"library": raw["library"]}).library


def _check_needs(path: Path, library: Library, heads: dict[str, Library]) -> None:
    for name in library.needs:
        if name not in heads:
            complain(path, "library.needs", f"names the file {name!r}, which does not exist", similar(name, heads))


def choose(heads: dict[str, Library], imported: Iterable[str], own: Sequence[Library]) -> list[str]:
    """The stems of the shipped files to read, sorted: imported, always on, or needed by one that is read."""
    prefixes = {prefix for module in imported for prefix in _prefixes(module)}
    wanted = [name for name, library in heads.items() if library.always or not prefixes.isdisjoint(library.imports)]
    wanted += [name for library in own for name in library.needs]
    chosen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in chosen:
            chosen.add(name)
            wanted += heads[name].needs
    return sorted(chosen)


def _prefixes(module: str) -> Iterable[str]:
    parts = module.split(".")
    return (".".join(parts[:size]) for size in range(1, len(parts) + 1))


def toml(path: Path, content: bytes) -> dict[str, Any]:
    """The parsed TOML; VocabularyError with the parser's line and column when it is broken."""
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise VocabularyError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise VocabularyError(f"{path}: is not valid TOML: {error}; correct it there") from None


def parse(path: Path, content: bytes) -> VocabularyFile:
    """One file, checked; VocabularyError names the first wrong key."""
    return convert(path, toml(path, content))


def convert(path: Path, raw: dict[str, Any]) -> VocabularyFile:
    """``raw`` as a VocabularyFile; the slow search for what is wrong runs only when something is."""
    try:
        return msgspec.convert(raw, VocabularyFile)
    except msgspec.ValidationError:
        explain(path, raw, VocabularyFile)
        raise
