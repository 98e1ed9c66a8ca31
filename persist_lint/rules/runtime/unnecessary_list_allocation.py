"""A list that is built only to be consumed.

What: ``any([…])`` or ``all([…])``, ``set([…])`` or ``dict([…])``, and, for memory only, ``sum``, ``min``, ``max`` or
``len`` of a list comprehension.

Why: ``any`` and ``all`` could stop at the first element that decides, but the list computes them all; ``set`` and
``dict`` copy what a comprehension of their own builds directly; the others hold every element in memory at once.

Instead: ``any(… for …)``, ``{… for …}``, ``{key: value for …}``, ``sum(… for …)``, ``sum(1 for … if …)``.

Not reported: ``join``, ``tuple`` and ``sorted`` (a generator is slower there and saves nothing); comprehensions that
await; ``any`` and ``all`` over a few cheap elements, or over calls with side effects, which must all happen; start-up
and command lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.displays import builtin_calls, calls_within, candidates, inner_loops, is_plain, suspends
from persist_lint.link.project import Project
from persist_lint.link.sites import Site
from persist_lint.link.views import FunctionView
from persist_lint.model import facts as f
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=302,
    name="unnecessary-list-allocation",
    family=Family.RUNTIME,
    check="unnecessary_list_allocation",
    title="A list is built only to be consumed",
    effort=Effort.S,
    principle="Runtime Performance / Memory Allocation",
    severities=(
        (Severity.MEDIUM, "any, all, set and dict in code of a request, stream or consumer, or within a loop"),
        (Severity.LOW, "elsewhere; sum, min, max and len everywhere (memory only)"),
    ),
    recommendation="Drop the brackets, or use a set or dict comprehension.",
    sources=("https://docs.python.org/3/library/functions.html#any",),
    bad="""
async def is_late(days: list[int]) -> bool:
    return any([day > 30 for day in days])  # error: [unnecessary-list-allocation]
""",
    good="""
async def is_late(days: list[int]) -> bool:
    return any(day > 30 for day in days)
""",
)
TEXTS = {
    "any": ("every element is computed although the first true one decides", "any(… for …), without the brackets"),
    "all": ("every element is computed although the first false one decides", "all(… for …), without the brackets"),
    "set": ("the list is built only to be copied into the set", "a set comprehension: {… for …}"),
    "dict": ("the list of pairs is built only to be copied into the dict", "a dict comprehension: {key: value for …}"),
    "sum": ("all elements are held in memory to be added up", "sum(… for …), without the brackets"),
    "min": ("all elements are held in memory to find the smallest", "min(… for …), without the brackets"),
    "max": ("all elements are held in memory to find the largest", "max(… for …), without the brackets"),
    "len": ("all elements are held in memory to be counted", "sum(1 for … if …)"),
}
STOPS = ("any", "all")
MEMORY_ONLY = ("sum", "min", "max", "len")


def check(project: Project) -> Iterator[Finding]:
    """One finding per list comprehension that such a call consumes."""
    names = frozenset(TEXTS)
    for function in project.all_functions():
        if not candidates(function.function, names) or function.cold:
            continue
        for name, site, comp in builtin_calls(project.world, function.function, names):
            if _alone(name, site, comp) and not suspends(comp) and _worthwhile(function, name, comp):
                yield _finding(function, name, site, comp)


def _alone(name: str, site: Site, comp: f.Comp) -> bool:
    """Whether the list is all that the call gets: ``max([…], other)`` compares lists, ``len`` counts filtered ones."""
    if len(site.args) > 1 and name != "sum":
        return False
    if name in ("set", "dict"):
        return not site.keywords
    return name != "len" or any(clause.ifs for clause in comp.generators)


def _worthwhile(function: FunctionView, name: str, comp: f.Comp) -> bool:
    if name in ("set", "dict"):
        return True
    world, within = function.project.world, calls_within(function.project.world, function.function, comp)
    if name in STOPS and any(function.project.changes_something(site) for site in within):
        return False
    few = all(loop.bound == "small" for loop in inner_loops(world, function.function, comp))
    return not few or (name in STOPS and any(not is_plain(site) for site in within))


def _finding(function: FunctionView, name: str, site: Site, comp: f.Comp) -> Finding:
    why, cure = TEXTS[name]
    repeated = any(loop.counts for loop in site.loops)
    severity = Severity.MEDIUM if (function.hot or repeated) and name not in MEMORY_ONLY else Severity.LOW
    within = calls_within(function.project.world, function.function, comp) if name in STOPS else []
    confidence = Confidence.DEFINITE if all(is_plain(s) or s.targets for s in within) else Confidence.PROBABLE
    return function.finding(
        RULE, comp.at, f"{name}([…]): {why}", severity, recommendation=f"Write {cure}.", confidence=confidence
    )
