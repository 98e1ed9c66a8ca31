"""No text makes a reader raise."""

# ruff: noqa: E501, SIM905  (a vocabulary, not code)
from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from persist_lint.context.compose import image_database
from persist_lint.context.dependencies import poetry_specifier
from persist_lint.context.migrations import Statement
from persist_lint.context.plpgsql import read_body
from persist_lint.context.sql import classify
from persist_lint.context.triggers import live_triggers
from persist_lint.context.urls import read_url
from persist_lint.context.versions import between, overlaps
from persist_lint.model.context import Version

WORDS = (
    "CREATE OR REPLACE FUNCTION TRIGGER f t ( ) ; , . $$ $a$ ' '' \" ` [ ] || := :: ON OF AFTER UPDATE INSERT DO EXECUTE "
    "BEGIN END CASE WHEN THEN ELSE NOTIFY pg_notify format '%I' TG_ARGV 0 $1 LANGUAGE AS DROP ALTER TABLE RENAME TO "
    "DISABLE ENABLE ALL IF EXISTS NOT FOREACH x IN ARRAY LOOP DECLARE FROM JOIN SELECT WITH DELETE USING INTO SET {} /* */ "
    "-- \\ \n LISTEN FOR SCHEMA PROCEDURE DEFAULT concat lower"
).split(" ")
sql_like = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
texts = st.one_of(st.text(max_size=60), sql_like)


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from([None, "postgresql", "mysql", "sqlite", "mssql", "oracle", "unheard"]))
def test_sql(text: str, dialect: str | None) -> None:
    classify.__wrapped__(text, dialect)
    read_body(text, ("a", ""))
    live_triggers([Statement(f"{text}; CREATE TRIGGER {text}", "m.py", 1, False)], dialect)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="postgresql+:/@{}$%()x1.[]<>^~=*, |\n", max_size=40))
def test_small_texts(text: str) -> None:
    read_url(f"postgresql+asyncpg://{text}")
    read_url(text)
    image_database(text)
    poetry_specifier(text)
    between(Version(text, text, ""), text, text)
    overlaps(Version(None, text, ""), ">=1,<2")
