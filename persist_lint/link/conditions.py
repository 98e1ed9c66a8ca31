"""Conditions on parameters: what a test says of them, and what a call's arguments decide.

(2, "truth", True)                    the parameter is true: ``if commit:``
(2, "none", False)                    it is not None
(2, "='flush'", True)                 it equals a constant: ``if mode == "flush":``
(("init", …), "truth", True)          a constructor's argument, kept on the instance: ``if self.autocommit:``
(("kw", …), "truth", True)            an item of ``**kwargs``: ``if kwargs.get("commit", True):``
(("all", guards), "truth", False)     not all of them hold: the ``else`` of ``if commit and not dry_run:``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from persist_lint.link.index import Function
from persist_lint.link.lattice import UNKNOWN_SYM, Coll, Data, Dict, Fn, Inst, Lib, LibClass, Null, Sym, Tup, Value
from persist_lint.link.lattice import substitute as in_terms
from persist_lint.link.sites import Guard
from persist_lint.link.tree import spelled
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator

Assumed = Mapping[tuple[int | Sym, str], bool]
#: Values of which a test may speak: arguments kept by a constructor, items of ``**kwargs``.
KEPT = frozenset({"init", "kw"})
NEGATED = {"!=": "==", "is not": "is", "not in": "in"}
MAX_GUARDS = 4


# ---------------------------------------------------------------------- what a test says


def guards_of(walker: Evaluator, test: f.Expr, truth: bool) -> list[Guard]:
    """The conditions that hold where ``test`` is ``truth``."""
    match test:
        case f.Unary(op="not", operand=operand):
            return guards_of(walker, operand, not truth)
        case f.Bool(op=op, values=values):
            if truth is (op == "and"):
                return [g for value in values for g in guards_of(walker, value, truth)]
            parts = [exact(walker, value, not truth) for value in values]
            known = [g for part in parts if part is not None for g in part]
            return [_not_all(known)] if all(part is not None for part in parts) else []
        case f.Compare(left=left, ops=(op,), rights=(right,)):
            return _compared(walker, left, op, right, truth)
        case f.Name() | f.Attr() | f.Call():
            return _named(walker, test, "truth", truth)
    return []


def exact(walker: Evaluator, test: f.Expr, truth: bool) -> list[Guard] | None:
    """Conditions that hold just where ``test`` is ``truth``; None where they would not say all."""
    match test:
        case f.Unary(op="not", operand=operand):
            return exact(walker, operand, not truth)
        case f.Compare(ops=("in" | "not in",), rights=(right,)) if not isinstance(right, f.Seq):
            return None
        case f.Bool(op=op, values=values) if truth is (op == "and"):
            parts = [exact(walker, value, truth) for value in values]
            return None if None in parts else [g for part in parts if part is not None for g in part]
    return guards_of(walker, test, truth) or None


def flag(walker: Evaluator, test: f.Expr) -> Sym:
    """The symbol of a truth value that is made of parameters: what holds where it is true, and where it is false."""
    held, failed = exact(walker, test, True), exact(walker, test, False)
    return UNKNOWN_SYM if held is None or failed is None else ("flag", tuple(held), tuple(failed))


def _not_all(guards: list[Guard]) -> Guard:
    return (
        (guards[0][0], guards[0][1], not guards[0][2]) if len(guards) == 1 else (("all", tuple(guards)), "truth", False)
    )


def _named(walker: Evaluator, expr: f.Expr, kind: str, held: bool) -> list[Guard]:
    sym = walker.symbol(expr)
    if sym[0] == "flag" and kind == "truth":
        return list(sym[1] if held else sym[2])
    subject = _subject(sym)
    return [] if subject is None else [(subject, kind, held)]


def _subject(sym: Sym) -> int | Sym | None:
    """What a guard is about: the number of a parameter, or a value that the caller can know."""
    if sym[0] == "param":
        return int(sym[1])
    return sym if sym[0] in KEPT and _root(sym) == "param" else None


def _root(sym: Sym) -> object:
    while sym[0] in KEPT and isinstance(sym[1], tuple):
        sym = sym[1]
    return sym[0]


def _compared(walker: Evaluator, left: f.Expr, op: str, right: f.Expr, truth: bool) -> list[Guard]:
    same = truth if op not in NEGATED else not truth
    plain = NEGATED.get(op, op)
    if plain == "in" and isinstance(right, f.Seq) and right.items:
        each = [_compared(walker, left, "==", item, True) for item in right.items]
        if not all(each):
            return []
        others = [(s, k, not h) for guards in each for s, k, h in guards]
        return [_not_all(others)] if same else others
    if plain == "in" and same:
        return _named(walker, left, "none", False)  # no table of names has None
    if plain not in ("is", "=="):
        return []
    match right:
        case f.Const(value=None):
            return _named(walker, left, "none", same)
        case f.Const(value=bool(value)):
            return _named(walker, left, "truth", same == value)
        case f.Const(value=value):
            return _named(walker, left, f"={value!r}", same)
        case f.Attr(value=f.Name(id=name)) if name[:1].isupper():  # a member of an enumeration
            return _named(walker, left, f"={spelled(right)!r}", same)
    return []


# ---------------------------------------------------------------------- what arguments decide


def settled(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Conditions that hold together, the compound ones made simple by the others."""
    found = dict.fromkeys(guards)
    if not any(_is_compound(subject) for subject, _, _ in found):
        return tuple(found)[:MAX_GUARDS]
    simple = {(s, k): h for s, k, h in found if not _is_compound(s)}
    left: dict[Guard, None] = {}
    for guard in found:
        if _is_compound(guard[0]):
            rest = _left(guard, simple)
            left.update(dict.fromkeys(rest or ()))
        else:
            left[guard] = None
    return tuple(left)[:MAX_GUARDS]


def translate_guards(guards: tuple[Guard, ...], callee: Function, known: dict[int, Value]) -> tuple[Guard, ...] | None:
    """A callee's conditions in the caller's terms; None where the arguments decide that they do not hold."""
    left: list[Guard] = []
    for guard in guards:
        found = _seen(guard, callee, known)
        if found is False:
            return None
        if isinstance(found, tuple):
            left += found
    return tuple(left)


def decide(guard: Guard, callee: Function, known: dict[int, Value], outer: Assumed) -> bool | None:
    """Whether a condition of the callee holds at a call, with what is assumed of the caller's own parameters."""
    found = _seen(guard, callee, known)
    if not isinstance(found, tuple):
        return found
    held = [outer.get((s, k)) for s, k, _ in found]
    if any(h is not None and h != e for h, (_, _, e) in zip(held, found, strict=True)):
        return False
    return True if found and None not in held else None


def contradicted(guard: Guard, assumed: Assumed) -> bool:
    """Whether a condition cannot hold under assumptions."""
    subject, kind, expected = guard
    if _is_compound(subject):
        return _left(guard, assumed) is None
    return assumed.get((subject, kind), expected) != expected


def _is_compound(subject: int | Sym) -> bool:
    return isinstance(subject, tuple) and subject[0] == "all"


def _left(guard: Guard, known: Assumed) -> list[Guard] | None:
    """What remains of "not all of these hold"; None where all do."""
    subject = guard[0]
    assert isinstance(subject, tuple)
    open_: list[Guard] = []
    for s, k, h in subject[1]:
        decided = known.get((s, k))
        if decided is None:
            open_.append((s, k, h))
        elif decided != h:
            return []
    return [_not_all(open_)] if open_ else None


def _seen(guard: Guard, callee: Function, known: dict[int, Value]) -> bool | tuple[Guard, ...] | None:
    """A condition as the caller knows it: decided, conditions of the caller's own, or None where nobody can say."""
    subject, kind, expected = guard
    if isinstance(subject, tuple) and subject[0] == "all":
        return _all_seen(subject[1], callee, known)
    if isinstance(subject, int):
        if subject >= len(callee.params):
            return None
        value = known.get(subject)
        if value is None:
            held = default_holds(callee, subject, kind)
            return None if held is None else held == expected
    else:
        value = Value(Data(), in_terms(subject, _symbols(subject, callee, known)))
    held = holds(value, kind)
    if held is not None:
        return held == expected
    if value.sym[0] == "flag" and kind == "truth":
        found: tuple[Guard, ...] = value.sym[1] if expected else value.sym[2]
        return found
    outer = _subject(value.sym)
    return None if outer is None else ((outer, kind, expected),)


def _symbols(subject: Sym, callee: Function, known: dict[int, Value]) -> dict[int, Sym]:
    """The symbols of what the call passes, and of the parameter asked about where it keeps its default."""
    found = {number: value.sym for number, value in known.items()}
    while isinstance(subject[1], tuple):
        subject = subject[1]
    number = subject[1]
    if subject[0] == "param" and number not in found and number < len(callee.params):
        match callee.params[number].default:
            case f.Const(value=None):
                found[number] = ("const", None)
    return found


def _all_seen(guards: tuple[Guard, ...], callee: Function, known: dict[int, Value]) -> bool | tuple[Guard, ...] | None:
    """ "Not all of these hold", as the caller knows it."""
    left: list[Guard] = []
    for guard in guards:
        found = _seen(guard, callee, known)
        if found is False:
            return True
        if found is None:
            return None
        if isinstance(found, tuple):
            left += found
    return (_not_all(left),) if left else False


def default_holds(callee: Function, number: int, kind: str) -> bool | None:
    """Whether a condition on a parameter holds by its default; None where that is not known."""
    match callee.params[number].default:
        case f.Const(value=value):
            return holds(Value(Data(), ("const", value)), kind)
        case f.Attr() as default if kind.startswith("="):
            return kind == f"={spelled(default)!r}"
    return None


def holds(value: Value, kind: str) -> bool | None:
    """Whether a condition (``truth``, ``none``, ``=constant``) holds for a value; None where that is not known."""
    if value.sym[0] == "const":
        constant = value.sym[1]
        if kind.startswith("="):
            return kind == f"={constant!r}"
        return constant is None if kind == "none" else bool(constant)
    if isinstance(value.type, Null):
        return kind == "none"
    if kind.startswith("="):
        return None
    if isinstance(value.type, Inst | Lib | Fn | LibClass | Coll) and value.sym[0] in ("new", "open"):
        return kind != "none"
    if kind == "none" and (
        isinstance(value.type, Coll | Dict | Tup) or (isinstance(value.type, Inst) and value.sym[0] == "item")
    ):
        return False
    return None
