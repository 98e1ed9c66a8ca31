"""Identifiers of SQL as the database sees them."""

from __future__ import annotations

from persist_lint.context.tokens import Token, unhole

#: Schemas that are where tables are looked up anyway, and that models seldom name.
_DEFAULT_SCHEMAS = frozenset({"public", "main", "dbo", "{}"})


def name_at(part: list[Token], at: int) -> tuple[str, int]:
    """The (dotted) identifier that starts at an index, as SQL normalises it, and the index after it.

    Unquoted names are lower-cased; the schema is dropped when it is a default one or not known. "" where none stands.
    """
    names: list[str] = []
    while at < len(part) and part[at].kind in {"word", "quoted"}:
        token = part[at]
        names.append(unhole(token.text if token.kind == "quoted" else token.low))
        at += 1
        if at < len(part) and part[at].text == "." and part[at].kind == "punct":
            at += 1
            continue
        break
    if len(names) > 1 and names[-2] in _DEFAULT_SCHEMAS:
        names = names[-1:]
    return ".".join(names[-2:]), at
