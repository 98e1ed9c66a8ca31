from __future__ import annotations

import time

import pytest

from persist_lint.context.sql import SqlStatement, classify
from persist_lint.context.tokens import tokens


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", SqlStatement("select")),
        (
            "select * from Jobs j, public.steps s left join \"Foo\" f on f.id = j.id where x = 'a;b'",
            SqlStatement("select", ("jobs", "steps", "Foo")),
        ),
        ("SELECT * FROM jobs FOR UPDATE SKIP LOCKED", SqlStatement("select", ("jobs",), locks=True)),
        ("INSERT INTO t (a, b) VALUES (1, 2)", SqlStatement("insert", ("t",))),
        ("INSERT INTO t SELECT * FROM u", SqlStatement("insert", ("t", "u"))),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", SqlStatement("upsert", ("t",))),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2", SqlStatement("upsert", ("t",))),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE b = 2", SqlStatement("upsert", ("t",))),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET x = 1", SqlStatement("upsert", ("t",))),
        ("UPDATE t SET a = 1 FROM u WHERE t.id = u.id", SqlStatement("update", ("t", "u"))),
        ("UPDATE {} SET a = 1", SqlStatement("update", ("{}",))),
        ("UPDATE prefix_{} SET a = 1", SqlStatement("update", ("prefix_{}",))),
        ("DELETE FROM ONLY t USING u WHERE t.id = u.id", SqlStatement("delete", ("t", "u"))),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u LIMIT 5)", SqlStatement("delete", ("t", "u"))),
        (
            "WITH x AS (SELECT * FROM a), y (k) AS (DELETE FROM b RETURNING *) SELECT * FROM x JOIN y ON true",
            SqlStatement("delete", ("b", "a")),
        ),
        ("SELECT EXTRACT(year FROM ts) FROM t WHERE a IS DISTINCT FROM b", SqlStatement("select", ("t",))),
        ("SELECT * FROM generate_series(1, 10)", SqlStatement("select")),
        ("/* c */ SELECT a FROM b -- x", SqlStatement("select", ("b",))),
        ("SELECT * FROM `Jobs`", SqlStatement("select", ("Jobs",))),
        ("SELECT pg_notify('JobEvents', :payload)", SqlStatement("notify", channel="JobEvents")),
        ("SELECT pg_notify(:channel, 'x')", SqlStatement("notify")),
        ("NOTIFY JobEvents, 'x'", SqlStatement("notify", channel="jobevents")),
        ('LISTEN "JobEvents"', SqlStatement("listen", channel="JobEvents")),
        ("LOCK TABLE t IN SHARE MODE", SqlStatement("other", ("t",), locks=True)),
        ("SELECT pg_advisory_xact_lock(1)", SqlStatement("select", advisory=True)),
        ("SET LOCAL statement_timeout = 1", SqlStatement("set")),
        ("TRUNCATE a, b", SqlStatement("ddl", ("a", "b"))),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", SqlStatement("ddl", ("t",))),
        ("COMMIT", SqlStatement("other")),
        ("no SQL at all", SqlStatement("other")),
        ("SELECT 'unterminated", SqlStatement("select")),
    ],
)
def test_one_statement(sql: str, expected: SqlStatement) -> None:
    assert classify(sql) == (expected,)


def test_several_statements() -> None:
    assert [s.kind for s in classify("BEGIN; UPDATE a SET x = ';'; DELETE FROM b; COMMIT;")] == [
        "other", "update", "delete", "other",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql", ["", ";;", "-- only", "(((", "$$", "$a$ b", "'", '"', "`", "\\", "\x00", "WITH", "FROM ("]
)
def test_garbage_never_raises(sql: str) -> None:
    assert {statement.kind for statement in classify(sql)} <= {"other", "select"}


def test_both_tokenizers_agree() -> None:
    sql = "SELECT a.b, 'it''s', \"Q q\", x::text || 'y' FROM t WHERE n = 12 AND m <> :p"
    plain = [(token.kind, token.text) for token in tokens(sql)]
    assert [(token.kind, token.text) for token in tokens(f"{sql} -- exact")] == plain


def test_swallowed_commands_are_read() -> None:
    assert [token.text for token in tokens("BEGIN EXECUTE format('NOTIFY %I', x[1]); END")] == [
        "BEGIN", "EXECUTE", "format", "(", "NOTIFY %I", ",", "x", "[", "1", "]", ")", ";", "END",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql", ["SELECT " + "(" * 50_000, "WITH " + "a AS (SELECT 1), " * 8_000, "SELECT * FROM a" + ", b" * 40_000]
)
def test_long_text_takes_no_long_time(sql: str) -> None:
    start = time.process_time()
    classify.__wrapped__(sql)
    assert time.process_time() - start < 3
