"""Each source of the stack alone, then sources that disagree."""

# ruff: noqa: E501  (tables of file contents and SQL read better unbroken)
from __future__ import annotations

from pathlib import Path

import pytest
from context.helpers import write

from persist_lint.context.survey import survey
from persist_lint.model.context import Surroundings, TechStack, Version


def surveyed(root: Path, files: dict[str, str]) -> Surroundings:
    return survey(root, write(root, files))


def test_nothing_says_nothing(tmp_path: Path) -> None:
    assert surveyed(tmp_path, {}) == Surroundings()


def test_a_missing_root_says_nothing(tmp_path: Path) -> None:
    assert survey(tmp_path / "none", {}) == Surroundings()


PEP_621 = """\
[project]
requires-python = ">=3.11"
dependencies = ["FastAPI>=0.100,<0.120", "sse_starlette==2.1.0"]
[project.optional-dependencies]
pg = ["asyncpg~=0.29"]
[dependency-groups]
dev = ["pytest>8", {include-group = "x"}]
"""
MANIFESTS: dict[str, tuple[dict[str, str], dict[str, Version]]] = {
    "PEP 621": (
        {"pyproject.toml": PEP_621},
        {
            "asyncpg": Version(None, "~=0.29", "pyproject.toml:5"),
            "fastapi": Version(None, "<0.120,>=0.100", "pyproject.toml:3"),
            "pytest": Version(None, ">8", "pyproject.toml:7"),
            "python": Version(None, ">=3.11", "pyproject.toml:2"),
            "sse-starlette": Version("2.1.0", "==2.1.0", "pyproject.toml:3"),
        },
    ),
    "Poetry": (
        {
            "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\nfastapi = "^0.115"\n'
            'asyncpg = {version = "*", optional = true}\n[tool.poetry.group.dev.dependencies]\npytest = "8.1.0"\n'
        },
        {
            "asyncpg": Version(None, "", "pyproject.toml:4"),
            "fastapi": Version(None, "<0.116,>=0.115", "pyproject.toml:3"),
            "pytest": Version("8.1.0", "==8.1.0", "pyproject.toml:6"),
            "python": Version(None, "<4,>=3.11", "pyproject.toml:2"),
        },
    ),
    "requirements": (
        {
            "requirements.txt": "# c\n-r other.txt\nflask[async]==3.0.1 \\\n    --hash=sha256:00\nredis>=5 # why\n./local\n",
            "requirements/base.txt": "celery ; python_version > '3.8'\n",
        },
        {
            "celery": Version(None, "", "requirements/base.txt:1"),
            "flask": Version("3.0.1", "==3.0.1", "requirements.txt:3"),
            "redis": Version(None, ">=5", "requirements.txt:5"),
        },
    ),
    "setup.cfg": (
        {"setup.cfg": "[options]\ninstall_requires =\n    flask>=3\n[options.extras_require]\npg =\n    psycopg2\n"},
        {"flask": Version(None, ">=3", "setup.cfg:3"), "psycopg2": Version(None, "", "setup.cfg:6")},
    ),
    "Pipfile": (
        {"Pipfile": '[packages]\nflask = "*"\nredis = {version = "==5.0.1"}\n[dev-packages]\npytest = ">=8"\n'},
        {
            "flask": Version(None, "", "Pipfile:2"),
            "pytest": Version(None, ">=8", "Pipfile:5"),
            "redis": Version("5.0.1", "==5.0.1", "Pipfile:3"),
        },
    ),
    "setup.py is not run": ({"setup.py": "raise SystemExit(setup(install_requires=['flask']))\n"}, {}),
    "uv.lock": (
        {"uv.lock": 'version = 1\n[[package]]\nname = "fastapi"\nversion = "0.115.2"\nsource = {registry = "r"}\n'},
        {"fastapi": Version("0.115.2", "", "uv.lock:4")},
    ),
    "several versions in one lock": (
        {"uv.lock": '[[package]]\nname = "a"\nversion = "1.10"\n\n[[package]]\nname = "a"\nversion = "1.9"\n'},
        {"a": Version(None, "<=1.10,>=1.9", "uv.lock:3")},
    ),
    "poetry.lock": (
        {"poetry.lock": '[[package]]\nname = "SQLAlchemy"\nversion = "2.0.36"\ndescription = ""\n'},
        {"sqlalchemy": Version("2.0.36", "", "poetry.lock:3")},
    ),
    "Pipfile.lock": (
        {"Pipfile.lock": '{"default": {\n"flask": {"version": "==3.0.1"}}, "develop": {}}'},
        {"flask": Version("3.0.1", "", "Pipfile.lock:2")},
    ),
    "lock over range": (
        {"pyproject.toml": '[project]\ndependencies = ["arq>=0.25"]\n', "uv.lock": '[[package]]\nname = "arq"\nversion = "0.26"\n'},
        {"arq": Version("0.26", ">=0.25", "uv.lock:3")},
    ),
    "the manifest nearest to the code": (
        {
            "requirements.txt": "flask==1.0\nredis==4.0\n",
            "server/pyproject.toml": '[project]\ndependencies = ["flask==3.0"]\n',
            "server/app/main.py": "x = 1\n",
            "docs/requirements.txt": "flask==2.0\n",
        },
        {"flask": Version("3.0", "==3.0", "server/pyproject.toml:2"), "redis": Version("4.0", "==4.0", "requirements.txt:2")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest(tmp_path: Path, name: str) -> None:
    files, expected = MANIFESTS[name]
    assert surveyed(tmp_path, files).versions == expected


SETTINGS = "from pydantic_settings import BaseSettings\n\nclass Settings(BaseSettings):\n    url: str = {}\n"
STACKS: dict[str, tuple[dict[str, str], TechStack, dict[str, str]]] = {
    "tech_stack.md table": (
        {"docs/project/tech_stack.md": "| Layer | Choice | Version |\n|---|---|---|\n| Database | **PostgreSQL** | 16 |\n"},
        TechStack(db="postgresql", db_version="16"),
        {"tech_stack.db": "docs/project/tech_stack.md:3", "tech_stack.db_version": "docs/project/tech_stack.md:3"},
    ),
    "tech_stack.md list": (
        {
            "docs/project/tech_stack.md": "- **ORM:** SQLAlchemy 2.0 (async)\n- Web framework: `FastAPI` 0.115\n"
            "- Task queue: Celery with Redis\n- Driver: asyncpg 0.29\n\n## Alternatives\n- Database: MySQL\n"
        },
        TechStack(
            db="postgresql", driver="asyncpg", orm="sqlalchemy", orm_version="2.0", async_="asyncio", frameworks=("fastapi",),
            framework_versions={"fastapi": "0.115"}, queues=("celery",),
        ),
        {
            "tech_stack.async": "docs/project/tech_stack.md:1",
            "tech_stack.db": "docs/project/tech_stack.md:4",
            "tech_stack.driver": "docs/project/tech_stack.md:4",
            "tech_stack.framework_versions.fastapi": "docs/project/tech_stack.md:2",
            "tech_stack.frameworks.fastapi": "docs/project/tech_stack.md:2",
            "tech_stack.orm": "docs/project/tech_stack.md:1",
            "tech_stack.orm_version": "docs/project/tech_stack.md:1",
            "tech_stack.queues.celery": "docs/project/tech_stack.md:3",
        },
    ),
    "compose": (
        {"docker-compose.yml": "services:\n  db:\n    image: ${IMAGE:-postgres}:16.2-alpine\n  web:\n    build: .\n"},
        TechStack(db="postgresql", db_version="16.2"),
        {"tech_stack.db": "docker-compose.yml:3", "tech_stack.db_version": "docker-compose.yml:3"},
    ),
    "env template": (
        {".env.example": "# URL=mysql://x\nexport URL='postgresql+asyncpg://me:secret@db:${PORT}/app'\n"},
        TechStack(db="postgresql", driver="asyncpg", async_="asyncio"),
        {
            "database_url": ".env.example:2",
            "tech_stack.async": ".env.example:2",
            "tech_stack.db": ".env.example:2",
            "tech_stack.driver": ".env.example:2",
        },
    ),
    "alembic.ini": (
        {"alembic.ini": "[alembic]\nsqlalchemy.url = postgres+psycopg2://%(USER)s@h/x\n"},
        TechStack(db="postgresql", driver="psycopg2"),
        {"database_url": "alembic.ini:2", "tech_stack.db": "alembic.ini:2", "tech_stack.driver": "alembic.ini:2"},
    ),
    "alembic.ini as generated": ({"alembic.ini": "[alembic]\nsqlalchemy.url = driver://user:pass@localhost/db\n"}, TechStack(), {}),
    "settings default": (
        {"app/config.py": SETTINGS.format('Field(default="mysql+aiomysql://u:p@h/x")')},
        TechStack(db="mysql", driver="aiomysql", async_="asyncio"),
        {
            "database_url": "app/config.py:4",
            "tech_stack.async": "app/config.py:4",
            "tech_stack.db": "app/config.py:4",
            "tech_stack.driver": "app/config.py:4",
        },
    ),
    "settings template": (
        {"app/config.py": 'URL = os.getenv("URL", f"postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/x")\n'},
        TechStack(db="postgresql"),
        {"database_url": "app/config.py:1", "tech_stack.db": "app/config.py:1"},
    ),
    "Django settings": (
        {"app/settings.py": 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n'},
        TechStack(db="postgresql"),
        {"tech_stack.db": "app/settings.py:1"},
    ),
    "driver dependency": (
        {"requirements.txt": "psycopg2-binary\nasyncpg\naiosqlite\n"},
        TechStack(db="postgresql", driver="asyncpg"),
        {"tech_stack.db": "requirements.txt:1", "tech_stack.driver": "requirements.txt:2"},
    ),
    "imports": (
        {
            "app/a.py": "import fastapi\nfrom starlette.requests import Request\nfrom sqlalchemy.ext.asyncio import AsyncSession\n"
            "from sqlalchemy.dialects.postgresql import JSONB\nfrom celery import Celery\nimport asyncpg\n",
            "tests/test_a.py": "import flask, pymysql\n",
        },
        TechStack(db="postgresql", driver="asyncpg", orm="sqlalchemy", async_="asyncio", frameworks=("fastapi",), queues=("celery",)),
        {
            "tech_stack.async": "app/a.py:3",
            "tech_stack.db": "app/a.py:4",
            "tech_stack.driver": "app/a.py:6",
            "tech_stack.frameworks.fastapi": "app/a.py:1",
            "tech_stack.orm": "app/a.py:3",
            "tech_stack.queues.celery": "app/a.py:5",
        },
    ),
    "locked ORM": (
        {"requirements.in": "sqlalchemy>=1.4\n", "uv.lock": '[[package]]\nname = "sqlalchemy"\nversion = "2.0.36"\n'},
        TechStack(orm="sqlalchemy", orm_version="2.0.36"),
        {"tech_stack.orm": "requirements.in:1", "tech_stack.orm_version": "uv.lock:3"},
    ),
    "code that speaks to many databases": (
        {"app/urls.py": 'A = "postgresql://h/x"\nB = "mysql://h/x"\nC = "oracle://h/x"\nD = "sqlite:///x"\n'},
        TechStack(db="sqlite"),
        {"database_url": "app/urls.py:4", "tech_stack.db": "app/urls.py:4"},
    ),
    "imports of several dialects": (
        {"app/m.py": "from sqlalchemy.dialects.mysql import JSON\nfrom sqlalchemy.dialects.postgresql import JSONB\n"},
        TechStack(db="postgresql", orm="sqlalchemy"),
        {"tech_stack.db": "app/m.py:2", "tech_stack.orm": "app/m.py:1"},
    ),
    "what a lock holds is not what is used": ({"uv.lock": '[[package]]\nname = "flask"\nversion = "3"\n'}, TechStack(), {}),
    "package.json": ({"package.json": '{"dependencies": {\n"pg": "8"}}'}, TechStack(db="postgresql"), {"tech_stack.db": "package.json:2"}),
    "go.mod": (
        {"go.mod": "module x\n\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.5.0\n)\n"},
        TechStack(db="postgresql"),
        {"tech_stack.db": "go.mod:4"},
    ),
    "team": (
        {"docs/tasks/kanban_board.md": "| Variable | Value |\n|---|---|\n| **Team ID** | `ENG-7` |\n"},
        TechStack(team_id="ENG-7"),
        {"tech_stack.team_id": "docs/tasks/kanban_board.md:3"},
    ),
    "team placeholder": ({"docs/tasks/kanban_board.md": "| Team ID | [TEAM_ID] |\n"}, TechStack(), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_stack(tmp_path: Path, name: str) -> None:
    files, stack, sources = STACKS[name]
    found = surveyed(tmp_path, files)
    assert found.stack == stack
    assert found.sources == sources
    assert found.conflicts == ()


@pytest.mark.parametrize(
    ("image", "db", "version"),
    [
        ("postgis/postgis:16-3.4", "postgresql", "16"),
        ("pgvector/pgvector:pg16", "postgresql", "16"),
        ("timescale/timescaledb:2.14.2-pg15", "postgresql", "15"),
        ("localhost:5000/postgres", "postgresql", None),
        ("postgres:latest", "postgresql", None),
        ("mysql:8.0", "mysql", "8.0"),
        ("mcr.microsoft.com/mssql/server:2022-latest", "mssql", "2022"),
        ("prometheuscommunity/postgres-exporter:v0.15", None, None),
        ("vendor/server:1", None, None),
    ],
)
def test_images(tmp_path: Path, image: str, db: str | None, version: str | None) -> None:
    found = surveyed(tmp_path, {"compose.yaml": f"services: {{db: {{image: '{image}'}}}}\n"})
    assert (found.stack.db, found.stack.db_version) == (db, version)


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    found = surveyed(tmp_path, {".env.sample": "URL=postgresql+asyncpg://me:secret@db/app\n"})
    assert found.database_url == "postgresql+asyncpg://me:***@db/app"


LOCK = '[[package]]\nname = "sqlalchemy"\nversion = "2.0.36"\n'
CONFLICTS: dict[str, tuple[dict[str, str], TechStack, tuple[str, ...]]] = {
    "SQLite default is a fallback": (
        {"app/config.py": 'URL = "sqlite+aiosqlite:///x.db"\n', "docs/project/tech_stack.md": "- Database: PostgreSQL 16\n"},
        TechStack(db="postgresql", db_version="16", async_="asyncio"),
        ("Database: app/config.py:1 says sqlite, which is taken as a fallback beside postgresql (docs/project/tech_stack.md:1).",),
    ),
    "more exact version": (
        {"docs/project/tech_stack.md": "- Database: PostgreSQL 16.2\n", "compose.yml": "services: {db: {image: 'postgres:16'}}\n"},
        TechStack(db="postgresql", db_version="16.2"),
        (),
    ),
    "other version": (
        {"docs/project/tech_stack.md": "- Database: PostgreSQL 15\n", "compose.yml": "services: {db: {image: 'postgres:16'}}\n"},
        TechStack(db="postgresql", db_version="16"),
        ("Database version: compose.yml:1 says 16, docs/project/tech_stack.md:1 says 15; 16 is taken.",),
    ),
    "other database": (
        {"docs/project/tech_stack.md": "- Database: MySQL\n", "compose.yml": "services: {db: {image: 'postgres'}}\n"},
        TechStack(db="postgresql"),
        ("Database: compose.yml:1 says postgresql, docs/project/tech_stack.md:1 says mysql; postgresql is taken.",),
    ),
    "two databases in compose, one in use": (
        {
            "compose.yml": "services:\n  a: {image: 'mysql:8'}\n  b: {image: 'postgres:16'}\n",
            ".env.example": "URL=postgresql://u@h/x\n",
        },
        TechStack(db="postgresql", db_version="16"),
        ("Database: compose.yml:3 says postgresql, compose.yml:2 says mysql; postgresql is taken.",),
    ),
    "locked outside of the range": (
        {"requirements.txt": "sqlalchemy<2\n", "uv.lock": LOCK},
        TechStack(orm="sqlalchemy", orm_version="2.0.36"),
        ("sqlalchemy: uv.lock:3 has 2.0.36, which requirements.txt:1 (<2) does not allow; 2.0.36 is taken.",),
    ),
    "two locked versions": (
        {"uv.lock": LOCK, "poetry.lock": LOCK.replace("2.0.36", "2.0.30"), "requirements.txt": "sqlalchemy\n"},
        TechStack(orm="sqlalchemy", orm_version="2.0.36"),
        ("sqlalchemy: uv.lock:3 has 2.0.36, poetry.lock:3 has 2.0.30; 2.0.36 is taken.",),
    ),
    "document against lock": (
        {"docs/project/tech_stack.md": "- ORM: SQLAlchemy 1.4\n", "uv.lock": LOCK},
        TechStack(orm="sqlalchemy", orm_version="2.0.36"),
        ("sqlalchemy: uv.lock:3 has 2.0.36, docs/project/tech_stack.md:1 says 1.4; 2.0.36 is taken.",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflict(tmp_path: Path, name: str) -> None:
    files, stack, conflicts = CONFLICTS[name]
    found = surveyed(tmp_path, files)
    assert found.stack == stack
    assert found.conflicts == conflicts


def test_documented_versions_serve_where_nothing_else_is_known(tmp_path: Path) -> None:
    found = surveyed(tmp_path, {"docs/project/tech_stack.md": "- Framework: FastAPI 0.115\n"})
    assert found.versions == {"fastapi": Version(None, "==0.115.*", "docs/project/tech_stack.md:1")}


def test_migrations_are_named(tmp_path: Path) -> None:
    revision = 'revision = "a"\ndown_revision = None\n'
    files = {
        "alembic/env.py": "",
        "alembic/shared/charts.py": "",
        "alembic/versions/a.py": revision,
        "app/migrations/0001_initial.py": "class Migration(migrations.Migration):\n    pass\n",
        "app/migrations/__init__.py": "",
        "db/migrations/001.sql": "SELECT 1",
        "app/versions/other.py": "x = 1\n",
    }
    assert surveyed(tmp_path, files).migrations == (
        "alembic/env.py", "alembic/shared/charts.py", "alembic/versions/a.py", "app/migrations/0001_initial.py", "db/migrations/001.sql",
    )  # fmt: skip


def test_practices_fit_the_versions(tmp_path: Path) -> None:
    files = {"requirements.txt": "fastapi==0.110\n", "docs/project/tech_stack.md": "- Database: PostgreSQL\n"}
    found = surveyed(tmp_path, files).practices
    assert list(found) == ["fastapi", "postgresql"]
    assert [entry.topic for entry in found["fastapi"]] == [
        "dependencies with yield", "teardown before the response", "def or async def", "background tasks",
        "process-wide resources", "server workers",
    ]  # fmt: skip


def test_the_order_of_modules_changes_nothing(tmp_path: Path) -> None:
    modules = write(tmp_path, {f"app{n}/m.py": f'import asyncpg\nURL = "postgresql://h/{n}"\n' for n in range(5)})
    assert survey(tmp_path, modules) == survey(tmp_path, dict(reversed(modules.items())))
