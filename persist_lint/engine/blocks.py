"""How far a ``# pylint: disable`` reaches.

pylint gives a message of line scope the state "off" from the comment's line to the end of the innermost syntax node
that spans this line. So a trailing comment speaks for its line, one alone on its line for the rest of its block (all
branches of an ``if`` or ``try`` included), one behind ``try:`` or ``else:`` for the rest of that statement, and one at
module level for the rest of the file. A later comment overrides an earlier one where both reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.facts.codec import decode_body
from persist_lint.model.facts import (
    Case,
    ClassDef,
    ClassFacts,
    FuncDef,
    FunctionFacts,
    Handler,
    ModuleFacts,
    Node,
    Param,
)

_Placed = Node | Handler | Case | FunctionFacts | ClassFacts | Param


class Reach:
    """Answers for one module, decoding function bodies only where a comment stands in them."""

    def __init__(self, facts: ModuleFacts) -> None:
        self._facts = facts

    def last_line(self, line: int) -> int:
        """The last line of the innermost syntax node that spans ``line``; the module's last where there is none."""
        last = self._facts.lines
        waiting = list(self._children(self._facts.body))
        place = 0
        while place < len(waiting):
            node = waiting[place]
            place += 1
            if node.at.line <= line <= node.at.end_line:
                last = node.at.end_line
                if node.at.line == node.at.end_line:
                    break
                # Only what is inside this node can be further in.
                waiting, place = list(self._inside(node)), 0
        return last

    def _inside(self, node: _Placed) -> Iterator[_Placed]:
        if isinstance(node, FunctionFacts):
            yield from self._children((node.params, node.returns, decode_body(node.body)))
        else:
            fields = [name for name in node.__struct_fields__ if name not in ("at", "decorators")]
            yield from self._children(tuple(getattr(node, name) for name in fields))

    def _children(self, value: object) -> Iterator[_Placed]:
        """The nearest nodes with a place of their own in a value of a field."""
        if isinstance(value, (FuncDef, ClassDef)):
            definition = (self._facts.functions if isinstance(value, FuncDef) else self._facts.classes)[value.index]
            # Decorators stand above the lines that a definition spans.
            yield from self._children(definition.decorators)
            yield definition
        elif isinstance(value, (Node, Handler, Case, Param)):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                yield from self._children(item)
        elif isinstance(value, Struct):
            for name in value.__struct_fields__:
                yield from self._children(getattr(value, name))
