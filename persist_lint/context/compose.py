"""Database images of compose files. Only the node graph is read, so that aliases cost nothing, however they nest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.context.claims import Claim, Rank
from persist_lint.context.files import Folder, join
from persist_lint.context.technologies import EXTENSION_IMAGES, IMAGES

if TYPE_CHECKING:
    from yaml.nodes import Node

_COMPOSE = re.compile(r"^(?:docker-)?compose[\w.-]*\.ya?ml$")
_DEFAULT = re.compile(r"\$\{\w+:?-([^{}]*)\}")
_LIMIT = 256 * 1024
_DEEPEST = 100


def compose_claims(folder: Folder, where: str) -> Iterator[Claim]:
    """The databases that compose files start, with the version of their image's tag."""
    for name in folder.files(where):
        if _COMPOSE.match(name) and "test" not in name:
            yield from _file(folder, join(where, name))


def _depth(text: str) -> int:
    """How deep brackets and braces nest: the parser's time grows with the square of it."""
    deepest = depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _file(folder: Folder, path: str) -> Iterator[Claim]:
    text = folder.text(path, _LIMIT)
    if text is None:
        return
    import yaml

    if _depth(text) > _DEEPEST:
        folder.broken(path, "YAML", ValueError("nested too deeply"))
        return
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        folder.broken(path, "YAML", error)
        return
    for _, service in _items(_value(document, "services")):
        image = _value(service, "image") or _value(_value(service, "<<"), "image")
        if image is not None and isinstance(image.value, str):
            db, version = image_database(image.value)
            if db is not None:
                yield Claim("db", db, f"{path}:{image.start_mark.line + 1}", Rank.COMPOSE, version)


def _items(node: Node | None) -> Iterator[tuple[str, Node]]:
    from yaml.nodes import MappingNode, ScalarNode

    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                yield key.value, value


def _value(node: Node | None, name: str) -> Node | None:
    return next((value for key, value in _items(node) if key == name), None)


def image_database(image: str) -> tuple[str | None, str]:
    """The database of an image and its version: ``postgis/postgis:16-3.4`` is PostgreSQL 16; (None, "") for others."""
    reference = _DEFAULT.sub(r"\1", image.strip()).split("@")[0]
    name, _, tag = reference.rpartition(":") if ":" in reference.rsplit("/", 1)[-1] else (reference, "", "")
    last = name.rsplit("/", 1)[-1].lower()
    db = IMAGES.get(last)
    if db is None or (last == "server" and "mssql" not in name):
        return None, ""
    if last in EXTENSION_IMAGES:
        found = re.search(r"pg(\d+(?:\.\d+)*)", tag)
    else:
        found = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    return db, found.group(1) if found else ""
