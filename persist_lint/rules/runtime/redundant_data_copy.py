"""A collection is copied although nobody could change it under the copy's holder.

What: ``list(x)``, ``dict(x)``, ``x.copy()``, ``[*x]`` or ``deepcopy(x)`` of something that was only just made and that
nobody else has; of a local collection that is only read from there on, as is the copy; or as the only argument of a
builtin that copies it again (``sorted(list(x))``).

Why: every element is touched and held once more for nothing; ``deepcopy`` walks all that is below them as well, in pure
Python, at microseconds per value.

Instead: use the original.

Not reported: copies of parameters, attributes and whatever else has been passed on, stored, captured or returned, which
others may change; copies that are changed while the original is kept; an ``await`` before the last use; collections
that change while they are gone over; start-up and the modules of commands; ``model_dump`` and its like.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.copies import Copy, candidates, copies
from persist_lint.link.freshness import Freshness
from persist_lint.link.project import Project
from persist_lint.link.repetition import speaks
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=306,
    name="redundant-data-copy",
    family=Family.RUNTIME,
    check="redundant_data_copies",
    title="A collection that nobody else has is copied",
    effort=Effort.S,
    principle="Runtime Performance / Memory Allocation",
    severities=(
        (Severity.MEDIUM, "deepcopy, or a copy in a loop, in code of a request, stream or consumer"),
        (Severity.LOW, "elsewhere"),
    ),
    recommendation="Use the original.",
    sources=("https://docs.python.org/3/library/copy.html",),
    bad="""
async def names(rows: list[dict[str, str]]) -> list[str]:
    found = [row["name"] for row in rows]
    return sorted(list(found))  # error: [redundant-data-copy]
""",
    good="""
async def names(rows: list[dict[str, str]]) -> list[str]:
    found = [row["name"] for row in rows]
    return sorted(found)
""",
)


def check(project: Project) -> Iterator[Finding]:
    """One finding per needless copy."""
    freshness = Freshness(project.world)
    for function in project.all_functions():
        if candidates(function.function) and speaks(function):
            for copy in copies(project.world, freshness, function.function):
                yield _finding(function, copy)


def _finding(function: FunctionView, copy: Copy) -> Finding:
    repeated = copy.site is not None and any(loop.counts for loop in copy.site.loops)
    severity = Severity.MEDIUM if function.hot and (copy.kind == "deep" or repeated) else Severity.LOW
    likely = Confidence.PROBABLE if copy.kind == "deep" else Confidence.DEFINITE
    return function.finding(RULE, copy.at, _message(copy), severity, recommendation=_cure(copy), confidence=likely)


def _message(copy: Copy) -> str:
    if copy.why == "consumed":
        return f"{copy.written} is thrown away at once: {copy.by}() goes over what it gets only once"
    if copy.why == "fresh":
        return f"{copy.written} copies what {copy.by} has just made, and nobody else has"
    if copy.by:
        return f"{copy.written} is only read, and so is what it was copied from"
    return f"{copy.written} is gone over while nothing changes what it was copied from"


def _cure(copy: Copy) -> str:
    inner = copy.written.partition("(")[2].removesuffix(")") or copy.written.strip("[]{}*")
    original = copy.written.removesuffix(".copy()") if copy.kind == "copy" else inner
    return f"{copy.by}({original})." if copy.why == "consumed" else f"Use {original} itself."
