"""What an expression is: the type and symbol of every form, and a ``Site`` for every call in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from persist_lint.link.apply import Applier
from persist_lint.link.arguments import parameter_of
from persist_lint.link.awaiting import awaitable, awaitable_targets
from persist_lint.link.conditions import flag, guards_of
from persist_lint.link.entering import Entering
from persist_lint.link.index import Class, Function, Module
from persist_lint.link.kept import REQUEST_STATE, state_item
from persist_lint.link.lattice import (
    MAX_FIELDS,
    NONE,
    UNKNOWN_SYM,
    ClassObj,
    Closure,
    Coll,
    Data,
    Dict,
    Fn,
    Inst,
    Lib,
    Mod,
    Null,
    Sym,
    Tup,
    Unknown,
    Value,
    attr_sym,
    join,
    members,
    package_path,
    unknown,
)
from persist_lint.link.loops import classify
from persist_lint.link.names import Binding, External
from persist_lint.link.narrow import narrowed, without_null
from persist_lint.link.protocols import OPERATORS, special, turn
from persist_lint.link.sites import Flow, Guard, Loop, Target
from persist_lint.link.sqltext import PLACE, begun, filled, known_text, spliced, sql_data
from persist_lint.link.statements import is_aggregate, translated
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

#: The length of ``SELECT 1``.
SHORTEST_SQL = 8
#: Of so many items of a dictionary is known which is which.
MAX_ENTRIES = 8
COMPREHENSIONS = {"list": "list", "set": "set", "generator": "generator"}


class Evaluator:
    """Evaluates expressions in the walk's environment; ``Walker`` adds the statements."""

    def __init__(self, world: World, function: Function, flow: Flow) -> None:
        self.world = world
        self.function = function
        self.flow = flow
        self.env = flow.env
        self.loops: list[Loop] = []
        self.guards: list[Guard] = []
        self.groups: list[tuple[Value, f.Expr]] = []
        self._apply = Applier(self)
        self._entering = Entering(self, self._apply)

    def value(self, expr: f.Expr, consumer: str = "other") -> Value:
        """What the expression is; ``consumer`` says what the surrounding code does with it."""
        if isinstance(expr, f.Call):
            return self._apply.call(expr, consumer)
        return _EXPRESSIONS[type(expr)](self, expr, consumer)

    def tested(self, test: f.Expr, truth: bool) -> list[Guard]:
        """The conditions that hold where a test, just evaluated, is ``truth``."""
        found = guards_of(self, test, truth)
        if found:
            self.flow.tests[test, truth] = found
        return found

    def symbol(self, expr: f.Expr) -> Sym:
        """The symbol of a name, an attribute of ``self`` or a call that was evaluated."""
        match expr:
            case f.Name(id=name):
                return self.env[name].sym if name in self.env else UNKNOWN_SYM
            case f.Attr(value=f.Name(id=name), name=attribute) if name in self.env:
                base = self.env[name]
                if base.sym == ("param", 0) and (assigned := self.env.get(f"self.{attribute}")) is not None:
                    return assigned.sym
                if base.sym[0] == "param" and isinstance(base.type, Inst):
                    is_method = self.world.classes.find_method(base.type.cls, attribute) is not None
                    return UNKNOWN_SYM if is_method else self.world.instance_attribute(base, attribute).sym
            case f.Call() if expr in self.flow.sites:
                return self.flow.sites[expr].result.sym
        return UNKNOWN_SYM

    # ------------------------------------------------------------------ names and attributes

    def name(self, expr: f.Name, _: str) -> Value:
        found = self.env.get(expr.id)
        if found is not None:
            return found
        outer = self._captured(expr.id)
        if outer is not None:
            return outer
        bound = self.world.resolver.name(expr.id, self.function.module, self.function)
        if bound is None:
            return self.world.external(f"builtins.{expr.id}")
        return self.bound(bound)

    def _captured(self, name: str) -> Value | None:
        """A variable of an enclosing function."""
        parent = self.function.parent
        hops = 0
        while parent is not None:
            hops += 1
            env = self.world.flow(parent).env
            if name in env:
                value = env[name]
                sym = value.sym
                for _ in range(hops):
                    sym = ("free", sym) if sym[0] not in ("const", "global", "?") else sym
                return Value(translated(value.type, {}), sym, value.weak)
            parent = parent.parent
        return None

    def bound(self, binding: Binding) -> Value:
        """The value of what a name is bound to."""
        match binding:
            case Module():
                return Value(Mod(binding))
            case Function():
                return self.world.function_value(binding)
            case Class():
                return Value(ClassObj(binding), ("global", binding.dotted))
            case External(dotted=dotted):
                return self.world.external(dotted)
        return self.world.variable(binding)

    def attribute(self, expr: f.Attr, consumer: str) -> Value:
        base = self.value(expr.value, "attribute")
        if base.sym == ("param", 0) and (assigned := self.env.get(f"self.{expr.name}")) is not None:
            self._apply.reads(expr, base)
            return assigned
        held = self.function.holder
        if held is not None and base.sym == held[1].sym and expr.name in held[2]:
            assert self.function.decorates is not None
            return Value(Fn(self.function.decorates, bare=True))
        parameter = parameter_of(self.function, base.sym) if isinstance(base.type, Unknown) else None
        if parameter is not None and (kept := self.env.get(f"{parameter.name}.{expr.name}")) is not None:
            return kept
        return self._apply.attribute(expr, base, consumer)

    def constant(self, expr: f.Const, _: str) -> Value:
        if expr.value is None:
            return NONE
        if isinstance(expr.value, str) and len(expr.value) >= SHORTEST_SQL:
            return Value(sql_data(expr.value), ("const", expr.value))
        return Value(Data(type(expr.value).__name__), ("const", expr.value))

    def bytes_(self, expr: f.Bytes, _: str) -> Value:
        return Value(Data("bytes"))

    # ------------------------------------------------------------------ operators

    def awaited(self, expr: f.Await, consumer: str) -> Value:
        value = self.value(expr.value, "await")
        site = self.flow.sites.get(expr.value)
        if site is not None:
            site.awaited = True
            site.consumer = "await"
            site.targets = awaitable_targets(self.world, site.targets)
        return self.world.awaited(awaitable(value))

    def binary(self, expr: f.Bin, _: str) -> Value:
        left, right = self.value(expr.left), self.value(expr.right)
        if isinstance(left.type, Inst) and (given := special(self, expr, left, OPERATORS[expr.op], (right,))):
            return given
        if expr.op == "+" and isinstance(left.type, Coll):
            return left
        if expr.op == "/" and isinstance(left.type, Lib) and self.world.kind(left.type) == "path":
            return Value(left.type, package_path((left, right)))
        if expr.op in ("|", "+") and isinstance(left.type, Lib):
            return left
        if expr.op == "|":
            return unknown("flags", ("flags", left.sym, right.sym))
        if expr.op in ("+", "%") and isinstance(left.type, Data) and left.type.name == "str":
            return Value(spliced((left, right)) if expr.op == "+" else filled(known_text(left), PLACE))
        if is_aggregate(left):
            return left
        if isinstance(left.type, Data) and isinstance(right.type, Data):
            return Value(Data(left.type.name if left.type.name == right.type.name else ""))
        return unknown("operator")

    def boolean(self, expr: f.Bool, consumer: str) -> Value:
        values = []
        saved, depth = dict(self.env), len(self.guards)
        for part in expr.values:
            values.append(self.value(part, consumer if part is expr.values[-1] else "other"))
            narrowed(self, part, expr.op == "and", self.env)
            self.guards += self.tested(part, expr.op == "and")
            self.tested(part, expr.op != "and")
        del self.guards[depth:]
        self.env.clear()
        self.env.update(saved)
        if expr.op == "or":
            kinds = [*(without_null(v) for v in values[:-1] if not isinstance(v.type, Null)), values[-1]]
            result = join(kinds)
            if _fills(expr) and values[0].sym[0] in ("param", "kw"):
                return Value(result.type, ("filled", values[0].sym), result.weak)
        else:
            result = values[-1]
        plain = all(isinstance(k, Data | Unknown) for k in members(result.type))
        return Value(result.type, self.flagged(expr, result.sym), result.weak) if plain else result

    def flagged(self, expr: f.Bool, sym: Sym) -> Sym:
        """The symbol of a conjunction or disjunction of flags; else what it is anyway."""
        found = flag(self, expr)
        return sym if found == UNKNOWN_SYM else found

    def unary(self, expr: f.Unary, _: str) -> Value:
        value = self.value(expr.operand)
        return Value(Data("bool"), flag(self, expr)) if expr.op == "not" else Value(value.type)

    def compare(self, expr: f.Compare, _: str) -> Value:
        left = self.value(expr.left)
        rights = [self.value(right) for right in expr.rights]
        if expr.ops == ("==",):
            for column, other in ((left, rights[0]), (rights[0], left)):
                if column.sym[0] == "column":
                    return Value(Data("bool"), ("eq", column.sym, other.sym))
        if len(rights) == 1:
            first, other = (rights[0], left) if expr.ops[0] in ("in", "not in") else (left, rights[0])
            name = "__contains__" if first is not left else OPERATORS.get(expr.ops[0])
            if name is not None:
                special(self, expr, first, name, (other,))
        return Value(Data("bool"), flag(self, expr))

    def conditional(self, expr: f.IfExp, consumer: str) -> Value:
        self.value(expr.test)
        saved = dict(self.env)
        values = []
        for truth, part in ((True, expr.body), (False, expr.orelse)):
            added = self.tested(expr.test, truth)
            self.guards += added
            narrowed(self, expr.test, truth, self.env)
            values.append(self.value(part, consumer))
            self.env.clear()
            self.env.update(saved)
            if added:
                del self.guards[-len(added) :]
        return join(values)

    def subscript(self, expr: f.Subscript, _: str) -> Value:
        base = self.value(expr.value)
        index = self.value(expr.index)
        if (name := state_item(expr)) and REQUEST_STATE in self.world.vocabulary.types:
            return self.world.kept.at(REQUEST_STATE, name, attr_sym(base.sym, name))
        given = special(self, expr, base, "__getitem__", (index,))
        return self.world.subscripted(base, expr.index, index) if given is None else given

    def slice(self, expr: f.Slice, _: str) -> Value:
        for part in (expr.lower, expr.upper, expr.step):
            if part is not None:
                self.value(part)
        return Value(Data("slice"))

    # ------------------------------------------------------------------ displays and comprehensions

    def sequence(self, expr: f.Seq, consumer: str) -> Value:
        values = [self.value(item, "collect") for item in expr.items]
        if expr.kind == "tuple" and not any(isinstance(i, f.Star) for i in expr.items):
            return Value(Tup(tuple(values)))
        if not values:
            return Value(Coll(Unknown("empty display"), expr.kind))
        kinds = [
            Value(self.world.element(v).type) if isinstance(i, f.Star) else v
            for i, v in zip(expr.items, values, strict=True)
        ]
        constant = consumer == "argument" and all(v.sym[0] == "const" for v in values)
        sym = ("const", tuple(v.sym[1] for v in values)) if constant else begun(values)
        return Value(Coll(join(kinds).type, expr.kind, join(kinds).sym), sym)

    def dictionary(self, expr: f.DictLit, _: str) -> Value:
        keys = [self.value(k) for k in expr.keys if k is not None]
        values = [self.value(v, "collect") for v in expr.values]
        named = len(keys) == len(values) <= MAX_ENTRIES and all(isinstance(k, f.Const) for k in expr.keys)
        entries = tuple((k.sym[1], v.sym) for k, v in zip(keys, values, strict=True)) if named else ()
        sym: Sym = ("dict", entries) if named else UNKNOWN_SYM
        if not values:
            return Value(Dict(Unknown("empty display"), Unknown("empty display")), sym)
        told = tuple(
            (key.value, value)
            for key, value in zip(expr.keys, values, strict=True)
            if isinstance(key, f.Const) and isinstance(key.value, str)
        )
        apart = len(values) <= MAX_FIELDS and not all(isinstance(v.type, Data | Unknown | Null) for v in values)
        key_type = join(keys).type if keys else Unknown("spread")
        return Value(Dict(key_type, join(values).type, told if apart else ()), sym)

    def comprehension(self, expr: f.Comp, consumer: str) -> Value:
        saved = dict(self.env)
        opened = 0
        for clause in expr.generators:
            iterated = self.value(clause.iter, "iterate")
            loop = classify(self, clause, iterated)
            self.flow.loops[clause.target] = loop
            loop.first_hit = consumer == "next"
            self.loops.append(loop)
            opened += 1
            self.iteration(clause.target, iterated)
            self._apply.bind(clause.target, self.item(iterated, loop))
            for condition in clause.ifs:
                self.value(condition)
                narrowed(self, condition, True, self.env)
        element = self.value(expr.elt, "collect")
        second = self.value(expr.value, "collect") if expr.value is not None else None
        del self.loops[-opened:]
        self.env.clear()
        self.env.update(saved)
        if second is not None:
            return Value(Dict(element.type, second.type))
        return Value(Coll(element.type, COMPREHENSIONS[expr.kind]))

    def run_method(
        self, method: Function, bound: Value, args: tuple[Value, ...], place: tuple[int, int]
    ) -> tuple[list[Target], Value]:
        """What calling a method of the project on a receiver may run, and what it gives."""
        outcome = self._apply.function(method, bound, args, (), place, bound.weak)
        return outcome.targets, outcome.result

    def iteration(self, target: f.Expr, iterated: Value) -> None:
        """Record what taking the next item does: a cursor fetches, a pub/sub waits, a file is read."""
        turn(self, target, iterated)

    def item(self, iterated: Value, loop: Loop) -> Value:
        """The value of a loop's target: its type from what is iterated, its symbol from the loop."""
        element = self.world.element(iterated)
        return Value(element.type, ("item", loop.place, iterated.sym), iterated.weak)

    # ------------------------------------------------------------------ the rest

    def starred(self, expr: f.Star, consumer: str) -> Value:
        return self.value(expr.value, consumer)

    def lambda_(self, expr: f.Lambda, _: str) -> Value:
        saved = dict(self.env)
        for parameter in expr.params:
            if parameter.default is not None:
                self.value(parameter.default)
            self.env[parameter.name] = unknown("lambda parameter")
        shadow = self._apply.lambda_body(expr)
        self.env.clear()
        self.env.update(saved)
        return Value(Closure((expr.at.line, expr.at.column), shadow))

    def fstring(self, expr: f.FString, _: str) -> Value:
        parts = [self.value(part) for part in expr.parts]
        return Value(spliced(parts), package_path(parts))

    def yielded(self, expr: f.Yield, _: str) -> Value:
        value = self.value(expr.value, "yield") if expr.value is not None else NONE
        self.flow.yields.append(self.world.element(value) if expr.is_from else value)
        return unknown("sent into a generator")

    def walrus(self, expr: f.Walrus, _: str) -> Value:
        value = self.value(expr.value, "assign")
        self._apply.bind(expr.target, value)
        return value

    def other(self, expr: f.Other, _: str) -> Value:
        return unknown("expression not looked into")

    # ------------------------------------------------------------------ help for statements

    def collects(self, target: f.Expr, value: f.Expr) -> None:
        """Remember what a name's list was made of."""
        self._apply.collects(target, value)

    def entered(self, item: f.WithItem, manager: Value, is_async: bool) -> Value:
        """What ``with expr as x`` binds to x."""
        self._entering.left(item, manager, is_async)
        return self._entering.entered(item.context, manager, is_async)

    def enter_group(self, expr: f.Expr, manager: Value) -> int:
        """Open a task group's region; how many were opened (0 or 1)."""
        if any(isinstance(k, Lib) and self.world.kind(k) == "task_group" for k in members(manager.type)):
            self.groups.append((manager, expr))
            return 1
        return 0

    def known_size(self, name: str) -> int | None:
        """The number of items of a module-level constant tuple, list or dict; None when it is no such thing."""
        if name in self.env:
            return None
        return self.world.constant_size(self.function, name)


def _fills(expr: f.Bool) -> bool:
    """``given or {}``"""
    return len(expr.values) == 2 and isinstance(last := expr.values[-1], f.DictLit) and not last.keys


_EXPRESSIONS: dict[type, Callable[..., Value]] = {
    f.Name: Evaluator.name,
    f.Attr: Evaluator.attribute,
    f.Const: Evaluator.constant,
    f.Bytes: Evaluator.bytes_,
    f.Await: Evaluator.awaited,
    f.Star: Evaluator.starred,
    f.Lambda: Evaluator.lambda_,
    f.Comp: Evaluator.comprehension,
    f.Bin: Evaluator.binary,
    f.Bool: Evaluator.boolean,
    f.Unary: Evaluator.unary,
    f.Compare: Evaluator.compare,
    f.IfExp: Evaluator.conditional,
    f.Subscript: Evaluator.subscript,
    f.Slice: Evaluator.slice,
    f.Seq: Evaluator.sequence,
    f.DictLit: Evaluator.dictionary,
    f.FString: Evaluator.fstring,
    f.Yield: Evaluator.yielded,
    f.Walrus: Evaluator.walrus,
    f.Other: Evaluator.other,
}
