"""Answers that were needed while they were still being worked out.

Walks ask each other: a call asks what its callee returns, an unannotated parameter asks its callers. Where such
questions go in a circle, one of them is answered with what is known so far. Whoever asked on the way knows too little,
so that those answers are forgotten as soon as the one they waited for is there: the next who asks gets them in full.
Each is forgotten a few times at most, so that circles within circles cost as many walks, not a power of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

Key = object
MAX_FORGOTTEN = 2


class Asking:
    """The questions that are open, outermost first; ``forget`` drops the answer to one."""

    def __init__(self, forget: Callable[[Key], None]) -> None:
        self._forget = forget
        self._open: list[Key] = []
        self._places: dict[Key, int] = {}
        self._waits: dict[Key, int] = {}  # answered too early: the place of the question that they waited for
        self._waiting: dict[int, list[Key]] = {}  # the same by place
        self._forgotten: Counter[Key] = Counter()
        self._left: dict[Key, None] = {}

    def begin(self, key: Key) -> None:
        """A question is being worked out."""
        self._places[key] = len(self._open)
        self._open.append(key)

    def end(self, key: Key) -> None:
        """It is answered; what waited for it is forgotten."""
        self._open.pop()
        place = self._places.pop(key)
        for early in self._waiting.pop(place, ()):
            if self._waits.get(early) == place:
                del self._waits[early]
                self._forgotten[early] += 1
                self._forget(early)

    def again(self, key: Key) -> None:
        """It was asked again: if it is open, or waits for one that is, all that were asked since get early answers."""
        place = self._places.get(key)
        if place is None and self._waits:
            place = self._waits.get(key)
        if place is not None:
            self._early(place, place + 1)

    def cut(self) -> None:
        """Something was too deep to be looked into: every open question gets an early answer."""
        self._early(0, 0)

    def _early(self, place: int, start: int) -> None:
        for key in self._open[start:]:
            if self._forgotten[key] >= MAX_FORGOTTEN:
                self._left[key] = None
            elif self._waits.get(key, place + 1) > place:
                self._waits[key] = place
                self._waiting.setdefault(place, []).append(key)

    def retry(self) -> None:
        """Forget what was answered too early once more than it is forgotten; to be called when nothing is open."""
        left = list(self._left)
        self._left.clear()
        self._forgotten.clear()
        for key in left:
            self._forget(key)
