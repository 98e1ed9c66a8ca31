"""What becomes of acquired resources on every path through a function.

A structured walk with, per acquisition, the set of states that are possible: absent, held, released, moved, lost (its
only name was bound to something else), each ``normal`` or on a path through an exception handler.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from persist_lint.link.ownership import Use
from persist_lint.link.tree import heads, post_order
from persist_lint.model import facts as f
from persist_lint.model.span import Span

Tag = tuple[str, bool]  # the state, and whether a handler was passed since the acquisition
Store = dict[int, frozenset[Tag]]
ABSENT: Tag = ("absent", False)
ENDS = frozenset({"released", "moved", "kept", "wrapped", "returned"})


class Fate(Struct, eq=False):
    """How the function leaves an acquisition. ``ends`` are the states at its normal ends, ``raised`` those at explicit
    raises; ``overwritten`` is where the only name of a resource certainly held is bound anew; ``endless``: no end of
    the function is ever reached from it."""

    ends: frozenset[Tag] = frozenset()
    raised: frozenset[Tag] = frozenset()
    overwritten: Span | None = None
    endless: bool = False

    @property
    def normal(self) -> frozenset[str]:
        """The states at normal ends that no handler led to; those of all ends where there is no such."""
        present = {tag for tag in self.ends if tag[0] != "absent"}
        plain = {state for state, handled in present if not handled}
        return frozenset(plain or {state for state, _ in present})

    @property
    def leaks(self) -> bool:
        """Whether no normal path releases it or hands it on."""
        return bool(self.normal) and not self.normal & {"released", "moved"}


class Tracked(Struct, frozen=True, eq=False):
    """What the walk needs of an acquisition: its call, its uses by node, its names."""

    node: f.Node
    uses: dict[f.Node, str]
    names: frozenset[str]


class FateWalk:
    """One walk over a function for all its acquisitions."""

    def __init__(self, tracked: list[Tracked]) -> None:
        self._tracked = tracked
        self._by_node: dict[f.Node, list[tuple[int, str]]] = {}
        for number, one in enumerate(tracked):
            self._by_node.setdefault(one.node, []).append((number, "acquire"))
            for node, kind in one.uses.items():
                if node is not one.node:
                    self._by_node.setdefault(node, []).append((number, kind))
        self.fates = [Fate() for _ in tracked]
        self._points: list[list[Store]] = []
        self._finals: list[tuple[tuple[f.Stmt, ...], int]] = []
        self._loops: list[list[Store]] = []

    def run(self, body: tuple[f.Stmt, ...]) -> list[Fate]:
        """Walk the whole body."""
        start: Store = {number: frozenset({ABSENT}) for number in range(len(self._tracked))}
        end = self.block(body, start)
        if end is not None:
            self._leave(end)
        return self.fates

    def _leave(self, store: Store) -> None:
        for number, states in store.items():
            self.fates[number].ends |= states

    # ------------------------------------------------------------------ statements

    def block(self, body: Iterable[f.Stmt], store: Store | None) -> Store | None:
        """The states after the statements; None where their end is not reached."""
        for statement in body:
            if store is None:
                return None
            for points in self._points:
                points.append(store)
            store = self.statement(statement, store)
        return store

    def statement(self, statement: f.Stmt, store: Store) -> Store | None:
        match statement:
            case f.If():
                return self._if(statement, store)
            case f.For() | f.While():
                return self._loop(statement, store)
            case f.With(body=body):
                return self.block(body, self._heads(statement, store))
            case f.Try():
                return self._try(statement, store)
            case f.Match(cases=cases):
                store = self._heads(statement, store)
                return merged([store, *(self.block(c.body, dict(store)) for c in cases)])
            case f.Return():
                self._leave_through(self._heads(statement, store))
                return None
            case f.Raise():
                left = self._heads(statement, store)
                for number, states in left.items():
                    self.fates[number].raised |= states
                return None
            case f.Jump(kind=kind):
                return self._jump(kind, store)
        store = self._heads(statement, store)
        return self._rebound(statement, store)

    def _leave_through(self, store: Store) -> None:
        """A return runs the ``finally`` blocks around it first."""
        end = self._finally(store, 0)
        if end is not None:
            self._leave(end)

    def _finally(self, store: Store | None, depth: int) -> Store | None:
        saved = self._finals
        for place in range(len(saved) - 1, -1, -1):
            block, loops = saved[place]
            if loops < depth:
                break
            self._finals = saved[:place]
            store = self.block(block, store)
        self._finals = saved
        return store

    def _jump(self, kind: str, store: Store) -> Store | None:
        if kind == "pass":
            return store
        if self._loops and kind == "break":
            end = self._finally(store, len(self._loops))
            if end is not None:
                self._loops[-1].append(end)
        return None

    def _if(self, statement: f.If, store: Store) -> Store | None:
        store = self._heads(statement, store)
        truth, name = asks_for(statement.test)
        ends = []
        for wanted, body in ((True, statement.body), (False, statement.orelse)):
            entry = dict(store)
            if name and wanted != truth:
                entry = self._none(name, entry)
            ends.append(self.block(body, entry))
        return merged(ends)

    def _none(self, name: str, store: Store) -> Store:
        """Where a name is known to be None, what it would hold was never acquired."""
        changed = dict(store)
        for number, one in enumerate(self._tracked):
            if name in one.names:
                changed[number] = frozenset(t for t in store[number] if t[0] != "held") or frozenset({ABSENT})
        return changed

    def _loop(self, statement: f.For | f.While, store: Store) -> Store | None:
        entry = self._heads(statement, store)
        self._loops.append([])
        turns: list[Store | None] = [entry]
        following: Store | None = entry
        for _ in range(2):
            if following is not None:
                following = self.block(statement.body, dict(following))
                turns.append(following)
        broken = self._loops.pop()
        forever = isinstance(statement, f.While) and isinstance(statement.test, f.Const) and bool(statement.test.value)
        if forever and not broken:
            self._endless(merged(turns))
            return None
        after = None if forever else self.block(statement.orelse, merged(turns))
        return merged([after, *broken])

    def _endless(self, store: Store | None) -> None:
        for number, states in (store or {}).items():
            if not self.fates[number].ends and any(tag[0] != "absent" for tag in states):
                self.fates[number].endless = True
                self.fates[number].ends |= states

    def _try(self, statement: f.Try, store: Store) -> Store | None:
        self._points.append([])
        self._finals.append((statement.final, len(self._loops)))
        end = self.block(statement.body, dict(store))
        points = self._points.pop()
        thrown = handled(merged([store, *points, end]) or store)
        ends = [self.block(statement.orelse, end)]
        ends += [self.block(handler.body, dict(thrown)) for handler in statement.handlers]
        self._finals.pop()
        return self.block(statement.final, merged(ends))

    # ------------------------------------------------------------------ expressions

    def _heads(self, statement: f.Stmt, store: Store) -> Store:
        for expr in heads(statement):
            for node in post_order(expr):
                for number, kind in self._by_node.get(node, ()):
                    store = self._event(number, kind, store)
        return store

    def _event(self, number: int, kind: str, store: Store) -> Store:
        changed = dict(store)
        if kind == "acquire":
            one = self._tracked[number]
            at_once = one.uses.get(one.node, "")
            before = {state for state, _ in store[number]}
            if before == {"held"} and not at_once and one.names:
                self.fates[number].overwritten = one.node.at
            changed[number] = frozenset({(state_after(at_once), False)})
            return changed
        if kind in ENDS:
            after = state_after(kind)
            changed[number] = frozenset((after, h) if state == "held" else (state, h) for state, h in store[number])
        return changed

    def _rebound(self, statement: f.Stmt, store: Store) -> Store:
        """After a plain assignment to the only name of something held, that is lost."""
        if not isinstance(statement, f.Assign) or len(statement.targets) != 1:
            return store
        target = statement.targets[0]
        if not isinstance(target, f.Name):
            return store
        name = target.id
        inside = set(post_order(statement.value))
        changed = dict(store)
        for number, one in enumerate(self._tracked):
            if one.names != {name} or one.node in inside or any(node in inside for node in one.uses):
                continue
            if any(isinstance(node, f.Name) and node.id == name for node in inside):
                continue
            if {state for state, _ in store[number]} == {"held"}:
                self.fates[number].overwritten = statement.at
                changed[number] = frozenset(("lost", h) for _, h in store[number])
        return changed


def state_after(kind: str) -> str:
    """The state of a resource after a use."""
    return "released" if kind == "released" else "moved" if kind in ENDS else "held"


def asks_for(test: f.Expr) -> tuple[bool, str]:
    """(truth, name) for ``if name``, ``if name is not None`` and their negations; the name is "" for other tests."""
    match test:
        case f.Name(id=name):
            return True, name
        case f.Unary(op="not", operand=f.Name(id=name)):
            return False, name
        case f.Compare(left=f.Name(id=name), ops=("is not" | "!=",), rights=(f.Const(value=None),)):
            return True, name
        case f.Compare(left=f.Name(id=name), ops=("is" | "==",), rights=(f.Const(value=None),)):
            return False, name
    return True, ""


def handled(store: Store) -> Store:
    """The same states, on a path through a handler; what is not acquired yet stays as it is."""
    return {n: frozenset((s, True) if s != "absent" else (s, h) for s, h in states) for n, states in store.items()}


def merged(stores: Iterable[Store | None]) -> Store | None:
    """The union of the states of all ends that are reached."""
    alive = [store for store in stores if store is not None]
    if not alive:
        return None
    return {number: frozenset().union(*(store[number] for store in alive)) for number in alive[0]}


def by_node(uses: list[Use]) -> dict[f.Node, str]:
    """The strongest use at each node."""
    found: dict[f.Node, str] = {}
    for use in uses:
        if use.kind != "used" and found.get(use.node) != "released":
            found[use.node] = use.kind
    return found
