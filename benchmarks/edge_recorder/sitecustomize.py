"""Records who calls whom while a program runs; Python imports this file at its start when its folder is on PYTHONPATH.

    PERSIST_LINT_EDGES=DIR         where each process writes its lines: DIR/<process id>.jsonl
    PERSIST_LINT_EDGES_ROOTS=A:B   the folders whose Python files are the project's

Each line is one edge, written when it is first seen (a process may be killed), as a list:

    ["call", path, line of def, name, line of call, path, line of def, name, via]    project function → project function
    ["library", path, line of def, name, line of call, module, qualified name]       project function → library

``via`` names the library function which the caller called and which, in the end, called the callee; "" where nothing
but C code, or code made by ``exec`` as of dataclasses, stands between them. A generator or coroutine is called by
whoever resumes it. From Python 3.12 on by ``sys.monitoring``, below by ``sys.setprofile``; by nothing else than the
standard library.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TextIO

MAX_FRAMES = 120
TOOL = 4


class Recorder:
    """Notes each edge once."""

    def __init__(self, folder: Path, roots: tuple[str, ...]) -> None:
        self._folder = folder
        self._roots = roots
        self._own: dict[str, bool] = {}
        self._seen: set[tuple[Any, ...]] = set()
        self._file: tuple[int, TextIO] | None = None

    def is_own(self, code: CodeType) -> bool:
        """Whether the code stands in a file of the project."""
        name = code.co_filename
        if name not in self._own:
            self._own[name] = name.startswith(self._roots) and "site-packages" not in name
        return self._own[name]

    def entered(self, frame: FrameType) -> None:
        """A project function begins or goes on."""
        caller, via = frame.f_back, ""
        for _ in range(MAX_FRAMES):
            if caller is None:
                return
            if self.is_own(caller.f_code):
                self.note(("call", *_place(caller), caller.f_lineno, *_place(frame), via))
                return
            if not caller.f_code.co_filename.startswith("<"):
                via = f"{caller.f_globals.get('__name__', '?')}.{_qualified(caller.f_code)}"
            caller = caller.f_back

    def called(self, frame: FrameType, callable_: object) -> None:
        """A project function calls something that is not the project's."""
        name = named(callable_)
        if name is not None:
            self.note(("library", *_place(frame), frame.f_lineno, *name))

    def note(self, edge: tuple[Any, ...]) -> None:
        if edge not in self._seen:
            self._seen.add(edge)
            if self._file is None or self._file[0] != os.getpid():
                self._file = os.getpid(), (self._folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8")
            self._file[1].write(json.dumps(edge) + "\n")
            self._file[1].flush()


def _qualified(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)


def _place(frame: FrameType) -> tuple[str, int, str]:
    code = frame.f_code
    return code.co_filename, code.co_firstlineno, _qualified(code)


def _is_special(name: str) -> bool:
    """Whether it is a method that operators and statements call, which ``sys.monitoring`` does not take for calls."""
    last = name.rpartition(".")[2]
    return last.startswith("__") and last.endswith("__") and last not in ("__init__", "__new__", "__call__")


def named(callable_: object) -> tuple[str, str] | None:
    """Module and qualified name of something callable."""
    function = getattr(callable_, "__func__", callable_)
    owner = getattr(function, "__objclass__", None)
    if owner is None and not isinstance(function, type) and getattr(function, "__module__", None) is None:
        owner = type(getattr(function, "__self__", None))
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str):
        owner, name = type(function), f"{type(function).__qualname__}.__call__"
    module = getattr(function if owner is None else owner, "__module__", None)
    return (module, name) if isinstance(module, str) else None


def monitored(recorder: Recorder) -> None:
    """Record by ``sys.monitoring``."""
    monitoring = sys.monitoring  # type: ignore[attr-defined]
    events = monitoring.events

    def entered(code: CodeType, _: int) -> object:
        if not recorder.is_own(code):
            return monitoring.DISABLE
        recorder.entered(sys._getframe(1))
        return None

    def called(code: CodeType, _: int, callable_: object, __: object) -> object:
        if not recorder.is_own(code):
            return monitoring.DISABLE
        recorder.called(sys._getframe(1), callable_)
        return None

    monitoring.use_tool_id(TOOL, "persist-lint edges")
    for event, handler in ((events.PY_START, entered), (events.PY_RESUME, entered), (events.CALL, called)):
        monitoring.register_callback(TOOL, event, handler)
    monitoring.set_events(TOOL, events.PY_START | events.PY_RESUME | events.CALL)


def profiled(recorder: Recorder) -> None:
    """Record by ``sys.setprofile``, which knows the code of a Python callee, but not what was called."""

    def event(frame: FrameType, kind: str, argument: object) -> None:
        if kind == "call" and recorder.is_own(frame.f_code):
            recorder.entered(frame)
        elif kind == "call" and frame.f_back is not None and recorder.is_own(frame.f_back.f_code):
            module = frame.f_globals.get("__name__")
            if isinstance(module, str):
                name = _qualified(frame.f_code)
                if not _is_special(name):
                    recorder.note(("library", *_place(frame.f_back), frame.f_back.f_lineno, module, name))
        elif kind == "c_call" and recorder.is_own(frame.f_code):
            recorder.called(frame, argument)

    sys.setprofile(event)
    threading.setprofile(event)


def start() -> None:
    """Begin, where the environment asks for it."""
    folder, roots = os.environ.get("PERSIST_LINT_EDGES"), os.environ.get("PERSIST_LINT_EDGES_ROOTS")
    if folder and roots:
        recorder = Recorder(Path(folder), tuple(os.path.join(root, "") for root in roots.split(os.pathsep)))  # noqa: PTH118
        (monitored if sys.version_info >= (3, 12) else profiled)(recorder)


if __name__ == "sitecustomize":  # imported by Python itself, and by nobody who only wants a function of it
    start()
