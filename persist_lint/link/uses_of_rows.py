"""What becomes of rows: which attributes are read, what is done with the list, where it goes.

    rows = (await session.scalars(query)).all()
    if not rows:                                     bool
        return None
    late = [row.id for row in rows if row.late]      filter by ("late",); reads ("id",), ("late",)
    return Report(late)                              no row is returned: only plain values

A ``Ref`` is what one expression is to the rows; ``Uses`` is what ``following`` found out about all of them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from persist_lint.link.index import Class, Function
from persist_lint.model import facts as f
from persist_lint.model.span import Span

#: result: rows not fetched yet; rows, row: tuples of one entity; numbered: pairs whose second is an entity;
#: grouped: pairs of a key and a list of entities; map: a dictionary whose values are entities.
Shape = Literal["result", "rows", "row", "many", "one", "map", "numbered", "grouped"]
Path = tuple[str, ...]
EventKind = Literal[
    "len", "bool", "first", "last", "slice", "index", "iterate", "filter", "reduce", "contains", "dropped",
    "distinct", "sort",
]  # fmt: skip


class Ref(Struct, frozen=True):
    """What an expression is to the rows of a query.

    ``path``: the relationships from the entity to it; ``copied``: made from a row by a converter; ``part``: some of the
    rows only; ``slot``: it is at that place of a tuple.
    """

    shape: Shape
    cls: Class | None
    path: Path = ()
    copied: bool = False
    part: bool = False
    slot: int = -1

    @property
    def whole(self) -> bool:
        """Whether it is all rows of the query itself."""
        return self.shape in ("result", "rows", "many") and not self.path and not self.part

    def of(self, shape: Shape, *, part: bool = False) -> Ref:
        """The same rows in another shape."""
        return replace(self, shape=shape, part=self.part or part, slot=-1)


class Event(Struct, frozen=True, eq=False):
    """One thing done with a list of rows (or with one: ``first`` of a result, ``dropped``).

    ``names`` are the columns that a filter tests; ``word`` is the builtin that reduces, the method that takes one.
    """

    kind: EventKind
    node: f.Node
    function: Function
    ref: Ref
    names: tuple[str, ...] = ()
    word: str = ""

    @property
    def at(self) -> Span:
        return self.node.at


class Uses(Struct, eq=False):
    """Everything known of what becomes of rows.

    ``read`` are attributes (with the relationships before them); ``converted`` those that only a converter reads;
    ``copies`` those read of what converters made. ``escaped`` says why nothing certain can be said.
    """

    read: dict[Path, Span] = field(default_factory=dict)
    converted: dict[Path, Span] = field(default_factory=dict)
    copies: dict[Path, Span] = field(default_factory=dict)
    written: dict[Path, Span] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    escaped: list[tuple[str, Ref]] = field(default_factory=list)
    blurred: bool = False  # a converter hands the entity to what is not known
    returned: list[Ref] = field(default_factory=list)

    @property
    def whole(self) -> list[Event] | None:
        """What is done with all the rows together; None where not all of that is known."""
        if any(ref.whole for _, ref in self.escaped) or any(ref.whole for ref in self.returned):
            return None
        return [event for event in self.events if event.ref.whole]

    def add(self, other: Uses, ref: Ref, *, converting: bool = False) -> None:
        """Take over what becomes of ``ref`` elsewhere, where it was known without its path."""
        for path, at in other.read.items():
            (self.copies if ref.copied else self.converted if converting else self.read).setdefault(
                (*ref.path, *path), at
            )
        for mine, theirs in (
            (self.converted, other.converted), (self.copies, other.copies), (self.written, other.written)
        ):  # fmt: skip
            for path, at in theirs.items():
                mine.setdefault((*ref.path, *path), at)
        for event in other.events:
            self.events.append(replace(event, ref=_moved(event.ref, ref)))
        if converting:
            self.blurred = self.blurred or other.blurred or bool(other.escaped)
        else:
            self.blurred = self.blurred or other.blurred
            self.escaped += [(why, _moved(inner, ref)) for why, inner in other.escaped]


def _moved(inner: Ref, outer: Ref) -> Ref:
    """What a callee's reference is to the rows that its caller knows."""
    copied, part = inner.copied or outer.copied, inner.part or outer.part
    return replace(inner, path=(*outer.path, *inner.path), copied=copied, part=part)


def moved(inner: Ref, outer: Ref) -> Ref:
    """What a callee gives back of ``outer``, as its caller sees it."""
    return _moved(inner, outer)
