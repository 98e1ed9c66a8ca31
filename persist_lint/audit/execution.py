"""Rule 6: signs that a finding of six named checks does less harm where it runs than its rule assumed.

Four signs are known, each counts once: the function sets something up, the file holds background work, a timeout or
another safeguard is near, the data is small. A sign that has already set the severity does not count again: two rules
(``redundant-entity-fetch``, ``blocking-io-in-async``) grade by where the code runs, MEDIUM in jobs and background
work. When such a finding is MEDIUM and all its known entry points are of that sort, the rule has used that knowledge,
and neither the folder nor the function's name says anything new.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from persist_lint.model.analysis import FunctionNote
from persist_lint.model.finding import Finding
from persist_lint.model.severity import Severity

#: Entry points that make code hot; a dependency runs within the request.
HOT = frozenset({"request", "websocket", "stream", "worker", "dependency"})

#: The rules of the six checks that Rule 6 names, in REPORT's order: blocking_io_in_async, redundant_fetch,
#: scope_too_wide, missing_to_thread, resource_scope_mismatch, streaming_resource_holding.
APPLIES_TO = frozenset(
    {
        "blocking-io-in-async",
        "redundant-entity-fetch",
        "transaction-too-wide",
        "cpu-bound-in-async",
        "resource-scope-mismatch",
        "streaming-resource-holding",
    }
)
_GRADED_BY_PLACE = frozenset({"blocking-io-in-async", "redundant-entity-fetch"})
_JOB_KINDS = frozenset({"background", "worker", "scheduled", "cli", "startup", "migration"})

_SETUP_NAMES = ("setup", "bootstrap", "migrate")
_JOB_FOLDERS = frozenset({"tasks", "jobs", "cron"})
_TIMEOUT_WORDS = ("timeout", "deadline")
_TIMEOUT_CALLS = frozenset({"wait_for", "fail_after", "fail_at", "move_on_after", "move_on_at"})
_GUARD_WORDS = ("timeout", "deadline", "semaphore", "limiter", "breaker")
#: Calls whose argument bounds how much is handled; all of them require it, so that a constant can be trusted to be it.
_ITEM_BOUNDS = frozenset({"limit", "fetchmany", "islice", "nlargest", "nsmallest"})
_BYTE_BOUNDS = frozenset({"recv", "readexactly"})
_FEW_ITEMS = 100
_FEW_BYTES = 100 * 1024


def signals(finding: Finding, note: FunctionNote | None) -> tuple[str, ...]:
    """The signs of harmless context that count for a finding, one sentence each, in a fixed order; () for others.

    ``note`` is what the run recorded of the enclosing function; without it only names can speak.
    """
    if finding.rule not in APPLIES_TO:
        return ()
    found = [] if _place_already_counted(finding) else [_function_sign(finding), _folder_sign(finding)]
    if note is not None:
        found += [_safeguard_sign(finding, note), _small_data_sign(note)]
    return tuple(sign for sign in found if sign)


def _place_already_counted(finding: Finding) -> bool:
    kinds = {entry.kind for entry in finding.entry_points}
    graded = finding.rule in _GRADED_BY_PLACE and finding.severity == Severity.MEDIUM
    return graded and bool(kinds) and kinds <= _JOB_KINDS


def _function_sign(finding: Finding) -> str:
    name = _last(finding.function)
    plain = name.lstrip("_")
    if name == "__init__" or any(plain == word or plain.startswith(word + "_") for word in _SETUP_NAMES):
        return f"function {name} sets up"
    return ""


def _folder_sign(finding: Finding) -> str:
    folder = next((part for part in PurePosixPath(finding.path).parts[:-1] if part in _JOB_FOLDERS), None)
    return f"file lies in {folder}/" if folder else ""


def _safeguard_sign(finding: Finding, note: FunctionNote) -> str:
    line = finding.span.line
    for first, last, name in sorted(note.guards):
        if first <= line <= last and (_is_timeout(name) or any(word in name.lower() for word in _GUARD_WORDS)):
            return f"safeguard {name} around line {line}"
    call = min((name for name in note.calls if _is_timeout(name)), default=None)
    if call is not None:
        return f"safeguard {call} in the same function"
    keyword = min((word for word in note.keywords if _has(word, _TIMEOUT_WORDS)), default=None)
    return f"safeguard {keyword}= in the same function" if keyword is not None else ""


def _small_data_sign(note: FunctionNote) -> str:
    bounding = {_last(name) for name in note.calls}
    # Every constant must be small: which of them is the bound is not known.
    largest = max(note.constants, default=0)
    if 0 < largest < _FEW_ITEMS and bounding & _ITEM_BOUNDS:
        return f"data is small: {min(bounding & _ITEM_BOUNDS)} with at most {largest} items"
    if 0 < largest < _FEW_BYTES and bounding & _BYTE_BOUNDS:
        return f"data is small: {min(bounding & _BYTE_BOUNDS)} with at most {largest} bytes"
    return ""


def _is_timeout(dotted: str) -> bool:
    name = _last(dotted)
    return name in _TIMEOUT_CALLS or (_has(name, _TIMEOUT_WORDS) and not name.endswith(("Error", "Exception")))


def _has(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
