"""Migration files, and the SQL they send in the order in which a new database sees it.

alembic's follow ``down_revision`` (branches in path order, merges after all their parents), Django's their names per
application, plain ``.sql`` directories natural name order. The three kinds come in this order.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from msgspec import Struct

from persist_lint.context.files import LARGE, Folder, join
from persist_lint.context.literals import Env, Reader, bindings
from persist_lint.context.upgrades import Upgrade
from persist_lint.model.facts import Attr, Expr, ModuleFacts, Name

#: Folders that hold nothing but migrations and what they share.
_HOMES = frozenset({"migrations", "migration", "alembic"})
_SQL_FOLDERS = frozenset({"migrations", "migration", "migrate", "versions", "sql", "revisions"})
_DOWN_FILE = re.compile(r"(?:\.|_|-|^)(?:down|undo|rollback|revert)\.sql$|^U\d", re.IGNORECASE)
_DOWN_PART = re.compile(r"^\s*--\s*(?:migrate:down|\+goose\s+down|rollback|@down|\+migrate\s+down)", re.I | re.M)


class Revision(Struct, frozen=True):
    """An alembic migration: what it is called, what it follows (``down_revision`` and ``depends_on``)."""

    path: str
    name: str
    after: tuple[str, ...]


class Statement(Struct, frozen=True):
    """SQL text with the place that sends it; ``fixed`` when ``line`` is a call's, not where the text begins."""

    sql: str
    path: str
    line: int
    fixed: bool


class Migrations(Struct, frozen=True):
    """``revisions`` in order of application, then Django's, then ``.sql`` paths in name order."""

    revisions: tuple[Revision, ...]
    django: tuple[str, ...]
    sql: tuple[str, ...]
    environments: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All migration files with alembic's ``env.py`` and what they share, sorted."""
        return tuple(sorted({*(r.path for r in self.revisions), *self.django, *self.sql, *self.environments}))


def find(folder: Folder, modules: Mapping[str, ModuleFacts]) -> Migrations:
    """All migrations of a project."""
    revisions: list[Revision] = []
    django: list[str] = []
    for path in sorted(modules):
        revision = _revision(path, modules)
        if revision is not None:
            revisions.append(revision)
        elif _is_django(path, modules[path]):
            django.append(path)
    homes = {PurePosixPath(revision.path).parent.parent for revision in revisions}
    environments = {str(home / "env.py") for home in homes if str(home / "env.py") in modules}
    own = {home for home in homes if home.name in _HOMES}
    environments |= {path for path in modules if not own.isdisjoint(PurePosixPath(path).parents)}
    return Migrations(_ordered(folder, revisions), tuple(django), _sql_files(folder), tuple(sorted(environments)))


def _revision(path: str, modules: Mapping[str, ModuleFacts]) -> Revision | None:
    constants = bindings(modules[path].body)
    if "revision" not in constants or "down_revision" not in constants:
        return None
    reader = Reader(path, modules[path], modules)
    name = reader.text(constants["revision"], {})
    if name is None:
        return None
    after = [*_revisions(reader, constants["down_revision"])]
    if "depends_on" in constants:
        after += _revisions(reader, constants["depends_on"])
    return Revision(path, name, tuple(after))


def _revisions(reader: Reader, expr: Expr) -> Iterator[str]:
    env: Env = {}
    for item in reader.items(expr, env) or (expr,):
        text = reader.text(item, env)
        if text:
            yield text


def _is_django(path: str, facts: ModuleFacts) -> bool:
    if PurePosixPath(path).parent.name != "migrations":
        return False
    return any(
        found.name == "Migration"
        and any((base.name if isinstance(base, Attr) else base.id if isinstance(base, Name) else "") == "Migration"
                for base in found.bases)
        for found in facts.classes
    )  # fmt: skip


def _ordered(folder: Folder, revisions: list[Revision]) -> tuple[Revision, ...]:
    """Parents before children; among those that could be next, the first path."""
    named: dict[str, Revision] = {}
    for revision in revisions:
        if revision.name in named:
            folder.conflicts.append(
                f"{revision.path}: revision {revision.name} is also that of {named[revision.name].path}."
            )
        named[revision.name] = revision
    waiting: dict[str, set[str]] = {}
    children: dict[str, list[Revision]] = {}
    ready: list[tuple[str, str]] = []
    for revision in named.values():
        parents = {parent for given in revision.after if (parent := _match(given, named)) is not None}
        for given in revision.after:
            if _match(given, named) is None:
                folder.conflicts.append(f"{revision.path}: follows revision {given}, which is not in the project.")
        waiting[revision.name] = parents
        for parent in parents:
            children.setdefault(parent, []).append(revision)
        if not parents:
            heapq.heappush(ready, (revision.path, revision.name))
    ordered: list[Revision] = []
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(named[name])
        for child in children.get(name, ()):
            waiting[child.name].discard(name)
            if not waiting[child.name]:
                heapq.heappush(ready, (child.path, child.name))
    done = {revision.name for revision in ordered}
    circular = sorted((r for r in named.values() if r.name not in done), key=lambda r: r.path)
    if circular:
        folder.conflicts.append(f"{circular[0].path}: revision {circular[0].name} follows itself; taken in path order.")
    return (*ordered, *circular)


def _match(given: str, named: Mapping[str, Revision]) -> str | None:
    """The revision that a name or, as alembic allows, an unambiguous beginning of a name means."""
    if given in named:
        return given
    found = [name for name in named if name.startswith(given)] if len(given) >= 4 else []
    return found[0] if len(found) == 1 else None


def _sql_files(folder: Folder) -> tuple[str, ...]:
    found: list[str] = []
    for directory in folder.directories("", 4):
        if _SQL_FOLDERS.isdisjoint(PurePosixPath(directory).parts[-2:]):
            continue
        names = [name for name in folder.files(directory) if name.endswith(".sql") and not _DOWN_FILE.search(name)]
        found += (join(directory, name) for name in sorted(names, key=_natural))
    return tuple(found)


def _natural(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Numbers by value, so that V10 follows V9; Flyway's repeatable migrations (R__) last."""
    parts = re.split(r"(\d+)", name)
    return name.startswith("R__"), [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def sent(
    folder: Folder, modules: Mapping[str, ModuleFacts], found: Migrations, dialect: str | None
) -> Iterator[Statement]:
    """The SQL of all migrations in order of application; ``dialect`` decides their dialect branches."""
    kinds = [(revision.path, True) for revision in found.revisions] + [(path, False) for path in found.django]
    for path, is_alembic in kinds:
        upgrade = Upgrade(Reader(path, modules[path], modules), dialect)
        for sql, line in upgrade.alembic() if is_alembic else upgrade.django():
            yield Statement(sql, path, line, True)
    for path in found.sql:
        text = folder.text(path, LARGE)
        if text is not None:
            down = _DOWN_PART.search(text)
            yield Statement(text[: down.start()] if down else text, path, 1, False)
