"""Text that code puts together: URLs and channel names, with ``{}`` for the parts that are not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from persist_lint.model import facts as f

HOLE = "{}"
UNCHANGED = frozenset(
    {"strip", "lstrip", "rstrip", "render_as_string", "get_secret_value", "unicode_string", "encode", "decode"}
)
SCHEMES = frozenset({"scheme", "drivername"})


def called_text(expr: f.Call, of: Callable[[f.Expr], tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """What a call of a text method, or of something that builds a URL from its scheme, gives; None for other calls.

    ``of`` answers with the choices of an expression, as ``Constants.of`` does.
    """
    scheme = next((k.value for k in expr.keywords if k.name in SCHEMES), None)
    func = expr.func
    if scheme is None and isinstance(func, f.Attr) and func.name == "create" and expr.args and _spells_url(func.value):
        scheme = expr.args[0]
    if scheme is not None:
        return _each(of(scheme), lambda text: f"{text}://{HOLE}")
    if not isinstance(func, f.Attr):
        return None
    if func.name in UNCHANGED:
        return of(func.value)
    if func.name in ("lower", "upper"):
        lower = func.name == "lower"
        return _each(of(func.value), lambda text: text.lower() if lower else text.upper())
    if func.name == "replace" and len(expr.args) >= 2:
        old, new = of(expr.args[0]), of(expr.args[1])
        if len(old) == len(new) == 1 and isinstance(old[0].value, str) and isinstance(new[0].value, str):
            return _each(of(func.value), lambda text: text.replace(old[0].value, new[0].value))
    return None


def _spells_url(expr: f.Expr) -> bool:
    return (isinstance(expr, f.Name) and expr.id == "URL") or (isinstance(expr, f.Attr) and expr.name == "URL")


def _each(choices: tuple[Any, ...], change: Callable[[str], str]) -> tuple[Any, ...]:
    from msgspec.structs import replace

    return tuple(replace(p, value=change(p.value)) if isinstance(p.value, str) else p for p in choices)


def sum_of(left: Any, right: Any, op: str) -> Any:
    """The result of an operator on two constants; None where it is none of ours."""
    if op == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if op == "%" and isinstance(left, str):
        return left.replace("%s", HOLE)
    if op == "/" and isinstance(left, str):
        return None
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    if not numbers:
        return None
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    return left * right if op == "*" else None
