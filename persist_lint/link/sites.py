"""What one walk over a function records: call sites, loops, attribute reads and writes, returns."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from persist_lint.link.index import Function
from persist_lint.link.lattice import NOTHING, Sym, Value
from persist_lint.model import facts as f
from persist_lint.model.span import Span
from persist_lint.model.vocabulary import Row

Place = tuple[int, int]
Bound = Literal["none", "one", "small", "chunk", "retry", "polling"]
Manner = Literal["here", "thread", "process", "loop", "task", "later", "entry", "stored"]
Keywords = tuple[tuple[str | None, Value], ...]
Guard = tuple[int | Sym, str, bool]  # (parameter, what of it, whether it holds): see ``conditions``


class Loop(Struct, eq=False):
    """A region that runs once per item; ``place`` names it in item symbols.

    ``first_hit``: it is left as soon as one turn finds something. ``concurrent``: the turns run at the same time.
    """

    kind: str
    at: Span
    place: Place
    iter: Value
    bound: Bound
    first_hit: bool = False
    concurrent: bool = False
    target: f.Expr | None = None
    node: f.Node | None = None

    @property
    def counts(self) -> bool:
        """Whether turns mean repetition for the rules: a single one, chunks, retries and polling do not."""
        return self.bound in ("none", "small")


class Target(Struct, frozen=True, eq=False):
    """One thing that a call may run: a project function or a vocabulary row.

    ``bound`` is the receiver; ``manner`` where it runs; ``weak`` if resolved by convention or as one of several;
    ``arguments`` are set where the target is not called with the site's own arguments (a function passed on).
    """

    function: Function | None
    name: str
    row: Row | None
    bound: Value | None = None
    manner: Manner = "here"
    weak: bool = False
    makes: str = ""  # canonical name of the library class whose instance this makes
    arguments: tuple[Value, ...] | None = None
    keywords: Keywords = ()  # with ``arguments``
    greenlet: bool = False  # run with a session's synchronous face: its database work does not block


class Site(Struct, eq=False):
    """One call (or property read, or ``with`` on a project manager) in a function.

    ``consumer`` says what becomes of the result: await, statement, return, argument, assign, with, iterate, other.
    """

    node: f.Node
    at: Span
    callee: Value
    args: tuple[Value, ...]
    keywords: tuple[tuple[str | None, Value], ...]
    targets: tuple[Target, ...]
    result: Value
    loops: tuple[Loop, ...]
    guards: tuple[Guard, ...]
    reason: str = ""
    consumer: str = "other"
    awaited: bool = False
    manner: Manner = "here"
    name: str = ""
    group: Span | None = None  # the gather or task group it runs in
    received: dict[Target, dict[int, Value]] = field(default_factory=dict)  # see ``arguments.received``

    def argument(self, index: int, name: str = "") -> Value | None:
        """The positional argument ``index``, else the keyword ``name``."""
        if 0 <= index < len(self.args):
            return self.args[index]
        return next((v for k, v in self.keywords if k == name), None) if name else None

    def keyword(self, name: str) -> Value | None:
        return next((v for k, v in self.keywords if k == name), None)


def passed(site: Site, target: Target) -> tuple[tuple[Value, ...], Keywords]:
    """The arguments that a target of a call gets: its own where it is a function passed on, else the call's."""
    if target.arguments is None:
        return site.args, site.keywords
    return target.arguments, target.keywords


class Touch(Struct, eq=False):
    """An attribute read (or, with ``written``, assigned or deleted) on an instance of a project class."""

    node: f.Node
    at: Span
    base: Value
    name: str
    written: bool
    loops: tuple[Loop, ...]
    guards: tuple[Guard, ...]
    value: Value = NOTHING


class Flow(Struct, eq=False):
    """Everything the walk over one function knows."""

    function: Function
    sites: dict[f.Node, Site] = field(default_factory=dict)
    touches: dict[f.Node, Touch] = field(default_factory=dict)
    loops: dict[f.Node, Loop] = field(default_factory=dict)
    managers: dict[f.Node, tuple[Value, ...]] = field(default_factory=dict)  # With → values of its context expressions
    leaves: dict[f.WithItem, f.Name] = field(default_factory=dict)  # nodes of the sites of ``__exit__``
    names: dict[f.Node, Value] = field(default_factory=dict)  # values of plain arguments, iterables and returns
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    attributes: dict[str, list[Value]] = field(default_factory=dict)  # self.x = value
    kept: dict[tuple[str, str], list[Value]] = field(
        default_factory=dict
    )  # put into objects of libraries (see ``kept``)
    env: dict[str, Value] = field(default_factory=dict)
    tests: dict[tuple[f.Expr, bool], list[Guard]] = field(default_factory=dict)  # what holds where a test is (un)true
