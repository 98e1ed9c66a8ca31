"""What a condition says: narrowed types, and guards on parameters (``if commit:``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.lattice import Either, Null, Unknown, Value, members, union
from persist_lint.link.sites import Guard
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator
    from persist_lint.link.sites import Flow


def guards_of(walker: Evaluator | Flow, test: f.Expr, truth: bool) -> list[Guard]:
    """The conditions on parameters that hold where ``test`` is ``truth``."""
    match test:
        case f.Name(id=name):
            sym = walker.env[name].sym if name in walker.env else ()
            return [(sym[1], "truth", truth)] if sym and sym[0] == "param" else []
        case f.Unary(op="not", operand=operand):
            return guards_of(walker, operand, not truth)
        case f.Bool(op="and", values=values) if truth:
            return [g for value in values for g in guards_of(walker, value, True)]
        case f.Bool(op="or", values=values) if not truth:
            return [g for value in values for g in guards_of(walker, value, False)]
        case f.Compare(left=f.Name(id=name), ops=(op,), rights=(f.Const(value=value),)) if name in walker.env:
            sym = walker.env[name].sym
            if sym[0] != "param" or op not in ("is", "is not", "==", "!="):
                return []
            same = truth if op in ("is", "==") else not truth
            if value is None:
                return [(sym[1], "none", same)]
            if value is True or value is False:
                return [(sym[1], "truth", same == value)]
    return []


def narrowed(walker: Evaluator, test: f.Expr, truth: bool, env: dict[str, Value]) -> None:
    """Change the environment to what is known where ``test`` is ``truth``."""
    match test:
        case f.Name(id=name) if truth and name in env:
            env[name] = without_null(env[name])
        case f.Unary(op="not", operand=operand):
            narrowed(walker, operand, not truth, env)
        case f.Bool(op="and", values=values) if truth:
            for value in values:
                narrowed(walker, value, True, env)
        case f.Bool(op="or", values=values) if not truth:
            for value in values:
                narrowed(walker, value, False, env)
        case f.Walrus(target=f.Name() as target):
            narrowed(walker, target, truth, env)
        case f.Compare(left=f.Name(id=name), ops=(op,), rights=(f.Const(value=None),)) if name in env:
            is_none = truth if op in ("is", "==") else not truth
            env[name] = Value(Null(), env[name].sym) if is_none and op in ("is", "is not") else without_null(env[name])
        case f.Call(func=f.Name(id="isinstance"), args=(f.Name(id=name), wanted)) if truth and name in env:
            parts = wanted.items if isinstance(wanted, f.Seq) else (wanted,)
            kinds = [walker.world.resolver.annotation(p, walker.function.module, walker.function) for p in parts]
            known = [k for k in kinds if not isinstance(k, Unknown)]
            if len(known) == len(kinds):
                env[name] = Value(union(known), env[name].sym)


def without_null(value: Value) -> Value:
    """The value where it is known not to be None."""
    if isinstance(value.type, Either):
        return Value(union([k for k in members(value.type) if not isinstance(k, Null)]), value.sym, value.weak)
    if isinstance(value.type, Null):
        return Value(Unknown("was None"), value.sym)
    return value


def exits(body: tuple[f.Stmt, ...]) -> bool:
    """Whether the statements never reach their end."""
    if not body:
        return False
    last = body[-1]
    match last:
        case f.Return() | f.Raise():
            return True
        case f.Jump(kind=kind):
            return kind != "pass"
        case f.If(body=first, orelse=second):
            return bool(second) and exits(first) and exits(second)
        case f.With(body=inner):
            return exits(inner)
        case f.Try(body=inner, handlers=handlers, final=final):
            return exits(final) or (exits(inner) and all(exits(h.body) for h in handlers))
    return False
