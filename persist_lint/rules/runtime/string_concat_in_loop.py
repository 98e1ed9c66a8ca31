"""A text that is copied in every turn of a loop to become longer.

What: ``+=`` of text on an attribute, an element, a global or a captured variable, of bytes, ``s = part + s``,
``s = s + a + b`` or ``s = f"{s}{part}"`` in a loop with many turns.

Why: text cannot be changed, so each turn makes a new one and copies what is there: ten times the turns take a hundred
times as long. CPython extends a text in place only where a plain local is the one reference to it.

Instead: collect the parts in a list and join them once: ``"".join(parts)``; for bytes a ``bytearray``; for long texts
``io.StringIO``.

Not reported: loops with few turns; texts that the loop also cuts or empties, or uses as a whole in every turn; texts
of the loop's own item (``job.log += …``); start-up and the modules of commands. ``s += part`` on a plain local is
linear in CPython, though not in other Pythons: *possible*, and low.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.growth import Growth, growths
from persist_lint.link.project import Project
from persist_lint.link.repetition import graded, speaks
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=304,
    name="string-concat-in-loop",
    family=Family.RUNTIME,
    check="string_concat_in_loop",
    title="A text is copied in every turn of a loop",
    effort=Effort.S,
    principle="Runtime Performance / Memory Allocation",
    severities=(
        (Severity.MEDIUM, "where every turn copies the text"),
        (Severity.LOW, "where only commands lead; on a plain local, which CPython extends in place (possible)"),
    ),
    recommendation='Collect the parts in a list and join them once after the loop: "".join(parts).',
    sources=("https://docs.python.org/3/library/stdtypes.html#common-sequence-operations",),
    bad="""
class Report:
    def __init__(self) -> None:
        self.text = ""

    async def write(self, lines: list[str]) -> None:
        for line in lines:
            self.text += line  # error: [string-concat-in-loop]
""",
    good="""
class Report:
    def __init__(self) -> None:
        self.text = ""

    async def write(self, lines: list[str]) -> None:
        self.text += "".join(lines)
""",
)
BYTES = "Collect them in a bytearray: data = bytearray(), data += part; bytes(data) once after the loop."


def check(project: Project) -> Iterator[Finding]:
    """One finding per text and loop."""
    for function in project.all_functions():
        if speaks(function):
            for growth in growths(project.world, function.function):
                yield _finding(function, growth)


def _finding(function: FunctionView, growth: Growth) -> Finding:
    lines = dict.fromkeys(str(at.line) for at in growth.more if at.line != growth.at.line)
    more = f" (as in lines {', '.join(lines)})" if lines else ""
    why = growth.why or "CPython extends a plain local in place, other Pythons copy all of it"
    message = f"{growth.target} grows in every turn of the loop in line {growth.loop.at.line}{more}: {why}"
    likely = Confidence.DEFINITE if growth.sure else Confidence.PROBABLE
    return function.finding(
        RULE,
        growth.at,
        message,
        graded(function, Severity.MEDIUM) if growth.why else Severity.LOW,
        trace=[function.step(growth.loop.at, "repeats it")],
        recommendation=BYTES if growth.kind == "bytes" else "",
        confidence=likely if growth.why else Confidence.POSSIBLE,
    )
