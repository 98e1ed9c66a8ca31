"""What an expression can be at run time, as far as the source says: constants, defaults of settings, templates of text.

A setting counts with its default (``pool_pre_ping: bool = False`` is off until somebody switches it on) and is marked
``settable``. Parameters are what the call at hand passes: a ``Frame`` ties a function to one call of it. Text with
unknown parts keeps ``{}`` for them.

    class Settings(BaseSettings):                     constants.of(call of create_engine, "pool_size")
        pool_size: int = 5                            → (Possible(5, settable=True),)
    create_engine(url, pool_size=settings.pool_size)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.branches import Test, assignments, under_tests
from persist_lint.link.choices import (
    ANYTHING,
    FLAG_WORDS,
    OPEN,
    Choices,
    Entries,
    Named,
    Possible,
    agreed,
    cast_to,
    is_vague,
    limited,
    merged,
    operated,
    ordered,
    same,
    settable,
    truth_of,
)  # fmt: skip
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import ClassObj, Inst, members
from persist_lint.link.names import External, Variable
from persist_lint.link.textual import HOLE, called_text
from persist_lint.link.tree import statements
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_DEPTH = 14
#: Expressions looked at for one answer: branches on values of branches multiply.
MAX_WORK = 4_000
PLAIN: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


class Frame(Struct, frozen=True, eq=False):
    """A function as one call enters it: parameter → what the call passes, said in the caller's frame."""

    function: Function
    given: dict[int, tuple[f.Expr, Frame]] = {}
    extra: tuple[tuple[str | None, f.Expr, Frame], ...] = ()
    caller: Frame | None = None
    call: f.Call | None = None

    @property
    def outermost(self) -> Function:
        """The function at the top of the chain of calls."""
        return self.function if self.caller is None else self.caller.outermost


class Constants:
    """Answers for the whole project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._depth = 0
        self._left = MAX_WORK
        self._variables: dict[tuple[str, str], list[tuple[Span, Choices]]] = {}

    def of(self, expr: f.Expr, frame: Frame) -> Choices:
        """The values that an expression may have."""
        if self._depth == 0:
            self._left = MAX_WORK
        self._left -= 1
        if self._depth > MAX_DEPTH or self._left < 0:
            return OPEN
        self._depth += 1
        try:
            found = _FORMS.get(type(expr))
            return OPEN if found is None else limited(found(self, expr, frame))
        finally:
            self._depth -= 1

    def holds(self, test: f.Expr, frame: Frame) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        match test:
            case f.Unary(op="not", operand=operand):
                inner = self.holds(operand, frame)
                return None if inner is None else not inner
            case f.Bool(op=op, values=values):
                found = [self.holds(v, frame) for v in values]
                if op == "and":
                    return False if False in found else None if None in found else True
                return True if True in found else None if None in found else False
            case f.Compare(left=left, ops=(op,), rights=(right,)):
                return self._compared(left, op, right, frame)
            case f.Call(func=f.Name(id="isinstance"), args=(value, f.Name(id=kind))) if kind in PLAIN:
                return agreed(None if is_vague(p) else isinstance(p.value, PLAIN[kind]) for p in self.of(value, frame))
        return agreed(truth_of(p) for p in self.of(test, frame))

    def _compared(self, left: f.Expr, op: str, right: f.Expr, frame: Frame) -> bool | None:
        return self._against(self.of(left, frame), op, right, frame)

    def _against(self, ours: Choices, op: str, right: f.Expr, frame: Frame) -> bool | None:
        """The answer of a comparison of known values with an expression."""
        if op in ("in", "not in"):
            return _among(ours, right, op == "in")
        theirs = self.of(right, frame)
        if op in ("is", "is not", "==", "!="):
            return agreed(same(a, b, op in ("is", "==")) for a in ours for b in theirs)
        if op in (">", "<", ">=", "<="):
            return agreed(ordered(a, b, op) for a in ours for b in theirs)
        return None

    # ------------------------------------------------------------------ names

    def name(self, expr: f.Name, frame: Frame) -> Choices:
        function = frame.function
        while True:
            number = next((i for i, p in enumerate(function.params) if p.name == expr.id), None)
            if function.is_module:
                local = self._global(function, expr.id, expr.at)
            else:
                local = self._assigned(function, expr.id, frame, expr if function is frame.function else None)
            if local:
                return local
            if number is not None:
                return self._parameter(function, number, frame)
            if function.parent is None:
                break
            function = function.parent
        bound = self._world.resolver.name(expr.id, frame.function.module, frame.function)
        if isinstance(bound, Variable):
            return self._variable(bound)
        return (Possible(Named(bound.dotted)),) if isinstance(bound, External) else OPEN

    def _variable(self, variable: Variable) -> Choices:
        return self._global(variable.module.top, variable.name, None) or OPEN

    def _global(self, top: Function, name: str, before: Span | None) -> Choices:
        """A module-level name's values before a place of its module, or at its end; () where it has none.

        What each assignment leaves is worked out once, in order: one that reads the name sees the earlier ones.
        """
        key = (top.module.path, name)
        if key not in self._variables:
            history: list[tuple[Span, Choices]] = []
            self._variables[key] = history
            history.extend(self._history(top, name, Frame(top)))
        seen = [choices for place, choices in self._variables[key] if before is None or place < before]
        return seen[-1] if seen else ()

    def _assigned(self, function: Function, name: str, frame: Frame, use: f.Expr | None) -> Choices:
        """What the assignments to a name leave in it before its use, branch by branch; () where there are none."""
        result: Choices = ()
        for place, found in self._history(function, name, frame):
            if use is not None and place >= use.at:
                break
            result = found
        return result

    def _history(self, function: Function, name: str, frame: Frame) -> Iterator[tuple[Span, Choices]]:
        """(place, what the name may be after it) per assignment, in order."""
        found: Choices = ()
        for value, tests, statement in assignments(function.body, name):
            held = [self.taken(t, frame) for t in tests]
            if False in held:
                continue
            definite = None not in held
            if isinstance(statement, f.Assign | f.AnnAssign) and not _is_item(statement):
                new = self.of(value, frame)
                found = new if definite else limited((*found, *new))
            else:
                found = self._changed(statement, value, definite, found, frame)
            yield statement.at, found

    def taken(self, test: Test, frame: Frame) -> bool | None:
        """Whether a branch is taken with every setting at its default; None where that is not known."""
        held = self.holds(test[0], frame)
        return None if held is None else held == test[1]

    def _changed(self, statement: f.Stmt, value: f.Expr, definite: bool, before: Choices, frame: Frame) -> Choices:
        """After ``name["key"] = value``, ``name.update(…)`` or ``name.setdefault(…)``."""
        known = [p.value for p in before if isinstance(p.value, Entries)]
        base = known[0] if len(known) == len(before) == 1 else Entries({}, True)
        if isinstance(statement, f.Assign) and isinstance(statement.targets[0], f.Subscript):
            key = next((p.value for p in self.of(statement.targets[0].index, frame)), None)
            if not isinstance(key, str):
                return (Possible(Entries(base.items, True)),)
            added = Entries({key: self.of(value, frame)})
        else:
            found = self.of(value, frame)
            entries = [p.value for p in found if isinstance(p.value, Entries)]
            added = entries[0] if len(entries) == len(found) == 1 else Entries({}, True)
        return (Possible(merged(base, added, definite)),)

    def _parameter(self, function: Function, number: int, frame: Frame) -> Choices:
        parameter = function.params[number]
        if parameter.kind == "kwargs" and function is frame.function:
            entries = Entries({})
            for name, expr, home in frame.extra:
                new = Entries({name: self.of(expr, home)}) if name else self.entries(expr, home)
                entries = merged(entries, new, True)
            return (Possible(entries),)
        if function is frame.function and number in frame.given:
            return self.of(*frame.given[number])
        if parameter.default is not None:
            default = self.of(parameter.default, Frame(function.module.top))
            return default if frame.call is not None and function is frame.function else limited((*default, *OPEN))
        return OPEN

    # ------------------------------------------------------------------ attributes

    def attribute(self, expr: f.Attr, frame: Frame) -> Choices:
        bound = self._world.resolver.binding(expr, frame.function.module, frame.function)
        if isinstance(bound, Variable):
            return self._variable(bound)
        if isinstance(bound, External) and not bound.dotted.startswith("builtins."):
            return (Possible(Named(bound.dotted)),)
        value = self._world.evaluate_inside(frame.function, expr.value)
        for kind in members(value.type):
            if isinstance(kind, Inst | ClassObj):
                return self._member(kind.cls, expr.name, isinstance(kind, Inst))
        return self.of(expr.value, frame) if expr.name == "value" else OPEN

    def _member(self, cls: Class, name: str, instance: bool) -> Choices:
        """The default of a field, what a property returns, what the constructor assigns."""
        method = self._world.classes.find_method(cls, name)
        if method is not None:
            return (
                self.returned(Frame(method, call=f.Call(method.facts.at, f.Other(method.facts.at), (), ())))
                if method.is_property
                else OPEN
            )
        found = self._world.classes.fields(cls).get(name)
        value = getattr(found[1], "value", None) if found is not None else None
        if found is not None and value is not None:
            choices = self.of(value, Frame(found[0].module.top))
            return settable(choices) if instance else choices
        init = self._world.classes.find_method(cls, "__init__")
        return self._from_init(init, name) if init is not None else OPEN

    def _from_init(self, init: Function, name: str) -> Choices:
        for statement in statements(init.body):
            match statement:
                case (
                    f.Assign(targets=(f.Attr(value=f.Name(id=base), name=attribute),), value=value)
                    | f.AnnAssign(target=f.Attr(value=f.Name(id=base), name=attribute), value=value)
                ) if attribute == name and base == init.params[0].name and value is not None:
                    return self.of(value, Frame(init))
        return OPEN

    # ------------------------------------------------------------------ calls

    def call(self, expr: f.Call, frame: Frame) -> Choices:
        name = self._world.resolver.dotted(expr.func, frame.function.module, frame.function)
        if name in ("os.getenv", "os.environ.get"):
            return settable(self.of(expr.args[1], frame)) if len(expr.args) > 1 else (Possible(None, True),)
        if name in _CASTS and len(expr.args) == 1:
            return tuple(cast_to(p, _CASTS[name]) for p in self.of(expr.args[0], frame))
        if name == "builtins.dict":
            return (Possible(self._display(expr, frame)),)
        callee = self._callee(expr, frame)
        if callee is not None:
            inner = self.enter(callee[0], expr, frame, callee[1])
            return OPEN if callee[0].is_generator else self.returned(inner)
        return self._library(expr, name, frame)

    def _library(self, expr: f.Call, name: str, frame: Frame) -> Choices:
        if isinstance(expr.func, f.Attr) and expr.func.name == "copy" and not expr.args:
            return self.of(expr.func.value, frame)
        text = called_text(expr, lambda e: self.of(e, frame))
        if text is not None:
            return text
        default = next((k.value for k in expr.keywords if k.name == "default"), None)
        if default is not None:
            return settable(self.of(default, frame))
        if name.rpartition(".")[2] == "Field" and expr.args:
            return settable(self.of(expr.args[0], frame))
        passing = name.rpartition(".")[2] in ("make_url", "cast", "SecretStr", "deepcopy", "copy")
        if passing and expr.args:
            return self.of(expr.args[-1], frame)
        return OPEN

    def _callee(self, expr: f.Call, frame: Frame) -> tuple[Function, bool] | None:
        """The one project function that the call runs, and whether it is bound to a receiver."""
        site = self._world.flow(frame.function).sites.get(expr)
        targets = site.targets if site is not None else ()
        found = [(t.function, t.bound is not None) for t in targets if t.function is not None and t.manner == "here"]
        return found[0] if len(found) == 1 and found[0][0].name != "__init__" else None

    def enter(self, function: Function, call: f.Call, frame: Frame, bound: bool) -> Frame:
        """The frame of a call."""
        given: dict[int, tuple[f.Expr, Frame]] = {}
        start = 1 if bound and function.is_method else 0
        places = [i for i, p in enumerate(function.params) if i >= start and p.kind in ("positional", "normal")]
        plain = [a for a in call.args if not isinstance(a, f.Star)]
        given.update({place: (arg, frame) for place, arg in zip(places, plain, strict=False)})
        by_name = {p.name: i for i, p in enumerate(function.params) if p.kind in ("normal", "keyword")}
        extra: list[tuple[str | None, f.Expr, Frame]] = []
        for keyword in call.keywords:
            if keyword.name in by_name:
                given[by_name[keyword.name]] = (keyword.value, frame)
            else:
                extra.append((keyword.name, keyword.value, frame))
        return Frame(function, given, tuple(extra), frame, call)

    def returned(self, frame: Frame) -> Choices:
        """What a function returns in a frame."""
        found: Choices = ()
        for statement, tests in under_tests(frame.function.body):
            if isinstance(statement, f.Return) and statement.value is not None:
                held = [self.taken(t, frame) for t in tests]
                if False in held:
                    continue
                found = limited((*found, *self.of(statement.value, frame)))
                if None not in held:
                    break
        return found or OPEN

    # ------------------------------------------------------------------ displays and operators

    def entries(self, expr: f.Expr, frame: Frame) -> Entries:
        """What ``**expr`` passes."""
        found = [p.value for p in self.of(expr, frame)]
        known = [v for v in found if isinstance(v, Entries)]
        if not known or len(known) < len([v for v in found if v is not None]):
            return Entries({}, True)
        result = known[0]
        for other in known[1:]:
            result = merged(result, other, False)
        return result

    def display(self, expr: f.DictLit, frame: Frame) -> Choices:
        result = Entries({})
        for key, value in zip(expr.keys, expr.values, strict=True):
            if key is None:
                result = merged(result, self.entries(value, frame), True)
                continue
            names = [p.value for p in self.of(key, frame)]
            known = len(names) == 1 and isinstance(names[0], str)
            result = merged(result, Entries({names[0]: self.of(value, frame)}) if known else Entries({}, True), True)
        return (Possible(result),)

    def _display(self, expr: f.Call, frame: Frame) -> Entries:
        result = Entries({})
        for arg in expr.args:
            result = merged(result, self.entries(arg, frame), True)
        for keyword in expr.keywords:
            new = (
                Entries({keyword.name: self.of(keyword.value, frame)})
                if keyword.name
                else self.entries(keyword.value, frame)
            )
            result = merged(result, new, True)
        return result

    def subscript(self, expr: f.Subscript, frame: Frame) -> Choices:
        keys = [p.value for p in self.of(expr.index, frame)]
        for possible in self.of(expr.value, frame):
            if isinstance(possible.value, Entries) and len(keys) == 1:
                found = possible.value.items.get(keys[0])
                if found:
                    return tuple(p for p in found if p is not None)
        return OPEN

    def text(self, expr: f.FString, frame: Frame) -> Choices:
        parts = [self.of(part, frame) for part in expr.parts]
        made = "".join(str(c[0].value) if len(c) == 1 and not is_vague(c[0]) else HOLE for c in parts)
        return (Possible(made, any(p.settable for c in parts for p in c)),)

    def binary(self, expr: f.Bin, frame: Frame) -> Choices:
        left, right = self.of(expr.left, frame), self.of(expr.right, frame)
        if expr.op == "|" and any(isinstance(p.value, Entries) for p in (*left, *right)):
            return (Possible(merged(self.entries(expr.left, frame), self.entries(expr.right, frame), True)),)
        return tuple(operated(a, b, expr.op) for a in left for b in right)

    def boolean(self, expr: f.Bool, frame: Frame) -> Choices:
        found: Choices = ()
        for number, part in enumerate(expr.values):
            last = number == len(expr.values) - 1
            for possible in self.of(part, frame):
                truth = None if possible.value is ANYTHING else bool(possible.value)
                if last or truth is None or truth == (expr.op == "or"):
                    found = (*found, possible)
            held = self.holds(part, frame)
            if held is not None and held == (expr.op == "or"):
                break
        return found or OPEN

    def conditional(self, expr: f.IfExp, frame: Frame) -> Choices:
        held = self.holds(expr.test, frame)
        if held is not None:
            return self.of(expr.body if held else expr.orelse, frame)
        return (*self.of(expr.body, frame), *self.of(expr.orelse, frame))

    def unary(self, expr: f.Unary, frame: Frame) -> Choices:
        found = self.of(expr.operand, frame)
        if expr.op == "-":
            return tuple(Possible(-p.value, p.settable) if isinstance(p.value, int | float) else p for p in found)
        held = self.holds(expr, frame)
        return OPEN if held is None else (Possible(held, any(p.settable for p in found)),)

    def tested(self, expr: f.Compare, frame: Frame) -> Choices:
        if len(expr.ops) > 1:
            return OPEN
        ours = self.of(expr.left, frame)
        held = self._against(ours, expr.ops[0], expr.rights[0], frame)
        return OPEN if held is None else (Possible(held, any(p.settable for p in ours)),)


_FORMS: dict[type, Callable[..., Choices]] = {
    f.Const: lambda _, e, __: (Possible(e.value),),
    f.Name: Constants.name,
    f.Attr: Constants.attribute,
    f.Call: Constants.call,
    f.Await: lambda c, e, frame: c.of(e.value, frame),
    f.DictLit: Constants.display,
    f.Subscript: Constants.subscript,
    f.FString: Constants.text,
    f.Bin: Constants.binary,
    f.Bool: Constants.boolean,
    f.IfExp: Constants.conditional,
    f.Unary: Constants.unary,
    f.Compare: Constants.tested,
}
_CASTS: dict[str, type] = {f"builtins.{name}": kind for name, kind in PLAIN.items()}


def _is_item(statement: f.Stmt) -> bool:
    return isinstance(statement, f.Assign) and isinstance(statement.targets[0], f.Subscript)


def _among(ours: Choices, right: f.Expr, wanted: bool) -> bool | None:
    """``value in ("1", "true")``: only words for on and off are looked at, other texts are meant to vary."""
    items = right.items if isinstance(right, f.Seq) else ()
    words = [item.value for item in items if isinstance(item, f.Const)]
    if not words or len(words) < len(items) or not FLAG_WORDS.issuperset(words):
        return None
    held = agreed(p.value in words if isinstance(p.value, str) else None for p in ours)
    return None if held is None else held == wanted
