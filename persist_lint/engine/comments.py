"""The three spellings of suppression, read.

    # persist-lint: ignore[n-update-loop] the API has no bulk call    # persist-lint: ignore-file[PSL3] generated client
    # noqa: PSL102,E501         # noqa          # flake8: noqa        (flake8's grammar)
    # pylint: disable=n-update-loop,W7101      # pylint: disable-next=…    enable=…    skip-file     (pylint's grammar)

One comment can hold several directives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from persist_lint.model.facts import Comment

Kind = Literal["noqa", "pylint", "persist-lint"]
Action = Literal["ignore", "ignore-file", "disable", "disable-next", "enable"]

# flake8.defaults.NOQA_INLINE_REGEXP and NOQA_FILE; the latter has to stand alone on its line.
_NOQA = re.compile(r"# noqa(?::[\s]?(?P<codes>([A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_NOQA_FILE = re.compile(r"# flake8[:=]\s*noqa", re.IGNORECASE)
_OWN = re.compile(
    r"#\s*persist-lint\s*:\s*(?P<action>ignore-file|ignore)\b(?:\s*\[(?P<rules>[^\]#]*)\])?(?P<reason>[^#]*)"
)
# pylint.utils.pragma_parser: what follows "pylint:" up to ; or #, cut into keywords, names and equals signs.
_PYLINT = re.compile(r"\bpylint:\s*([^;#\n]+)")
_PYLINT_TOKEN = re.compile(
    r"(?P<keyword>\b(?:disable-next|disable-msg|disable-all|enable-msg|skip-file|disable|enable)\b)"
    r"|(?P<message>[0-9A-Za-z\-_]{2,})|(?P<assign>=)|(?P<number>[CREIWF]\d*)"
)
_WHOLE_FILE = ("skip-file", "disable-all")
_ACTIONS: dict[str, Action] = {
    "disable": "disable",
    "disable-msg": "disable",
    "disable-next": "disable-next",
    "enable": "enable",
    "enable-msg": "enable",
}


class Directive(Struct, frozen=True):
    """What one comment asks for. No ``selectors``: everything. ``reason`` is None where none is given."""

    kind: Kind
    action: Action
    selectors: tuple[str, ...]
    line: int
    alone: bool
    reason: str | None = None


def directives(comment: Comment) -> Iterator[Directive]:
    """What a comment asks for, in the order of its text; nothing where it is about something else."""
    yield from _own(comment)
    yield from _noqa(comment)
    yield from _pylint(comment)


def _own(comment: Comment) -> Iterator[Directive]:
    for match in _OWN.finditer(comment.text):
        rules = match["rules"]
        selectors = tuple(part for part in re.split(r"[,\s]+", rules or "") if part)
        if rules is not None and not selectors:
            continue
        action: Action = "ignore-file" if match["action"] == "ignore-file" else "ignore"
        reason = match["reason"].strip(" \t:,;-–—") or None
        yield Directive("persist-lint", action, selectors, comment.line, comment.alone, reason)


def _noqa(comment: Comment) -> Iterator[Directive]:
    if comment.alone and _NOQA_FILE.match(comment.text):
        yield Directive("noqa", "ignore-file", (), comment.line, True)
    match = _NOQA.search(comment.text)
    if match is not None:
        codes = tuple(part.upper() for part in re.split(r"[,\s]+", match["codes"] or "") if part)
        yield Directive("noqa", "ignore", codes, comment.line, comment.alone)


def _pylint(comment: Comment) -> Iterator[Directive]:
    match = _PYLINT.search(comment.text)
    if match is None:
        return
    for keyword, messages in _pragmas(match[1]):
        if keyword in _WHOLE_FILE or (keyword.startswith("disable") and "all" in messages):
            yield Directive("pylint", "ignore-file", (), comment.line, comment.alone)
        elif messages:
            yield Directive("pylint", _ACTIONS[keyword], tuple(messages), comment.line, comment.alone)


def _pragmas(text: str) -> Iterator[tuple[str, list[str]]]:
    """(keyword, message names), as far as pylint would get before it finds fault with the text."""
    keyword = ""
    messages: list[str] = []
    assignable = False
    for token in _PYLINT_TOKEN.finditer(text):
        if token.lastgroup == "assign":
            if not assignable:
                return
            assignable = False
        elif assignable:
            return
        elif token.lastgroup == "keyword":
            if keyword:
                yield keyword, messages
            keyword, messages = token[0], []
            assignable = keyword not in _WHOLE_FILE
        else:
            messages.append(token[0])
    if keyword:
        yield keyword, messages
