"""Says what is wrong with a vocabulary file: file, key path, what, way out.

msgspec refuses a wrong file fast but tells the place only roughly; this walk over the same types runs after a refusal
and finds the first wrong key in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from msgspec import inspect

from persist_lint.model.effect import GIVES
from persist_lint.model.vocabulary import Row

ARGUMENT = re.compile(r"(?:self|args|(?:arg[0-9]|kw:[A-Za-z_]\w*)(?:\|(?:arg[0-9]|kw:[A-Za-z_]\w*))*)\Z")
ARGUMENT_HELP = 'write self, args, arg0 … arg9, kw:name, or alternatives as in "arg0|kw:name"'
BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
KINDS = ((bool, "true or false"), (int, "a number"), (str, "a string"), (list, "an array"), (dict, "a table"))


class VocabularyError(ValueError):
    """A vocabulary file is wrong: one line that names file, key and way out."""


def complain(path: Path, key: str, what: str, way_out: str) -> NoReturn:
    """Raises VocabularyError in the one form that all messages have."""
    raise VocabularyError(f"{path}: {key} {what}; {way_out}")


def join(key: str, part: str) -> str:
    """The TOML key path ``key.part``, quoted where TOML needs it."""
    part = part if BARE.match(part) else f'"{part}"'
    return f"{key}.{part}" if key else part


def similar(word: str, known: Iterable[str], wording: str = "use one of") -> str:
    """The way out for an unknown word: the nearest known one, or all when they are few."""
    words = sorted(known)
    near = get_close_matches(word, words, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    if not words:
        return "remove it"
    return f"{wording} " + ", ".join(words)


def explain(path: Path, raw: Any, model: type[msgspec.Struct]) -> None:
    """Raises VocabularyError for the first place where ``raw`` does not fit ``model``; returns when it fits."""
    _walk(path, "", raw, inspect.type_info(model))


def _walk(path: Path, key: str, raw: Any, info: inspect.Type) -> None:
    match info:
        case inspect.StructType():
            _struct(path, key, raw, info)
        case inspect.DictType():
            for name, value in _expect(path, key, raw, dict).items():
                _walk(path, join(key, name), value, info.value_type)
        case inspect.VarTupleType():
            for place, value in enumerate(_expect(path, key, raw, list)):
                _walk(path, f"{key}[{place}]", value, info.item_type)
        case inspect.LiteralType():
            words = [str(word) for word in info.values]
            if _expect(path, key, raw, str) not in words:
                complain(path, key, f"has the unknown word {raw!r}", similar(raw, words))
        case inspect.UnionType():
            _walk(path, key, raw, next(item for item in info.types if not isinstance(item, inspect.NoneType)))
        case inspect.BoolType():
            _expect(path, key, raw, bool)
        case inspect.IntType():
            _expect(path, key, raw, int)
        case _:
            _expect(path, key, raw, str)


def _struct(path: Path, key: str, raw: Any, info: inspect.StructType) -> None:
    fields = {field.encode_name: field for field in info.fields}
    for name, value in _expect(path, key, raw, dict).items():
        if name not in fields:
            complain(path, join(key, name), "is an unknown key", similar(name, fields))
        _walk(path, join(key, name), value, fields[name].type)
    for name, field in fields.items():
        if field.required and name not in raw:
            complain(path, join(key, name), "is missing", f"add {name} to {f'[{key}]' if key else 'the file'}")


def _expect(path: Path, key: str, raw: Any, kind: type) -> Any:
    if type(raw) is not kind:
        names = dict(KINDS)
        complain(path, key, f"is {names.get(type(raw), type(raw).__name__)}", f"make it {names[kind]}")
    return raw


def check_row(path: Path, key: str, row: Row, *, is_method: bool) -> None:
    """Checks what the types cannot say: argument words, the words of ``gives``, the form of ``also``."""
    if row.gives and "." not in row.gives and row.gives not in GIVES:
        way_out = similar(row.gives, GIVES, "use a dotted type name or one of")
        complain(path, join(key, "gives"), f"has the unknown word {row.gives!r}", way_out)
    words = [("of", row.of), ("key", row.key), ("to_thread", row.to_thread)]
    words += [(f"runs[{place}].arg", run.arg) for place, run in enumerate(row.runs)]
    for name, word in words:
        if word and not ARGUMENT.match(word):
            complain(path, f"{key}.{name}", f"is not an argument word: {word!r}", ARGUMENT_HELP)
    for name in row.also:
        if is_method == ("." in name):
            way_out = "write the name of a method" if is_method else "write a full dotted name"
            complain(path, join(key, "also"), f"has the wrong form: {name!r}", way_out)
