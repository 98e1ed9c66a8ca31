"""Lazy loads in words: where the query stands, and the loader options that cure them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from persist_lint.link.index import Function
from persist_lint.link.loading import Load
from persist_lint.link.project import Project
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

MAX_NAMES = 4


def shown_place(load: Load, function: FunctionView | None = None) -> str:
    """The line of the query that selected the entity; with its file where that is another than the function's."""
    root = load.root
    line = f"line {root.node.at.line}"
    path = root.function.module.path
    return line if path == (function or load.function).path else f"{path}:{root.node.at.line}"


def shown_loads(project: Project, function: Function) -> list[str]:
    """Each attribute that the function, or what it calls, reads where it is not loaded; what it reads of parameters."""
    lines = []
    for load in project.loading.loads(project.view(function)):
        words = [f"{load.start.name}.{'.'.join(load.path)} {load.part.state}", f"query in {shown_place(load)}"]
        words += [f"per item of line {load.repeat.loop.at.line}"] if load.repeat is not None else []
        words += ["asynchronous"] if load.is_async else []
        words += ["in the session"] if project.loading.in_identity_map(load) else []
        words += [f"read in {load.read_in.name}:{load.read_at.line}"] if load.read_in.function is not function else []
        lines.append(f"{load.at.line} {'; '.join(words)}")
    for need in project.loading.needs(function):
        again = f"; per item of line {need.repeat.loop.at.line}" if need.repeat is not None else ""
        lines.append(f"needs {'.'.join((function.params[need.param].name, *need.path))}{again}")
    return lines


def repeated_loads(project: Project) -> Iterator[tuple[FunctionView, Span, list[Load]]]:
    """(function, place, lazy loads) of the lines that load attributes of synchronous sessions' entities per item.

    An attribute is loaded once: where it is read first.
    """
    found: dict[tuple[FunctionView, Span], list[Load]] = {}
    told: set[object] = set()
    for function in project.functions():
        for load in project.loading.of(function):
            once = (load.root.node, load.path, function)
            if load.repeat is None or load.is_async or load.part.state != "missing" or once in told:
                continue
            if project.audits(load.function.path) and not project.loading.in_identity_map(load):
                told.add(once)
                found.setdefault((load.function, load.at), []).append(load)
    yield from ((function, at, loads) for (function, at), loads in found.items())


def told_per_item(loads: list[Load], many: bool) -> str:
    """What happens in every turn of a loop, and which query leaves it to that."""
    first = loads[0]
    line = first.repeat.loop.at.line if first.repeat is not None else first.at.line
    names = list(dict.fromkeys(f"{load.part.owner.name}.{load.part.name}" for load in loads))
    each = first.part.owner.name if many else f"distinct {first.part.name}"
    return (
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} loaded lazily in every turn of the loop in line "
        f"{line}: one SELECT per {each}; the query in {shown_place(first)} does not load it"
    )


def trace_of(loads: list[Load]) -> list[Step]:
    """The loop, then for each load the way down to where it is read and the query."""
    first = loads[0]
    steps = [first.function.step(first.repeat.loop.at, "the loop")] if first.repeat is not None else []
    for load in loads:
        steps += [*load.steps, Step(load.root.function.module.path, load.root.node.at, "the query")]
    return list(dict.fromkeys(steps))


def listed(names: list[str]) -> str:
    """Names in words; of more than four the first three."""
    if len(names) == 1:
        return names[0]
    shown, rest = (names, 0) if len(names) <= MAX_NAMES else (names[: MAX_NAMES - 1], len(names) - MAX_NAMES + 1)
    return f"{', '.join(shown)} and {rest} more" if rest else f"{', '.join(shown[:-1])} and {shown[-1]}"


def cure(loads: Iterable[Load]) -> str:
    """What to add to the query, one loader option per attribute."""
    options = list(dict.fromkeys(option_of(load) for load in loads))
    shown = options if len(options) <= MAX_NAMES else [*options[: MAX_NAMES - 1], "…"]
    return f"Load it with the query: .options({', '.join(shown)})."


def option_of(load: Load) -> str:
    """``selectinload(Job.steps).joinedload(Step.log)``: the loader option that loads an attribute."""
    parts: list[str] = []
    owner, models = load.start, load.function.project.world.models
    for name in load.path:
        relation = models.info(owner).relations.get(name)
        loader = "undefer" if relation is None else "selectinload" if relation.many else "joinedload"
        parts.append(f"{loader}({owner.name}.{name})")
        if relation is None or relation.target is None:
            break
        owner = relation.target
    return ".".join(parts)
