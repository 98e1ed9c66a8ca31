"""What a query loads that nobody on the path uses: rows that are only counted, filtered or reduced in Python.

Each ``Surplus`` belongs to one place that gets rows (``Rows``): a helper that returns them is judged at each call of
it, by what that caller does with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.declared import ModelInfo
from persist_lint.link.index import Class
from persist_lint.link.lattice import Statement
from persist_lint.link.reads import is_cached
from persist_lint.link.rows import Got
from persist_lint.link.sifting import excludes
from persist_lint.link.uses_of_rows import Event
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.views import FunctionView

Kind = Literal[
    "counted", "tested", "first", "last", "slice", "discarded", "sorted", "filtered", "reduced", "latest", "endless",
]  # fmt: skip
WRITES = frozenset(
    {"db.insert", "db.update", "db.delete", "unit.add", "unit.delete", "unit.merge", "unit.change", "flush", "net"}
)
#: Column types that hold documents, files, search vectors: whoever does not need them should not load them.
HEAVY = frozenset(
    {"LargeBinary", "BLOB", "CLOB", "JSON", "JSONB", "TSVECTOR", "BYTEA", "Vector", "PickleType", "VECTOR"}
)
SIFTING = frozenset({"filter", "reduce", "len", "last"})


class Surplus(Struct, frozen=True, eq=False):
    """More than is used: ``kind`` says in which way, ``event`` is the use that shows it.

    ``names`` are the columns concerned. ``unbounded``: nothing but the size of the table limits what is loaded;
    ``sure``: that more than is used comes back is certain, and no matter of the data.
    """

    kind: Kind
    got: Got
    event: Event
    names: tuple[str, ...] = ()
    unbounded: bool = False
    sure: bool = True

    @property
    def entity(self) -> Class:
        """The mapped class of the rows."""
        assert self.got.entity is not None
        return self.got.entity

    @property
    def key(self) -> str:
        """The attribute to ask for where any will do."""
        return self.got.key


def surplus_rows(function: FunctionView) -> Iterator[Surplus]:
    """Queries of a function, or of what it calls, of whose rows only a part is used, or only how many there are."""
    for got in function.project.rows.of(function.function):
        is_model = (
            got.effect.kind == "db.select"
            and got.entity is not None
            and function.project.world.models.is_model(got.entity)
        )
        found = (_rows_judged(function, got) or _endless(function, got)) if is_model else None
        if found is not None:
            yield found


def _rows_judged(function: FunctionView, got: Got) -> Surplus | None:
    if got.effect.via is not None and (not got.ref.whole or changes(function, got)):
        return None  # judged where the rows were in hand; or they were changed there
    events = got.uses.whole
    if (
        not events
        or _is_abstract(function, got)
        or not _is_open(function, got)
        or any(is_cached(e.function) for e in got.effect.chain)
    ):
        return None
    for judge in (_looked_at, _sifted):
        found = judge(function, got, events)
        if found is not None:
            return found
    return None


def _endless(function: FunctionView, got: Got) -> Surplus | None:
    """A handler that answers with all rows of a table: no condition, no limit."""
    whole = any(ref.whole for ref in got.uses.returned)
    answers = whole and any(e.kind == "request" and e.function is function.function for e in function.entries)
    statement = got.statement
    if not answers or statement is None or statement.filtered or statement.keys or not _is_open(function, got):
        return None
    if statement.options and any(strategy == "?" for strategy, _ in statement.options):
        return None
    return Surplus("endless", got, Event("iterate", got.site.node, function.function, got.ref), (), True)


def _is_open(function: FunctionView, got: Got) -> bool:
    """Whether more rows than one may come back, and nothing in the statement says how many are wanted."""
    statement = got.statement
    if statement is None:
        return got.effect.key == ("?",) and got.ref.shape != "one"
    if not statement.entities and (not statement.columns or ("", "") in statement.columns):
        return False  # it may be an aggregate, or EXISTS
    if statement.limit >= 0 or statement.locks or statement.aggregates or statement.verb != "select":
        return False
    return not is_unique(function, got, statement)


def changes(function: FunctionView, got: Got) -> bool:
    """Whether the call that gives the rows writes anything: then it needs them itself."""
    return any(e.kind in WRITES for e in function.project.summaries.at_site(function.function, got.site))


def info_of(function: FunctionView, got: Got) -> ModelInfo:
    """What the mapped class of the rows declares."""
    assert got.entity is not None
    return function.project.world.models.info(got.entity)


def _is_abstract(function: FunctionView, got: Got) -> bool:
    """Whether the class only stands for those below it."""
    return got.entity is not None and function.project.world.models.says_abstract(got.entity)


def is_unique(function: FunctionView, got: Got, statement: Statement) -> bool:
    """Whether the conditions name one row: its primary key, or a unique column."""
    info = info_of(function, got)
    keys = {name for name, _ in statement.keys}
    primary = {column.name for column in info.columns.values() if column.primary}
    unique = {column.name for column in info.columns.values() if column.unique}
    return bool(primary and primary <= keys) or bool(unique & keys) or not info.columns


def is_unbounded(function: FunctionView, got: Got) -> bool:
    """Whether no condition ties the rows to one parent or to a list of keys."""
    statement = got.statement
    if statement is None:
        return True
    columns = info_of(function, got).columns
    tied = [name for name, _ in statement.keys if name not in columns or columns[name].foreign or columns[name].primary]
    return not tied and not statement.inside


def _looked_at(function: FunctionView, got: Got, events: list[Event]) -> Surplus | None:
    """Rows that are only counted, tested for, or taken one of."""
    kinds = {event.kind for event in events} - {"bool"}
    unbounded = is_unbounded(function, got)
    if not kinds:
        return Surplus("tested", got, events[0], (), unbounded) if _is_list(events) else None
    if len(kinds) > 1:
        return None
    event = next(e for e in events if e.kind != "bool")
    match event.kind:
        case "len":
            return Surplus("counted", got, event, (), unbounded)
        case "first":
            return Surplus("first", got, event, (), unbounded, event.ref.shape != "result" or _is_many(got))
        case "last":
            return Surplus("last", got, event, (), unbounded)
        case "slice" if _is_one_part(function, events):
            return Surplus("slice", got, event, (), unbounded)
        case "dropped" if got.statement is None or not got.statement.options:
            return Surplus("discarded", got, event, (), unbounded)
    return None


def _is_list(events: list[Event]) -> bool:
    return all(event.ref.shape in ("many", "rows") for event in events)


def _is_many(got: Got) -> bool:
    """Whether the statement is meant to give several rows: it says in which order."""
    return got.statement is not None and got.statement.ordered


def _is_one_part(function: FunctionView, events: list[Event]) -> bool:
    """Whether one slice, taken once, is all that is used: ``rows[:10]``, ``rows[-3:]``, ``rows[start:end]``."""
    slices = [event for event in events if event.kind == "slice"]
    node = slices[0].node
    if len(slices) != 1 or not isinstance(node, f.Subscript) or not isinstance(node.index, f.Slice):
        return False
    around = function.project.rows.following.around(slices[0].function)
    if around.loops(node) or node.index.step is not None:
        return False
    match node.index.lower, node.index.upper:
        case None, f.Unary():
            return False
        case f.Unary(op="-"), None:
            return True
    return node.index.upper is not None


def _sifted(function: FunctionView, got: Got, events: list[Event]) -> Surplus | None:
    """Rows that are filtered, sorted for one of them, or reduced to a value in Python, and used for nothing else."""
    kinds = {event.kind for event in events} - {"bool"}
    unbounded = is_unbounded(function, got)
    if "sort" in kinds and kinds <= {"sort", "first", "last", "slice"} and len(kinds) == 2:
        return Surplus("sorted", got, next(e for e in events if e.kind == "sort"), (), unbounded)
    info = info_of(function, got)
    sifting = [event for event in events if event.kind in ("filter", "reduce", "distinct")]
    columns = info.columns
    if any(name not in columns or columns[name].kind in HEAVY for event in sifting for name in event.names):
        return None
    if kinds == {"distinct"} and not any(columns[name].primary for name in sifting[0].names):
        return Surplus("latest", got, sifting[0], sifting[0].names, unbounded)
    if not kinds <= SIFTING or not sifting:
        return None
    filters = [event for event in sifting if event.kind == "filter"]
    if len({event.names for event in filters}) != len(filters):
        return None  # two filters by one column may be two halves, of which all is used
    names = tuple(dict.fromkeys(name for event in filters or sifting for name in event.names))
    statement = got.statement
    if statement is not None and filters and {name for name, _ in statement.keys} >= set(names):
        return None  # the statement has that condition already
    flags = frozenset(c.name for c in info.columns.values() if c.kind.lower() in ("boolean", "bool"))
    few = statement is not None and bool(statement.inside)
    sure = not few and not all(_leaves_out(event, flags) for event in sifting)
    return Surplus("filtered" if filters else "reduced", got, sifting[0], names, unbounded, sure)


def _leaves_out(event: Event, flags: frozenset[str]) -> bool:
    node = event.node
    if event.kind != "filter" or event.word in ("any", "all", "len"):
        return False
    return isinstance(node, f.For | f.Comp) and excludes(node, flags)
