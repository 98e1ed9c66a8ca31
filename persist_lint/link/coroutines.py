"""Coroutines that are made in one place and run in another: gathered, scheduled, collected and awaited later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.arguments import received
from persist_lint.link.higher import runs
from persist_lint.link.index import Function
from persist_lint.link.lattice import Coll, Unknown, Value
from persist_lint.link.libcall import runs_later
from persist_lint.link.sites import Site, Target
from persist_lint.link.tree import heads, post_order, statements
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator
    from persist_lint.link.world import World


class Coroutines:
    """Where the coroutines of one function run."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._ev = evaluator
        self._collected: dict[str, list[f.Expr]] = {}  # by name of the list: what was put into it

    def place(self, expr: f.Call, site: Site) -> None:
        """Coroutine calls among the arguments run where the callee runs them (tasks, gathers)."""
        for target in site.targets:
            if target.function is not None:
                self._handed_over(expr, site, target.function, target)
            if target.row is None or target.function is not None:
                continue
            for run in target.row.runs:
                if run.where in ("task", "loop", "later", "thread", "entry") or run.concurrent:
                    for arg in expr.args:
                        self._mark(arg, "later" if run.where == "entry" else run.where, expr)

    def _handed_over(self, expr: f.Call, site: Site, callee: Function, target: Target) -> None:
        """A coroutine that a project function schedules: ``await create_task("name", load(x))``."""
        given = [
            *zip(expr.args, site.args, strict=False),
            *((k.value, self._given(site, k.name)) for k in expr.keywords),
        ]
        if not any(value is not None and runs_later(value.type) for _, value in given):
            return
        if _waits(self._ev.world, callee):
            return
        known = received(site, target)
        for run in runs(self._ev.world, callee, 0):
            if run.manner in ("task", "loop", "later", "thread"):
                for arg, value in given:
                    if value is not None and value is known.get(run.parameter) and runs_later(value.type):
                        self._mark(arg, run.manner, expr)

    @staticmethod
    def _given(site: Site, name: str | None) -> Value | None:
        return next((value for word, value in site.keywords if word == name), None)

    def _mark(self, arg: f.Expr, where: str, group: f.Call) -> None:
        match arg:
            case f.Call():
                inner = self._ev.flow.sites.get(arg)
                if inner is not None and runs_later(inner.result.type):
                    inner.group = group.at
                    inner.consumer = "gathered" if where == "here" else "scheduled"
                    inner.manner = "here" if where == "here" else where  # type: ignore[assignment]
            case f.Name(id=name) if name in self._ev.env:
                made = self._ev.env[name]
                kept = next((n for n, s in self._ev.flow.sites.items() if s.result == made and n is not group), None)
                if isinstance(kept, f.Call) and kept.at < arg.at:
                    self._mark(kept, where, group)
                for collected in self._collected.get(name, ()):
                    self._mark(collected, where, group)
            case f.Star(value=value):
                self._mark(value, where, group)
            case f.Comp(elt=elt):
                self._mark(elt, where, group)
            case f.Seq(items=items):
                for item in items:
                    self._mark(item, where, group)

    def collects(self, target: f.Expr, value: f.Expr) -> None:
        """``tasks = [load(x) for x in xs]``: the coroutines that a name holds, should they be gathered later."""
        if isinstance(target, f.Name):
            self._collected[target.id] = [value] if isinstance(value, f.Comp | f.Seq) else []

    def learn(self, expr: f.Call, args: tuple[Value, ...]) -> None:
        """``items.append(x)`` tells what an empty list holds."""
        match expr.func:
            case f.Attr(value=f.Name(id=name), name="append" | "add" | "appendleft") if args:
                self._collected.setdefault(name, []).append(expr.args[0])
                current = self._ev.env.get(name)
                if current is not None and isinstance(current.type, Coll) and isinstance(current.type.item, Unknown):
                    self._ev.env[name] = Value(Coll(args[0].type, current.type.kind, args[0].sym), current.sym)


def _waits(world: World, function: Function) -> bool:
    """Whether it awaits a task that it makes, by name or at once: ``await asyncio.shield(task)``."""
    made = {n for n, s in world.flow(function).sites.items() if any(t.row and _schedules(t.row) for t in s.targets)}
    names: set[str] = set()
    awaited: list[f.Expr] = []
    for statement in statements(function.body):
        nodes = [node for head in heads(statement) for node in post_order(head)]
        if isinstance(statement, f.Assign) and not made.isdisjoint(nodes):
            names.update(target.id for target in statement.targets if isinstance(target, f.Name))
        awaited += [inner for node in nodes if isinstance(node, f.Await) for inner in post_order(node.value)]
    return any(node in made or (isinstance(node, f.Name) and node.id in names) for node in awaited)


def _schedules(row: Row) -> bool:
    return any(run.where == "task" for run in row.runs)
