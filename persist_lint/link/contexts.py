"""Where functions run: entry points, carried down to everything that they call.

``of`` gives a few entries of each kind, the nearest first; ``every`` all of them, exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from persist_lint.link.entries import HOT, JOBS, Entry, Finder, is_test
from persist_lint.link.index import Function
from persist_lint.link.world import World

COLD = frozenset({"startup", "migration", "test", "cli"})
MAX_ENTRIES = 5

__all__ = ["COLD", "HOT", "JOBS", "Contexts", "Entry", "is_test"]


class Contexts:
    """Entry points of the project, and for each function the entries that reach it."""

    def __init__(self, world: World, functions: list[Function], migrations: frozenset[str]) -> None:
        self._world = world
        self._reached: dict[Function, list[Entry]] = {}
        self._callees: dict[Function, tuple[Function, ...]] = {}
        self._masks: dict[Function, int] | None = None
        self._finder = Finder(world, functions, migrations)
        self.entries: list[Entry] = list(self._finder.all)
        self._spread(self.entries)
        last = [e for e in self._finder.by_name if not self._reached.get(e.function)]
        self.entries += last
        self._spread(last)

    def of(self, function: Function) -> list[Entry]:
        """Entries that reach a function, a few of each kind, nearest first; none for plain library code."""
        return self._reached.get(function, [])

    def every(self, function: Function) -> list[Entry]:
        """All entries that reach a function, in order of path and place."""
        if self._masks is None:
            self._masks = self._all_reached()
        mask = self._masks.get(function, 0)
        return [entry for number, entry in enumerate(self.entries) if mask >> number & 1]

    def kinds(self, function: Function) -> frozenset[str]:
        return frozenset(e.kind for e in self.of(function))

    @property
    def plain_on_loop(self) -> frozenset[Function]:
        """Plain functions that frameworks call on their event loop."""
        return frozenset(e.function.origin for e in self.entries if e.on_loop)

    # ------------------------------------------------------------------ downward

    def _below(self, function: Function) -> tuple[Function, ...]:
        """What a function runs itself; what runs on its own afterwards is an entry point, not part of it."""
        if function not in self._callees:
            sites = list(self._world.flow(function).sites.values())
            if function.is_module:
                sites = [site for site in sites if not self._finder.is_guarded(function, site)]
            alone = {
                target
                for site in sites
                for row in (t.row for t in site.targets)
                if row is not None
                for run in row.runs
                if run.marks is not None and (run.where != "task" or site.consumer == "statement")
                for target in self._finder.handed_over(function, site, run)
            }
            called = [t.function for s in sites for t in s.targets if t.manner != "entry" and t not in alone]
            self._callees[function] = tuple(dict.fromkeys(f for f in called if f is not None))
        return self._callees[function]

    def _spread(self, entries: Iterable[Entry]) -> None:
        """Carry each entry to everything that its function may run."""
        for entry in entries:
            seen = {entry.function}
            queue = deque(_starts(entry))
            while queue:
                function = queue.popleft()
                reached = self._reached.setdefault(function, [])
                if len([e for e in reached if e.kind == entry.kind]) >= MAX_ENTRIES:
                    continue
                reached.append(entry)
                if function.origin is not function and entry not in self._reached.setdefault(function.origin, []):
                    self._reached[function.origin].append(entry)
                for callee in self._below(function):
                    if entry.kind == "test" and not is_test(callee.module.path):
                        continue  # what tests call is not test code: it is what it would be without them
                    if callee not in seen:
                        seen.add(callee)
                        queue.append(callee)

    def _all_reached(self) -> dict[Function, int]:
        """For each function the entries that reach it, as the bits of a number: one pass per nesting of cycles."""
        tests = sum(1 << number for number, entry in enumerate(self.entries) if entry.kind == "test")
        masks: dict[Function, int] = {}
        for number, entry in enumerate(self.entries):
            for function in _starts(entry):
                masks[function] = masks.get(function, 0) | 1 << number
        order = self._callers_first(masks)
        changed = True
        while changed:
            changed = False
            for function in order:
                mask = masks.get(function, 0)
                for callee in self._below(function):
                    given = mask if is_test(callee.module.path) else mask & ~tests
                    if given & ~masks.get(callee, 0):
                        masks[callee] = masks.get(callee, 0) | given
                        changed = True
        for function in order:
            if function.origin is not function:
                masks[function.origin] = masks.get(function.origin, 0) | masks[function]
        return masks

    def _callers_first(self, roots: Iterable[Function]) -> list[Function]:
        """Everything below the roots, callers before callees where there is no cycle."""
        seen: set[Function] = set()
        left: list[Function] = []
        for root in roots:
            stack = [(root, False)]
            while stack:
                function, done = stack.pop()
                if done:
                    left.append(function)
                elif function not in seen:
                    seen.add(function)
                    stack.append((function, True))
                    stack += [(callee, False) for callee in self._below(function) if callee not in seen]
        return left[::-1]


def _starts(entry: Entry) -> tuple[Function, ...]:
    return (entry.function,) if entry.starts is None else entry.starts
