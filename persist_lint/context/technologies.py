"""Names by which databases, drivers and frameworks show themselves in manifests, images, imports and prose."""

from __future__ import annotations

from typing import NamedTuple


class Driver(NamedTuple):
    """A database driver: its database, and whether it is asynchronous."""

    db: str
    is_async: bool


#: By normalised distribution name.
DRIVERS: dict[str, Driver] = {
    "asyncpg": Driver("postgresql", True),
    "psycopg": Driver("postgresql", False),
    "psycopg2": Driver("postgresql", False),
    "psycopg2-binary": Driver("postgresql", False),
    "psycopg-binary": Driver("postgresql", False),
    "pg8000": Driver("postgresql", False),
    "aiopg": Driver("postgresql", True),
    "aiosqlite": Driver("sqlite", True),
    "pymysql": Driver("mysql", False),
    "mysqlclient": Driver("mysql", False),
    "mysql-connector-python": Driver("mysql", False),
    "aiomysql": Driver("mysql", True),
    "asyncmy": Driver("mysql", True),
    "mariadb": Driver("mariadb", False),
    "oracledb": Driver("oracle", False),
    "cx-oracle": Driver("oracle", False),
    "pyodbc": Driver("mssql", False),
    "pymssql": Driver("mssql", False),
    "aioodbc": Driver("mssql", True),
}

#: Top-level imports whose distribution has another name.
DISTRIBUTIONS: dict[str, str] = {
    "MySQLdb": "mysqlclient",
    "cx_Oracle": "cx-oracle",
    "mysql": "mysql-connector-python",
    "flask_sqlalchemy": "flask-sqlalchemy",
    "rest_framework": "djangorestframework",
    "aio_pika": "aio-pika",
    "kafka": "kafka-python",
    "confluent_kafka": "confluent-kafka",
    "tortoise": "tortoise-orm",
    "saq": "saq",
}

#: How SQLAlchemy and prose call a driver, where that is not its distribution.
DRIVER_NAMES: dict[str, str] = {
    "psycopg2-binary": "psycopg2",
    "psycopg-binary": "psycopg",
    "mysql-connector-python": "mysqlconnector",
    "mysqlclient": "mysqldb",
    "cx-oracle": "cx_oracle",
}

#: Object-relational mappers, the more telling first: a sqlmodel project has SQLAlchemy below it.
ORMS = ("sqlalchemy", "sqlmodel", "tortoise-orm", "peewee", "pony", "piccolo", "django")
FRAMEWORKS = (
    "fastapi", "starlette", "litestar", "flask", "quart", "django", "sanic", "tornado", "aiohttp", "falcon", "bottle",
    "pyramid",
)  # fmt: skip
QUEUES = (
    "celery", "arq", "dramatiq", "taskiq", "rq", "apscheduler", "huey", "procrastinate", "saq", "aiokafka",
    "kafka-python", "confluent-kafka", "aio-pika", "pika", "faststream", "nats-py",
)  # fmt: skip

#: The last part of an image's name.
IMAGES: dict[str, str] = {
    "postgres": "postgresql", "postgresql": "postgresql", "postgis": "postgresql", "pgvector": "postgresql",
    "timescaledb": "postgresql", "timescaledb-ha": "postgresql", "postgresql-repmgr": "postgresql",
    "pgvecto-rs": "postgresql", "paradedb": "postgresql", "alloydbomni": "postgresql",
    "mysql": "mysql", "mysql-server": "mysql", "percona": "mysql", "percona-server": "mysql",
    "mariadb": "mariadb", "cockroach": "cockroachdb", "mongo": "mongodb", "mongodb": "mongodb",
    "oracle-xe": "oracle", "oracle-free": "oracle", "server": "mssql", "azure-sql-edge": "mssql",
}  # fmt: skip
#: Images whose tag is the version of an extension, with the server's after ``pg`` at best.
EXTENSION_IMAGES = frozenset({"pgvector", "timescaledb", "timescaledb-ha", "pgvecto-rs", "paradedb"})

#: Spellings in prose and URL schemes.
DATABASES: dict[str, str] = {
    "postgresql": "postgresql", "postgres": "postgresql", "pgsql": "postgresql", "postgis": "postgresql",
    "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite", "sqlite3": "sqlite", "oracle": "oracle",
    "mssql": "mssql", "sql server": "mssql", "cockroachdb": "cockroachdb", "mongodb": "mongodb",
}  # fmt: skip

#: Drivers of other languages: what a package.json or go.mod says of the database.
FOREIGN_DRIVERS: dict[str, str] = {
    "pg": "postgresql", "postgres": "postgresql", "mysql2": "mysql", "mysql": "mysql", "better-sqlite3": "sqlite",
    "github.com/lib/pq": "postgresql", "github.com/jackc/pgx/v5": "postgresql", "github.com/jackc/pgx/v4": "postgresql",
    "github.com/go-sql-driver/mysql": "mysql",
}  # fmt: skip

#: Databases that are a file, or no SQL server: a server database beside them is the one that production uses.
LESSER = frozenset({"sqlite", "mongodb"})
