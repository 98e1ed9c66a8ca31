"""A memo for questions that may lead back to themselves, whose answers do not depend on which was asked first.

An answer that was found while a question above it was still open rests on a provisional one; it is not kept, so that
the same question, asked on its own later, is worked out in full.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

V = TypeVar("V")
NEVER = 1 << 30


class Answers:
    """Answers by key; keys of several kinds of question may share one memo."""

    def __init__(self) -> None:
        self._known: dict[Hashable, object] = {}
        self._open: dict[Hashable, int] = {}
        self._lowest = NEVER  # the outermost open question that the answer being worked out rests on

    def get(self, key: Hashable, work: Callable[[], V], provisional: V) -> V:
        """The answer to ``key``: known, provisional if it is being worked out just now, else what ``work`` gives."""
        if key in self._known:
            return self._known[key]  # type: ignore[return-value]
        if key in self._open:
            self._lowest = min(self._lowest, self._open[key])
            return provisional
        place = len(self._open)
        self._open[key] = place
        outer, self._lowest = self._lowest, NEVER
        try:
            value = work()
        finally:
            del self._open[key]
        if self._lowest >= place:
            self._known[key] = value
            self._lowest = NEVER
        self._lowest = min(outer, self._lowest)
        return value
