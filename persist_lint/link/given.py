"""What constructors store as it was given to them: known from their text alone, without a walk."""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.index import Function
from persist_lint.link.tree import statements, targets
from persist_lint.model import facts as f


def handed_in(method: Function, name: str) -> int | None:
    """The parameter of a constructor that ``self.name = parameter`` stores, where nothing else is done to either."""
    if method.name != "__init__":
        return None
    bound = [(t, s) for s in statements(method.body) for target in targets(s) for t in _single(target)]
    stored = [(t, s) for t, s in bound if _is_own(t, method, name)]
    if len(stored) != 1:
        return None
    target, statement = stored[0]
    if statement not in method.body or not isinstance(statement, f.Assign) or target not in statement.targets:
        return None
    given = statement.value.id if isinstance(statement.value, f.Name) else ""
    if any(isinstance(t, f.Name) and t.id == given for t, _ in bound):
        return None
    places = (i for i, p in enumerate(method.params) if p.name == given and p.kind not in ("args", "kwargs"))
    return next(places, None)


def _single(target: f.Expr) -> Iterator[f.Expr]:
    """The targets in a tuple of targets."""
    if isinstance(target, f.Seq):
        for item in target.items:
            yield from _single(item)
    else:
        yield target.value if isinstance(target, f.Star) else target


def _is_own(target: f.Expr, method: Function, name: str) -> bool:
    """Whether a target is ``self.name``."""
    if not isinstance(target, f.Attr) or target.name != name:
        return False
    return isinstance(target.value, f.Name) and target.value.id == method.params[0].name
