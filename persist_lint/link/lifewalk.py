"""The walk behind ``states``: statement by statement, branches joined, loops to a fixpoint, errors to their handlers.

Normal ends, returns, breaks and errors leave a ``with`` or ``try`` each with their own states, and each passes through
what is done on leaving: managers, ``finally``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from persist_lint.link.assume import decided
from persist_lint.link.crossing import MAX_OCCURRENCES, Crossing
from persist_lint.link.index import Function
from persist_lint.link.lattice import Manager, Sym, Value, session_of
from persist_lint.link.sites import Guard
from persist_lint.link.states import Life, Lives, Outward, StateSummary
from persist_lint.link.transitions import START, Store, after, blocks_around, left_block, merge
from persist_lint.link.tree import heads, parts, post_order, spelled, statements
from persist_lint.model import facts as f

#: Expressions in which nothing is called.
PLAIN = frozenset({f.Const, f.Bytes})
#: Handlers that let no error of the database through.
CATCH_ALL = frozenset({"Exception", "BaseException", "SQLAlchemyError", "DBAPIError", "PostgresError"})


class StateWalk(Crossing):
    """One walk; with ``resumed`` the part of a context manager after its ``yield``, where every session is E."""

    def __init__(
        self, lives: Lives, function: Function, assumed: tuple[Guard, ...] = (), level: int = 0, resumed: bool = False
    ) -> None:
        super().__init__(lives, function, assumed, level)
        self.resumed = resumed
        self.exits: list[tuple[f.Node | None, Store]] = []
        self.yields: list[tuple[f.Node, Store]] = []
        self.jumps: list[tuple[list[Store], list[Store]]] = []  # for each loop around: at ``break``, at ``continue``
        self.until_yield = 0
        self.arms: frozenset[Sym] = frozenset()  # sessions that its several ``yield`` statements hand out
        self.made = self._made()

    def _made(self) -> Sym | None:
        """The session that a context manager opens and yields, which its caller knows."""
        if not self.function.is_generator:
            return None
        kind = self.world.returned(self.function).type
        if not isinstance(kind, Manager) or not self.world.is_session(kind.of):
            return None
        known = {session_of(value.sym) for value in self.flow.yields if self.world.is_session(value)}
        self.arms = frozenset(known) if all(sym[0] in OPENED for sym in known) else frozenset()
        return session_of(kind.of.sym)

    def run(self) -> Life:
        """Walk the whole function."""
        store: Store = {}
        for number, parameter in enumerate(self.function.params):
            value = self.flow.env.get(parameter.name)
            declared = self.world.parameter(self.function, number)
            if self.world.is_session(Value(declared.type)) and value is not None:
                store[("param", number)] = START
        blocks = blocks_around(self.world, self.function)
        for sym, begins, _ in blocks:
            store[sym] = after("txn.begin", START, begins)
        end = self.block(self.function.body, store)
        if end is not None:
            self.exits.append((None, end))
        for sym, _, _ in blocks:
            for _, left in self.exits:
                self.stir(sym, left[sym])
            self.exits = [(node, {**s, sym: left_block(s[sym], START)}) for node, s in self.exits]
            self.points[0] = [{**s, sym: left_block(s[sym], START)} for s in self.points[0]]
        occurrences = tuple(self.occurrences[:MAX_OCCURRENCES])
        summary = StateSummary(
            self._outward([s for _, s in self.exits]),
            occurrences,
            tuple((sym, e) for sym, e in self.began.items() if _visible(sym)),
            self._outward(self.points[0]) if self.points[0] else None,
            self._outward([s for _, s in self.yields]),
            occurrences[: self.until_yield],
            frozenset(sym for sym in self.anew if _visible(sym)),
            tuple((sym, states) for sym, states in self.stirred.items() if _visible(sym)),
        )
        return Life(self.function, self.before, self.exits, summary, self.yields, self.commits)

    def _handed(self, node: f.Yield) -> list[Sym]:
        """The session that a ``yield`` hands out: of several that the function opens, the last one before it."""
        place = (node.at.line, node.at.column)
        opened = sorted((sym for sym in self.arms if sym[0] == "open" and sym[1] < place), key=lambda sym: sym[1])
        return opened[-1:] or ([] if self.made is None else [self.made])

    def _outward(self, stores: list[Store]) -> Outward:
        """The merged states of what a caller can know by its own terms."""
        found = []
        handed: frozenset[str] = frozenset()
        for sym, states in merge(stores).items():
            if _visible(sym):
                found.append((sym, states))
            elif sym == self.made or sym in self.arms:
                handed |= states
        return (*found, (("yielded",), handed)) if handed else tuple(found)

    # ------------------------------------------------------------------ statements

    def block(self, body: Iterable[f.Stmt], store: Store) -> Store | None:
        """The states after the statements; None where their end is not reached."""
        current: Store | None = store
        for statement in body:
            if current is None:
                return None
            current = self.statement(statement, current)
        return current

    def statement(self, statement: f.Stmt, store: Store) -> Store | None:
        match statement:
            case f.If():
                return self._if(statement, store)
            case f.For() | f.While():
                return self._loop(statement, store)
            case f.With():
                return self._with(statement, store)
            case f.Try():
                return self._try(statement, store)
            case f.Match(cases=cases):
                store = self._heads(statement, store)
                ends = [self.block(c.body, dict(store)) for c in cases]
                return merge([store, *(e for e in ends if e is not None)])
            case f.Return():
                store = self._heads(statement, store)
                self.exits.append((statement, store))
                return None
            case f.Raise():
                self.raising(self._heads(statement, store))
                return None
            case f.Jump(kind=kind):
                return self._jump(kind, store)
        return self._heads(statement, store)

    def _jump(self, kind: str, store: Store) -> Store | None:
        if kind == "pass":
            return store
        if self.jumps:
            self.jumps[-1][0 if kind == "break" else 1].append(store)
        return None

    def _heads(self, statement: f.Stmt, store: Store) -> Store:
        for expr in heads(statement):
            store = self.expression(expr, store)
        return store

    def _if(self, statement: f.If, store: Store) -> Store | None:
        store = self.expression(statement.test, store)
        truth = decided(self.flow, statement.test, self.assumed)
        if truth is None and self.made is not None and (_yields(statement.body) or _yields(statement.orelse)):
            truth = self.world.switches.by_default(statement.test, self.function)
        bodies = [body for body, when in ((statement.body, True), (statement.orelse, False)) if truth in (None, when)]
        ends = [self.block(body, dict(store)) for body in bodies]
        alive = [e for e in ends if e is not None]
        return merge(alive) if alive else None

    def _loop(self, statement: f.For | f.While, store: Store) -> Store | None:
        store = self._heads(statement, store)
        current = store
        breaks: list[Store] = []
        for _ in range(2):
            self.jumps.append((breaks, []))
            end = self.block(statement.body, dict(current))
            _, continued = self.jumps.pop()
            turns = [*continued, *([] if end is None else [end])]
            following = merge([store, *turns]) if turns else current
            if following == current:
                break
            current = following
        forever = isinstance(statement, f.While) and isinstance(statement.test, f.Const) and bool(statement.test.value)
        after = None if forever else self.block(statement.orelse, dict(current))
        ends = [*breaks, *([] if after is None else [after])]
        return merge(ends) if ends else None

    def _with(self, statement: f.With, store: Store) -> Store | None:
        entry = store
        store = self._heads(statement, store)
        self.points.append([])
        end = self._around(lambda: self.block(statement.body, store), lambda s: self.left(statement, s, entry, False))
        thrown = self.points.pop()
        if thrown:
            self.raising(self.left(statement, merge(thrown), entry, True))
        return None if end is None else self.left(statement, end, entry, False)

    def _around(self, body: Callable[[], Store | None], leave: Callable[[Store], Store | None]) -> Store | None:
        """Run a body; its returns and jumps out of it pass through what leaving does."""
        returned = len(self.exits)
        jumps = self.jumps[-1] if self.jumps else ([], [])
        marks = [len(found) for found in jumps]
        end = body()
        self.exits[returned:] = [(n, left) for n, s in self.exits[returned:] if (left := leave(s)) is not None]
        for found, mark in zip(jumps, marks, strict=True):
            found[mark:] = [left for s in found[mark:] if (left := leave(s)) is not None]
        return end

    def _try(self, statement: f.Try, store: Store) -> Store | None:
        thrown: list[Store] = []

        def body() -> Store | None:
            nonlocal thrown
            ends, thrown = self._handled(statement, store)
            return merge(ends) if ends else None

        end = self._around(body, lambda s: self.block(statement.final, s))
        if thrown:
            left = self.block(statement.final, merge(thrown))
            if left is not None:
                self.raising(left)
        return None if end is None else self.block(statement.final, end)

    def _handled(self, statement: f.Try, store: Store) -> tuple[list[Store], list[Store]]:
        """The states at the normal ends of a body with its handlers, and those in which errors come out of them."""
        self.points.append([])
        end = self.block(statement.body, dict(store))
        points = self.points.pop()
        caught = merge(points or [store])
        self.points.append([])
        ends = [] if end is None else [self.block(statement.orelse, end)]
        ends += [self.block(handler.body, dict(caught)) for handler in statement.handlers]
        out = self.points.pop()
        if points and not any(_catches_all(handler) for handler in statement.handlers):
            out.append(merge(points))
        return [e for e in ends if e is not None], out

    # ------------------------------------------------------------------ expressions

    def expression(self, expr: f.Expr, store: Store) -> Store:
        """The states after an expression, its calls in the order of evaluation."""
        if type(expr) in PLAIN:
            return store
        sites, branches = self.flow.sites, False
        told = []
        for node in post_order(expr):
            kind = type(node)
            if node in sites or kind is f.Yield:
                told.append(node)
            branches = branches or kind is f.IfExp or kind is f.Bool
        if branches and told:
            return self._branching(expr, store)
        for node in told:
            store = self._node(node, store)
        return store

    def _branching(self, expr: f.Expr, store: Store) -> Store:
        """An expression parts of which are evaluated only under a condition."""
        match expr:
            case f.IfExp(test=test, body=body, orelse=orelse):
                store = self._branching(test, store)
                truth = decided(self.flow, test, self.assumed)
                chosen = [part for part, when in ((body, True), (orelse, False)) if truth in (None, when)]
                return merge([self._branching(part, store) for part in chosen])
            case f.Bool(op=op, values=values):
                store = self._branching(values[0], store)
                truth = decided(self.flow, values[0], self.assumed)
                if truth is not None and truth is (op == "or"):
                    return store
                for value in values[1:]:
                    further = self._branching(value, store)
                    store = further if truth is not None else merge([store, further])
                return store
        for part in parts(expr):
            store = self._branching(part, store)
        return self._node(expr, store)

    def _node(self, node: f.Expr, store: Store) -> Store:
        site = self.flow.sites.get(node)
        if site is not None and site.manner != "stored":
            self.before[node] = store
            store = self.call(site, store)
        if isinstance(node, f.Yield):
            store = self._yielding(node, store)
        return store

    def _yielding(self, node: f.Yield, store: Store) -> Store:
        """At a ``yield``; a resumed walk forgets all that was before."""
        if not self.yields:
            self.until_yield = len(self.occurrences)
        self.yields.append((node, store))
        if self.resumed:
            store = dict.fromkeys((*store, *self._handed(node)), START)
            self.exits.clear()
            self.occurrences.clear()
            for points in self.points:
                points.clear()
        self.raising(store)
        return store


def _catches_all(handler: f.Handler) -> bool:
    """Whether a handler lets no error of the database through, as far as its names say."""
    kinds = handler.type.items if isinstance(handler.type, f.Seq) else (handler.type,)
    return any(kind is None or spelled(kind).rpartition(".")[2] in CATCH_ALL for kind in kinds)


#: Symbols of what a function opened itself.
OPENED = frozenset({"open", "call", "new"})


def _yields(body: tuple[f.Stmt, ...]) -> bool:
    """Whether statements yield."""
    found = (node for statement in statements(body) for head in heads(statement) for node in post_order(head))
    return any(isinstance(node, f.Yield) for node in found)


def _visible(sym: Sym) -> bool:
    """Whether a caller can know the session by its own terms."""
    return sym[0] in ("param", "attr", "init", "global", "free", "kw")
