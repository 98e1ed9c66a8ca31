"""Raw SQL as code puts it together, and its effects: what kind of statements it holds, and on which tables.

f"INSERT INTO {table} VALUES (1)"      is known as ``INSERT INTO {} VALUES (1)``: an INSERT, into whatever table
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from persist_lint.context.sql import classify
from persist_lint.link.lattice import UNKNOWN_SYM, Data, Lib, Statement, Sym, Value, members

HOLE = "{}"
LONGEST = 8_000
SQL = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*"
    r"(?:select|insert|update|delete|with|merge|replace|truncate|notify|listen|lock|create|alter|drop|explain|values)\b",
    re.IGNORECASE | re.DOTALL,
)
FIELD = re.compile(r"\{[^{}]*\}")
PLACE = re.compile(r"%(?:\([^)]*\))?[-#0 +]*[\d.*]*[sdrif]")

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
    for statement in classify(sql) if not sql.lstrip().startswith(HOLE) else ():
        subject = statement.tables[0] if statement.tables else (statement.channel or "SQL")
        found.append((KINDS.get(statement.kind, "db.call"), "rows" if subject == HOLE else subject))
    return found or [("db.statement", "rows")]


def known_text(value: Value) -> str | None:
    """The text that a value is, as far as it is known: a constant, or SQL with holes."""
    if value.sym[0] == "const" and isinstance(value.sym[1], str):
        return value.sym[1]
    return next((k.text for k in members(value.type) if isinstance(k, Data) and k.text), None)


def sql_data(text: str) -> Data:
    """The type of a piece of text: what it says is kept if it begins like SQL."""
    return Data("str", text[:LONGEST]) if SQL.match(text) else Data("str")


def spliced(parts: Iterable[Value]) -> Data:
    """The type of text made of parts, one after the other."""
    known = [known_text(part) for part in parts]
    if not known or known[0] is None:
        return Data("str")
    return sql_data("".join(HOLE if text is None else text for text in known))


def filled(text: str | None, pattern: re.Pattern[str]) -> Data:
    """The type of a template after its fields (``{name}``, ``%s``) were filled in."""
    return Data("str") if text is None else sql_data(pattern.sub(HOLE, text))


def joined(separator: str | None, items: Value) -> Data:
    """The type of ``separator.join(items)``; of items that are not all known, the first ones count."""
    match items.sym:
        case ("const", (*texts,)) if separator is not None and all(isinstance(t, str) for t in texts):
            return sql_data(separator.join(texts))
        case ("parts", *texts) if separator is not None:
            return sql_data(separator.join((*texts, HOLE)))
    return Data("str")


def begun(values: list[Value]) -> Sym:
    """The symbol of a list that begins with a piece of SQL: the pieces that are known, up to the first that is not."""
    texts: list[str] = []
    for value in values:
        text = known_text(value)
        if text is None:
            break
        texts.append(text)
    return ("parts", *texts) if texts and SQL.match(texts[0]) else UNKNOWN_SYM


def statement_text(value: Value) -> str | None:
    """The SQL of an argument: plain text, or a statement made of text."""
    for kind in members(value.type):
        for argument in kind.args if isinstance(kind, Lib) else ():
            if isinstance(argument, Statement) and argument.verb == "text":
                return argument.text
    return known_text(value)
