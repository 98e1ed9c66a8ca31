"""Read, decide or compute, write back: chains that two callers can run at the same time, each unaware of the other.

    computed    key.usage = key.usage + n                  the column's own old value makes its new one
    state       if order.status != "open": raise …         a test of the column lets its write through
                order.status = "paid"
    limit       if count(rows of X) >= n: raise …          rows are counted or summed, which decides on one more
                session.add(X(…))
    number      X(number=max(number of X) + 1)             rows are counted to number the next one
    missing     if (find X) is None: session.add(X(…))     a row is looked for and, where there is none, made
    claim       first X where state is free; X.state = …   the row is chosen by a column that is then written
    once        row X by its code; …; delete X             a row that is good for one use

Whether something protects the chain, ``guarding`` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.derived import Column, Derived, Members, Source, assigned_columns, is_of
from persist_lint.link.effects import Effect
from persist_lint.link.guarding import Guarding, Origin
from persist_lint.link.index import Class
from persist_lint.link.lattice import INNER_SYM, Inst, Sym, members
from persist_lint.link.statetests import States, asks_for, compares_values, is_limit, is_transition, said_missing
from persist_lint.link.tree import post_order
from persist_lint.link.views import CallView, FunctionView
from persist_lint.model import facts as f
from persist_lint.model.effect import INSERTING
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

RaceKind = Literal["computed", "state", "limit", "number", "missing", "claim", "once"]
WRITING = INSERTING | {"unit.change", "unit.delete", "db.update", "db.delete"}
RUNS = frozenset({"here", "thread", "task"})
#: What leaves the database: a constraint or a lock of the rows below cannot refuse it.
OUTSIDE = frozenset({"net", "broker", "publish", "process"})
#: What cannot be taken back, or is done twice, when two callers pass the same test.
CONSEQUENCES = OUTSIDE | {"unit.add", "db.insert"}
#: An insert that many calls below is an affair of theirs.
FAR = 3
#: SQL types of columns that hold entries: no counters.
COLLECTIONS = frozenset({"JSON", "JSONB", "ARRAY", "HSTORE"})
#: Columns by which one finds a row that is good for one use.
SECRETS = ("code", "token", "hash", "nonce", "secret", "otp")


class Race(Struct, frozen=True, eq=False):
    """One unprotected chain: it writes at ``at`` what rests on ``read``.

    ``name`` is the column where there is one. ``origin`` is where the entity was read without a lock, if that is known.
    ``effects`` lead to the write, where a call does it. ``sure``: no caller outside the project can have locked.
    ``unique``: a constraint makes the second insert fail. ``merges``: entries are put into a collection, not numbers.
    ``doubtful``: only rows of the project's own are written twice, which may well refuse it, as a primary key does.
    """

    kind: RaceKind
    function: FunctionView
    at: Span
    entity: Class
    name: str
    read: Source
    origin: Origin | None
    effects: tuple[Effect, ...]
    sure: bool
    unique: bool = False
    merges: bool = False
    doubtful: bool = False


class Insert(Struct, frozen=True, eq=False):
    """A new row: where it is made, or the call that makes and adds one."""

    at: Span
    node: f.Node
    entity: Class
    effects: tuple[Effect, ...]


class Races:
    """The unprotected chains of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.members = Members(project)
        self.guarding = Guarding(project)
        self.states = States(project)

    def all(self) -> Iterator[Race]:
        """Every chain, each write once, in order of path and place."""
        if self.project.dialect == "sqlite" or self.guarding.isolated:
            return
        for view in self.project.functions():
            if any(e.kind in WRITING for e in view.summary):
                told: set[Span] = set()
                for race in Chains(self, view).found():
                    if race.at not in told:
                        told.add(race.at)
                        yield race


class Chains:
    """The chains of one function."""

    def __init__(self, races: Races, view: FunctionView) -> None:
        self._view = view
        self._members = races.members
        self._guarding = races.guarding
        self._states = races.states
        self._derived = Derived(view, races.members)
        self._models = view.project.world.models

    def found(self) -> Iterator[Race]:
        """The chains: one for all columns that one test lets write, one for each row otherwise."""
        groups: dict[tuple[str, Sym], Race] = {}
        for column, effects in self._columns():
            race = self._of_column(column, effects)
            if race is not None:
                known = groups.setdefault((race.kind, column.base), race)
                if known is not race and known.at > race.at:
                    groups[race.kind, column.base] = race
        yield from groups.values()
        rows: set[tuple[str, Span]] = set()
        for insert in self._inserts:
            race = self._limit(insert) or self._number(insert) or self._missing(insert)
            if race is not None and (race.kind, race.read.at) not in rows:
                rows.add((race.kind, race.read.at))
                yield race
        yield from self._used_once()

    # ------------------------------------------------------------------ columns

    def _columns(self) -> Iterator[tuple[Column, tuple[Effect, ...]]]:
        """The columns that the function writes, itself or through calls that are told what to set."""
        for column in assigned_columns(self._view):
            if column.base != ("param", 0) or not self._view.function.is_method:
                yield column, ()
        for call in self._view.calls:
            if "unit.change" in call.effect_kinds:
                yield from self._set_by(call)

    def _set_by(self, call: CallView) -> Iterator[tuple[Column, tuple[Effect, ...]]]:
        """``order.close()``, ``repository.update(order, {"state": …})``, ``update(order, state=…)``."""
        node = call.site.node
        bases: dict[Sym, Effect] = {}
        for effect in call.effects:
            if effect.kind == "unit.change" and effect.via is not None and effect.entity is not None:
                bases.setdefault(effect.key, effect)
        for base, effect in bases.items():
            assert effect.entity is not None
            for target in call.site.targets:
                method = target.function
                if method is not None and target.bound is not None and target.bound.sym == base:
                    for name, own in self._members.writes(method).items():
                        if name in self._models.info(effect.entity).columns:
                            yield Column(call.at, node, effect.entity, base, name, None, own), (effect,)
            if isinstance(node, f.Call):
                for name, value in self._said(node):
                    if name in self._models.info(effect.entity).columns:
                        yield Column(call.at, node, effect.entity, base, name, value, False), (effect,)

    def _said(self, node: f.Call) -> Iterator[tuple[str, f.Expr]]:
        """What a call is told to set: items of dictionaries, keywords."""
        for keyword in node.keywords:
            if keyword.name is not None and not isinstance(keyword.value, f.DictLit):
                yield keyword.name, keyword.value
        for arg in (*node.args, *(k.value for k in node.keywords)):
            given = [arg, *self._derived.assignments(arg)] if isinstance(arg, f.Name) else [arg]
            for one in given:
                if isinstance(one, f.DictLit):
                    for key, value in zip(one.keys, one.values, strict=True):
                        if isinstance(key, f.Const) and isinstance(key.value, str):
                            yield key.value, value

    def _of_column(self, column: Column, effects: tuple[Effect, ...]) -> Race | None:
        if column.grows or (column.value is not None and self._derived.computes(column.value, column)):
            return self._race("computed", column, effects, self._own_read(column))
        for source in () if column.value is None else self._derived.counted(column.value):
            if source.entity is column.entity:
                insert = Insert(column.at, column.node, column.entity, effects)
                return self._insert_race("number", insert, source, column.name)
        return self._claim(column, effects) or self._state(column, effects)

    def _own_read(self, column: Column) -> Source:
        found = () if column.value is None else self._derived.of(column.value)
        own = [source for source in found if is_of(source, column)]
        return own[0] if own else Source("column", column.at, column.entity, column.base, column.name)

    def _claim(self, column: Column, effects: tuple[Effect, ...]) -> Race | None:
        """The row was chosen by the very column that is written, to a value of the program's own."""
        if not isinstance(column.value, f.Const | f.Attr) or self._is_given(column.value):
            return None
        for call in self._view.calls:
            if call.at < column.at and "db.select" in call.effect_kinds:
                for effect in call.effects:
                    statement = effect.statement
                    if effect.kind != "db.select" or effect.entity is not column.entity or statement is None:
                        continue
                    one = is_transition(column) or statement.limit == 1
                    chosen = any(name == column.name and _is_fixed(sym) for name, sym in statement.keys)
                    if one and chosen and self._is_read_by(effect, column):
                        read = Source("column", call.at, column.entity, column.base, column.name, call, effect)
                        return self._race("claim", column, effects, read)
        return None

    def _is_read_by(self, effect: Effect, column: Column) -> bool:
        """Whether the entity that is written can be what the SELECT found: no other call made it or looked it up."""
        if column.base[0] not in ("call", "new", "open", "param"):
            return True
        return any(s.effect is not None and s.effect.at == effect.at for s in self._row_sources(column))

    def _state(self, column: Column, effects: tuple[Effect, ...]) -> Race | None:
        """A test of the same column before the write, if passing it twice matters."""
        if column.value is not None and (
            self._is_given(column.value) or any(is_of(s, column) for s in self._derived.of(column.value))
        ):
            return None
        if any(self._is_claimed(test, column.entity) for test in self._view.places.tests(column.node)):
            return None
        for test in self._tests(column):
            if compares_values(test) or self._states.never(test):
                continue
            own = [source for source in self._derived.of(test) if is_of(source, column) and source.at < column.at]
            if not own:
                continue
            moves = is_transition(column) and not asks_for(test, column)
            if moves or self._happens(CONSEQUENCES, own[0], column):
                doubtful = not moves and not self._happens(OUTSIDE, own[0], column)
                return self._race("state", column, effects, own[-1], doubtful)
        return None

    def _tests(self, column: Column) -> Iterator[f.Expr]:
        """The tests that let a write through, and those that let through what made the value."""
        places = self._view.places
        yield from places.tests(column.node)
        yield from places.left_by(column.node)
        value = column.value
        while isinstance(value, f.Attr):
            value = value.value
        for made in self._derived.assignments(value) if isinstance(value, f.Name) else ():
            if isinstance(made, f.Call | f.Await):
                yield from places.tests(made)

    def _is_claimed(self, test: f.Expr, entity: Class) -> bool:
        """Whether a test looks at the result of an UPDATE of the rows: only one of two callers gets past it."""
        asked = [
            test,
            *(
                made
                for node in post_order(test)
                if isinstance(node, f.Name)
                for made in self._derived.assignments(node)
            ),
        ]
        nodes = {id(node) for expr in asked for node in post_order(expr)}
        return any(
            effect.kind == "db.update" and effect.entity is entity
            for call in self._view.calls
            if id(call.site.node) in nodes and "db.update" in call.effect_kinds
            for effect in call.effects
        )

    def _is_given(self, value: f.Expr) -> bool:
        """Whether a value is what the caller says: a parameter, or an attribute of one that is no entity."""
        while isinstance(value, f.Attr):
            touch = self._view.flow.touches.get(value)
            if touch is not None and self._models.entity_class(touch.base) is not None:
                return False
            value = value.value
        names = {parameter.name for parameter in self._view.function.params}
        return isinstance(value, f.Name) and value.id in names

    def _happens(self, kinds: frozenset[str], source: Source, column: Column) -> bool:
        """Whether something of these kinds is done between the test and the write: two must not both do it."""
        return any(
            effect.kind in kinds and effect.manner in RUNS and (effect.kind != "unit.add" or _is_new(effect))
            for call in self._view.calls
            if source.at < call.at <= column.at and not call.effect_kinds.isdisjoint(kinds)
            for effect in call.effects
        )

    def _race(
        self, kind: RaceKind, column: Column, effects: tuple[Effect, ...], read: Source, doubtful: bool = False
    ) -> Race | None:
        if column.name in self._primary(column.entity) or self._guarding.versioned(column.entity):
            return None
        origin = self._origin(column, read)
        if origin is None or (kind == "state" and not origin.sure):
            return None
        merges = self._models.info(column.entity).columns[column.name].kind.upper() in COLLECTIONS
        merges = (
            merges or isinstance(column.value, f.DictLit | f.Seq) or (kind == "computed" and self._is_spread(column))
        )
        place = (kind, self._view, column.at, column.entity, column.name, read, origin, effects, origin.sure)
        return Race(*place, merges=merges, doubtful=doubtful)

    def _is_spread(self, column: Column) -> bool:
        """Whether the new value is a mapping or list with the old one's entries."""
        values = self._derived.assignments(column.value) if isinstance(column.value, f.Name) else [column.value]
        return any(isinstance(value, f.DictLit | f.Seq) for value in values)

    def _origin(self, column: Column, read: Source) -> Origin | None:
        base = column.base
        rows = []
        if base[0] == "?":
            rows = [s for s in self._row_sources(column) if s.entity is column.entity]
            base = rows[0].base if rows else base
        return self._guarding.unlocked(self._view, column.entity, base, read.at)

    def _row_sources(self, column: Column) -> tuple[Source, ...]:
        """What the entity is made from, where its symbol does not say it: looked up or made on the spot."""
        match column.node:
            case f.Attr(value=value):
                return self._derived.of(value)
            case f.Call(func=func, args=args):
                return tuple(source for part in (func, *args) for source in self._derived.of(part))
        return ()

    def _primary(self, entity: Class) -> set[str]:
        return {c.name for c in self._models.info(entity).columns.values() if c.primary}

    # ------------------------------------------------------------------ new rows

    @cached_property
    def _inserts(self) -> list[Insert]:
        """The rows that the function makes: constructors of what it adds, and calls that make and add."""
        added: dict[Class, tuple[Effect, ...]] = {}
        found: list[Insert] = []
        for call in self._view.calls:
            if call.effect_kinds.isdisjoint(INSERTING):
                continue
            for effect in call.effects:
                if (
                    effect.kind not in INSERTING
                    or effect.entity is None
                    or effect.manner not in RUNS
                    or effect.length > FAR
                ):
                    continue
                if effect.statement is not None and effect.statement.verb == "upsert":
                    continue
                added.setdefault(effect.entity, (effect,))
                if (effect.key == INNER_SYM and _is_new(effect)) or (
                    effect.kind == "db.insert" and effect.statement is not None
                ):
                    found.append(Insert(call.at, call.site.node, effect.entity, (effect,)))
        for call in self._view.calls:
            made = call.site.result
            for kind in members(made.type):
                if (
                    isinstance(kind, Inst)
                    and made.sym[0] == "new"
                    and kind.cls in added
                    and self._models.is_model(kind.cls)
                ):
                    found.append(Insert(call.at, call.site.node, kind.cls, added[kind.cls]))
        return sorted(found, key=lambda insert: insert.at)

    def _limit(self, insert: Insert) -> Race | None:
        """A count or sum of the same rows decides whether one more is made."""
        for test in self._view.places.tests(insert.node):
            for source in self._derived.counted(test):
                if source.entity is insert.entity and source.at < insert.at:
                    kind: RaceKind = "limit" if is_limit(test) else "missing"
                    race = self._insert_race(kind, insert, source)
                    if race is not None:
                        return race
        return None

    def _number(self, insert: Insert) -> Race | None:
        """A count or maximum of the same rows becomes a column of the new one."""
        node = insert.node
        for keyword in node.keywords if isinstance(node, f.Call) else ():
            columns = self._models.info(insert.entity).columns
            if keyword.name in columns:
                for source in self._derived.counted(keyword.value):
                    if source.entity is insert.entity:
                        return self._insert_race("number", insert, source, keyword.name or "")
        return None

    def _missing(self, insert: Insert) -> Race | None:
        """A row of the same class was looked for, and there is none."""
        for test in self._view.places.tests(insert.node):
            for absent in said_missing(test, True):
                for source in self._derived.is_made_by(absent):
                    found = source.kind in ("row", "exists") and source.entity is insert.entity
                    if found and source.at < insert.at and source.effect is not None:
                        return self._insert_race("missing", insert, source)
        return None

    def _used_once(self) -> Iterator[Race]:
        """A row is found by a secret, used, and deleted so that nobody uses it again."""
        for call in self._view.calls:
            if "unit.delete" not in call.effect_kinds:
                continue
            for effect in call.effects:
                if effect.kind == "unit.delete" and effect.entity is not None and effect.manner in RUNS:
                    read = self._by_secret(effect.entity, call)
                    origin = None if read is None else self._guarding.unlocked(
                        self._view, effect.entity, effect.key, read.at
                    )  # fmt: skip
                    if read is not None and origin is not None:
                        yield Race("once", self._view, call.at, effect.entity, "", read, origin, (effect,), True)
                        break

    def _by_secret(self, entity: Class, before: CallView) -> Source | None:
        """The read of such a row by a code, token or hash before the call, if something else is done in between."""
        for call in self._view.calls:
            if call.at >= before.at or "db.select" not in call.effect_kinds:
                continue
            for effect in call.effects:
                names = [name for name, _ in effect.statement.keys] if effect.statement is not None else []
                secret = any(word in name for name in names for word in SECRETS)
                if (
                    effect.kind == "db.select"
                    and effect.entity is entity
                    and secret
                    and self._works(entity, call, before)
                ):
                    return Source("row", call.at, entity, effect.key, "", call, effect)
        return None

    def _works(self, entity: Class, read: CallView, deletes: CallView) -> bool:
        """Whether the function writes something else between reading the row and deleting it."""
        own = (c for c in assigned_columns(self._view) if c.entity is not entity and read.at < c.at < deletes.at)
        return any(True for _ in own) or any(
            effect.kind in WRITING and effect.entity is not entity
            for call in self._view.calls
            if read.at < call.at < deletes.at and not call.effect_kinds.isdisjoint(WRITING)
            for effect in call.effects
        )

    def _is_by_key(self, read: Source) -> bool:
        """Whether a row was looked for by its primary key, which two cannot both insert."""
        if read.effect is None or read.kind == "aggregate":
            return False
        names = {name for name, _ in read.effect.statement.keys} if read.effect.statement is not None else None
        return names is None or (bool(names) and self._primary(read.entity) <= names)

    def _insert_race(self, kind: RaceKind, insert: Insert, read: Source, name: str = "") -> Race | None:
        if self._guarding.locked(self._view, None, read.at):
            return None
        if kind in ("missing", "number") and self._guarding.handles(self._view, insert.effects):
            return None
        keyed = self._is_by_key(read)
        place = (kind, self._view, insert.at, insert.entity, name, read, None, insert.effects, True)
        return Race(*place, unique=keyed or self._guarding.unique(insert.entity), doubtful=kind == "missing" and keyed)


def _is_fixed(sym: Sym) -> bool:
    """Whether a symbol is a constant of the program, or a member of a class."""
    return sym[0] in ("const", "global") or (sym[0] == "attr" and sym[1][0] == "global")


def _is_new(effect: Effect) -> bool:
    """Whether what is added was made on the way: an entity that was read is only added again."""
    known = next((step.key for step in effect.chain if step.key != INNER_SYM), INNER_SYM)
    return bool(known[0] == "new")
