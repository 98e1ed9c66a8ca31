"""Resources that the normal path releases and another way leaves behind: an error, an early return, a ``continue``.

What no normal path releases is told by ``resources``; here somebody thought of the release and put it where an error
does not come by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from persist_lint.link.effects import Effect
from persist_lint.link.errorwalk import BEGINS, ErrorWalk, Failing, Ways
from persist_lint.link.failures import effects_of
from persist_lint.link.fates import Tracked, by_node
from persist_lint.link.ownership import Use
from persist_lint.link.places import dotted
from persist_lint.link.resources import Acquisition
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.views import FunctionView

Way = Literal["thrown", "lent", "caught", "jump"]
#: They go with their connection, whatever becomes of them.
MINOR = frozenset({"result", "cursor", "http_response"})
EVERYTHING = frozenset({"Exception", "BaseException"})
#: What every failing statement of a database raises, by the names of the libraries' base classes.
DATABASE = frozenset({"SQLAlchemyError", "DBAPIError", "DatabaseError", "Error", "PostgresError"})
#: What only some failures of other calls raise.
PARTIAL = frozenset(
    {"KeyError", "ValueError", "TypeError", "AttributeError", "IndexError", "LookupError", "ImportError",
     "TimeoutError", "CancelledError", "NotImplementedError", "AssertionError", "UnicodeDecodeError",
     "JSONDecodeError", "HTTPException", "HTTPStatusError", "FileNotFoundError", "PermissionError", "ValidationError"}
)  # fmt: skip
LENDING = frozenset({"contextmanager", "asynccontextmanager"})


class Leak(Struct, frozen=True, eq=False):
    """A resource that one way leaves behind.

    ``way``: thrown (an error leaves the function), lent (it comes out of the function's ``yield``), caught (a handler
    goes on without the release), jump (an early return, a ``continue``). ``at`` is the statement that fails or jumps,
    ``effect`` what fails there, ``release`` the release that is skipped.
    """

    one: Acquisition
    way: Way
    at: Span
    effect: Effect | None
    release: Use


def leaks(view: FunctionView) -> list[Leak]:
    """The resources of a function that are left behind on some ways only, in order of place."""
    found = [(one, end) for one in view.acquisitions if (end := _release(view, one)) is not None]
    if not found:
        return []
    tracked = [Tracked(one.site.node, _strict(view, one), frozenset(one.names)) for one, _ in found]
    lazy = {n: one.sym for n, (one, _) in enumerate(found) if one.made.kind == "session"}
    reader = _Reader(view)
    walk = ErrorWalk(tracked, lazy, reader.effects, _catches, reader.suppresses, _lends(view))
    ways = walk.run_all(view.function.body)
    told = {
        one.names: leak for (one, end), way in zip(found, ways, strict=True) if (leak := _leak(view, one, end, way))
    }
    return list(told.values())  # of two arms that fill one name, one is told


def _release(view: FunctionView, one: Acquisition) -> Use | None:
    """The last release that the function itself writes down; None for what is entered at once."""
    if view.one_shot and one.made.kind == "engine":
        return None  # the process ends, and the pool with it
    if one.generator is not None or one.made.kind in MINOR or not one.names or one.fate.leaks:
        return None
    ends = [use for use in one.uses if use.kind == "released"]
    if not ends or any(use.node is one.site.node for use in one.uses if use.kind != "used"):
        return None
    return ends[-1]


def _strict(view: FunctionView, one: Acquisition) -> dict[f.Node, str]:
    """Its uses for the walk: who releases it later has not given it away by lending it to something unknown."""
    parents = view.project.resources.ownership.parents(view.function)
    found = by_node(list(one.uses))
    for use in one.uses:
        if use.kind == "moved" and not _leaves(use.node, parents):
            found.pop(use.node, None)
    return found


def _leaves(node: f.Node, parents: dict[f.Node, f.Expr | f.Stmt]) -> bool:
    """Whether the statement around an expression leaves the function with it, or keeps it on an object."""
    inner: f.Node = node
    while inner in parents:
        if isinstance(inner, f.Yield):
            return True
        inner = parents[inner]
    if isinstance(inner, f.Assign):
        return any(isinstance(t, f.Attr) or not isinstance(_base(t), f.Name) for t in inner.targets)
    return isinstance(inner, f.Return)


def _base(target: f.Expr) -> f.Expr:
    return target.value if isinstance(target, f.Subscript) else target


def _leak(view: FunctionView, one: Acquisition, release: Use, ways: Ways) -> Leak | None:
    failing = ways.thrown or ways.caught
    if failing is not None:
        lent = failing.effect is None and not isinstance(failing.statement, f.Raise)
        way: Way = "caught" if ways.thrown is None else "lent" if lent else "thrown"
        return Leak(one, way, failing.statement.at, failing.effect, release)
    if ways.jump is not None and _follows(view, one.site.node, ways.jump):
        return Leak(one, "jump", ways.jump.at, None, release)
    return None


def _follows(view: FunctionView, node: f.Node, statement: f.Stmt) -> bool:
    """Whether a statement is only reached past the one that an expression stands in, in the same block or below."""
    *_, home = view.places.frames(node)
    return any(frame.block is home.block and frame.index > home.index for frame in view.places.frames(statement))


def _catches(handler: f.Handler, failing: Failing) -> bool:
    """Whether a handler catches what fails: everything, the database's base errors, the library's own kind of error.

    A handler for one error of several (``IntegrityError``, ``KeyError``) is run, and the others pass it by.
    """
    named = [
        dotted(item) for item in (handler.type.items if isinstance(handler.type, f.Seq) else (handler.type,)) if item
    ]
    last = {name.rpartition(".")[2] for name in named}
    if handler.type is None or last & EVERYTHING:
        return True
    if failing.effect is None:
        raised = failing.statement.exc if isinstance(failing.statement, f.Raise) else None
        what = raised.func if isinstance(raised, f.Call) else raised
        return what is not None and dotted(what).rpartition(".")[2] in last
    if failing.effect.kind in BEGINS | {"txn.commit"}:
        return bool(last & DATABASE)
    return any(name.endswith(("Error", "Exception")) and name not in PARTIAL for name in last)


class _Reader:
    """What the walk asks of a function's statements."""

    def __init__(self, view: FunctionView) -> None:
        self._view = view
        self._known: dict[f.Stmt, tuple[Effect, ...]] = {}

    def effects(self, statement: f.Stmt) -> tuple[Effect, ...]:
        if statement not in self._known:
            self._known[statement] = tuple(effects_of(self._view.project, self._view.function, statement))
        return self._known[statement]

    def suppresses(self, statement: f.With) -> bool:
        sites = (self._view.flow.sites.get(item.context) for item in statement.items)
        return any(target.name == "contextlib.suppress" for site in sites if site for target in site.targets)


def _lends(view: FunctionView) -> bool:
    """Whether errors of whoever borrowed come out of the function's ``yield``: context managers, dependencies."""
    function = view.function
    if not function.is_generator:
        return False
    named = any(e.kind == "dependency" and e.function is function for e in view.entries)
    return bool(function.decorator_names & LENDING) or named
