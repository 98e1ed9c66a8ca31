"""What the code itself says of the stack: its imports, and the database URLs that settings default to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import canonicalize_name

from persist_lint.context.claims import Claim, Rank
from persist_lint.context.files import is_aside
from persist_lint.context.literals import Reader
from persist_lint.context.technologies import (
    DATABASES,
    DISTRIBUTIONS,
    DRIVER_NAMES,
    DRIVERS,
    FRAMEWORKS,
    LESSER,
    ORMS,
    QUEUES,
)  # fmt: skip
from persist_lint.context.urls import url_claims
from persist_lint.model.facts import (
    AnnAssign,
    Assign,
    Bin,
    Bool,
    Call,
    Const,
    DictLit,
    Expr,
    FString,
    IfExp,
    Import,
    ModuleFacts,
    Seq,
    Stmt,
)  # fmt: skip

_DJANGO_ENGINE = "django.db.backends."
_DIALECT_MODULES = ("sqlalchemy.dialects.", "django.contrib.postgres")
_DEEPEST = 6
#: Code that spells URLs of more databases than this shows what it can speak to, not what it uses.
_MOST_DATABASES = 2


def code_claims(modules: Mapping[str, ModuleFacts], skipped: frozenset[str]) -> Iterator[Claim]:
    """Claims of production modules in path order; each imported thing once, at its first import."""
    seen: set[tuple[str, str]] = set()
    defaults: list[Claim] = []
    for path in sorted(modules):
        if path in skipped or is_aside(path):
            continue
        for made in modules[path].imports:
            for claim in _imported(made, path):
                if (claim.fact, claim.value) not in seen:
                    seen.add((claim.fact, claim.value))
                    yield claim
        defaults += _defaults(path, modules)
    servers = {claim.value for claim in defaults if claim.fact == "db" and claim.value not in LESSER}
    if len(servers) <= _MOST_DATABASES:
        yield from defaults
    else:
        lesser = {claim.source for claim in defaults if claim.fact == "db" and claim.value in LESSER}
        yield from (claim for claim in defaults if claim.source in lesser)


def distribution(module: str) -> str:
    """The normalised distribution that a top-level import usually comes from."""
    top = module.split(".")[0]
    return DISTRIBUTIONS.get(top) or canonicalize_name(top)


def _imported(made: Import, path: str) -> Iterator[Claim]:
    if made.level:
        return
    source = f"{path}:{made.at.line}"
    name = distribution(made.module)
    if name in DRIVERS:
        yield Claim("driver", DRIVER_NAMES.get(name, name), source, Rank.IMPORT, of=DRIVERS[name].db)
        yield Claim("db", DRIVERS[name].db, source, Rank.IMPORT)
    if name in ORMS and (name != "django" or made.module.startswith("django.db")):
        yield Claim("orm", name, source, Rank.IMPORT)
    if name in FRAMEWORKS and (name != "aiohttp" or made.name == "web" or made.module == "aiohttp.web"):
        yield Claim("framework", name, source, Rank.IMPORT)
    if name in QUEUES:
        yield Claim("queue", name, source, Rank.IMPORT)
    if name == "asyncio" or made.module.startswith("sqlalchemy.ext.asyncio"):
        yield Claim("async", "asyncio", source, Rank.IMPORT)
    elif name == "trio":
        yield Claim("async", "trio", source, Rank.OPTIONAL)
    if made.module.startswith(_DIALECT_MODULES):
        db = DATABASES.get(
            made.module.removeprefix("sqlalchemy.dialects.").removeprefix("django.contrib.").split(".")[0]
        )
        if db is not None:
            yield Claim("db", db, source, Rank.IMPORT)
    if name == "pydantic" and made.name == "PostgresDsn":
        yield Claim("db", "postgresql", source, Rank.IMPORT)


def _defaults(path: str, modules: Mapping[str, ModuleFacts]) -> Iterator[Claim]:
    """URLs at module and class level: plain, as a default of getenv or Field, as a template."""
    facts = modules[path]
    reader = Reader(path, facts, modules)
    bodies: list[tuple[Stmt, ...]] = [facts.body, *(found.body for found in facts.classes)]
    for body in bodies:
        for statement in body:
            if isinstance(statement, Assign | AnnAssign) and statement.value is not None:
                for text, line in _texts(reader, statement.value, 0):
                    source = f"{path}:{line}"
                    yield from url_claims(text, source, Rank.CODE)
                    if text.startswith(_DJANGO_ENGINE):
                        engine = text.removeprefix(_DJANGO_ENGINE)
                        yield Claim("db", DATABASES.get(engine, engine), source, Rank.CODE)


def _texts(reader: Reader, expr: Expr, depth: int) -> Iterator[tuple[str, int]]:
    """The texts inside an expression that hold ``://`` or name a Django engine."""
    if depth > _DEEPEST:
        return
    match expr:
        case Const(value=str() as text):
            if "://" in text or text.startswith(_DJANGO_ENGINE):
                yield text, expr.at.line
        case FString() | Bin():
            found = reader.text(expr, {})
            if found is not None and "://" in found:
                yield found, expr.at.line
        case Call(args=args, keywords=keywords):
            for inner in (*args, *(keyword.value for keyword in keywords)):
                yield from _texts(reader, inner, depth + 1)
        case IfExp(body=body, orelse=orelse):
            yield from _texts(reader, body, depth + 1)
            yield from _texts(reader, orelse, depth + 1)
        case Bool(values=items) | Seq(items=items) | DictLit(values=items):
            for item in items:
                yield from _texts(reader, item, depth + 1)
