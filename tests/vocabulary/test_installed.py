"""Every name of every shipped row exists in the installed library, and every argument word fits its signature."""

from __future__ import annotations

import ast
import importlib
import inspect
import platform
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from persist_lint.model.vocabulary import LibraryType, Row, VocabularyFile
from persist_lint.vocabulary import load, shipped
from persist_lint.vocabulary.reader import HERE, parse

ALL = {name: parse(HERE / f"{name}.toml", content) for name, content in shipped().items()}
MISSING = object()
#: arq asks for an older redis than the rest of the tests use, and models bring gigabytes with them: their rows are
#: checked only where they are installed.
OPTIONAL = frozenset({"arq", "machine_learning"})
#: What base classes leave wholly to their subclasses: HTTP methods of views, hooks of Django's middleware.
HOOKS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"}) | frozenset(
    {"process_view", "process_exception", "process_template_response"}
)
FILES = {name: file for name, file in ALL.items() if name not in OPTIONAL or all(map(find_spec, file.library.imports))}


@pytest.fixture(scope="module", autouse=True)
def _settings() -> None:
    """Django's modules want to be told of a project before they are imported."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])


def module_of(name: str) -> tuple[Any, list[str]]:
    """The longest importable module that ``name`` starts with, and the rest of the name."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            return importlib.import_module(".".join(parts[:size])), parts[size:]
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"{name}: no such module")


def resolve(name: str) -> Any:
    """The object with this dotted name, or MISSING."""
    found, rest = module_of(name)
    for part in rest:
        found = getattr(found, part, MISSING)
    return found


def member(owner: Any, name: str) -> Any:
    """The method or attribute of a class, or None when only its source tells of it; MISSING when there is none."""
    found = getattr(owner, name, MISSING)
    if found is MISSING and inspect.isclass(owner):
        return None if any(name in written(base) for base in owner.__mro__) else MISSING
    return found


def source(thing: Any) -> str:
    """The source of a class or function, "" when it has none or hides its module."""
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return ""


@cache
def written(owner: type) -> frozenset[str]:
    """Names that the source of a class declares or stores on ``self``, also under ``if TYPE_CHECKING``."""
    names = set(vars(owner).get("__annotations__", {}))
    for node in ast.walk(ast.parse(source(owner) or source(vars(owner).get("__init__")))):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=attr, ctx=ast.Store()):
                names.add(attr)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
                names.add(name)
    return frozenset(names)


def here(file: VocabularyFile, since: str) -> bool:
    """Whether the installed version of the library is new enough for a row."""
    installed = version(file.library.distribution) if file.library.distribution else platform.python_version()
    return not since or Version(installed) >= Version(since)


def present(file: VocabularyFile) -> list[tuple[str, LibraryType]]:
    return [(name, kind) for name, kind in file.type.items() if here(file, kind.since)]


def names(file: VocabularyFile) -> Iterator[str]:
    for name, kind in present(file):
        yield from (name, *kind.also)
    for name, row in file.function.items():
        if here(file, row.since):
            yield from (name, *row.also)
    yield from file.value


def rows(kind: LibraryType) -> Iterator[tuple[str, Row]]:
    for name, row in kind.method.items():
        yield from ((spelling, row) for spelling in (name, *row.also))


def words(row: Row) -> Iterator[str]:
    for word in (row.of, row.key, row.to_thread, *(run.arg for run in row.runs)):
        yield from word.split("|") if word else ()


def misfits(function: Any, row: Row, *, bound: bool) -> list[str]:
    """The argument words that the signature refuses; none when the signature cannot be told."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    kinds = inspect.Parameter
    if any(parameter.kind is kinds.VAR_POSITIONAL for parameter in parameters) and any(
        parameter.kind is kinds.VAR_KEYWORD for parameter in parameters
    ):
        return []
    if bound and parameters and parameters[0].kind is not kinds.VAR_POSITIONAL:
        parameters = parameters[1:]
    places = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    many = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
    any_key = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
    keys = {p.name for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)}
    return [word for word in words(row) if not _fits(word, len(places), keys, many=many, any_key=any_key)]


def _fits(word: str, places: int, keys: set[str], *, many: bool, any_key: bool) -> bool:
    if word == "self":
        return True
    if word == "args":
        return many
    if word.startswith("kw:"):
        return any_key or word[3:] in keys
    return many or int(word[3:]) < places


@pytest.mark.parametrize("stem", FILES)
def test_names_resolve(stem: str) -> None:
    file = FILES[stem]
    assert [name for name in names(file) if resolve(name) is MISSING] == []


@pytest.mark.parametrize("stem", FILES)
def test_methods_and_attributes_exist(stem: str) -> None:
    file = FILES[stem]
    absent = []
    for owner, kind in present(file):
        cls = resolve(owner)
        # a class with a row for all other methods makes them at run time, as botocore does from service descriptions
        wanted = [name for name, row in rows(kind) if here(file, row.since) and kind.other is None]
        wanted += [*kind.attributes, *kind.release, *kind.like]
        absent += [(owner, name) for name in wanted if member(cls, name) is MISSING]
        hooks = [name for one in kind.handlers for name in one.methods if name not in HOOKS]
        unseen = [name for name in hooks if member(cls, name) is MISSING]
        absent += [(owner, name) for name in unseen if f'"{name}"' not in source(cls)]
    assert absent == []


@pytest.mark.parametrize("stem", FILES)
def test_argument_words_fit_the_signatures(stem: str) -> None:
    file = FILES[stem]
    wrong = []
    for name, row in file.function.items():
        if here(file, row.since):
            wrong += [(name, word) for word in misfits(resolve(name), row, bound=False)]
    for owner, kind in present(file):
        cls = resolve(owner)
        if kind.new is not None:
            wrong += [(owner, word) for word in misfits(cls, kind.new, bound=False)]
        for name, row in rows(kind):
            static = isinstance(inspect.getattr_static(cls, name, None), staticmethod | classmethod)
            if here(file, row.since):
                found = member(cls, name)
                wrong += [(f"{owner}.{name}", word) for word in misfits(found, row, bound=not static)]
    assert wrong == []


def test_import_roots_exist() -> None:
    roots = {root for file in FILES.values() for root in file.library.imports}
    assert [root for root in sorted(roots) if resolve(root) is MISSING] == []


def test_all_files_load_together() -> None:
    everything = load(sorted({root for file in ALL.values() for root in file.library.imports}))
    assert len(everything.libraries) == len(ALL)
    described = {*everything.types, *everything.functions, *everything.values}
    assert sorted(described & set(everything.alias)) == []


@pytest.mark.parametrize("stem", FILES)
def test_needs_suffice(stem: str) -> None:
    """A project that imports this library only can be read."""
    for root in FILES[stem].library.imports:
        assert FILES[stem].library in load([root]).libraries


@pytest.mark.parametrize("stem", FILES)
def test_sizes(stem: str) -> None:
    path = Path(HERE, f"{stem}.toml")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_the_checks_have_teeth() -> None:
    """What they must refuse: a name that is not there, and arguments that the signature does not take."""
    assert resolve("concurrent.futures.ThreadPool") is MISSING
    assert member(resolve("concurrent.futures.Future"), "results") is MISSING

    def function(first: int, *, named: int) -> int:
        return first + named

    good = Row(of="arg0|kw:first", key="kw:named")
    bad = Row(of="arg1|kw:second", key="args")
    assert misfits(function, good, bound=False) == []
    assert misfits(function, bad, bound=False) == ["arg1", "kw:second", "args"]
    assert misfits(function, Row(of="arg0"), bound=True) == ["arg0"]
