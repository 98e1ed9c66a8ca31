"""Live triggers: each kind of statement, each way to write it in a migration, order, branches."""

# ruff: noqa: E501  (tables of file contents and SQL read better unbroken)
from __future__ import annotations

import time
from pathlib import Path

import pytest
from context.helpers import revision, triggers_of

from persist_lint.context.plpgsql import read_body
from persist_lint.model.context import Trigger

NOTIFY = "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN PERFORM pg_notify('job_events', 'x'); RETURN NEW; END $$ LANGUAGE plpgsql"
CREATE = "CREATE TRIGGER t AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION f()"


def live(tmp_path: Path, *sql: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Table, name and channels of what is live after the statements, one migration each."""
    files = {
        f"versions/{at:03}.py": revision(f"r{at}", repr(f"r{at - 1}") if at else "None", f"op.execute({text!r})")
        for at, text in enumerate(sql)
    }
    found, conflicts = triggers_of(tmp_path, files)
    assert conflicts == []
    return [(trigger.table, trigger.name, trigger.channels) for trigger in found]


def test_the_whole_trigger(tmp_path: Path) -> None:
    create = 'CREATE CONSTRAINT TRIGGER "T 1" AFTER INSERT OR UPDATE OF status, "Pct" ON public.Jobs FOR EACH ROW WHEN (NEW.a) EXECUTE PROCEDURE app.f(\'a\')'
    source = revision("a", "None", f"op.execute({NOTIFY!r})\nop.execute(\n    {create!r}\n)")
    found, _ = triggers_of(tmp_path, {"alembic/versions/a.py": source})
    assert found == (
        Trigger(
            name="T 1", table="jobs", event="INSERT OR UPDATE", function="app.f", channels=("job_events",),
            path="alembic/versions/a.py", line=7, columns=("status", "Pct"),
        ),
    )  # fmt: skip


LIVE = [("jobs", "t", ("job_events",))]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("DROP TRIGGER t ON jobs", []),
        ("DROP TRIGGER IF EXISTS t ON public.jobs CASCADE", []),
        ("DROP TRIGGER t ON steps", LIVE),
        ("DROP TRIGGER other ON jobs", LIVE),
        ("DROP FUNCTION f() CASCADE", []),
        ("DROP FUNCTION IF EXISTS g(int, text), f", []),
        ("DROP TABLE IF EXISTS a, jobs", []),
        ("ALTER TABLE jobs DISABLE TRIGGER t", []),
        ("ALTER TABLE jobs DISABLE TRIGGER ALL", []),
        ("ALTER TABLE ONLY jobs DISABLE TRIGGER USER", []),
        ("ALTER TABLE jobs ENABLE REPLICA TRIGGER t", []),
        ("ALTER TABLE jobs DISABLE TRIGGER t; ALTER TABLE jobs ENABLE TRIGGER t", LIVE),
        ("ALTER TABLE jobs RENAME TO tasks", [("tasks", "t", ("job_events",))]),
        ("ALTER TRIGGER t ON jobs RENAME TO u", [("jobs", "u", ("job_events",))]),
        ("ALTER FUNCTION f() RENAME TO g", LIVE),
        ("ALTER TABLE jobs ADD COLUMN trigger text", LIVE),
        (NOTIFY.replace("CREATE", "CREATE OR REPLACE").replace("job_events", "other"), [("jobs", "t", ("other",))]),
        ("CREATE OR REPLACE TRIGGER t AFTER UPDATE ON jobs EXECUTE FUNCTION unknown()", [("jobs", "t", ())]),
        ("DO $$ BEGIN IF true THEN DROP TRIGGER t ON jobs; END IF; END $$", []),
        ("DO $do$ BEGIN EXECUTE 'DROP TRIGGER t ON ' || quote_ident('jobs'); END $do$", []),
        ("-- DROP TRIGGER t ON jobs", LIVE),
        ("INSERT INTO log VALUES ('DROP TRIGGER t ON jobs')", LIVE),
        ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", LIVE),
    ],
)
def test_what_becomes_of_a_trigger(tmp_path: Path, later: str, expected: object) -> None:
    assert live(tmp_path, NOTIFY, CREATE, later) == expected


@pytest.mark.parametrize(
    ("body", "channels"),
    [
        ("BEGIN PERFORM pg_notify('Jobs', 'x'); END", ("Jobs",)),
        ("BEGIN PERFORM pg_notify(TG_TABLE_NAME || '_events', 'x'); END", ("{tg_table_name}_events",)),
        ("BEGIN NOTIFY JobEvents; END", ("jobevents",)),
        ("BEGIN NOTIFY \"JobEvents\", 'x'; END", ("JobEvents",)),
        ("BEGIN EXECUTE format('NOTIFY %I, %L', 'JobEvents', 'x'); END", ("JobEvents",)),
        ("BEGIN EXECUTE format('NOTIFY %s', 'JobEvents'); END", ("jobevents",)),
        ("BEGIN EXECUTE 'NOTIFY ' || TG_ARGV[0] || ', ''x'''; END", ("{tg_argv:0}",)),
        ("DECLARE c CONSTANT text := 'a'; BEGIN PERFORM pg_notify(c, 'x'); END", ("a",)),
        ("DECLARE c text; BEGIN IF n THEN c := 'a'; ELSE c := 'b'; END IF; PERFORM pg_notify(c, 'x'); END", ("a", "b")),
        ("BEGIN PERFORM pg_notify(CASE WHEN a THEN 'x' ELSE 'y' END, ''); END", ("x", "y")),
        ("BEGIN PERFORM pg_notify(concat_ws('_', 'job', lower(TG_OP))::text, ''); END", ("job_{tg_op_lower}",)),
        ("BEGIN PERFORM pg_notify('user_' || NEW.owner, ''); END", ("user_{}",)),
        ("BEGIN PERFORM pg_notify(format('%s_%s', 'a', unknown(1)), ''); END", ("a_{}",)),
        ("BEGIN -- NOTIFY nothing\n RETURN NEW; END", ()),
    ],
)
def test_channels_of_a_body(body: str, channels: tuple[str, ...]) -> None:
    assert read_body(body, ()).channels == channels


def test_what_the_trigger_knows_is_filled_in(tmp_path: Path) -> None:
    body = "PERFORM pg_notify(TG_TABLE_NAME || '_' || lower(TG_OP), 'x'); PERFORM pg_notify(TG_ARGV[0], 'y');"
    function = f"CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN {body} RETURN NEW; END $$ LANGUAGE plpgsql"
    create = "CREATE TRIGGER t AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION f('Own')"
    assert live(tmp_path, function, create) == [("jobs", "t", ("jobs_insert", "Own", "jobs_delete"))]


def test_channels_of_called_functions(tmp_path: Path) -> None:
    helper = "CREATE FUNCTION tell(kind text, n numeric(10, 2)) RETURNS void AS $$ SELECT pg_notify('job_' || kind, $2::text) $$ LANGUAGE sql"
    function = "CREATE FUNCTION f() RETURNS trigger AS 'BEGIN PERFORM app.tell(''done'', 1); PERFORM f(); RETURN NEW; END' LANGUAGE plpgsql"
    assert live(tmp_path, helper, function, CREATE) == [("jobs", "t", ("job_done",))]


def test_a_sqlite_trigger_is_one_statement(tmp_path: Path) -> None:
    sql = "CREATE TRIGGER t AFTER UPDATE ON jobs BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END; DROP TRIGGER other"
    assert live(tmp_path, sql) == [("jobs", "t", ())]


FORMS = {
    "constant": ("", 'op.execute("SQL")'),
    "implicit concatenation": ("", 'op.execute("S" "QL")'),
    "plus": ("", 'op.execute("S" + "QL")'),
    "module constant": ('X = "SQL"', "op.execute(X)"),
    "constant of a constant": ('Y = "SQL"\nX = Y', "op.execute(X)"),
    "local": ("", 'x = "SQL"\nop.execute(x)'),
    "text": ("", 'op.execute(sa.text("SQL"))'),
    "DDL": ("", 'op.execute(sa.DDL("SQL"))'),
    "keyword": ("", 'op.execute(sqltext="SQL")'),
    "connection": ("", 'conn = op.get_bind()\nconn.execute(text("SQL"))'),
    "driver": ("", 'op.get_bind().exec_driver_sql("SQL")'),
    "join": ("", 'op.execute("".join(["S", "QL"]))'),
    "f-string": ('N = "QL"', 'op.execute(f"S{N}")'),
    "format": ("", 'op.execute("{}{x}".format("S", x="QL"))'),
    "percent": ("", 'op.execute("S%s" % "QL")'),
    "percent mapping": ("", 'op.execute("S%(x)s" % {"x": "QL"})'),
    "dedent": ("from textwrap import dedent", 'op.execute(dedent("""\\\nSQL\n"""))'),
    "tuple loop": ("", 'for part in ("SELECT 1", "SQL"):\n    op.execute(part)'),
    "list constant": ('ALL = ["SQL"]', "for part in ALL:\n    op.execute(part)"),
    "pairs": ("", 'for a, b in (("S", "QL"),):\n    op.execute(a + b)'),
    "dict items": ('ALL = {"S": "QL"}', "for a, b in ALL.items():\n    op.execute(a + b)"),
    "helper": ("def send(sql, more=''):\n    op.execute(sql + more)", 'send("SQL")'),
    "dialect": ("", 'if op.get_bind().dialect.name == "postgresql":\n    op.execute("SQL")'),
    "dialect in": ("", 'if op.get_context().dialect.name in ("postgresql", "x"):\n    op.execute("SQL")'),
    "other dialect": ("", 'if bind.dialect.name == "sqlite":\n    op.execute("DROP")\nelse:\n    op.execute("SQL")'),
    "guard": ("", 'if bind.dialect.name != "postgresql":\n    return\nop.execute("SQL")'),
    "condition": ("", 'if not exists():\n    op.execute("SQL")'),
    "with": ("", 'with op.get_context().autocommit_block():\n    op.execute("SQL")'),
    "try": ("", 'try:\n    op.execute("SQL")\nexcept Exception:\n    raise'),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_sending(tmp_path: Path, form: str) -> None:
    head, upgrade = FORMS[form]
    # Split across the first letter, so that forms that compose the text are read whole or not at all.
    first, rest = CREATE[0], CREATE[1:]
    head, upgrade = (
        part.replace('"SQL"', repr(CREATE)).replace("SQL", CREATE).replace('"QL"', repr(rest)).replace('"S"', repr(first))
        .replace('f"S{', f'f"{first}{{').replace('"S%', f'"{first}%')
        for part in (head, upgrade)
    )  # fmt: skip
    found, _ = triggers_of(tmp_path, {"versions/a.py": revision("a", "None", upgrade, head)})
    assert [(trigger.table, trigger.name) for trigger in found] == [("jobs", "t")]


def test_only_upgrade_counts(tmp_path: Path) -> None:
    source = (
        revision("a", "None", f"op.execute({CREATE!r})")
        + "\ndef downgrade():\n    op.execute('DROP TRIGGER t ON jobs')\n"
    )
    found, _ = triggers_of(tmp_path, {"versions/a.py": source})
    assert [trigger.name for trigger in found] == ["t"]


def test_a_return_without_dialect_ends_nothing(tmp_path: Path) -> None:
    source = revision("a", "None", f"if offline:\n    return\nop.execute({CREATE!r})")
    assert len(triggers_of(tmp_path, {"versions/a.py": source})[0]) == 1


def test_without_a_known_dialect_both_branches_are_read(tmp_path: Path) -> None:
    source = revision("a", "None", f"if dialect == 'sqlite':\n    pass\nelse:\n    op.execute({CREATE!r})")
    assert len(triggers_of(tmp_path, {"versions/a.py": source}, None)[0]) == 1


def test_holes_stay_templates(tmp_path: Path) -> None:
    source = revision(
        "a",
        "None",
        "for t in tables():\n    op.execute(f'CREATE TRIGGER {t}_t AFTER DELETE ON {t} EXECUTE FUNCTION f()')",
    )
    found, _ = triggers_of(tmp_path, {"versions/a.py": source})
    assert [(trigger.name, trigger.table) for trigger in found] == [("{}_t", "{}")]


def test_operations_that_drop_or_rename_the_table(tmp_path: Path) -> None:
    make = "CREATE TRIGGER t AFTER DELETE ON {} EXECUTE FUNCTION f()"
    upgrade = "\n".join(f"op.execute({make.format(name)!r})" for name in ("a", "b", "c"))
    files = {
        "versions/1.py": revision("1a", "None", upgrade),
        "versions/2.py": revision("2a", '"1a"', 'op.drop_table("a")\nop.rename_table("b", "B2")'),
    }
    assert [trigger.table for trigger in triggers_of(tmp_path, files)[0]] == ["B2", "c"]


def test_entities_of_alembic_utils(tmp_path: Path) -> None:
    head = (
        "fn = PGFunction(schema='public', signature='f()', definition=\"returns trigger as $$ begin perform pg_notify('e', ''); end $$ language plpgsql\")\n"
        "trg = PGTrigger(schema='public', signature='t', on_entity='public.jobs', definition='AFTER DELETE ON public.jobs EXECUTE FUNCTION f()')"
    )
    files = {"versions/1.py": revision("1a", "None", "op.create_entity(fn)\nop.create_entity(trg)", head)}
    found, _ = triggers_of(tmp_path, files)
    assert [(trigger.name, trigger.channels) for trigger in found] == [("t", ("e",))]
    files["versions/2.py"] = revision("2a", '"1a"', "op.drop_entity(trg)", head)
    assert triggers_of(tmp_path, files)[0] == ()


def test_a_constant_from_another_module(tmp_path: Path) -> None:
    files = {
        "app/sql.py": f"CREATE = {CREATE!r}\n",
        "app/versions/a.py": revision("a", "None", "op.execute(CREATE)", "from app.sql import CREATE"),
    }
    assert len(triggers_of(tmp_path, files)[0]) == 1


def drop(name: str) -> str:
    return f"op.execute('DROP TRIGGER IF EXISTS {name} ON jobs')"


def make(name: str) -> str:
    return f"op.execute('CREATE TRIGGER {name} AFTER DELETE ON jobs EXECUTE FUNCTION f()')"


def test_branches_and_merges_follow_the_revisions(tmp_path: Path) -> None:
    """File names run against the order; the merge comes after both branches."""
    files = {
        "versions/z_root.py": revision("root", "None", f"{make('a')}\n{make('b')}"),
        "versions/c_left.py": revision("left", '"root"', drop("a")),
        "versions/b_right.py": revision("right", '"root"', drop("b")),
        "versions/a_merge.py": revision("merge", '("left", "right")', make("b")),
    }
    found, conflicts = triggers_of(tmp_path, files)
    assert [trigger.name for trigger in found] == ["b"]
    assert conflicts == []


def test_what_a_chain_lacks_is_noted(tmp_path: Path) -> None:
    files = {
        "versions/1.py": revision("one", '"gone"', make("a")),
        "versions/2.py": revision("two", '"three"', make("b")),
        "versions/3.py": revision("three", '"two"', drop("b")),
    }
    found, conflicts = triggers_of(tmp_path, files)
    assert [trigger.name for trigger in found] == ["a"]
    assert conflicts == [
        "versions/1.py: follows revision gone, which is not in the project.",
        "versions/2.py: revision two follows itself; taken in path order.",
    ]


def test_django_operations(tmp_path: Path) -> None:
    source = f"""
def more(apps, schema_editor):
    schema_editor.execute({make("b")[11:-1]})

class Migration(migrations.Migration):
    operations = [
        migrations.RunSQL({make("a")[11:-1]}, reverse_sql="DROP TRIGGER a ON jobs"),
        migrations.RunPython(more),
        migrations.RunSQL(sql=["DROP TRIGGER IF EXISTS a ON jobs", "SELECT 1"]),
    ]
"""
    found, _ = triggers_of(tmp_path, {"app/migrations/0002_x.py": source})
    assert [(trigger.name, trigger.line) for trigger in found] == [("b", 3)]


def test_sql_directories_in_natural_order(tmp_path: Path) -> None:
    create = "SELECT 1;\n\nCREATE TRIGGER {} AFTER DELETE ON jobs EXECUTE FUNCTION f();\n"
    files = {
        "db/migrations/V9__a.sql": create.format("a") + create.format("b"),
        "db/migrations/V10__b.sql": "DROP TRIGGER a ON jobs;\n-- migrate:down\nDROP TRIGGER b ON jobs;",
        "db/migrations/V10__b.down.sql": "DROP TRIGGER b ON jobs;",
    }
    found, _ = triggers_of(tmp_path, files)
    assert [(trigger.name, trigger.path, trigger.line) for trigger in found] == [("b", "db/migrations/V9__a.sql", 6)]


def test_hostile_migrations_take_no_long_time(tmp_path: Path) -> None:
    calls = "".join(f"PERFORM f{n}(); " for n in range(60)) * 4
    functions = [
        f"CREATE FUNCTION f{n}() RETURNS trigger AS $$ BEGIN {calls} PERFORM pg_notify('c{n}', ''); END $$"
        for n in range(60)
    ]
    nested = "DO $a$ BEGIN EXECUTE " + "(" * 3_000 + " END $a$ -- trigger"
    upgrade = "\n".join(f"op.execute({text!r})" for text in (*functions, nested, CREATE.replace("f()", "f0()")))
    upgrade += "\nfor a in X:\n    for b in X:\n        for c in X:\n            op.execute(a + b + c)"
    head = f"X = {['trigger'] * 300!r}"
    start = time.process_time()
    found, _ = triggers_of(tmp_path, {"versions/a.py": revision("a", "None", upgrade, head)})
    assert time.process_time() - start < 8
    assert [len(trigger.channels) for trigger in found] == [60]
