"""What a ``Surplus`` is in words, and its cure in terms of the query at hand (``select()`` or a legacy ``Query``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.eager import Idle, idle
from persist_lint.link.repetition import speaks
from persist_lint.link.rows import Got
from persist_lint.link.surplus import Surplus, is_unbounded, surplus_rows
from persist_lint.link.unread import FEW, VERY_MANY_COLUMNS, Unread, unread
from persist_lint.link.views import FunctionView, trace
from persist_lint.model.finding import Step
from persist_lint.model.severity import Confidence
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project


class Told(Struct, frozen=True, eq=False):
    """What a finding says, and where; ``grave`` where much may be loaded, ``sure`` where that is certain."""

    view: FunctionView
    at: Span
    message: str
    instead: str
    grave: bool
    confidence: Confidence
    steps: tuple[Step, ...]
    frames: tuple[FunctionView, ...]


def all_told(project: Project) -> Iterator[Told]:
    """Everything that is loaded and not used: by queries, in order of place, then by models."""
    for function in project.functions():
        if not speaks(function) or not any(effect.kind == "db.select" for effect in function.summary):
            continue
        rows = list(surplus_rows(function))
        for one in rows:
            step = Step(one.event.function.module.path, one.event.at, "what is made of the rows")
            yield _told(function, one.got, told(one), one.unbounded, one.sure, (step,))
        for other in unread(function, {one.got.site for one in rows}):
            wide = other.total > VERY_MANY_COLUMNS or bool(other.heavy)
            grave = len(other.names) > FEW or (wide and is_unbounded(function, other.got))
            yield _told(function, other.got, told_unread(other), grave, other.sure, ())
    for found in idle(project):
        frames = tuple(view for view, _ in found.unread)
        grave = found.relation is None or found.relation.many
        steps = tuple(view.step(at, "loads it in vain") for view, at in found.unread)
        view = project.view(found.module.top)
        yield Told(view, found.at, *told_idle(found), grave, Confidence.PROBABLE, steps, frames)


def _told(
    function: FunctionView, got: Got, words: tuple[str, str], grave: bool, sure: bool, steps: tuple[Step, ...]
) -> Told:
    usual = Confidence.PROBABLE if got.effect.weak else Confidence.DEFINITE
    confidence = usual if sure else Confidence.POSSIBLE
    below = got.effect.via
    if got.dropped and below is not None and got.uses.read:  # it is the callee that needed them
        view = function.project.view(below.function.origin)
        return Told(view, below.at, *words, grave, confidence, (*steps, *trace(below)), (function,))
    return Told(function, got.site.at, *words, grave, confidence, (*steps, *trace(got.effect)), (function,))


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
    "endless": (
        "All rows of {entity} are loaded{through} and returned: the answer grows with the table",
        "Take a limit and an offset (or the last key seen) from the request: .limit(…).",
        "Take a limit and an offset (or the last key seen) from the request: .limit(…).",
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
        "names": listed(found.names),
        "word": word,
        "key": found.key,
    }
    return what.format(**values), cure.format(**values)


#: kind → (what happens, cure)
_UNREAD = {
    "columns": (
        "Whole rows of {entity} ({total} columns{heavy}) are loaded{through}{converted}, only {read} used",
        "Select what is read: select({columns}), or .options(load_only({columns})).",
    ),
    "relations": (
        "The query loads {names} of {entity}{through}, which nobody on this path reads",
        "Leave the loader options for {names} out on this path.",
    ),
    "unused": (
        "{entity} is loaded{through} with {names}, only to see whether it is there",
        "Ask for its existence: select({entity}.{key}) with the same conditions.",
    ),
    "parent": (
        "{entity} is loaded{through} with {names}, only to read its {read}",
        "Query {read} by the key of {entity}, with the conditions that matter.",
    ),
}


def told_unread(found: Unread) -> tuple[str, str]:
    """(message, recommendation) of what is loaded and not read."""
    got, name = found.got, found.entity.name
    what, cure = _UNREAD[found.kind]
    values = {
        "entity": name,
        "through": f" through {got.site.name}()" if got.effect.via is not None else "",
        "names": listed(found.names),
        "read": f"{listed(found.read)} {'is' if len(found.read) == 1 else 'are'}"
        if found.kind == "columns"
        else listed(found.read),
        "total": found.total,
        "heavy": f", {listed(found.heavy)} among them" if found.heavy else "",
        "converted": " and converted" if found.converted else "",
        "columns": ", ".join(f"{name}.{column}" for column in found.read),
        "key": got.key,
    }
    return what.format(**values), cure.format(**values)


def told_idle(found: Idle) -> tuple[str, str]:
    """(message, recommendation) of what a model loads with every row."""
    name, count = found.owner.name, f"{found.total} places that load it"
    if found.column is not None:
        what = f"{name}.{found.column.name} ({found.column.kind}) is loaded with every {name}, and nothing reads it"
        return what, "Declare the column with deferred=True: conditions do not need it to be loaded."
    relation = found.relation
    assert relation is not None
    readers = f"only {found.read} of the {count} read it" if found.read else f"none of the {count} is seen to read it"
    what = f"{name}.{relation.name} is loaded with every {name} (lazy={relation.lazy!r}), but {readers}"
    option = "joinedload" if relation.lazy == "joined" else f"{relation.lazy}load"
    option = "subqueryload" if relation.lazy == "subquery" else option
    asked = f".options({option}({name}.{relation.name}))"
    return what, f"Declare lazy='raise' (or 'select'), and ask for it where it is read: {asked}."


def listed(names: tuple[str, ...]) -> str:
    """``a, b and c``; of many only the first three."""
    shown = list(names[:3]) if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    shown = list(names) if len(names) == 4 else shown
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
