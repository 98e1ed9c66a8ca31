"""Reads the files around the code, once per run, into ``Surroundings``.

Nothing here runs, imports or trusts what it reads: a missing file is nothing, a broken one a line in ``conflicts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from persist_lint.context import migrations
from persist_lint.context.adrs import decisions
from persist_lint.context.claims import Claim
from persist_lint.context.code import code_claims
from persist_lint.context.compose import compose_claims
from persist_lint.context.dependencies import Dependency
from persist_lint.context.documents import team_claims, tech_stack_claims
from persist_lint.context.files import Folder, code_folders
from persist_lint.context.knowledge import practices
from persist_lint.context.locks import locked
from persist_lint.context.manifests import foreign_claims, manifest_dependencies
from persist_lint.context.stack import dependency_claims, weigh
from persist_lint.context.triggers import live_triggers
from persist_lint.context.urls import alembic_claims, environment_claims
from persist_lint.context.versions import combined, is_server_dialect
from persist_lint.model.context import Surroundings, Version
from persist_lint.model.facts import ModuleFacts

#: Where compose files stand when not beside the code.
_DEPLOYMENT = ("docker", "deploy", "deployment", "infra", ".docker")


def survey(root: Path, modules: Mapping[str, ModuleFacts]) -> Surroundings:
    """Everything that the files below a project root say; ``modules`` by project-relative posix path.

    Sources of knowledge, nearest to what runs first: compose files, ``.env`` templates, alembic.ini, tech_stack.md,
    settings defaults, manifests, imports. Never raises for what stands in a file.
    """
    folder = Folder(root)
    places = code_folders(modules)
    dependencies: list[Dependency] = []
    claims: list[Claim] = []
    for where in places:
        dependencies += locked(folder, where)
        dependencies += manifest_dependencies(folder, where)
        claims += compose_claims(folder, where)
        claims += environment_claims(folder, where)
        claims += alembic_claims(folder, where)
        claims += foreign_claims(folder, where)
    for name in _DEPLOYMENT:
        claims += compose_claims(folder, name)
    claims += tech_stack_claims(folder)
    claims += team_claims(folder)
    found = migrations.find(folder, modules)
    claims += code_claims(modules, frozenset(found.paths))
    claims += dependency_claims(dependencies)
    versions, contradictions = combined(dependencies)
    versions = _with_documented(versions, claims)
    weighed = weigh(claims, versions)
    dialect = weighed.stack.db if is_server_dialect(weighed.stack.db) else None
    triggers = live_triggers(migrations.sent(folder, modules, found, dialect), dialect)
    return Surroundings(
        stack=weighed.stack,
        versions=versions,
        triggers=triggers,
        adrs=decisions(folder),
        practices=practices(weighed.stack, versions),
        sources=weighed.sources,
        conflicts=(*sorted(set(folder.conflicts)), *sorted(contradictions), *weighed.conflicts),
        migrations=found.paths,
        database_url=weighed.database_url,
    )


def _with_documented(versions: dict[str, Version], claims: list[Claim]) -> dict[str, Version]:
    """The versions, and what only documents say (``FastAPI 0.115`` is ``==0.115.*``)."""
    added = dict(versions)
    for claim in claims:
        if claim.fact in {"orm", "framework", "queue"} and claim.version and _says_nothing(versions.get(claim.value)):
            added.setdefault(claim.value, Version(None, f"=={claim.version}.*", claim.source))
    return dict(sorted(added.items()))


def _says_nothing(version: Version | None) -> bool:
    return version is None or not (version.exact or version.specifier)
