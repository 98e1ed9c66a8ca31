"""Writes that belong together and are committed apart.

    study = Study(name=name)
    session.add(study)
    session.commit()                      the commit: Study is there for good
    set_directions(session, study.id)     related: StudyDirection has a foreign key to studies

Looked at function by function, calls by what they do at any depth. Together belong rows of models with a foreign key
between them, one row that is changed twice, and rows that are deleted and inserted again. A commit in front of a
request, a process, a wait or a message is there on purpose; so is one per item of a loop, one behind a flag, and one in
an error handler.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.index import Class
from persist_lint.link.lattice import INNER_SYM, UNKNOWN_SYM
from persist_lint.link.narrow import exits
from persist_lint.link.places import Frame
from persist_lint.link.sites import Loop
from persist_lint.link.tree import statements
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.effect import INSERTING
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

Bond = Literal["foreign", "row", "again", "flushed"]
DELETES = frozenset({"db.delete", "unit.delete"})
CHANGES = frozenset({"db.update", "unit.change"})
WRITES = INSERTING | DELETES | CHANGES
ON_PURPOSE = frozenset({"net", "process", "broker", "publish", "sleep", "wait", "spawn", "stream"})
NOW = frozenset({"here", "thread"})
#: How many calls below the function writes may be: what lies far down has been thought of apart.
NEAR, MIDDLE, FAR = 1, 2, 3
HIDDEN = (UNKNOWN_SYM, INNER_SYM)


class Event(Struct, frozen=True, eq=False):
    """Something that happens at a place of the function; ``order`` is where it is over.

    ``call`` is None for assignments.
    """

    order: tuple[int, int]
    at: Span
    node: f.Node
    loops: tuple[Loop, ...]
    effects: tuple[Effect, ...]
    call: CallView | None = None
    is_block: bool = False

    @property
    def is_of_own_class(self) -> bool:
        """Whether it calls a method of the function's own class, or of what that one derives from."""
        if self.call is None:
            return False
        function = self.call.function.function
        owners = [t.function.owner for t in self.call.site.targets if t.function is not None]
        mine = [] if function.owner is None else self.call.function.project.world.classes.mro(function.owner)
        return any(owner in mine for owner in owners if owner is not None)

    @property
    def writes(self) -> list[Effect]:
        return [e for e in self.effects if e.kind in WRITES and e.entity is not None and e.manner in NOW]

    @property
    def commit(self) -> Effect | None:
        """The first commit that no flag decides about."""
        commits = (e for e in self.effects if e.kind == "txn.commit" and e.manner in NOW)
        return next((e for e in commits if all(what == "none" for _, what, _ in e.guards)), None)


class Apart(Struct, frozen=True, eq=False):
    """``first`` is written and committed at ``commit``, ``second`` (which belongs to it) written afterwards."""

    commit: Event
    ends: Effect
    first: Effect
    second: Effect
    then: Event
    bond: Bond

    @property
    def is_family(self) -> bool:
        """Whether both are new rows, a parent and its child."""
        return self.bond == "foreign" and self.first.kind in INSERTING and self.second.kind in INSERTING

    @property
    def is_doubtful(self) -> bool:
        """Whether it may be a workflow that commits each step: one row changed by helpers, another object's methods
        with sessions of their own."""
        far = any(effect.via is not None for effect in (self.ends, self.first, self.second))
        if self.bond == "row":
            return far
        return self.ends.session in HIDDEN and not self.is_family and not self.commit.is_of_own_class


def apart(view: FunctionView) -> Iterator[Apart]:
    """The first commit of a function that parts what belongs together."""
    if not any(e.kind == "txn.commit" for e in view.summary):
        return
    events = _events(view)
    written: list[Effect] = []
    for number, event in enumerate(events):
        before = [e for e in _lasting(event) if e.session in (*HIDDEN, _session(event))]
        ends = event.commit
        if ends is None:
            written += event.writes
            continue
        written, done = [], [*written, *before]
        if done:
            found = _continued(view, event, ends, done, events[number + 1 :])
            found = found or _taken_over(view, event, ends, done)
            if found is not None:
                yield found
                return


def _session(event: Event) -> object:
    return None if event.commit is None else event.commit.session


# ---------------------------------------------------------------------- what happens, in order


def _events(view: FunctionView) -> list[Event]:
    """What writes or commits in a function, and what a commit may be made for, in order of their ends."""
    blocks: dict[f.Node, f.With] = {
        item.context: s for s in statements(view.function.body) if isinstance(s, f.With) for item in s.items
    }
    ending = {e.at for e in view.project.summaries.own(view.function) if e.kind == "txn.commit" and e.site is None}
    found: list[Event] = []
    for call in view.calls:
        node, block = call.site.node, blocks.get(call.site.node)
        implied = [e for e in view.project.summaries.own(view.function) if e.site is None and e.at == call.at]
        effects = tuple(e for e in (*call.effects, *implied) if e.kind in WRITES | ON_PURPOSE or e.kind == "txn.commit")
        if effects:
            ends = block is not None and (call.at in ending or any(e.kind == "txn.commit" for e in effects))
            order = (
                (block.at.end_line, 1 << 20) if ends and block is not None else (call.at.end_line, call.at.end_column)
            )
            found.append(Event(order, call.at, node, call.site.loops, effects, call, ends))
    for node, touch in view.flow.touches.items():
        if touch.written:
            changed = tuple(e for e in view.project.summaries.own(view.function) if e.at == touch.at and e.site is None)
            found.append(Event((touch.at.end_line, touch.at.end_column), touch.at, node, touch.loops, changed))
    return sorted(found, key=lambda event: event.order)


def _lasting(event: Event) -> list[Effect]:
    """What a call writes, without the new rows that its helper has looked for before (get or create)."""
    if event.call is None:
        return event.writes
    read = {e.entity for e in event.call.effects if e.kind == "db.select" and e.via is not None}

    def is_looked_up(effect: Effect) -> bool:
        return effect.via is not None and effect.kind in INSERTING and effect.key[0] in ("new", "inner")

    return [e for e in event.writes if not (e.entity in read and is_looked_up(e))]


def _continued(view: FunctionView, event: Event, ends: Effect, done: list[Effect], later: list[Event]) -> Apart | None:
    """What belongs to the committed and is written afterwards, with nothing in between that asks for the commit."""
    for following in later:
        if not follows(view, event, following):
            continue
        stops = [e for e in following.effects if e.kind in ON_PURPOSE]
        if set(event.loops) <= set(following.loops) and _one_owner(event, ends, following):
            found = [
                Apart(event, ends, first, second, following, bond)
                for second in following.writes
                for first in done
                if not any(_comes_before(stop, second) for stop in stops)
                and (bond := _bond(view.project, first, second, event)) is not None
            ]
            if found:
                return min(found, key=lambda one: not one.is_family)
        if stops:
            return None
    return None


def _comes_before(stop: Effect, write: Effect) -> bool:
    """Whether within one call the one happens in front of the other, as far as their places say."""
    if stop.via is None or write.via is None or stop.via.function is not write.via.function:
        return True
    return stop.via.at < write.via.at


def _taken_over(view: FunctionView, event: Event, ends: Effect, done: list[Effect]) -> Apart | None:
    """A helper commits what the function has only flushed, because the commit is its caller's business."""
    own = view.project.summaries.own(view.function)
    flushes = any(e.kind == "flush" and e.session == ends.session and e.at < event.at for e in own)
    if ends.via is None or ends.session[0] not in ("param", "attr") or event.is_block or not flushes:
        return None
    if any(e.kind == "txn.commit" for e in own):
        return None
    for second in event.writes:
        for first in done:
            if first.via is None and second.via is not None and _bond(view.project, first, second, event) == "foreign":
                return Apart(event, ends, first, second, event, "flushed")
    return None


def _one_owner(event: Event, ends: Effect, following: Event) -> bool:
    """Whether both are the same unit's work: the same session, blocks of one maker, methods of one class."""
    sessions = {e.session for e in following.writes}
    if ends.session in sessions - set(HIDDEN):
        return True
    if following.call is None:
        return ends.session not in HIDDEN
    if event.call is None:
        return False
    if event.is_block:
        return any(s[0] in ("open", "call", "new") for s in sessions) or following.is_block
    mine = [t.function.owner for t in event.call.site.targets if t.function is not None]
    other = [t.function.owner for t in following.call.site.targets if t.function is not None]
    return bool(mine) and mine == other and mine[0] is not None


def follows(view: FunctionView, first: Event, second: Event) -> bool:
    """Whether the one is normally followed by the other: not in another branch, after a return, or in a handler."""
    mine, other = view.places.frames(first.node), view.places.frames(second.node)
    if any(frame.part in ("handler", "final") for frame in (*mine, *other)):
        return False
    for depth, (left, right) in enumerate(zip(mine, other, strict=False)):
        if left.owner is not right.owner or left.part != right.part:
            return not isinstance(left.owner, f.If | f.Match) and _goes_on(mine[depth:])
        if left.index != right.index:
            return left.index < right.index and _goes_on(mine[depth + 1 :])
    return True


def _goes_on(inner: tuple[Frame, ...]) -> bool:
    """Whether the blocks around a place are left at their ends."""
    return not any(exits(frame.block[frame.index :]) for frame in inner)


# ---------------------------------------------------------------------- what belongs together


def _bond(project: Project, first: Effect, second: Effect, event: Event) -> Bond | None:
    one, other, ends = first.entity, second.entity, event.commit
    depth = max(first.length, second.length)
    if one is None or other is None or ends is None or first.leaf is second.leaf:
        return None
    limit = MIDDLE if ends.session in HIDDEN and not event.is_of_own_class else FAR
    if depth > limit or any(e.site is not None and e.site.loops for e in first.chain):
        return None
    inserts = {first.kind, second.kind} & INSERTING
    if one is not other:
        return "foreign" if inserts and (_refers(project, one, other) or _refers(project, other, one)) else None
    if depth <= NEAR and first.kind in DELETES and second.kind in INSERTING:
        return "again"
    if first.key == second.key and first.key not in HIDDEN:
        if max(depth, ends.length) > NEAR:
            return None
        now, then = _columns(project, first), _columns(project, second)
        return "row" if now and then and not now & then else None
    return "foreign" if inserts == {first.kind, second.kind} and _refers(project, one, one) else None


def _columns(project: Project, effect: Effect) -> set[str]:
    """The attribute that a change sets."""
    leaf = effect.leaf
    touches = project.world.flow(leaf.function).touches.values()
    return {t.name for t in touches if t.written and t.at == leaf.at}


def _refers(project: Project, child: Class, parent: Class) -> bool:
    """Whether a column of the one model is a foreign key to the other's table."""
    models = project.world.models
    table = models.info(parent).table
    return table is not None and any(
        column.foreign.rpartition(".")[0].rpartition(".")[2] == table.rpartition(".")[2]
        for column in models.info(child).columns.values()
    )
