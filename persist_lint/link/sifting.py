"""Conditions on rows that a WHERE could say: ``[job for job in jobs if job.state == DONE and job.owner_id in ids]``.

Only comparisons of columns with what does not depend on the row count, and predicates of the project that look at
nothing but columns: whatever SQL may be unable to say is no filter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.places import read_names
from persist_lint.link.tree import post_order, statements
from persist_lint.link.uses_of_rows import Ref
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.trails import Trail

OPS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"})
#: Methods of text that have a counterpart in SQL.
TEXTUAL = frozenset({"lower", "upper", "strip", "startswith", "endswith"})
EXCLUDING = frozenset({"!=", "not in", "is not"})
Names = tuple[str, ...]


def sifted(trail: Trail, comp: f.Comp, generator: f.Generator, word: str) -> Names | None:
    """The columns that a comprehension filters by; None where it takes all rows or asks what SQL cannot."""
    if not isinstance(generator.target, f.Name):
        return None
    tests = [*generator.ifs, *([comp.elt] if word in ("any", "all") else [])]
    found = [_columns(trail, test, generator.target.id) for test in tests]
    return _joined(found) if found else None


def looked_for(trail: Trail, loop: f.For, ref: Ref) -> Names | None:
    """The columns by which a loop passes over rows before it does anything: ``if row.done: continue``."""
    if not isinstance(loop.target, f.Name) or loop.orelse:
        return None
    name = loop.target.id
    match loop.body:
        case (f.If(test=test, body=(f.Jump(kind="continue"),), orelse=()), _, *_):
            return _columns(trail, test, name, False)
        case (f.If(test=test, orelse=()),):
            return _columns(trail, test, name)
    return None


def once_per_key(loop: f.For) -> bool:
    """Whether a loop keeps one row per key: ``if row.key not in latest: latest[row.key] = row``."""
    match loop.body:
        case (f.If(test=f.Compare(ops=("in" | "not in",)) as test), *_):
            tested = {node.id for node in post_order(test) if isinstance(node, f.Name)}
            return bool(tested & _filled(loop))
    return False


def _filled(loop: f.For) -> set[str]:
    """The collections that the body of a loop puts something into."""
    found: set[str] = set()
    for statement in statements(loop.body):
        match statement:
            case f.Assign(targets=(f.Subscript(value=f.Name(id=name)),)):
                found.add(name)
            case f.ExprStmt(value=f.Call(func=f.Attr(value=f.Name(id=name), name="add" | "append"))):
                found.add(name)
    return found


def excludes(node: f.For | f.Comp, flags: frozenset[str]) -> bool:
    """Whether a filter only leaves some out (``!=``, ``not in``, ``is not None``): most rows may be used after all.

    ``flags`` are the boolean columns; of any other column its truth only says that there is something.
    """
    match node:
        case f.For(body=(f.If(test=test, body=(f.Jump(kind="continue"),)), *_)):
            return _leaves_out(test, False, flags)
        case f.For(body=(f.If(test=test),)):
            return _leaves_out(test, True, flags)
        case f.Comp(generators=(one,)):
            return bool(one.ifs) and all(_leaves_out(test, True, flags) for test in one.ifs)
    return False


def _leaves_out(test: f.Expr, wanted: bool, flags: frozenset[str]) -> bool:
    """Whether that a condition is ``wanted`` only says what an item is not."""
    match test:
        case f.Unary(op="not", operand=operand):
            return _leaves_out(operand, not wanted, flags)
        case f.Bool(values=values):
            return all(_leaves_out(value, wanted, flags) for value in values)
        case f.Compare(ops=(op,)):
            return (op in EXCLUDING) is wanted
        case f.Attr(name=name):
            return wanted and name not in flags
    return False


def _joined(found: list[Names | None]) -> Names | None:
    known = [names for names in found if names is not None]
    return tuple(dict.fromkeys(n for names in known for n in names)) if len(known) == len(found) else None


def _columns(trail: Trail, test: f.Expr, name: str, wanted: bool = True) -> Names | None:
    """The columns of the item by which a condition decides; None where something else may let all items pass."""
    match test:
        case f.Unary(op="not", operand=operand):
            return _columns(trail, operand, name, not wanted)
        case f.Bool(op=op, values=values):
            if (op == "or") is wanted and not all(name in read_names(value) for value in values):
                return None  # ``row.owner_id == user.id or user.is_admin``
            return _joined([_columns(trail, v, name, wanted) if name in read_names(v) else () for v in values]) or None
        case f.Compare(left=left, ops=(op,), rights=(right,)) if op in OPS:
            return _compared(trail, left, right, name)
        case f.Attr():
            column = _column(trail, test, name)
            return (column,) if column else None
        case f.Call(func=f.Attr(name=method), args=args) if method in ("startswith", "endswith"):
            column = _column(trail, test, name)
            return (column,) if column and not any(name in read_names(a) for a in args) else None
        case f.Call():
            return _predicate(trail, test, name)
    return None


def _compared(trail: Trail, left: f.Expr, right: f.Expr, name: str) -> Names | None:
    sides = [side for side in (left, right) if name in read_names(side)]
    columns = [_column(trail, side, name) for side in sides]
    return tuple(columns) if columns and all(columns) else None


def _column(trail: Trail, expr: f.Expr, name: str) -> str:
    """The column that an expression is of the item named so, perhaps in lower case; "" for anything else."""
    match expr:
        case f.Attr(value=f.Name(id=item), name=attribute) if item == name:
            return "" if trail.sites.get(expr) is not None else attribute
        case f.Call(func=f.Attr(value=inner, name=method)) if method in TEXTUAL:
            return _column(trail, inner, name)
    return ""


def _predicate(trail: Trail, call: f.Call, name: str) -> Names | None:
    """``is_late(job)``: a function of the project that only looks at columns of its one argument, and calls nothing."""
    match call:
        case f.Call(args=(f.Name(id=item),), keywords=()) if item == name:
            pass
        case _:
            return None
    site = trail.sites.get(call)
    functions = [] if site is None else [t.function for t in site.targets]
    if len(functions) != 1 or functions[0] is None or not functions[0].params:
        return None
    body = functions[0].body
    if len(list(statements(body))) > 2 or not isinstance(body[-1], f.Return) or body[-1].value is None:
        return None
    return _columns(trail.following.trail(functions[0]), body[-1].value, functions[0].params[0].name)
