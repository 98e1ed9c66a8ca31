"""Merges vocabulary files into one Vocabulary: spellings into aliases, groups of methods into rows, names checked.

[type."a.T".method]
all = { gives = "rows", also = ["fetchall"] }      Vocabulary.types["a.T"].method: "all" and "fetchall"
[function]
"a.f" = { also = ["a.b.f"] }                       Vocabulary.alias: {"a.b.f": "a.f"}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from msgspec.structs import replace

from persist_lint.model.effect import GIVES
from persist_lint.model.vocabulary import Library, LibraryType, Row, Vocabulary, VocabularyFile
from persist_lint.vocabulary.check import check_row, complain, join, similar

Files = Sequence[tuple[Path, VocabularyFile]]


def merge(files: Files, *, own: int, digest: str) -> Vocabulary:
    """All rows of ``files``; the last ``own`` ones are the user's and may replace shipped rows.

    Raises VocabularyError when two shipped (or two of the user's) files describe the same name, or when a name that a
    row gives, inherits or points to is described nowhere.
    """
    types: dict[str, LibraryType] = {}
    functions: dict[str, Row] = {}
    values: dict[str, str] = {}
    alias: dict[str, str] = {}
    libraries: list[Library] = []
    origin: dict[str, tuple[int, Path]] = {}
    for place, (path, content) in enumerate(files):
        generation = int(place >= len(files) - own)
        libraries.append(content.library)
        for key, name in _names(content):
            before = origin.get(name)
            if before and before[0] == generation and before[1] != path:
                complain(path, key, f"is already described in {before[1].name}", "keep one of the two")
            origin[name] = (generation, path)
            alias.pop(name, None)
        for name, kind in content.type.items():
            types[name] = _expand(path, join("type", name), kind)
            alias.update(dict.fromkeys(kind.also, name))
        for name, row in content.function.items():
            check_row(path, join("function", name), row, is_method=False)
            functions[name] = row
            alias.update(dict.fromkeys(row.also, name))
        values.update(content.value)
    merged = Vocabulary(types, functions, values, alias, tuple(libraries), digest)
    for path, content in files:
        _check_names(path, content, merged)
    return merged


def _names(content: VocabularyFile) -> Iterator[tuple[str, str]]:
    for table, names in (("type", content.type), ("function", content.function), ("value", content.value)):
        for name in names:
            yield join(table, name), name


def _rows(kind: LibraryType) -> Iterator[tuple[str, Row]]:
    for name, row in (("new", kind.new), ("call", kind.call), ("iterates", kind.iterates), ("other", kind.other)):
        if row is not None:
            yield name, row
    for name, row in kind.method.items():
        yield join("method", name), row


def _expand(path: Path, key: str, kind: LibraryType) -> LibraryType:
    """The type with a row of its own for every method that shares one."""
    for name, row in _rows(kind):
        check_row(path, f"{key}.{name}", row, is_method=True)
    methods: dict[str, Row] = {}
    for name, row in kind.method.items():
        alone = replace(row, also=()) if row.also else row
        for spelling in (name, *row.also):
            if spelling in methods:
                complain(path, f"{key}.method", f"describes {spelling!r} twice", "keep one of the two")
            methods[spelling] = alone
    return replace(kind, method=methods)


def _check_names(path: Path, content: VocabularyFile, merged: Vocabulary) -> None:
    for key, name in _mentioned(content):
        if name in merged.types or name in merged.alias or (name in GIVES and "." not in name):
            continue
        near = get_close_matches(name, sorted(merged.types), 1, 0.8) if "." in name else []
        way_out = f'describe it as [type."{name}"] or name the file that does in [library] needs'
        if near or "." not in name:
            way_out = f"did you mean {near[0]}?" if near else similar(name, GIVES, "use a dotted type name or one of")
        complain(path, key, f"names {name!r}, which no file describes", way_out)


def _mentioned(content: VocabularyFile) -> Iterator[tuple[str, str]]:
    for name, kind in content.type.items():
        key = join("type", name)
        yield from ((f"{key}.bases", base) for base in kind.bases)
        yield from ((join(f"{key}.attributes", attribute), gives) for attribute, gives in kind.attributes.items())
        yield f"{key}.enter", kind.enter
        yield from ((f"{key}.{place}.gives", row.gives) for place, row in _rows(kind) if row.gives)
        yield from ((f"{key}.{place}.each", row.each) for place, row in _rows(kind) if row.each)
    for name, row in content.function.items():
        key = join("function", name)
        yield from ((f"{key}.{place}", word) for place, word in (("gives", row.gives), ("each", row.each)) if word)
    yield from ((join("value", name), gives) for name, gives in content.value.items())
