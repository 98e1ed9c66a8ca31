"""How far pylint's comments reach: compared with pylint itself, which reports a message for every line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engine.make import finding, rule
from pylint.checkers import BaseRawFileChecker
from pylint.lint import PyLinter
from pylint.reporters import CollectingReporter

from persist_lint.engine.config import Config
from persist_lint.engine.select import selection
from persist_lint.engine.suppression import apply
from persist_lint.facts.build import module_facts

SOURCE = """\
import os  # pylint: disable=n-update-loop

def plain(a, b):
    # pylint: disable=n-update-loop
    first = a
    return first

def trailing(a):  # pylint: disable=W7102
    return a

class Repo:
    # pylint: disable=persist-query
    limit = 3

    def get(self):
        # pylint: enable=n-update-loop
        return self.limit

    def put(self):
        return self.limit

def branches(a):
    if a:
        one = 1
        # pylint: disable=n-update-loop
        two = 2
    else:
        three = 3
    try:  # pylint: disable=n-update-loop
        four = call(
            one,
            # pylint: disable=n-update-loop
            two,
            three,
        )
    except ValueError:
        five = 5
    finally:
        six = 6
    for x in a:
        # pylint: disable=n-update-loop
        with x:
            seven = 7
            # pylint: enable=n-update-loop
            eight = 8
        nine = 9
    # pylint: disable-next=n-update-loop
    ten = [
        1,
        2,  # pylint: disable=n-update-loop
        3,
    ]
    match a:
        case 1:
            # pylint: disable=n-update-loop
            eleven = 11
        case 2:
            twelve = 12
    while a:
        pass
    else:  # pylint: disable=n-update-loop
        thirteen = 13
    return lambda: (
        # pylint: disable=n-update-loop
        four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen
    )

@decorated(
    # pylint: disable=n-update-loop
    os
)
def last(
    a,
    b=1,  # pylint: disable=n-update-loop
):
    return a

# a word  # pylint: disable=n-update-loop,unused-import
x = 1
"""


class EveryLine(BaseRawFileChecker):
    name = "persist-query"
    msgs: ClassVar = {"W7102": ("line", "n-update-loop", "help")}

    def process_module(self, node) -> None:
        for line in range(1, len(SOURCE.splitlines()) + 1):
            self.add_message("n-update-loop", line=line)


def test_the_same_lines_as_pylint(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(SOURCE)
    linter = PyLinter()
    linter.set_reporter(CollectingReporter())
    linter.register_checker(EveryLine(linter))
    linter.disable("all")
    linter.enable("n-update-loop")
    linter.check([str(path)])
    loud = {message.line for message in linter.reporter.messages}
    # A finding never stands on a line that is only a comment.
    lines = [number for number, line in enumerate(SOURCE.splitlines(), 1) if line and line.strip()[:1] != "#"]

    known = rule(102, "n-update-loop")
    facts = module_facts(SOURCE.encode())
    findings = [finding(known, "program.py", line) for line in lines]
    ours = apply(findings, {"program.py": facts}, ["program.py"], selection(Config(), [known]), frozenset())

    assert [one.span.line for one in ours.findings] == [line for line in lines if line in loud]
