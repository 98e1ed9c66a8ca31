"""Whether what happens at one place of a function has happened when another place is reached."""

from __future__ import annotations

from persist_lint.link.narrow import exits
from persist_lint.link.places import Frame, Places
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
