"""SQL text as a flat list of tokens: sqlglot's tokenizer, or a plain regular expression where the text is plain.

sqlglot's parser is not used: it has no grammar for function bodies. Importing it costs a tenth of a second, so text
without comments, escapes, dollar quotes and dialect quoting never asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["word", "quoted", "string", "number", "punct"]

#: Stands for ``{}`` (a hole of a template) while SQL is read, because it is a legal part of an identifier.
HOLE = "zqholeqz"

_HARD = re.compile(r"[\\`#\[]|--|/\*|\$\w*\$")
_PLAIN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<string>[eEnN]?'(?:[^']|'')*'?)
    |(?P<body>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<quoted>"(?:[^"]|"")*"?|`[^`]*`?)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<punct>:=|::|\|\||[<>!=]=|<>|.)""",
    re.VERBOSE | re.DOTALL,
)
_STRINGS = {"STRING", "BYTE_STRING", "NATIONAL_STRING", "RAW_STRING", "UNICODE_STRING", "HEREDOC_STRING"}


_SIMPLE: dict[str | None, Kind] = {"word": "word", "number": "number", "punct": "punct"}


class Token(NamedTuple):
    """``text`` without quotes; for words also ``low``. ``start`` is the offset in the SQL."""

    kind: Kind
    text: str
    low: str
    start: int


def tokens(sql: str, dialect: str | None = None) -> list[Token]:
    """The tokens of any text; never raises (what no tokenizer accepts is split leniently)."""
    sql = sql.replace("{}", HOLE)
    if _HARD.search(sql) is None:
        return list(_plain(sql))
    from sqlglot.errors import SqlglotError

    try:
        return list(_exact(sql, _sqlglot_name("mysql" if dialect is None and "`" in sql else dialect)))
    except (SqlglotError, ValueError, IndexError, RecursionError):
        return list(_plain(sql))


def unhole(text: str) -> str:
    """Token text with the holes of its template spelt ``{}`` again."""
    return text.replace(HOLE, "{}").replace(HOLE.upper(), "{}")


def statements(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens of each statement. The statements of a ``BEGIN … END`` body belong to its CREATE."""
    current: list[Token] = []
    depth = 0
    for token in tokens:
        if token.text == ";" and token.kind == "punct" and depth == 0:
            if current:
                yield current
            current = []
            continue
        if current and current[0].low == "create" and token.kind == "word":
            depth = max(0, depth + _nesting(token, current[-1]))
        current.append(token)
    if current:
        yield current


def _nesting(token: Token, before: Token) -> int:
    if token.low == "begin" or (token.low == "case" and before.low != "end"):
        return 1
    if token.low == "end":
        return -1
    # "END IF" and its like close what was never counted.
    return 1 if before.low == "end" and token.low in {"if", "loop", "while", "repeat"} else 0


def closing(tokens: list[Token], opening: int) -> int:
    """The index of the parenthesis that closes the one at an index; the number of tokens where none does."""
    depth = 0
    for at in range(opening, len(tokens)):
        if tokens[at].kind == "punct":
            depth += (tokens[at].text == "(") - (tokens[at].text == ")")
            if depth == 0:
                return at
    return len(tokens)


def _plain(sql: str) -> Iterator[Token]:
    for match in _PLAIN.finditer(sql):
        kind = match.lastgroup
        text = match.group()
        if kind == "string":
            inner = text[text.index("'") + 1 :]
            yield _token("string", inner.removesuffix("'").replace("''", "'"), match.start())
        elif match.group("body") is not None:
            tag = f"${match.group('tag')}$"
            yield _token("string", text[len(tag) :].removesuffix(tag), match.start())
        elif kind == "quoted":
            yield _token("quoted", text[1:].removesuffix(text[0]).replace(text[0] * 2, text[0]), match.start())
        elif kind in _SIMPLE:
            yield _token(_SIMPLE[kind], text, match.start())


def _exact(sql: str, dialect: str | None, base: int = 0) -> Iterator[Token]:
    import sqlglot

    for raw in sqlglot.tokenize(sql, read=dialect):
        name = raw.token_type.name
        start = base + raw.start
        if name in _STRINGS and raw.end - raw.start < len(raw.text):
            # No quotes around it: sqlglot swallows the rest of commands it does not parse (EXECUTE, DO, DECLARE …).
            offset = max(sql.rfind(raw.text, 0, raw.end + 1), 0)
            yield from _exact(raw.text, dialect, base + offset)
        elif name in _STRINGS:
            yield _token("string", raw.text, start)
        elif name == "IDENTIFIER":
            yield _token("quoted", raw.text, start)
        elif name == "NUMBER":
            yield _token("number", raw.text, start)
        elif raw.text[:1].isalpha() or raw.text[:1] == "_":
            for word in raw.text.split():
                yield _token("word", word, start)
        else:
            yield _token("punct", raw.text, start)


def _token(kind: Kind, text: str, start: int) -> Token:
    return Token(kind, text, text.lower() if kind == "word" else "", start)


def _sqlglot_name(dialect: str | None) -> str | None:
    """sqlglot's name of a SQLAlchemy dialect; PostgreSQL where nothing is known, as its quoting is the standard's."""
    known = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite", "oracle": "oracle"}
    return "tsql" if dialect == "mssql" else known.get(dialect or "", "postgres")
