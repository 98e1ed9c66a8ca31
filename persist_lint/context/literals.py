"""Expressions of one module as text, without running them: what is not known becomes ``{}``.

TABLE = "jobs"
op.execute(f"ALTER TABLE {TABLE} ADD {col}")      ->   "ALTER TABLE jobs ADD {}"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from persist_lint.model.facts import (
    AnnAssign,
    Assign,
    Attr,
    Bin,
    Call,
    ClassFacts,
    Const,
    DictLit,
    Expr,
    FString,
    FunctionFacts,
    IfExp,
    Import,
    ModuleFacts,
    Name,
    Seq,
    Stmt,
    Subscript,
)  # fmt: skip

Value = str | Expr
Env = dict[str, Value]

_TEXT_MAKERS = frozenset({"text", "dedent", "cleandoc", "str", "SQL", "TextClause"})
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0-9.]*([sdrif%])")
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_DEEPEST = 40


def bindings(body: Iterable[Stmt]) -> dict[str, Expr]:
    """The names that statements bind to a single value, with the last one's expression."""
    found: dict[str, Expr] = {}
    for statement in body:
        if isinstance(statement, Assign):
            for target in statement.targets:
                if isinstance(target, Name):
                    found[target.id] = statement.value
        elif isinstance(statement, AnnAssign) and isinstance(statement.target, Name) and statement.value is not None:
            found[statement.target.id] = statement.value
    return found


class Reader:
    """Reads expressions of one module. ``modules`` serves constants that it imports from the project."""

    def __init__(self, path: str, facts: ModuleFacts, modules: Mapping[str, ModuleFacts]) -> None:
        self.path = path
        self.facts = facts
        self.functions: dict[str, FunctionFacts] = {f.name: f for f in facts.functions if f.parent < 0 and f.owner < 0}
        self.classes: dict[str, ClassFacts] = {c.name: c for c in facts.classes}
        self._modules = modules
        self._constants = bindings(facts.body)
        self._imports: dict[str, Import] = {i.binds: i for i in facts.imports if i.name is not None}

    def value(self, expr: Expr, env: Env, depth: int = 0) -> Value:
        """What a name stands for: text, or the expression behind it."""
        text = self.text(expr, env, depth)
        if text is not None:
            return text
        if isinstance(expr, Name) and depth < _DEEPEST:
            bound = env.get(expr.id, self._constants.get(expr.id))
            if bound is not None and not isinstance(bound, str):
                return self.value(bound, env if expr.id not in env else {}, depth + 1)
            return bound if isinstance(bound, str) else expr
        return expr

    def text(self, expr: Expr | None, env: Env, depth: int = 0) -> str | None:
        """The text of an expression, with ``{}`` for its unknown parts; None when it is not known to be text."""
        if depth > _DEEPEST:
            return None
        match expr:
            case Const(value=str() as value):
                return value
            case Const(value=int() | float() as number):
                return str(number)
            case Name(id=name):
                return self._named(name, env, depth)
            case FString(parts=parts):
                return "".join(self.part(part, env, depth) for part in parts)
            case Bin(op="+", left=left, right=right):
                first, second = self.text(left, env, depth + 1), self.text(right, env, depth + 1)
                return None if first is None and second is None else f"{_or_hole(first)}{_or_hole(second)}"
            case Bin(op="%", left=left, right=right):
                return self._percent(self.text(left, env, depth + 1), right, env, depth)
            case IfExp(body=body, orelse=orelse):
                found = self.text(body, env, depth + 1)
                return self.text(orelse, env, depth + 1) if found is None else found
            case Call():
                return self._call(expr, env, depth)
            case Attr(value=Name(id=owner), name=name) if owner in self.classes:
                bound = bindings(self.classes[owner].body).get(name)
                return self.text(bound, {}, depth + 1)
            case Subscript(value=Name() as holder, index=index):
                return self._item(holder, index, env, depth)
        return None

    def part(self, expr: Expr, env: Env, depth: int = 0) -> str:
        """As ``text``, with a hole for what is not known at all."""
        return _or_hole(self.text(expr, env, depth + 1))

    def _named(self, name: str, env: Env, depth: int) -> str | None:
        if name in env:
            bound = env[name]
            if isinstance(bound, str):
                return bound
            own = isinstance(bound, Name) and bound.id == name
            return None if own else self.text(bound, {key: env[key] for key in env if key != name}, depth + 1)
        if name in self._constants:
            return self.text(self._constants[name], {}, depth + 1)
        return self._imported(name, depth)

    def _imported(self, name: str, depth: int) -> str | None:
        made = self._imports.get(name)
        if made is None or made.name is None:
            return None
        path = self._module_path(made)
        if path is None or path == self.path:
            return None
        other = Reader(path, self._modules[path], self._modules)
        return other.text(other._constants.get(made.name), {}, depth + 5)

    def _module_path(self, made: Import) -> str | None:
        """The project file an import names: relative ones from here, absolute ones the shortest path."""
        inner = made.module.replace(".", "/")
        if made.level:
            base = PurePosixPath(self.path)
            for _ in range(made.level):
                base = base.parent
            candidates = [str(base / inner) if inner else str(base)]
            return next((p for c in candidates for p in (f"{c}.py", f"{c}/__init__.py") if p in self._modules), None)
        endings = (f"{inner}.py", f"{inner}/__init__.py")
        tails = tuple(f"/{end}" for end in endings)
        found = [p for p in self._modules if p.endswith(tails) or p in endings]
        return min(found, key=lambda path: (len(path), path), default=None)

    def _call(self, call: Call, env: Env, depth: int) -> str | None:
        name = call.func.name if isinstance(call.func, Attr) else call.func.id if isinstance(call.func, Name) else ""
        if name == "DDL" and call.args:
            inner = self.text(call.args[0], env, depth + 1)
            return None if inner is None else inner.replace("%%", "%")
        if name in _TEXT_MAKERS and call.args:
            return self.text(call.args[0], env, depth + 1)
        if not isinstance(call.func, Attr):
            return None
        receiver = self.text(call.func.value, env, depth + 1)
        if receiver is None:
            return None
        if name == "format":
            return self._format(receiver, call, env, depth)
        if name == "join" and call.args:
            items = self.items(call.args[0], env)
            return None if items is None else receiver.join(_or_hole(self.text(i, env, depth + 1)) for i in items)
        if name == "replace" and len(call.args) == 2:
            old, new = (self.text(arg, env, depth + 1) for arg in call.args)
            return receiver.replace(old, _or_hole(new)) if old else receiver
        if name in {"strip", "lstrip", "rstrip", "lower", "upper"} and not call.args:
            return str(getattr(receiver, name)())
        return receiver if name in {"strip", "bindparams", "execution_options"} else None

    def _format(self, receiver: str, call: Call, env: Env, depth: int) -> str:
        named = {keyword.name: keyword.value for keyword in call.keywords if keyword.name}
        count = iter(range(len(call.args)))

        def field(match: re.Match[str]) -> str:
            if match.group() in {"{{", "}}"}:
                return match.group()[0]
            key = re.split(r"[!:.\[]", match.group(1))[0]
            if key in named:
                return self.part(named[key], env, depth)
            index = int(key) if key.isdecimal() else next(count, -1) if not key else -1
            return self.part(call.args[index], env, depth) if 0 <= index < len(call.args) else "{}"

        return _FIELD.sub(field, receiver)

    def _percent(self, receiver: str | None, right: Expr, env: Env, depth: int) -> str | None:
        if receiver is None:
            return None
        value = self.value(right, env, depth + 1)
        named: dict[str, Expr] = {}
        items: list[Expr] = []
        if isinstance(value, DictLit):
            named = {k.value: v for k, v in zip(value.keys, value.values, strict=True)
                     if isinstance(k, Const) and isinstance(k.value, str)}  # fmt: skip
        elif isinstance(value, Seq) and value.kind == "tuple":
            items = list(value.items)
        else:
            items = [right]
        rest = iter(items)

        def field(match: re.Match[str]) -> str:
            if match.group(2) == "%":
                return "%"
            found = named.get(match.group(1)) if match.group(1) else next(rest, None)
            return "{}" if found is None else self.part(found, env, depth)

        return _PERCENT.sub(field, receiver)

    def _item(self, holder: Name, index: Expr, env: Env, depth: int) -> str | None:
        value = self.value(holder, env, depth + 1)
        if isinstance(value, DictLit) and (key := self.text(index, env, depth + 1)) is not None:
            for at, candidate in zip(value.keys, value.values, strict=True):
                if isinstance(at, Const) and at.value == key:
                    return self.text(candidate, env, depth + 1)
        return None

    def items(self, expr: Expr, env: Env) -> tuple[Expr, ...] | None:
        """The elements of a literal collection (of a dict's keys, or of its items as pairs); None when not literal."""
        value = self.value(expr, env)
        match value:
            case Seq(items=items):
                return items
            case DictLit(keys=keys):
                return tuple(key for key in keys if key is not None)
            case Call(func=Attr(value=holder, name="items" | "values" | "keys" as name)):
                inner = self.value(holder, env)
                if not isinstance(inner, DictLit):
                    return None
                if name == "values":
                    return inner.values
                pairs = [(k, v) for k, v in zip(inner.keys, inner.values, strict=True) if k is not None]
                return tuple(k if name == "keys" else Seq(inner.at, "tuple", (k, v)) for k, v in pairs)
            case Call(func=Name(id="sorted" | "list" | "tuple" | "reversed" | "set" | "frozenset"), args=(only,)):
                return self.items(only, env)
        return None


def _or_hole(text: str | None) -> str:
    return "{}" if text is None else text
