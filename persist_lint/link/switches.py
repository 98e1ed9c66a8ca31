"""Branches that settings switch: which of them are taken with every setting at its default.

SHARING = os.getenv("SHARING", "False").lower() == "true"      if SHARING and db: …       is not taken by default

Used where a switch decides which of several sessions a function hands out; what else stands in such a branch is code
like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.choices import agreed, truth_of
from persist_lint.link.constants import Constants, Frame
from persist_lint.link.index import Function
from persist_lint.link.lattice import Inst, members
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

SETTINGS = "BaseSettings"


class Switches:
    """The answers for the whole project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._constants = Constants(world)

    def by_default(self, test: f.Expr, function: Function) -> bool | None:
        """Whether a condition in a function holds with every setting at its default; None where no setting says it."""
        match test:
            case f.Unary(op="not", operand=operand):
                held = self.by_default(operand, function)
                return None if held is None else not held
            case f.Bool(op=op, values=values):
                found = [self.by_default(value, function) for value in values]
                decisive = op == "or"
                return decisive if decisive in found else agreed(found)
            case f.Attr(value=value) if not self._is_setting(value, function):
                return None
            case f.Name() | f.Attr() | f.Call() | f.Compare():
                choices = self._constants.of(test, Frame(function))
                return agreed(truth_of(p) if p.settable else None for p in choices)
        return None

    def _is_setting(self, owner: f.Expr, function: Function) -> bool:
        """Whether it is a module or an object of a class of settings: fields of others are given by constructors."""
        kinds = members(self._world.evaluate_inside(function, owner).type)
        classes = [kind.cls for kind in kinds if isinstance(kind, Inst)]
        bases = [name for cls in classes for name in self._world.classes.library_bases(cls)]
        return not classes or any(name.rpartition(".")[2] == SETTINGS for name in bases)
