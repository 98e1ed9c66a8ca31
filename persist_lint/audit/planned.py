"""Rule 1: is a finding decided (an ADR accepts it) or planned (a roadmap item will cure it)?

One common word never suffices. Each paragraph of an ADR, together with its title, is read for three sorts of words:

    where   the finding's file, folder, module, class or function                    3 or 2 points
    what    entities, tables and channels of the project that the finding names       2 points, plain words 1
    topic   the words of the rule's name and of the finding's message                 1 point each

A paragraph matches with four points or more, of which at least one is a topic and at least one is where or what; and
unless the place is named exactly, one of the words must be rarer than "query" or "session". A decision that forbids
("must not", "never", "avoid") accepts nothing, so such sentences are left out, except in roadmaps, which plan cures.
Superseded, rejected, deprecated and withdrawn decisions do not excuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from persist_lint.audit.verdict import Reason
from persist_lint.audit.words import is_coined, prose, stem, tokens
from persist_lint.model.analysis import Analysis
from persist_lint.model.context import Adr
from persist_lint.model.finding import Finding

_NEEDED = 4
_EXACT = 3
_VOID = ("superseded", "rejected", "deprecated", "withdrawn", "obsolete", "abandoned", "cancelled")
_FORBIDS = re.compile(
    r"\b(?:must not|shall not|should not|may not|do not|don't|cannot|never|avoid\w*|forbid\w*|forbidden|prohibit\w*"
    r"|disallow\w*|no longer|banned?)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)]|#+)\s)")
_ORDINARY_FILES = frozenset(
    {"__init__.py", "main.py", "app.py", "models.py", "utils.py", "base.py", "views.py", "api.py", "db.py", "core.py"}
)
#: Words that most decisions about a database use.
_COMMON_WORDS = (
    "query", "session", "database", "data", "connection", "request", "table", "row", "entity", "statement", "load",
    "read", "write",
)  # fmt: skip
_COMMON = frozenset(stem(word) for word in _COMMON_WORDS)


class _Paragraph(Struct, frozen=True):
    """One paragraph of a decision, taken apart once for all findings.

    ``names`` are its tokens, ``folded`` the same in lower case, ``files`` and ``functions`` those that can name a
    place; ``spoken`` its plain words by stem.
    """

    names: frozenset[str]
    folded: frozenset[str]
    files: tuple[str, ...]
    functions: tuple[str, ...]
    spoken: dict[str, str]


class _Needles(Struct, frozen=True):
    """What to look for on behalf of one finding: words with points, and topics (stems)."""

    anchors: dict[str, int]
    topics: frozenset[str]


class _Hit(Struct, frozen=True):
    points: int
    anchors: tuple[str, ...]
    topics: tuple[str, ...]


class Plans:
    """The decisions and plans of one project that can excuse a finding."""

    def __init__(self, analysis: Analysis) -> None:
        adrs = sorted(analysis.surroundings.adrs, key=lambda adr: (adr.id, adr.path, adr.line))
        self._plans = [
            (adr, tuple(map(_take_apart, _paragraphs(adr)))) for adr in adrs if not adr.status.strip().startswith(_VOID)
        ]
        self._things = _project_things(analysis) if self._plans else {}

    def match(self, finding: Finding) -> Reason | None:
        """The best matching decision or plan, as a reason with its evidence; None when nothing matches."""
        if not self._plans:
            return None
        needles = _Needles(anchors=self._things_named(finding), topics=_topics(finding))
        best: tuple[int, Adr, _Hit] | None = None
        for adr, paragraphs in self._plans:
            for paragraph in paragraphs:
                hit = _judge(paragraph, finding, needles)
                if hit is not None and (best is None or hit.points > best[0]):
                    best = hit.points, adr, hit
        return None if best is None else _validation(best[1], best[2])

    def _things_named(self, finding: Finding) -> dict[str, int]:
        said = " ".join([finding.message, *(step.what for step in finding.trace)])
        names = tokens(said)
        names |= {part for name in names for part in name.split(".")}
        return {thing: points for thing, points in self._things.items() if thing in names}


def _paragraphs(adr: Adr) -> Iterator[str]:
    is_plan = "roadmap" in adr.path.lower()
    for paragraph in _PARAGRAPH_END.split(adr.text) or [""]:
        sentences = _SENTENCE_END.split(" ".join(paragraph.split()))
        kept = [sentence for sentence in sentences if is_plan or not _FORBIDS.search(sentence)]
        # A title that forbids governs the whole decision; kept sentences may still name an exception.
        title = adr.title if is_plan or not _FORBIDS.search(adr.title) else ""
        if title or any(kept):
            yield " ".join([title, *kept]).replace("\\", "/")


def _project_things(analysis: Analysis) -> dict[str, int]:
    """Names of entities, tables and channels, with the points that each is worth."""
    found = analysis.discovered
    names = [model.name.rpartition(".")[2] for model in found.models]
    names += [model.table for model in found.models if model.table]
    names += [channel.name for channel in found.channels]
    for trigger in analysis.surroundings.triggers:
        names += [trigger.table, *trigger.channels]
    return {name: 2 if is_coined(name) else 1 for name in sorted(names)}


def _take_apart(paragraph: str) -> _Paragraph:
    names = tokens(paragraph)
    return _Paragraph(
        names=frozenset(names),
        folded=frozenset(name.lower() for name in names),
        files=tuple(sorted(name for name in names if "/" in name or name.endswith(".py"))),
        functions=tuple(sorted(name for name in names if is_coined(name))),
        spoken=prose(paragraph),
    )


def _judge(paragraph: _Paragraph, finding: Finding, needles: _Needles) -> _Hit | None:
    spoken = paragraph.spoken
    if needles.topics.isdisjoint(spoken):  # most paragraphs: leave early
        return None
    where = _places(paragraph, finding) if paragraph.files or paragraph.functions else {}
    if not where and not needles.anchors:
        return None
    anchors = where | {name: points for name, points in needles.anchors.items() if _mentions(paragraph, name)}
    # A name counts once: "jobs" the table is not also the word "jobs".
    topics = (needles.topics & spoken.keys()) - {stem(name.lower()) for name in anchors}
    exact = max(where.values(), default=0) >= _EXACT
    points = sum(anchors.values()) + len(topics)
    if points < _NEEDED or not anchors or not topics or not (exact or topics - _COMMON):
        return None
    return _Hit(points, tuple(sorted(anchors)), tuple(sorted(spoken[topic] for topic in topics)))


def _places(paragraph: _Paragraph, finding: Finding) -> dict[str, int]:
    """The mentions of the finding's place; of several spellings of one place the strongest counts, not their sum."""
    files = {name: _file_points(name, finding.path) for name in paragraph.files}
    functions = {name: _function_points(name, finding.function) for name in paragraph.functions}
    return _strongest(files) | _strongest(functions)


def _strongest(points: dict[str, int]) -> dict[str, int]:
    best = max(points.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return {best[0]: best[1]} if best[1] else {}


def _file_points(token: str, path: str) -> int:
    if token == path or token.endswith("/" + path):
        return _EXACT
    if path.endswith("/" + token):
        if "/" in token:
            return _EXACT
        return 0 if token in _ORDINARY_FILES else 2
    return 2 if "/" in token and f"/{token}/" in f"/{path}" else 0


def _function_points(token: str, function: str) -> int:
    """The points of a coined name; a plain word such as ``run`` is never taken for a function."""
    parts = function.split(".")
    if "." in token and (function == token or function.endswith("." + token)):
        return _EXACT
    if "." in token and function.startswith(token + "."):
        return 2
    return 2 if token in parts[-2:] else 0


def _topics(finding: Finding) -> frozenset[str]:
    return frozenset(prose(f"{finding.rule.replace('-', ' ')} {finding.message}"))


def _mentions(paragraph: _Paragraph, thing: str) -> bool:
    if is_coined(thing):
        return thing in paragraph.names
    return not paragraph.folded.isdisjoint((thing.lower(), thing.lower() + "s"))


def _validation(adr: Adr, hit: _Hit) -> Reason:
    evidence = (
        f"{adr.id} at {adr.path}:{adr.line}: {adr.title}",
        f"it names {', '.join(hit.anchors)}",
        f"and speaks of {', '.join(hit.topics)}",
    )
    return Reason(rule="planned-or-decided", evidence=evidence, label=f"[Planned: {adr.id}]")
