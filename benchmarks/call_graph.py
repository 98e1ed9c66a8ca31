"""The static call graph of a project, asked about edges that were recorded; see ``edges.py``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from persist_lint import vocabulary
from persist_lint.context.survey import survey
from persist_lint.facts.build import module_facts
from persist_lint.link.index import Function
from persist_lint.link.project import Project, link
from persist_lint.link.sites import Site
from persist_lint.link.wrappers import wrappers
from persist_lint.model.facts import FunctionFacts
from persist_lint.model.vocabulary import Vocabulary

Place = tuple[str, int, str]  # path below the root, first line, qualified name
DIRECT, VOCABULARY = "project function → project function", "into the vocabulary"
#: Counted apart: what a library calls because the caller handed it over; what it calls because it is registered, or
#: of a class that it knows (routes, validators, listeners, column types), so that no code of the project calls it;
#: what runs at import.
HANDED, FRAMEWORK, DECLARED = "handed to a library", "called by a framework", "declarations at import"
KINDS = (DIRECT, VOCABULARY, HANDED, FRAMEWORK, DECLARED)
#: Libraries that only pass a call on.
TRANSPARENT = ("contextlib.", "functools.", "concurrent.futures.", "threading.")
Shares = dict[str, tuple[int, int]]
#: Python names that are no functions of their own for link: what they call, the function around them calls.
FOLDED = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")


@dataclass(frozen=True)
class Edge:
    """One recorded edge; ``callee`` is a place for project functions, else module and qualified name."""

    caller: Place
    line: int
    callee: Place | tuple[str, str]
    via: str = ""

    @property
    def is_library(self) -> bool:
        return len(self.callee) == 2


@dataclass(frozen=True)
class Denied:
    """An edge that the call graph does not hold, and what it says instead."""

    kind: str
    cause: str
    text: str


def linked(root: Path, package: str = "") -> tuple[Project, Vocabulary]:
    """The linked project at a root, or only its package, every function walked in the order of every other run."""
    paths = sorted(p for p in (root / package).rglob("*.py") if not _hidden(p.relative_to(root)))
    modules = {p.relative_to(root).as_posix(): module_facts(p.read_bytes()) for p in paths}
    imports = (one for facts in modules.values() for one in facts.imports if not one.level)
    imported = sorted({name for one in imports for name in (one.module, f"{one.module}.{one.name}")})
    known = vocabulary.load(imported)
    project = link(modules, known, survey(root, modules))
    assert project.relevant is not None
    return project, known


def read_edges(folder: Path, root: Path) -> list[Edge]:
    """The recorded edges whose ends stand below ``root``, each once, in order."""
    found: dict[Edge, None] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_text("utf-8").splitlines():
            kind, *rest = json.loads(text)
            caller = _below(rest[:3], root)
            callee = _below(rest[4:7], root) if kind == "call" else (rest[4], rest[5])
            if caller is not None and callee is not None:
                found[Edge(caller, rest[3], callee, rest[7] if kind == "call" else "")] = None
    return sorted(found, key=lambda one: (one.caller, one.line, one.callee, one.via))


def _below(parts: list[object], root: Path) -> Place | None:
    path, line, name = parts
    if not Path(str(path)).is_relative_to(root):
        return None
    return str(path), int(str(line)), str(name)


@dataclass
class CallGraph:
    """What link says about a project, by the places that Python's code objects have."""

    project: Project
    root: Path
    vocabulary: Vocabulary
    _sites: dict[Function, list[Site]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, package: str = "") -> CallGraph:
        """The linked project at a root, or only its package."""
        project, known = linked(root, package)
        return cls(project, root, known)

    @cached_property
    def _by_line(self) -> dict[str, list[tuple[int, int, Function]]]:
        """Per file: first line (of decorators or ``def``), line of ``def``, function."""
        table: dict[str, list[tuple[int, int, Function]]] = {}
        for path, module in self.project.world.index.modules.items():
            table[path] = [(_first_line(one.facts), one.facts.at.line, one) for one in module.functions]
        return table

    def function(self, place: Place) -> Function | None:
        """The function whose code begins there; None for what is none (lambdas, comprehensions, class bodies)."""
        path, line, qualified = place
        name = Path(path).relative_to(self.root).as_posix()
        module = self.project.world.index.modules.get(name)
        if module is None:
            return None
        last = qualified.rpartition(".")[2]
        if last == "<module>":
            return module.top
        return next((one for first, at, one in self._by_line[name] if first <= line <= at and one.name == last), None)

    def around(self, place: Place) -> Function | None:
        """The function itself, or the one that a lambda, comprehension or class body stands in."""
        found = self.function(place)
        if found is not None:
            return found
        path, line, _ = place
        name = Path(path).relative_to(self.root).as_posix()
        module = self.project.world.index.modules.get(name)
        if module is None:
            return None
        inside = [one for one in module.functions if one.facts.at.line <= line <= one.facts.at.end_line]
        return max(inside, key=lambda one: one.facts.at.line, default=module.top)

    def sites(self, function: Function) -> list[Site]:
        """The calls of a function, those of its copies for receivers included."""
        if function not in self._sites:
            copies = self._copies.get(function, [])
            self._sites[function] = [
                site for one in (function, *copies) for site in list(self.project.world.flow(one).sites.values())
            ]
        return self._sites[function]

    @cached_property
    def _copies(self) -> dict[Function, list[Function]]:
        found: dict[Function, list[Function]] = {}
        for function in self.project.world.walked():
            if function.origin is not function:
                found.setdefault(function.origin, []).append(function)
        return found

    def callees(self, function: Function) -> set[Function]:
        """The project functions that it may run."""
        return {t.function.origin for site in self.sites(function) for t in site.targets if t.function is not None}

    def rows(self, function: Function) -> set[str]:
        """The vocabulary names that it may call."""
        return {t.name for site in self.sites(function) for t in site.targets if t.row is not None}

    def holds(self, caller: Function, callee: Function) -> bool:
        """Whether the graph has the edge; a decorator's wrapper stands for what it wraps."""
        called = self.callees(caller)
        if callee in called:
            return True
        if any(callee in self.wrappers(one) for one in called) or (caller, callee) in self._handed_over:
            return True
        return caller in self.wrappers(callee) or any(
            {caller, callee} <= self.wrappers(one) for one in self._wrapped_by.get(caller, ())
        )

    @cached_property
    def _handed_over(self) -> set[tuple[Function, Function]]:
        """Functions that run what is passed to them, with what is passed: their callers have the edge to that."""
        found: set[tuple[Function, Function]] = set()
        for function in self.project.world.walked():
            for site in list(self.project.world.flow(function).sites.values()):
                called = [t.function.origin for t in site.targets if t.function is not None and t.arguments is None]
                passed = [t.function.origin for t in site.targets if t.function is not None and t.arguments is not None]
                found.update((one, other) for one in called for other in passed)
        return found

    def wrappers(self, function: Function) -> set[Function]:
        """The functions that decorators run in its stead."""
        return self._wrappers.get(function, set())

    @cached_property
    def _wrappers(self) -> dict[Function, set[Function]]:
        world = self.project.world
        return {one: set(wrappers(world, one)) for one in world.index.functions() if one.facts.decorators}

    @cached_property
    def _wrapped_by(self) -> dict[Function, list[Function]]:
        found: dict[Function, list[Function]] = {}
        for one, inner in self._wrappers.items():
            for wrapper in inner:
                found.setdefault(wrapper, []).append(one)
        return found

    # ------------------------------------------------------------------ the vocabulary

    @cached_property
    def real_names(self) -> dict[tuple[str, str], set[str]]:
        """Vocabulary names by module and qualified name of what they are in the installed libraries."""
        names = [name for name in self.vocabulary.functions if not name.startswith("builtins.")]
        for dotted, found in self.vocabulary.types.items():
            names += [f"{dotted}.{method}" for method in found.method]
            names += [dotted] if found.new is not None else []
        table: dict[tuple[str, str], set[str]] = {}
        for name in names:
            real = real_name(name)
            if real is not None:
                table.setdefault(real, set()).add(name)
        return table

    def holds_row(self, caller: Function, callee: tuple[str, str]) -> bool:
        """Whether the graph says that the caller may call the library function."""
        wanted = self.real_names[callee]
        return any(name in wanted or real_name(name) == callee for name in self.rows(caller))


_REAL: dict[str, tuple[str, str] | None] = {}


def real_name(dotted: str) -> tuple[str, str] | None:
    """Module and qualified name of what a canonical name is in the installed library; None where it is not there."""
    if dotted not in _REAL:
        _REAL[dotted] = _found(dotted)
    return _REAL[dotted]


def _found(dotted: str) -> tuple[str, str] | None:
    from edge_recorder.sitecustomize import named

    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part, None)
        return named(value) if callable(value) else None
    return None


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _first_line(facts: FunctionFacts) -> int:
    return min([facts.at.line, *(decorator.at.line for decorator in facts.decorators)])


# ---------------------------------------------------------------------- comparison


def compared(graph: CallGraph, edges: Iterable[Edge]) -> tuple[Shares, list[Denied]]:
    """How many of the recorded edges the graph holds, per kind, and those that it denies."""
    held: dict[str, set[object]] = {kind: set() for kind in KINDS}
    denied: dict[tuple[str, object], Denied] = {}
    for kind, pair, edge in _asked(graph, edges):
        caller = pair[0]
        if edge.is_library:
            known = graph.holds_row(caller, edge.callee)  # type: ignore[arg-type]
        else:
            known = graph.holds(caller, pair[1])  # type: ignore[arg-type]
        if known:
            held[kind].add(pair)
        elif (kind, pair) not in denied:
            denied[kind, pair] = _denied(graph, kind, caller, pair[1], edge)
    missed = {kind: sum(one == kind for one, _ in denied) for kind in held}
    shares = {kind: (len(found), len(found) + missed[kind]) for kind, found in held.items()}
    return shares, sorted(denied.values(), key=lambda one: (one.kind, one.cause, one.text))


def _asked(graph: CallGraph, edges: Iterable[Edge]) -> Iterator[tuple[str, tuple[Function, object], Edge]]:
    """The edges worth asking: (kind, what makes the pair, edge). One that goes directly is not asked as a callback."""
    found: dict[tuple[Function, object], tuple[str, Edge]] = {}
    for edge in edges:
        caller = graph.around(edge.caller)
        if caller is None:
            continue
        if edge.is_library:
            if edge.callee in graph.real_names:
                kind = DECLARED if caller.is_module else VOCABULARY
                found.setdefault((caller, edge.callee), (kind, edge))
            continue
        callee = graph.function(edge.callee)  # type: ignore[arg-type]
        if callee is None or callee.is_module:
            continue
        kind = _kind(edge, caller, callee)
        known = found.get((caller, callee))
        if known is None or KINDS.index(kind) < KINDS.index(known[0]):
            found[caller, callee] = kind, edge
    for pair, (kind, edge) in found.items():
        yield kind, pair, edge


def _kind(edge: Edge, caller: Function, callee: Function) -> str:
    if not edge.via:
        return DIRECT
    name = callee.owner.name if callee.name.startswith("__") and callee.owner is not None else callee.name
    return HANDED if edge.via.startswith(TRANSPARENT) or name in caller.facts.names else FRAMEWORK


def _denied(graph: CallGraph, kind: str, caller: Function, callee: object, edge: Edge) -> Denied:
    name = callee.dotted if isinstance(callee, Function) else ".".join(edge.callee)  # type: ignore[arg-type]
    last = name.rpartition(".")[2]
    at = [s for s in graph.sites(caller) if s.at.line <= edge.line <= max(s.at.end_line, s.at.line)]
    near = [s for s in at if last in s.name or (last == "__init__" and name.split(".")[-2] in s.name)]
    text = f"{caller.module.path}:{edge.line} {caller.dotted} → {name}" + (f" by {edge.via}" if edge.via else "")
    if edge.via and not near:
        return Denied(kind, f"by {edge.via}", text)
    if not near:
        what = "special method" if last.startswith("__") else "no call of that name on the line"
        said = "; ".join(dict.fromkeys(f"{s.name}: {_said(s)}" for s in at))
        return Denied(kind, f"{what}{' ' + last if what == 'special method' else ''}", f"{text} ({said})")
    return Denied(kind, _class_of(near[0]), f"{text} ({_said(near[0])})")


def _said(site: Site) -> str:
    if site.targets:
        return "resolved to " + ", ".join(target.name for target in site.targets)
    return site.reason or "nothing said"


def _class_of(site: Site) -> str:
    if site.targets:
        return "resolved to something else"
    return f"Unknown: {site.reason}" if site.reason else "nothing said"
