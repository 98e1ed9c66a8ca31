"""From files to facts: serially, or in chunks on an executor; through the cache where there is one.

The parent reads and hashes every file when it has a cache, so that workers get only what is new. Facts travel encoded,
in the form in which the cache keeps them: one byte that says whether the file is generated, then the module.
"""

from __future__ import annotations

import codecs
import functools
import gc
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from persist_lint.engine import files
from persist_lint.engine.cache import Store, key_of
from persist_lint.facts.build import module_facts
from persist_lint.facts.codec import decode_module, encode_module
from persist_lint.model.facts import FACTS_VERSION, ModuleFacts, Problem
from persist_lint.model.finding import Diagnostic

#: Fewer files than this are read faster than a process starts.
_WORTH_WORKERS = 200
_CHUNK = 32
_HEADER = 2048
_COMMENTS = re.compile(rb"(?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)*")
_GENERATED = re.compile(
    rb"^[ \t]*#[^\w\n]*(?:(?:(?:this|the)\s+)?(?:file|code|module)?\s*(?:(?:is|was|has\s+been)\s+)?"
    rb"(?:auto(?:matically)?[-_ ]?)?generated\b|[^\n]*\bdo\s+not\s+(?:edit|modify)\b)",
    re.IGNORECASE | re.MULTILINE,
)


class Loaded(Struct, frozen=True):
    """The facts by project-relative path, in order of path; which of the files say that they are generated.

    ``contents`` are the keys of what was read, by path; of a file that could not be read, that of the reason.
    """

    modules: dict[str, ModuleFacts]
    generated: frozenset[str]
    contents: dict[str, bytes]

    def problems(self, paths: Iterable[str]) -> list[Diagnostic]:
        """The diagnostics of those of the files that could not be understood."""
        asked = ((path, self.modules[path].problem) for path in paths)
        return [Diagnostic(path, one.line, one.kind, one.message) for path, one in asked if one is not None]


def load(
    root: Path,
    paths: Sequence[str],
    *,
    limit: int,
    executor: Executor | None = None,
    overlay: Mapping[str, bytes] | None = None,
    store: Store | None = None,
) -> Loaded:
    """The facts of the files at ``paths`` (relative to ``root``); a file that cannot be read has a problem instead.

    ``overlay`` is unsaved content by path, never cached; ``limit`` the size in bytes above which nothing is read.
    """
    found: dict[str, _Raw] = {}
    with no_collection():
        unsaved = overlay or {}
        contents: dict[str, bytes] = {}
        for path in paths:
            if path in unsaved:
                found[path], contents[path] = _raw(unsaved[path]), key_of(unsaved[path])
        rest = [path for path in paths if path not in found]
        missing = rest if store is None else list(_from_store(root, rest, limit, store, found, contents))
        for path, key, raw in _computed(root, missing, limit, executor):
            found[path], contents[path] = raw, key or _key_of_trouble(raw)
            if store is not None and key:
                store.put(key, raw.packed())
        return Loaded(
            {path: found[path].module for path in sorted(found)},
            frozenset(path for path, raw in found.items() if raw.generated),
            contents,
        )


class _Raw(Struct, frozen=True):
    module: ModuleFacts
    generated: bool

    def packed(self) -> bytes:
        return bytes([self.generated]) + encode_module(self.module)


def _unpacked(value: bytes) -> _Raw | None:
    try:
        return _Raw(decode_module(value[1:]), value[:1] == b"\x01")
    except msgspec.MsgspecError:
        return None


@contextmanager
def no_collection() -> Iterator[None]:
    """No cyclic garbage collection: what a run makes lives until its end, searching it again and again is in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def is_generated(source: bytes) -> bool:
    """Does the comment at the top of the file say that it is generated, or not to be edited?"""
    header = _COMMENTS.match(source[:_HEADER].removeprefix(codecs.BOM_UTF8))
    return header is not None and _GENERATED.search(header[0]) is not None


def _raw(source: bytes) -> _Raw:
    return _Raw(module_facts(source), is_generated(source))


def _unreadable(message: str) -> _Raw:
    problem = Problem(0, "unreadable-file", message)
    return _Raw(ModuleFacts(FACTS_VERSION, "", 0, "", (), (), (), (), (), (), problem), False)


def _key_of_trouble(raw: _Raw) -> bytes:
    return key_of(repr(raw.module.problem).encode("utf-8", "backslashreplace"))


def _from_store(
    root: Path, paths: Iterable[str], limit: int, store: Store, found: dict[str, _Raw], contents: dict[str, bytes]
) -> Iterator[str]:
    """Fills ``found`` and ``contents`` with what the store knows; yields the paths that it does not."""
    for path in paths:
        try:
            contents[path] = key_of(files.read(root / path, limit))
        except files.ReadError as error:
            found[path] = _unreadable(str(error))
            contents[path] = _key_of_trouble(found[path])
            continue
        value = store.get(contents[path])
        raw = None if value is None else _unpacked(value)
        if raw is None:
            yield path
        else:
            found[path] = raw


def _computed(
    root: Path, paths: Sequence[str], limit: int, executor: Executor | None
) -> Iterator[tuple[str, bytes, _Raw]]:
    """Path, key of the content ("" for none) and facts of each file."""
    if executor is not None and len(paths) >= _WORTH_WORKERS:
        chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
        try:
            # All of it before the first is used: a worker that dies must not leave half an answer.
            answers = [part for chunk in executor.map(functools.partial(_chunk, root, limit), chunks) for part in chunk]
        except BrokenExecutor:
            answers = None
        if answers is not None:
            for path, key, value in answers:
                raw = _unpacked(value)
                yield path, key, raw if raw is not None else _one(root, path, limit)[1]
            return
    for path in paths:
        yield path, *_one(root, path, limit)


def _one(root: Path, path: str, limit: int) -> tuple[bytes, _Raw]:
    try:
        source = files.read(root / path, limit)
    except files.ReadError as error:
        return b"", _unreadable(str(error))
    return key_of(source), _raw(source)


def _chunk(root: Path, limit: int, paths: Sequence[str]) -> list[tuple[str, bytes, bytes]]:
    """What a worker does: path, key and packed facts of each file."""
    with no_collection():
        return [(path, key, raw.packed()) for path in paths for key, raw in (_one(root, path, limit),)]


def encoded(text: str | bytes) -> bytes:
    """Unsaved text as the bytes that saving it would write: in the encoding that its own cookie names."""
    if isinstance(text, bytes):
        return text
    plain = text.encode("utf-8", "surrogatepass")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(plain).readline)
        return plain if encoding.startswith("utf-8") else text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError, LookupError):
        return plain
