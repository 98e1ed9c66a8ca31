"""What is told to others before it is committed, and who commits it after all.

order.state = "paid"                        too_early: the worker may read the old state
await queue.enqueue_job("ship", order.id)
await session.commit()                      committed: " in line 3"

tasks.add_task(send_receipt, order.id)      backgrounded: it runs after the response, but before the dependency
                                            that gave the session commits (FastAPI up to 0.105, from 0.118 on)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.held import Frame, Held, held
from persist_lint.link.index import Function
from persist_lint.link.lattice import Fn, members
from persist_lint.link.sites import Site
from persist_lint.link.streaming import injected_sessions
from persist_lint.link.transitions import NEW, WRITTEN
from persist_lint.link.uncommitted import PENDING, addressee
from persist_lint.link.views import FunctionView

if TYPE_CHECKING:
    from persist_lint.link.project import Project

ANNOUNCES = frozenset({"broker", "publish", "net"})
KEEPS = frozenset({"txn.commit", "flush", "unit.add"})


def too_early(project: Project) -> Iterator[Held]:
    """The first announcement in each unit of uncommitted writes, once per place."""
    for place in held(project, ANNOUNCES, project.uncommitted):
        frames = tuple(frame for frame in place.frames if _is_kept(frame))
        if frames:
            yield Held(place.function, place.at, place.effect, frames)


def _is_kept(frame: Frame) -> bool:
    """Whether the changes get to the database at all, and a webhook is about what is written.

    Those of entities without a session need one about.
    """
    about = addressee(frame.effect.leaf, frame.function.project.world)
    if about is not None and frame.began is not None and frame.began.leaf.entity is not about:
        return False
    return frame.sym != PENDING or any(effect.kind in KEEPS for effect in frame.function.summary)


def written(place: Held) -> str:
    """What is written, and where, for messages."""
    began = place.frames[0].began
    if began is None:
        return "what the session holds"
    leaf = began.leaf
    where = "" if leaf.function.module.path == place.function.path else f"{leaf.function.module.path}, "
    return f"{'what is written' if leaf.subject == 'rows' else leaf.subject} ({where}line {leaf.at.line})"


def committed(place: Held) -> str:
    """Where it is committed after all, for messages: further down, or by the dependency; empty where nobody is seen."""
    frame = place.frames[0]
    view, told = frame.function, frame.effect.at
    later = [c.at for c in view.calls if c.at > told and any(e.kind == "txn.commit" for e in c.effects)]
    if later:
        return f" in line {later[0].line}" + ("" if view.function is place.function.function else f" of {view.name}")
    provider = next(committing_providers(view), None)
    return f" by {provider.name}, after the handler" if provider is not None else ""


def committing_providers(view: FunctionView) -> Iterator[Function]:
    """The dependencies that give the function a session and commit after their ``yield``."""
    project = view.project
    for number in sorted(injected_sessions(view)):
        for value in project.world.providers(view.function, number):
            for kind in members(value.type):
                if isinstance(kind, Fn) and project.resources.commits_after_yield(kind.function):
                    yield kind.function


class Backgrounded(Struct, frozen=True, eq=False):
    """A background task of a response that runs before the dependency ``provider`` commits; ``began`` is the write."""

    function: FunctionView
    site: Site
    began: Effect | None
    provider: Function


def backgrounded(view: FunctionView) -> Iterator[Backgrounded]:
    """The first background task handed over for data that only the dependency commits."""
    sites = [s for s in view.flow.sites.values() if any(_runs_later(t.row) for t in s.targets)]
    providers = list(committing_providers(view)) if sites else []
    if not providers:
        return
    lives = view.project.uncommitted
    life = lives.of(view.function)
    for site in sorted(sites, key=lambda one: one.at):
        ends = [store for _, store in life.exits]
        for sym, states in life.before.get(site.node, {}).items():
            if lives.holds(states) and any(WRITTEN in store.get(sym, NEW) for store in ends):
                yield Backgrounded(view, site, dict(life.summary.began).get(sym), providers[0])
                return


def _runs_later(row: object) -> bool:
    return any(run.where == "later" and run.marks == "background" for run in getattr(row, "runs", ()))
