"""What is done only where the work fails: ``except SQLAlchemyError: session.rollback(); raise``.

Whoever goes on after the call knows that it did not happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project
    from persist_lint.link.views import FunctionView

#: What error handlers do to a session.
UNDOES = frozenset({"txn.rollback", "unit.expire"})


def only_on_failure(project: Project, effect: Effect) -> bool:
    """Whether a rollback happens in handlers that raise, and none of its kind on the way that does not fail.

    A summary keeps one effect of a kind, so that the callees are asked for others.
    """
    if effect.kind not in UNDOES:
        return False
    chain = effect.chain
    failing = next((n for n, step in enumerate(chain) if _fails(project.view(step.function), step)), None)
    if failing is None:
        return False
    return failing == 0 or not _undoes(project, chain[1].function, effect.kind, set())


def _fails(function: FunctionView, step: Effect) -> bool:
    """Whether a step stands in an error handler that ends by raising."""
    return step.site is not None and _raises(function, step.site.node)


def _raises(function: FunctionView, node: f.Node) -> bool:
    frames = function.places.frames(node)
    return any(frame.part == "handler" and isinstance(frame.block[-1], f.Raise) for frame in frames)


def _undoes(project: Project, function: Function, kind: str, seen: set[Function]) -> bool:
    """Whether a function that does not fail may do such a thing, itself or through what it calls."""
    seen.add(function)
    view = project.view(function)
    if any(e.kind == kind and e.site is None for e in project.summaries.own(function)):
        return True
    for call in view.calls:
        if not any(e.kind == kind for e in call.effects) or _raises(view, call.site.node):
            continue
        if any(e.kind == kind and e.via is None for e in call.effects):
            return True
        below = [t.function for t in call.site.targets if t.function is not None and t.function not in seen]
        if any(_undoes(project, callee, kind, seen) for callee in below):
            return True
    return False
