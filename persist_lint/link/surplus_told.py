"""What a ``Surplus`` is in words, and its cure in terms of the query at hand (``select()`` or a legacy ``Query``)."""

from __future__ import annotations

from persist_lint.link.surplus import Surplus

#: kind → (what happens, cure for select(), cure for Query)
_WORDS = {
    "counted": (
        "All rows of {entity} are loaded{through} only to be counted",
        "Count in SQL: select(func.count()).select_from({entity}) with the same conditions.",
        "Count in SQL: query.count() instead of len(query.all()).",
    ),
    "tested": (
        "All rows of {entity} are loaded{through} only to see whether there are any",
        "Ask for one: select({entity}.{key}) with the same conditions and .limit(1).",
        "Ask for one: query.with_entities({entity}.{key}).first().",
    ),
    "first": (
        "All rows of {entity} are loaded{through}, only the first is used",
        "Add .limit(1) to the statement.",
        "Use query.first(), which adds LIMIT 1, or .limit(1).",
    ),
    "limitless": (
        "{word}() takes the first row of {entity}{through}, but adds no LIMIT: the database sends all rows",
        "Add .limit(1) to the statement.",
        "Add .limit(1) to the statement.",
    ),
    "last": (
        "All rows of {entity} are loaded{through}, only the last is used",
        "Order the other way round and add .limit(1).",
        "Order the other way round and use query.first().",
    ),
    "slice": (
        "All rows of {entity} are loaded{through}, only a slice is used",
        "Add .limit() (and .offset()) to the statement.",
        "Add .limit() (and .offset()) to the query.",
    ),
    "discarded": (
        "Rows of {entity} are loaded{through} and not used",
        "Leave the query out, or ask for existence alone: select({entity}.{key}) with the same conditions.",
        "Leave the query out, or ask for existence alone: query.with_entities({entity}.{key}).first().",
    ),
    "sorted": (
        "All rows of {entity} are loaded{through} and sorted in Python, only the ends are used",
        "Sort and cut in SQL: .order_by(…).limit(…).",
        "Sort and cut in SQL: .order_by(…).limit(…).",
    ),
    "filtered": (
        "Rows of {entity} are loaded{through} and filtered in Python by {names}",
        "Put the condition on {names} into the WHERE.",
        "Put the condition on {names} into .filter(…).",
    ),
    "latest": (
        "All rows of {entity} are loaded{through}, and one per {names} is kept in Python",
        "Keep one per {names} in SQL: DISTINCT ON, or row_number() over a partition by {names}.",
        "Keep one per {names} in SQL: DISTINCT ON, or row_number() over a partition by {names}.",
    ),
    "reduced": (
        "Rows of {entity} are loaded{through} and reduced in Python: {word}() of {names}",
        "Let SQL do it: select(func.{word}({entity}.{names})) with the same conditions.",
        "Let SQL do it: query.with_entities(func.{word}({entity}.{names})).",
    ),
}


def told(found: Surplus) -> tuple[str, str]:
    """(message, recommendation) of a finding."""
    got, word = found.got, found.event.word
    limitless = found.kind == "first" and found.event.ref.shape == "result" and word != "next"
    what, new, legacy = _WORDS["limitless" if limitless else found.kind]
    cure = legacy if got.statement is not None and got.statement.session is not None else new
    if found.kind == "reduced" and not found.names:
        what, cure = what.replace(" of {names}", ""), "Let SQL do it: order_by(…).limit(1), or func.{word}(…)."
    values = {
        "entity": found.entity.name,
        "through": f" through {got.site.name}()" if got.effect.via is not None else "",
        "names": " and ".join(found.names[:3]),
        "word": word,
        "key": found.key,
    }
    return what.format(**values), cure.format(**values)
