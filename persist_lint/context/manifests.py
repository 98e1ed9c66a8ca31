"""What the project asks for: requirements files, pyproject.toml, setup.cfg, Pipfile. setup.py is never run."""

from __future__ import annotations

import configparser
import json
import re
import sys
from collections.abc import Iterator, Mapping

from persist_lint.context.claims import Claim, Rank
from persist_lint.context.dependencies import Dependency, from_poetry, from_requirement, make
from persist_lint.context.files import Folder, join, line_at, line_of
from persist_lint.context.technologies import FOREIGN_DRIVERS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_REQUIREMENTS = re.compile(r"^(?:[\w-]*[-_])?requirements?(?:[-_.][\w.-]*)?\.(?:txt|in)$")
_SIDE_FILE = re.compile(r"dev|test|lint|doc|ci\b|optional|extra|bench")


def manifest_dependencies(folder: Folder, where: str) -> Iterator[Dependency]:
    """What the manifests of one folder ask for."""
    names = set(folder.files(where))
    if "pyproject.toml" in names:
        yield from _pyproject(folder, join(where, "pyproject.toml"))
    if "setup.cfg" in names:
        yield from _setup_cfg(folder, join(where, "setup.cfg"))
    if "Pipfile" in names:
        yield from _pipfile(folder, join(where, "Pipfile"))
    for name in sorted(names):
        if _REQUIREMENTS.match(name):
            yield from _requirements(folder, join(where, name))
    inner = join(where, "requirements")
    for name in folder.files(inner):
        if name.endswith((".txt", ".in")):
            yield from _requirements(folder, join(inner, name))


def _requirements(folder: Folder, path: str) -> Iterator[Dependency]:
    optional = _SIDE_FILE.search(path.rsplit("/", 1)[-1]) is not None
    for number, line in enumerate((folder.text(path) or "").split("\n"), 1):
        text = re.split(r"\s#|\s--|\s*\\$|^#", line.strip())[0].strip()
        if text and not text.startswith("-"):
            found = from_requirement(text, path, number, optional)
            if found is not None:
                yield found


def read_toml(folder: Folder, path: str) -> tuple[dict[str, object], str]:
    """A TOML file as a dict, with its text; empty (and noted) when it is broken."""
    text = folder.text(path)
    if text is None:
        return {}, ""
    try:
        return tomllib.loads(text), text
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        folder.broken(path, "TOML", error)
        return {}, ""


def table(value: object, *keys: str) -> dict[str, object]:
    """A table inside tables; empty where the way is not there or is something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _pyproject(folder: Folder, path: str) -> Iterator[Dependency]:
    data, text = read_toml(folder, path)
    project = table(data, "project")
    given = [(item, False) for item in _strings(project.get("dependencies"))]
    for extra in table(project, "optional-dependencies").values():
        given += ((item, True) for item in _strings(extra))
    for group in table(data, "dependency-groups").values():
        given += ((item, True) for item in _strings(group))
    for item, optional in given:
        found = from_requirement(item, path, line_of(text, item), optional)
        if found is not None:
            yield found
    python = project.get("requires-python")
    if isinstance(python, str):
        yield make("python", python, path, line_of(text, "requires-python"))
    poetry = table(data, "tool", "poetry")
    yield from _poetry_table(table(poetry, "dependencies"), path, text, False)
    yield from _poetry_table(table(poetry, "dev-dependencies"), path, text, True)
    for name in table(poetry, "group"):
        yield from _poetry_table(table(poetry, "group", name, "dependencies"), path, text, True)


def _poetry_table(given: Mapping[str, object], path: str, text: str, optional: bool) -> Iterator[Dependency]:
    for name, value in given.items():
        yield from from_poetry(name, value, path, _key_line(text, name), optional)


def _key_line(text: str, name: str) -> int:
    match = re.search(rf"^\s*[\"']?{re.escape(name)}[\"']?\s*=", text, re.MULTILINE)
    return line_at(text, match.end()) if match else 1


def _pipfile(folder: Folder, path: str) -> Iterator[Dependency]:
    data, text = read_toml(folder, path)
    yield from _poetry_table(table(data, "packages"), path, text, False)
    yield from _poetry_table(table(data, "dev-packages"), path, text, True)


def _setup_cfg(folder: Folder, path: str) -> Iterator[Dependency]:
    text = folder.text(path)
    if text is None:
        return
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        folder.broken(path, "INI", error)
        return
    given = [(parser.get("options", "install_requires", fallback=""), False)]
    if parser.has_section("options.extras_require"):
        given += ((value, True) for _, value in parser.items("options.extras_require"))
    for value, optional in given:
        for item in filter(None, (line.strip() for line in value.replace(";\n", "\n").split("\n"))):
            found = from_requirement(item, path, line_of(text, item), optional)
            if found is not None:
                yield found


def foreign_claims(folder: Folder, where: str) -> Iterator[Claim]:
    """What a package.json or go.mod says of the database, through the drivers of its language."""
    path = join(where, "package.json")
    text = folder.text(path)
    if text is not None:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            folder.broken(path, "JSON", error)
            data = {}
        for name in table(data, "dependencies"):
            if name in FOREIGN_DRIVERS:
                source = f"{path}:{line_of(text, json.dumps(name))}"
                yield Claim("db", FOREIGN_DRIVERS[name], source, Rank.FOREIGN)
    path = join(where, "go.mod")
    for number, line in enumerate((folder.text(path) or "").split("\n"), 1):
        word = line.removeprefix("require").strip().split(" ")[0]
        if word in FOREIGN_DRIVERS:
            yield Claim("db", FOREIGN_DRIVERS[word], f"{path}:{number}", Rank.FOREIGN)
