"""Whether what happens at one place of a function has happened when another place is reached."""

from __future__ import annotations

from persist_lint.link.declared import last_of
from persist_lint.link.narrow import exits
from persist_lint.link.places import Frame, Places
from persist_lint.link.tree import statements
from persist_lint.model import facts as f


def reaches(places: Places, first: f.Node, second: f.Node) -> bool:
    """Whether the second expression can be reached after the first, which stands before it.

    Not from one branch to another, nor out of a block that leaves the function.
    """
    ours, theirs = places.frames(first), places.frames(second)
    if not ours or not theirs:
        return True
    common = 0
    for mine, other in zip(ours, theirs, strict=False):
        if mine.block is not other.block:
            break
        common += 1
        if mine.index != other.index:
            return not _leaves(ours[common:])
    if common == len(ours) or common == len(theirs):
        return True  # within one statement: in order of evaluation
    return _follows(ours[common], theirs[common]) and not _leaves(ours[common:])


def failing(places: Places, first: f.Node, second: f.Node) -> bool:
    """Whether the second expression stands in a handler of the ``try`` whose body holds the first."""
    ours, theirs = places.frames(first), places.frames(second)
    for mine, other in zip(ours, theirs, strict=False):
        if mine.block is not other.block:
            return mine.owner is other.owner and mine.part == "body" and other.part == "handler"
    return False


def raises_after(places: Places, node: f.Node) -> bool:
    """Whether the function is left by an exception wherever the expression has been evaluated."""
    raising = False
    for depth, frame in enumerate(reversed(places.frames(node))):
        if not raising:
            after = frame.block[frame.index + (depth > 0) :]
            if _may_jump(after) or _may_jump(_beside(frame)):
                return False
            raising = _raises(frame.block)
        if raising and _swallows(frame):
            return False
    return raising


def escapes(places: Places, node: f.Node) -> bool:
    """Whether an exception that the expression raises certainly leaves the function."""
    return not any(_swallows(frame) for frame in places.frames(node))


def within(places: Places, node: f.Node, manager: f.Node) -> bool:
    """Whether an expression stands in the block of the ``with`` whose manager another expression makes.

    What leaving the manager runs has no place of its own: that of the manager counts.
    """
    owners = (frame.owner for frame in places.frames(node))
    return any(item.context.at == manager.at for owner in owners if isinstance(owner, f.With) for item in owner.items)


def _may_jump(block: tuple[f.Stmt, ...]) -> bool:
    """Whether the statements may return, or go on elsewhere in the function."""
    return any(isinstance(s, f.Return) or (isinstance(s, f.Jump) and s.kind != "pass") for s in statements(block))


def _beside(frame: Frame) -> tuple[f.Stmt, ...]:
    """What of the compound statement around a block may run after it: the next turn of a loop, the ``else``."""
    match frame.owner:
        case f.For(body=body, orelse=orelse) | f.While(body=body, orelse=orelse):
            return (*body, *orelse)
        case f.Try(orelse=orelse, final=final):
            return (*orelse, *final) if frame.part == "body" else final
    return ()


def _raises(block: tuple[f.Stmt, ...]) -> bool:
    """Whether the statements, once entered, end by raising (where nothing in them returns)."""
    match block[-1] if block else None:
        case f.Raise():
            return True
        case f.If(body=first, orelse=second):
            return _raises(first) and _raises(second)
        case f.With(body=inner):
            return _raises(inner)
    return False


def _swallows(frame: Frame) -> bool:
    """Whether an exception may end at the block: a handler that does not raise, or ``contextlib.suppress``."""
    match frame.owner:
        case f.Try(handlers=handlers, final=final):
            mild = any(_may_jump(h.body) or not _raises(h.body) for h in handlers)
            return (frame.part == "body" and mild) or _may_jump(final)
        case f.With(items=items):
            return any(last_of(item.context) == "suppress" for item in items)
    return False


def _follows(mine: Frame, other: Frame) -> bool:
    """Whether one part of a compound statement runs after another."""
    if mine.owner is not other.owner:
        return True
    if isinstance(mine.owner, f.Try):
        order = {"body": 0, "orelse": 1, "handler": 2, "final": 3}
        return (mine.part != "handler" != other.part and order[mine.part] < order[other.part]) or other.part == "final"
    return isinstance(mine.owner, f.For | f.While)


def _leaves(frames: tuple[Frame, ...]) -> bool:
    """Whether the block around a place ends by leaving the function."""
    return any(exits(frame.block) for frame in frames)
