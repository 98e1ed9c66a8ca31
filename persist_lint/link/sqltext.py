"""Effects of raw SQL text: what kind of statements it holds, and on which tables."""

from __future__ import annotations

from persist_lint.context.sql import classify

KINDS = {
    "select": "db.select",
    "insert": "db.insert",
    "upsert": "db.insert",
    "update": "db.update",
    "delete": "db.delete",
    "notify": "publish",
    "listen": "listen",
}


def text_effects(sql: str) -> list[tuple[str, str]]:
    """(effect kind, first table or channel) per statement of the text; ``db.call`` for what is none of ours."""
    found = []
    for statement in classify(sql):
        subject = statement.tables[0] if statement.tables else (statement.channel or "SQL")
        found.append((KINDS.get(statement.kind, "db.call"), subject))
    return found or [("db.statement", "SQL")]
