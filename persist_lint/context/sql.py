"""What a piece of SQL text does: its kind, its tables, its channel, whether it locks."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from persist_lint.context.names import name_at
from persist_lint.context.tokens import Token, statements, tokens, unhole

SqlKind = Literal["select", "insert", "update", "delete", "upsert", "ddl", "notify", "listen", "set", "other"]

_FIRST: dict[str, SqlKind] = {
    "select": "select", "values": "select", "table": "select", "show": "select", "insert": "insert",
    "update": "update", "delete": "delete", "merge": "upsert", "replace": "upsert", "notify": "notify",
    "listen": "listen", "set": "set", "reset": "set", "pragma": "set", "create": "ddl", "alter": "ddl", "drop": "ddl",
    "truncate": "ddl", "comment": "ddl", "grant": "ddl", "revoke": "ddl", "rename": "ddl", "reindex": "ddl",
}  # fmt: skip
_WRITES = ("insert", "update", "delete", "merge")
#: Words that cannot name a table where a table may stand.
_NEVER = frozenset({
    "select", "with", "set", "where", "values", "on", "using", "as", "from", "join", "left", "right", "inner", "outer",
    "full", "cross", "natural", "group", "order", "limit", "returning", "union", "lateral", "nowait", "skip", "of",
    "default", "window", "having", "when", "then",
})  # fmt: skip
_PASSED = frozenset({"only", "lateral", "if", "not", "exists", "table", "ignore", "low_priority", "concurrently"})
_OBJECTS = frozenset({"table", "truncate", "view"})
_LONGEST = 200_000


class SqlStatement(Struct, frozen=True):
    """One statement. ``tables`` in lower case unless quoted, ``public.`` left out, written ones first, no CTE names.

    ``locks``: ``FOR UPDATE`` and its like, ``LOCK TABLE``; ``advisory``: it takes an advisory lock. ``channel`` is that
    of NOTIFY, LISTEN or ``pg_notify``; names may hold ``{}`` where the text was a template.
    """

    kind: SqlKind
    tables: tuple[str, ...] = ()
    channel: str | None = None
    locks: bool = False
    advisory: bool = False


@lru_cache(maxsize=4096)
def classify(sql: str, dialect: str | None = None) -> tuple[SqlStatement, ...]:
    """What each statement of the text does, in order; ``other`` for what is no known SQL. Never raises.

    ``{}`` stands for parts of the text that are not known; ``dialect`` is a SQLAlchemy backend name.
    """
    return tuple(_statement(part) for part in statements(tokens(sql[:_LONGEST], dialect)))


def _statement(part: list[Token]) -> SqlStatement:
    while part and part[0].text == "(":
        part = part[1:]
    if not part:
        return SqlStatement("other")
    words = [token.low for token in part]
    first = words[0]
    if first == "explain":
        return SqlStatement("select", _tables(part, words))
    if first in {"notify", "listen"}:
        return SqlStatement(_FIRST[first], channel=name_at(part, 1)[0] if len(part) > 1 else None)
    if first == "lock":
        return SqlStatement("other", _tables(part, words), locks=True)
    notified = notified_channel(part)
    if notified is not None and first in {"select", "with", "perform"}:
        return SqlStatement("notify", _tables(part, words), notified or None)
    return SqlStatement(
        _kind(words),
        _tables(part, words),
        locks=_locks(words),
        advisory=any(word.startswith(("pg_advisory", "pg_try_advisory")) for word in words),
    )


def _kind(words: list[str]) -> SqlKind:
    first = words[0]
    if first == "with":
        written = [word for at, word in enumerate(words) if word in _WRITES and _is_verb(words, at)]
        first = written[-1] if written else "select"
    kind = _FIRST.get(first, "other")
    if kind == "insert" and _upserts(words):
        return "upsert"
    return kind


def _is_verb(words: list[str], at: int) -> bool:
    """``FOR UPDATE``, ``ON CONFLICT DO UPDATE`` and ``THEN UPDATE`` are no statements."""
    return words[at - 1] not in {"for", "do", "then", "key", "on", "before", "after", "or"}


def _upserts(words: list[str]) -> bool:
    pairs = set(pairwise(words))
    return not pairs.isdisjoint(
        {("on", "conflict"), ("on", "duplicate"), ("insert", "or"), ("insert", "ignore"), ("insert", "overwrite")}
    )


def _locks(words: list[str]) -> bool:
    pairs = set(pairwise(words))
    return not pairs.isdisjoint({("for", "update"), ("for", "share"), ("for", "no"), ("for", "key"), ("share", "mode")})


def notified_channel(part: list[Token]) -> str | None:
    """The constant channel of the first ``pg_notify(…)``; "" when it is no constant, None without such a call."""
    for at, token in enumerate(part[:-1]):
        if token.low == "pg_notify" and part[at + 1].text == "(":
            simple = len(part) > at + 3 and part[at + 2].kind == "string" and part[at + 3].text in {",", "::"}
            return unhole(part[at + 2].text) if simple else ""
    return None


def _tables(part: list[Token], words: list[str]) -> tuple[str, ...]:
    """Tables in the order written first, then read; each once."""
    common = _cte_names(part, words)
    written: dict[str, None] = {}
    read: dict[str, None] = {}
    selecting: list[bool] = [True]
    for at, token in enumerate(part):
        if token.text == "(" and token.kind == "punct":
            following = words[at + 1] if at + 1 < len(part) else ""
            selecting.append(following in {"select", "with", "delete", "update", "insert", "("} or _joins(words, at))
        elif token.text == ")" and token.kind == "punct" and len(selecting) > 1:
            selecting.pop()
        if token.kind != "word" or not selecting[-1]:
            continue
        target = _role(words, at)
        if target:
            found = written if target == "write" else read
            for name in _names_after(part, at + 1, listed=target == "list"):
                if name not in common:
                    found.setdefault(name)
    return tuple(dict.fromkeys((*written, *read)))


def _joins(words: list[str], at: int) -> bool:
    """Whether the parenthesis groups joins: ``FROM (a JOIN b ON …)``."""
    return words[at - 1] in {"from", "join"}


def _role(words: list[str], at: int) -> str:
    """What the names after a word are: "write", "list" (read, separated by commas), "read" or ""."""
    word = words[at]
    before = words[at - 1] if at else ""
    if word in {"into", "update"}:
        return "write" if _is_verb(words, at) or word == "into" else ""
    if word == "from":
        if before == "delete":
            return "write"
        return "" if before == "distinct" else "list"
    if word == "delete" and at + 1 < len(words) and words[at + 1] != "from":
        return "write" if at == 0 else ""
    if word == "using" and "delete" in words[:at]:
        return "list"
    if word == "join":
        return "read"
    if word in _OBJECTS and words[0] in {"create", "alter", "drop", "truncate", "lock", "table"}:
        return "list" if words[0] in {"drop", "truncate", "lock"} else "write"
    if word == "on" and words[0] == "create":
        return "write"
    return ""


def _names_after(part: list[Token], at: int, listed: bool) -> list[str]:
    found: list[str] = []
    while at < len(part):
        while at < len(part) and part[at].low in _PASSED:
            at += 1
        if at >= len(part) or part[at].low in _NEVER:
            break
        name, at = name_at(part, at)
        call = at < len(part) and part[at].text == "(" and part[at - 1].kind == "word" and listed
        if name and not call:
            found.append(name)
        if not listed:
            break
        at = _after_comma(part, at)
    return found


def _after_comma(part: list[Token], at: int) -> int:
    """The index after the next comma of a FROM list; the end when the list ends before."""
    depth = 0
    while at < len(part):
        text = part[at].text if part[at].kind == "punct" else ""
        if text == "(":
            depth += 1
        elif text == ")":
            depth -= 1
            if depth < 0:
                break
        elif depth == 0 and text == ",":
            return at + 1
        elif depth == 0 and part[at].low in _NEVER and part[at].low not in {"as", "of"}:
            break
        at += 1
    return len(part)


def _cte_names(part: list[Token], words: list[str]) -> frozenset[str]:
    if words[0] != "with":
        return frozenset()
    found = set()
    for at in range(1, len(part) - 1):
        if words[at - 1] in {"with", "recursive"} or part[at - 1].text == ",":
            name, after = name_at(part, at)
            if after < len(part) and part[after].text == "(":
                while after < len(part) and part[after].text != ")":
                    after += 1
                after += 1
            if name and words[after : after + 1] == ["as"]:
                found.add(name)
    return frozenset(found)
