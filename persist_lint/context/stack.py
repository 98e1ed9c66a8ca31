"""The technology stack: all claims weighed. Every fact names its source, every disagreement becomes a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from persist_lint.context.claims import Claim, Rank, agrees, best, best_version
from persist_lint.context.dependencies import Dependency
from persist_lint.context.technologies import DRIVER_NAMES, DRIVERS, FRAMEWORKS, LESSER, ORMS, QUEUES
from persist_lint.model.context import TechStack, Version


class Weighed(Struct, frozen=True):
    """The stack with the sources of its facts, the URL of its database and the disagreements."""

    stack: TechStack
    sources: dict[str, str]
    database_url: str | None
    conflicts: tuple[str, ...]


def dependency_claims(dependencies: Sequence[Dependency]) -> list[Claim]:
    """What the project's own requirements claim; locks hold what others require and claim nothing."""
    claims: list[Claim] = []
    for found in dependencies:
        if found.locked:
            continue
        rank = Rank.OPTIONAL if found.optional else Rank.DEPENDENCY
        if found.name in DRIVERS:
            driver = DRIVERS[found.name]
            claims.append(Claim("db", driver.db, found.source, rank))
            claims.append(
                Claim("driver", DRIVER_NAMES.get(found.name, found.name), found.source, rank, of=driver.db)
            )  # fmt: skip
        for fact, names in (("orm", ORMS), ("framework", FRAMEWORKS), ("queue", QUEUES)):
            # A web framework and a database toolkit in one: only imports tell which of Django is used.
            if found.name in names and not (fact == "orm" and found.name == "django") and not found.optional:
                claims.append(Claim(fact, found.name, found.source, rank))
    return claims


def weigh(claims: Sequence[Claim], versions: Mapping[str, Version]) -> Weighed:
    """The stack that the claims make together with the known versions."""
    return _Scales(claims, versions).result()


class _Scales:
    def __init__(self, claims: Sequence[Claim], versions: Mapping[str, Version]) -> None:
        self._claims = claims
        self._versions = versions
        self._sources: dict[str, str] = {}
        self._conflicts: dict[str, None] = {}

    def _of(self, fact: str) -> list[Claim]:
        return [claim for claim in self._claims if claim.fact == fact]

    def result(self) -> Weighed:
        db = self._database()
        db_version = self._database_version(db)
        driver = self._driver(db)
        orm = self._orm()
        orm_version = self._version_of(orm, "orm") if orm else None
        asynchronous = best(self._of("async"))
        if asynchronous is not None:
            self._sources["tech_stack.async"] = asynchronous.source
        frameworks = self._several("framework", "frameworks", FRAMEWORKS)
        queues = self._several("queue", "queues", QUEUES)
        team = best(self._of("team_id"))
        if team is not None:
            self._sources["tech_stack.team_id"] = team.source
        stack = TechStack(
            db=db,
            db_version=db_version,
            driver=driver,
            orm=orm,
            orm_version=orm_version,
            async_=asynchronous.value if asynchronous else None,
            frameworks=frameworks,
            framework_versions={
                name: version for name in frameworks if (version := self._version_of(name, "framework")) is not None
            },
            queues=queues,
            team_id=team.value if team else None,
        )
        url = self._url(db)
        return Weighed(stack, dict(sorted(self._sources.items())), url, tuple(self._conflicts))

    def _database(self) -> str | None:
        claims = self._of("db")
        servers = [claim for claim in claims if claim.value not in LESSER]
        chosen = best(servers or claims)
        if chosen is None:
            return None
        self._sources["tech_stack.db"] = chosen.source
        for claim in claims:
            if claim.value == chosen.value or claim.rank >= Rank.IMPORT:
                continue
            if claim.value not in LESSER:
                self._note(f"Database: {chosen.source} says {chosen.value}, {claim.source} says {claim.value}; "
                           f"{chosen.value} is taken.")  # fmt: skip
            elif claim.rank < Rank.DEPENDENCY:
                self._note(f"Database: {claim.source} says {claim.value}, which is taken as a fallback beside "
                           f"{chosen.value} ({chosen.source}).")  # fmt: skip
        return chosen.value

    def _database_version(self, db: str | None) -> str | None:
        claims = [claim for claim in self._of("db") if claim.value == db]
        chosen = best_version(claims)
        if chosen is None:
            return None
        self._sources["tech_stack.db_version"] = chosen.source
        for claim in claims:
            if claim.version and not agrees(claim.version, chosen.version):
                self._note(f"Database version: {chosen.source} says {chosen.version}, {claim.source} says "
                           f"{claim.version}; {chosen.version} is taken.")  # fmt: skip
        return chosen.version

    def _driver(self, db: str | None) -> str | None:
        """The driver of the database; among those of equal rank an asynchronous one, as it was chosen on purpose."""
        fitting = [claim for claim in self._of("driver") if _fits(claim, db)]
        chosen = min(fitting, key=lambda c: (c.rank, not _is_async(c.value)), default=None)
        if chosen is None:
            return None
        self._sources["tech_stack.driver"] = chosen.source
        return chosen.value

    def _orm(self) -> str | None:
        claims = self._of("orm")
        names = {claim.value for claim in claims}
        name = next((name for name in ORMS if name in names), None)
        if name is not None:
            self._sources["tech_stack.orm"] = min((c for c in claims if c.value == name), key=lambda c: c.rank).source
        return name

    def _version_of(self, name: str, fact: str) -> str | None:
        """The locked version, else what documents say, else the range asked for."""
        key = "tech_stack.orm_version" if fact == "orm" else f"tech_stack.framework_versions.{name}"
        known = self._versions.get(name)
        said = best_version([claim for claim in self._of(fact) if claim.value == name])
        if known is not None and known.exact:
            self._sources[key] = known.source
            if said is not None and not agrees(said.version, known.exact):
                self._note(f"{name}: {known.source} has {known.exact}, {said.source} says {said.version}; "
                           f"{known.exact} is taken.")  # fmt: skip
            return known.exact
        if said is not None:
            self._sources[key] = said.source
            return said.version
        if known is not None and known.specifier:
            self._sources[key] = known.source
            return known.specifier
        return None

    def _several(self, fact: str, key: str, order: Sequence[str]) -> tuple[str, ...]:
        claims = self._of(fact)
        names = {claim.value for claim in claims}
        if "fastapi" in names:
            # Whoever uses FastAPI imports pieces of Starlette; that makes it no second framework.
            names.discard("starlette")
        found = tuple(name for name in order if name in names)
        for name in found:
            closest = min((claim for claim in claims if claim.value == name), key=lambda claim: claim.rank)
            self._sources[f"tech_stack.{key}.{name}"] = closest.source
        return found

    def _url(self, db: str | None) -> str | None:
        """The closest URL of the chosen database."""
        places = {claim.source for claim in self._of("db") if claim.value == db}
        chosen = min((c for c in self._of("url") if c.source in places), key=lambda c: c.rank, default=None)
        if chosen is None:
            return None
        self._sources["database_url"] = chosen.source
        return chosen.value

    def _note(self, sentence: str) -> None:
        self._conflicts[sentence] = None


def _fits(claim: Claim, db: str | None) -> bool:
    """Whether a driver is one of the database."""
    known = DRIVERS.get(claim.value)
    of = claim.of or (known.db if known else None)
    return of is None or of == db or {of, db} == {"mysql", "mariadb"}


def _is_async(name: str) -> bool:
    return name in DRIVERS and DRIVERS[name].is_async
