"""Calls of library functions that look like waiting and do not: asked not to wait, or working in memory."""

from __future__ import annotations

from persist_lint.link.lattice import Lib, Sym, Value, members
from persist_lint.link.libcall import LibraryCall

#: Flags of a call that make it answer at once.
NO_WAIT = frozenset({"fcntl.LOCK_NB"})
NO_TIME = (("const", 0), ("const", 0.0))
MEMORY = frozenset({"io.BytesIO", "io.StringIO"})
FILE_WORK = frozenset({"file.read", "file.write", "open"})


def happens(kind: str, call: LibraryCall) -> bool:
    """Whether an effect of a row happens at this call: no wait if asked not to, no sleep of no time (``sleep(0)``
    lets others have their turn), no file work on a buffer in memory, and no file written where none is given
    (``frame.to_csv()`` gives the text)."""
    if kind == "sleep":
        return not any(value.sym in NO_TIME for value in call.arguments(call.row.of))
    if kind == "wait":
        return not any(_denies(value.sym) for words in call.row.unless for value in call.arguments(words))
    if kind == "file.write" and call.row.key and not call.arguments(call.row.key):
        return False
    return kind not in FILE_WORK or kind == "open" or not in_memory(call)


def in_memory(call: LibraryCall) -> bool:
    """Whether the file that a call is about is a buffer in memory, also below an archive."""
    words = (call.row.key, call.row.of)
    values = [v for w in words if w for v in call.arguments(w)]
    return any(_is_memory(value) for value in (*values, *([call.bound] if call.bound is not None else [])))


def _is_memory(value: Value) -> bool:
    libraries = [kind for kind in members(value.type) if isinstance(kind, Lib)]
    names = {lib.name for lib in libraries} | {a.name for lib in libraries for a in lib.args if isinstance(a, Lib)}
    return not MEMORY.isdisjoint(names)


def _denies(sym: Sym) -> bool:
    """``False``, ``0``, or flags with one that says not to wait."""
    match sym:
        case ("const", bool() | int() | float() as value):
            return not value
        case ("global", name):
            return name in NO_WAIT
        case ("flags", *parts):
            return any(_denies(part) for part in parts)
    return False
