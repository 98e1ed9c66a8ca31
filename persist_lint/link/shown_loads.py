"""Lazy loads in words: where the query stands, and the loader options that cure them."""

from __future__ import annotations

from collections.abc import Iterable

from persist_lint.link.loading import Load


def shown_place(load: Load) -> str:
    """The line of the query that selected the entity; with its file where that is another than the reader's."""
    root = load.root
    line = f"line {root.node.at.line}"
    path = root.function.module.path
    return line if path == load.function.path else f"{path}:{root.node.at.line}"


def cure(loads: Iterable[Load]) -> str:
    """What to add to the query, one loader option per attribute."""
    options = list(dict.fromkeys(option_of(load) for load in loads))
    return f"Load it with the query: .options({', '.join(options)})."


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
