"""What the tests ask that let a write through: for a limit, for a row that is missing, for a state.

if order.status == Status.lost: raise …     asks for a state; where no code sets it, none can slip in between
if order.status == Status.paid: continue    asks for the very state that is set next: both callers write the same
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from persist_lint.link.derived import Column
from persist_lint.link.tree import heads, post_order, spelled, statements
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.project import Project

ENUMERATED = frozenset({"status", "state", "phase", "stage"})


class States:
    """Which members of enumerations a project's code ever uses other than in comparisons."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[str, str], bool] = {}

    def never(self, test: f.Expr) -> bool:
        """Whether the test asks for one state only, which no code sets: ``x.state == State.DEAD``."""
        match _affirmed(test):
            case f.Compare(ops=("==" | "is",), rights=(right,)):
                member = _member(right)
                return member is not None and not self._is_set(*member)
        return False

    def _is_set(self, owner: str, name: str) -> bool:
        if (owner, name) not in self._known:
            self._known[owner, name] = any(_uses(one, owner, name) for one in self._statements(owner, name))
        return self._known[owner, name]

    def _statements(self, *names: str) -> Iterator[f.Stmt]:
        """What modules and classes say themselves, and the functions that mention one of the names; no tests."""
        yield from self._declarations
        for name in names:
            for function in self._project.world.mentioning(name):
                if not self._project.is_test(function.module.path):
                    yield from statements(function.body)

    @cached_property
    def _declarations(self) -> list[f.Stmt]:
        modules = (m for m in self._project.world.index.modules.values() if not self._project.is_test(m.path))
        return [
            statement
            for module in modules
            for body in (module.facts.body, *(one.facts.body for one in module.classes))
            for statement in statements(body)
        ]


def _uses(statement: f.Stmt, owner: str, name: str) -> bool:
    """Whether a statement uses a member other than to compare with it, or makes members of whatever it is given."""
    for head in heads(statement):
        compared = {id(p) for n in post_order(head) if isinstance(n, f.Compare) for p in _asked(n)}
        for node in post_order(head):
            match node:
                case f.Call(func=func) if spelled(func).rpartition(".")[2] == owner:
                    return True
                case f.Attr(name=found) if found == name and id(node) not in compared:
                    if _member(node) == (owner, name):
                        return True
    return False


def _asked(test: f.Compare) -> Iterator[f.Expr]:
    """The parts of a comparison and of the collections in it."""
    for part in (test.left, *test.rights):
        yield from post_order(part)


def _member(expr: f.Expr) -> tuple[str, str] | None:
    """Class and name of a member of an enumeration, its value taken or not: ``Status.open``, ``Status.open.value``."""
    match expr:
        case f.Attr(name="value", value=f.Attr() as inner):
            return _member(inner)
        case f.Attr(value=f.Name(id=owner) | f.Attr(name=owner), name=name) if owner[:1].isupper():
            return owner, name
    return None


def asks_for(test: f.Expr, column: Column) -> bool:
    """Whether the test compares with the very member that is written then."""
    wanted = None if column.value is None else _member(column.value)
    match _affirmed(test):
        case f.Compare(ops=("==" | "!=" | "is" | "is not",), rights=(right,)):
            return wanted is not None and _member(right) == wanted
    return False


def _affirmed(test: f.Expr) -> f.Expr:
    """A test without the ``not`` before it: what earlier guards ask comes denied."""
    while isinstance(test, f.Unary) and test.op == "not":
        test = test.operand
    return test


def compares_values(test: f.Expr) -> bool:
    """Whether a test compares with no constant: ``if x.a != wanted`` asks whether to write, not whether one may."""
    for node in post_order(test):
        if isinstance(node, f.Compare):
            for part in (node.left, *node.rights):
                if isinstance(part, f.Name) and part.id != part.id.upper():
                    others = [p for p in (node.left, *node.rights) if p is not part]
                    if not all(isinstance(p, f.Const) for p in others):
                        return True
            sides = [p for p in (node.left, *node.rights) if isinstance(p, f.Attr) and not _is_constant(p)]
            if len(sides) > 1:
                return True
    return False


def _is_constant(expr: f.Expr) -> bool:
    """A constant, or a member of a class: ``Status.open``."""
    match expr:
        case f.Const():
            return True
        case f.Attr(value=f.Name(id=name)):
            return name[:1].isupper()
        case f.Attr(value=f.Attr(name=name)):
            return name[:1].isupper()
    return False


def is_transition(column: Column) -> bool:
    """Whether a status is set to a state of the program's own."""
    named = any(column.name == word or column.name.endswith(f"_{word}") for word in ENUMERATED)
    return named and column.value is not None and _is_constant(column.value)


def said_missing(test: f.Expr, truth: bool) -> Iterator[f.Expr]:
    """The expressions that are None, empty or nought where the test is ``truth``."""
    match test:
        case f.Unary(op="not", operand=operand):
            yield from said_missing(operand, not truth)
        case f.Bool(op=op, values=values) if (op == "and") == truth:
            for value in values:
                yield from said_missing(value, truth)
        case f.Compare(left=left, ops=("is" | "==",), rights=(f.Const(value=None | 0 | False),)) if truth:
            yield left
        case f.Compare(left=left, ops=("is not" | "!=" | ">",), rights=(f.Const(value=None | 0 | False),)) if not truth:
            yield left
        case f.Name() | f.Call() | f.Await() | f.Walrus() if not truth:
            yield test


def is_limit(test: f.Expr) -> bool:
    """Whether a condition compares with a bound, and not only with none at all."""
    return any(isinstance(node, f.Compare) and node.ops[0] in ("<", "<=", ">", ">=") for node in post_order(test))
