"""What a condition says of types: narrowed environments, and bodies whose end is not reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persist_lint.link.lattice import Either, Inst, Null, Unknown, Value, members, union
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator


def narrowed(walker: Evaluator, test: f.Expr, truth: bool, env: dict[str, Value]) -> None:
    """Change the environment to what is known where ``test`` is ``truth``."""
    match test:
        case f.Name(id=name) if truth and name in env:
            env[name] = without_null(env[name])
        case f.Attr() if truth and (name := _kept_name(walker, test)):
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
        case f.Compare(left=f.Name() | f.Attr() as left, ops=(op,), rights=(f.Const(value=None),)):
            if name := _kept_name(walker, left):
                none = (truth if op in ("is", "==") else not truth) and op in ("is", "is not")
                env[name] = Value(Null(), env[name].sym) if none else without_null(env[name])
        case f.Call(func=f.Name(id="isinstance"), args=(f.Name() | f.Attr() as tested, wanted)):
            if name := _kept_name(walker, tested):
                env[name] = _of_class(walker, env[name], wanted, truth)


def _kept_name(walker: Evaluator, expr: f.Expr) -> str:
    """The name in the environment under which a variable, or an attribute of ``self``, is kept; "" for others."""
    match expr:
        case f.Name(id=name):
            return name if name in walker.env else ""
        case f.Attr(value=f.Name(id=base), name=attribute) if base in walker.env:
            value = walker.env[base]
            if value.sym != ("param", 0) or not isinstance(value.type, Inst):
                return ""
            name = f"self.{attribute}"
            if name not in walker.env and walker.world.classes.find_method(value.type.cls, attribute) is None:
                walker.env[name] = walker.world.instance_attribute(value, attribute)
            return name if name in walker.env else ""
    return ""


def _of_class(walker: Evaluator, value: Value, wanted: f.Expr, truth: bool) -> Value:
    """The value where ``isinstance(value, wanted)`` is ``truth``."""
    parts = wanted.items if isinstance(wanted, f.Seq) else (wanted,)
    kinds = [walker.world.resolver.annotation(p, walker.function.module, walker.function) for p in parts]
    if any(isinstance(kind, Unknown) for kind in kinds):
        return value
    if truth:
        return Value(union(kinds), value.sym)
    left = [one for one in members(value.type) if not any(walker.world.refines(one, kind) for kind in kinds)]
    return Value(union(left), value.sym, value.weak) if left else value


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
