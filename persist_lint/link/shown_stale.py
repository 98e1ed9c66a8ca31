"""What an asynchronous session cannot load, put together for findings: one per place, in words."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.expiry import Expired, expired
from persist_lint.link.project import Project
from persist_lint.link.repetition import speaks
from persist_lint.link.shown_loads import cure, listed, shown_place
from persist_lint.link.stale import Unloaded, unloaded
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

#: So many reads of expired attributes are told of one by one; of more, the factory of their sessions is.
MANY = 4


class Stale(Struct, frozen=True, eq=False):
    """One place to tell of, with everything that is wrong there."""

    function: FunctionView
    at: Span
    unloaded: tuple[Unloaded, ...] = ()
    expired: tuple[Expired, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether any of it is read where the rules speak."""
        readers = [one.function for one in self.expired] or [self.function]
        return any(speaks(reader) for reader in readers)

    @property
    def doubtful(self) -> bool:
        """Whether it rests on conventions, or on an error that only may come from the database."""
        if self.unloaded:
            return all(one.load.weak for one in self.unloaded)
        return all(one.doubtful for one in self.expired)


def grouped(project: Project) -> Iterator[Stale]:
    """Everything that the project reads unloaded or expired in asynchronous sessions, one per place."""
    audited = dict.fromkeys(project.functions())
    loads: dict[tuple[FunctionView, Span], list[Unloaded]] = {}
    for function in audited:
        for one in unloaded(project, function):
            if project.audits(one.function.path):
                loads.setdefault((one.function, one.at), []).append(one)
    for (function, at), found in loads.items():
        yield Stale(function, at, tuple(found))
    told = set(loads)
    late: dict[tuple[FunctionView, Span], Expired] = {}
    for function in audited:
        for touch in expired(project, function):
            if (function, touch.at) not in told:
                late.setdefault((function, touch.at), touch)
    yield from _by_factory(project, list(late.values()))


def _by_factory(project: Project, late: list[Expired]) -> Iterator[Stale]:
    """One per touch; one per factory where many are read after commits of its sessions."""
    made: dict[tuple[FunctionView, Span], list[Expired]] = {}
    for one in late:
        place = (one.function, one.at)
        recipes = project.session(one.function.function, one.event.session).recipes
        if one.event.kind == "commit" and recipes:
            place = (project.view(recipes[0].maker.function), recipes[0].maker.site.at)
        made.setdefault(place, []).append(one)
    for (function, at), found in made.items():
        if len(found) > MANY and project.audits(function.path):
            yield Stale(function, at, (), tuple(found))
        else:
            yield from (Stale(one.function, one.at, (), (one,)) for one in found)


def told_of(stale: Stale) -> str:
    """What is read there, and why it is not loaded."""
    if len(stale.expired) > 1:
        return (
            f"sessions made here expire their entities at every commit, and {len(stale.expired)} places read "
            "attributes after one: that raises MissingGreenlet"
        )
    if stale.expired:
        return stale.expired[0].text
    first = stale.unloaded[0]
    parts = [one.load.part for one in stale.unloaded]
    names = list(dict.fromkeys(f"{part.owner.name}.{part.name}" for part in parts))
    are = "is" if len(names) == 1 else "are"
    where = "" if stale.at == first.load.read_at else f" in {first.load.read_in.name}"
    error = "lazy='raise' raises" if all(p.state == "raises" for p in parts) else "that raises MissingGreenlet"
    if first.stored is not None:
        why = f"the object was stored in line {first.stored.line} without having been set or loaded"
    elif stale.at == first.load.read_at:
        asked = first.load.asked_in.function.origin
        whose = "" if asked is stale.function.function else f", asked in {asked.dotted},"
        why = f"the query in {shown_place(first.load, stale.function)}{whose} does not load it"
    else:
        why = "this query does not load it"
    return f"{listed(names)} {are} read{where}, but {why}: {error}"


def cure_of(stale: Stale) -> str:
    """What to write instead."""
    if len(stale.expired) > 1:
        return "Make the sessions with expire_on_commit=False."
    if stale.expired:
        return stale.expired[0].cure
    if stale.unloaded[0].stored is not None:
        names = dict.fromkeys(one.load.part.name for one in stale.unloaded)
        quoted = ", ".join(f'"{name}"' for name in names)
        return f"Set it when the object is made, or await session.refresh(…, [{quoted}])."
    return cure(one.load for one in stale.unloaded)


def way_of(stale: Stale) -> list[Step]:
    """From the query or the event to where the attribute is read."""
    steps: list[Step] = []
    for late in stale.expired:
        steps += late.steps
    for one in stale.unloaded:
        root = one.load.root
        what = "the object is made" if one.stored is not None else "the query"
        steps.append(Step(root.function.module.path, root.node.at, what))
        steps += one.load.steps
    return list(dict.fromkeys(steps))
