"""What happens outside the database while a transaction is open, told once per place.

The walk over sessions (``states``) says for each function what happens meanwhile, calls of callees included. The same
request two calls below an endpoint is therefore known to the function that makes it, to the one that opened the
transaction, and to all between. Here these are told once, where the deepest frame that holds the session makes the
call.

    async def pay(session, id):                  frames: pay, where the transaction is open
        order = await session.get(Order, id)     began: the SELECT
        await self.charge(session, order)        place: the request in charge, which holds the session itself
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.autocommit import holds_no_transaction
from persist_lint.link.effects import Effect
from persist_lint.link.index import Function
from persist_lint.link.lattice import PACKAGE_SYM, Sym
from persist_lint.link.states import Lives, Occurrence
from persist_lint.link.views import FunctionView, describe, trace
from persist_lint.model import facts as f
from persist_lint.model.finding import Step
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.project import Project

#: A file matters where it is read or written at hand: deeper down it is mostly a template, a setting or a translation
#: that is kept after the first time.
MAX_FILE_DEPTH = 1
FILES = frozenset({"file.read", "file.write"})
MEMOISED = frozenset({"functools.cache", "functools.lru_cache"})
MAX_FRAMES = 4
MAX_LATER = 3
#: Tasks and what runs after the response do not happen within the caller's transaction.
MEANWHILE = frozenset({"here", "thread", "process"})


class Frame(Struct, frozen=True, eq=False):
    """A function in which the transaction is open; ``sym`` is the session in its terms, ``began`` what opened it.

    ``effect`` is what happens, in the function's terms; ``later`` is what else happens outside in that transaction.
    """

    function: FunctionView
    sym: Sym
    effect: Effect
    began: Effect | None
    later: tuple[Effect, ...] = ()


class Held(Struct, frozen=True, eq=False):
    """One place at which something happens in open transactions: ``effect`` in the terms of its function."""

    function: FunctionView
    at: Span
    effect: Effect
    frames: tuple[Frame, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of effects that hold these transactions, later ones included."""
        return frozenset(e.kind for frame in self.frames for e in (frame.effect, *frame.later))

    @property
    def weak(self) -> bool:
        """Whether every evidence for it rests on a convention somewhere."""
        return all(frame.effect.weak or (frame.began is not None and frame.began.weak) for frame in self.frames)

    @property
    def since(self) -> str:
        """What began the first transaction, and where, as a clause for messages; empty where nobody is seen."""
        began = self.frames[0].began
        if began is None:
            return ""
        text = describe(began.leaf)
        words = text if text[:6].isupper() else "flush" if began.leaf.kind == "flush" else "statement"
        path = self.frames[0].function.path
        return f" since the {words} in {'' if path == self.function.path else path + ', '}line {began.at.line}"

    def trace(self) -> Iterator[Step]:
        """Where the transactions begin, how the first comes here, from where the others do, and what follows."""
        for number, frame in enumerate(self.frames[:MAX_FRAMES]):
            path = frame.function.path
            if frame.began is not None:
                yield Step(path, frame.began.at, f"the transaction begins: {describe(frame.began.leaf)}")
            if number == 0:
                yield from trace(frame.effect)
            elif frame.effect.via is not None:
                yield Step(path, frame.effect.at, f"{frame.function.name} leads here too")
        for effect in self.frames[0].later[:MAX_LATER]:
            yield Step(effect.function.module.path, effect.at, f"in the same transaction: {describe(effect.leaf)}")


def held(
    project: Project,
    kinds: frozenset[str],
    lives: Lives | None = None,
    counts: Callable[[Effect], bool] = lambda effect: True,
) -> Iterator[Held]:
    """The first effect of these kinds that counts in every transaction, once per place, in order of path and place.

    ``lives`` says what the transactions are where it is not their being open that is asked for.
    """
    audited = {view.function.origin for view in project.functions()}
    found: dict[tuple[str, Span], list[tuple[Occurrence, Frame]]] = {}
    for view in (*project.functions(), *project.wrappers()):
        if view.silent or not any(o.effect.kind in kinds for o in view.life.summary.occurrences):
            continue
        for occurrence, frame in _first_of_each(view, kinds, lives or project.lives, counts):
            if occurrence.holder.origin in audited:
                found.setdefault((occurrence.holder.module.path, occurrence.at), []).append((occurrence, frame))
    for _, meant in sorted(found.items(), key=lambda item: item[0]):
        occurrence = meant[0][0]
        holder = project.view(_view_of(occurrence.holder, meant))
        yield Held(holder, occurrence.at, occurrence.held, tuple(frame for _, frame in meant))


def _view_of(holder: Function, meant: list[tuple[Occurrence, Frame]]) -> Function:
    """The holder as the frames see it: the copy for a receiver only if one of them is that copy."""
    return holder if any(frame.function.function is holder for _, frame in meant) else holder.origin


def _matters(project: Project, effect: Effect) -> bool:
    """Everything but files far down, files of the package, and files that are read once and kept."""
    if effect.kind not in FILES:
        return True
    if effect.length > MAX_FILE_DEPTH or effect.leaf.key == PACKAGE_SYM or _opened_in_package(project, effect.leaf):
        return False
    return not any(
        _is_memoised(project, e.function) or (e.site and e.site.consumer == "property") for e in effect.chain
    )


def _is_handed_over_else(project: Project, effect: Effect) -> bool:
    """Whether the same function also hands this work over (``if tasks: tasks.add_task(f) else: f()``).

    Which arm runs is decided where the object was made, which nobody here can tell.
    """
    callee = effect.target.function if effect.target is not None else None
    if callee is None:
        return False
    return callee in project.view(effect.function).hands_over


def _is_sibling(view: FunctionView, effect: Effect) -> bool:
    """Whether a method is the one of another implementation of what the function's own class implements.

    A store that reads the database does not meet, behind their interface, the store that asks a server instead.
    """
    callee = effect.target.function if effect.target is not None else None
    own = view.function.owner
    if callee is None or own is None or callee.owner is None:
        return False
    classes = view.project.world.classes
    mine, other = classes.mro(own), classes.mro(callee.owner)
    if callee.owner in mine or own in other:
        return False
    shared = [cls.method(callee.name) for cls in mine if cls in other]
    return any(method is not None and classes.is_abstract(method) for method in shared)


def _opened_in_package(project: Project, leaf: Effect) -> bool:
    """Whether the file was opened, in the same function, by a path that belongs to the package."""
    bound = leaf.target.bound if leaf.target is not None else None
    if bound is None or bound.sym[0] != "open":
        return False
    own = project.summaries.own(leaf.function)
    return any(e.kind == "open" and e.key == PACKAGE_SYM and (e.at.line, e.at.column) == bound.sym[1] for e in own)


def _is_memoised(project: Project, function: Function) -> bool:
    home = function.parent or function.module.top
    resolver = project.world.resolver
    bare = [d.func if isinstance(d, f.Call) else d for d in function.facts.decorators]
    return any(resolver.dotted(d, function.module, home) in MEMOISED for d in bare)


def _first_of_each(
    view: FunctionView, kinds: frozenset[str], lives: Lives, counts: Callable[[Effect], bool]
) -> Iterator[tuple[Occurrence, Frame]]:
    """The first occurrence in each of the transactions of a function, with its frame."""
    groups: dict[tuple[Sym, Span | None], list[tuple[Occurrence, Effect | None]]] = {}
    for occurrence in lives.of(view.function).summary.occurrences:
        effect = occurrence.effect
        if effect.kind not in kinds or effect.manner not in MEANWHILE or not counts(effect):
            continue
        if not any(lives.holds(states) for _, states in occurrence.states):
            continue
        if not _matters(view.project, occurrence.held):
            continue
        if any(_is_handed_over_else(view.project, e) or _is_sibling(view, e) for e in effect.chain):
            continue
        began = dict(occurrence.began)
        for sym, states in occurrence.states:
            if lives.holds(states):
                start = began.get(sym)
                groups.setdefault((sym, start.at if start is not None else None), []).append((occurrence, start))
    for (sym, _), members in groups.items():
        if holds_no_transaction(view.project, view.function, sym):
            continue
        first, start = min(members, key=lambda member: (member[0].effect.at, member[0].at))
        later = tuple(o.effect for o, _ in members if o is not first)
        yield first, Frame(view, sym, first.effect, start, later)
