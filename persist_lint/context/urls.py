"""Database URLs: what SQLAlchemy reads from them, also from templates of them; and the files that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from persist_lint.context.claims import Claim, Rank
from persist_lint.context.files import Folder, join
from persist_lint.context.technologies import DATABASES, DRIVERS

_SCHEME = re.compile(r"^(postgres(?:ql)?|pgsql|mysql|mariadb|sqlite|oracle|mssql|cockroachdb)((?:\+\w+)*):/")
_HOLE = re.compile(r"\$?\{\{?[^{}]*\}\}?|\$\w+|%\(\w*\)s|<[^<>]*>")
_HOLE_PORT = re.compile(r":x+(?=[/?]|$)")
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")
_ENV_FILE = re.compile(
    r"^(?:\.env(?:[.\-_].*|rc)?|env[.\-_](?:example|sample|template|dist|defaults?)|[\w-]+\.env(?:\..*)?)$"
)
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")
_ENV_NAMES = re.compile(r"^(POSTGRES(?:QL)?|PG|MYSQL|MARIADB)_?(?:DB|USER|HOST|SERVER|PORT|PASSWORD|DATABASE)$")
_INI_URL = re.compile(r"^\s*sqlalchemy\.url\s*[=:]\s*(\S.*?)\s*$")


class Url(Struct, frozen=True):
    """A database URL: backend name, driver if one is named, whether it is asynchronous; ``shown`` hides passwords."""

    db: str
    driver: str | None
    is_async: bool
    shown: str


def read_url(text: str) -> Url | None:
    """What a database URL (with ``{}``, ``${X}`` or ``%(x)s`` for parts of it) says; None for anything else."""
    match = _SCHEME.match(text)
    if match is None or len(text) > 2_000 or "\n" in text:
        return None
    # "postgres" is how other tools spell it; SQLAlchemy has dropped the name.
    db = DATABASES.get(match.group(1), match.group(1))
    driver = match.group(2).split("+")[1] if match.group(2) else None
    concrete = _HOLE_PORT.sub("", _HOLE.sub("x", f"{db}{match.group(2)}:/{text[match.end() :]}"))
    return Url(db, driver, _is_async(concrete, driver), _PASSWORD.sub(r"\1:***@", text))


def _is_async(concrete: str, driver: str | None) -> bool:
    if driver is None:
        return False
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return bool(getattr(make_url(concrete).get_dialect(), "is_async", False))
    except (ArgumentError, NoSuchModuleError, ValueError, ImportError):
        return driver in DRIVERS and DRIVERS[driver].is_async


def url_claims(text: str, source: str, rank: Rank) -> Iterator[Claim]:
    """What a URL claims: database, driver, async, and the URL itself."""
    url = read_url(text.strip().strip("\"'"))
    if url is None:
        return
    yield Claim("db", url.db, source, rank)
    yield Claim("url", url.shown, source, rank)
    if url.driver is not None:
        yield Claim("driver", url.driver, source, rank, of=url.db)
    if url.is_async:
        yield Claim("async", "asyncio", source, rank)


def environment_claims(folder: Folder, where: str) -> Iterator[Claim]:
    """What ``.env`` files say: the templates first, as everybody has them; those for tests not at all."""
    names = [name for name in folder.files(where) if _ENV_FILE.match(name) and "test" not in name]
    for name in sorted(names, key=lambda name: (name == ".env", name)):
        path = join(where, name)
        for number, line in enumerate((folder.text(path) or "").split("\n"), 1):
            match = _ENV_LINE.match(line)
            if match is None:
                continue
            source = f"{path}:{number}"
            yield from url_claims(match.group(2), source, Rank.ENVIRONMENT)
            part = _ENV_NAMES.match(match.group(1))
            if part is not None:
                db = {"PG": "postgresql"}.get(part.group(1)) or DATABASES[part.group(1).lower()]
                yield Claim("db", db, source, Rank.ENVIRONMENT)


def alembic_claims(folder: Folder, where: str) -> Iterator[Claim]:
    """What the ``sqlalchemy.url`` of an alembic.ini says."""
    path = join(where, "alembic.ini")
    for number, line in enumerate((folder.text(path) or "").split("\n"), 1):
        match = _INI_URL.match(line)
        if match is not None:
            yield from url_claims(match.group(1), f"{path}:{number}", Rank.CONFIGURATION)
