"""Calls and attribute reads: which functions or vocabulary rows they may run, and what they give.

A callee's type decides; a name alone never does. Each call leaves a ``Site`` in the flow. Properties and context
managers of the project are calls too, and leave theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from persist_lint.link.arguments import actuals, constructed, spread, spread_keywords
from persist_lint.link.coroutines import Coroutines
from persist_lint.link.higher import functions_run, is_callable
from persist_lint.link.index import Class, Function
from persist_lint.link.kept import note_set
from persist_lint.link.lattice import (
    PACKAGE_SYM,
    UNKNOWN_SYM,
    ClassObj,
    Closure,
    Coll,
    Coro,
    Data,
    Dict,
    Fn,
    Inst,
    Lib,
    LibClass,
    LibFn,
    LibMethod,
    LibMod,
    Mod,
    Null,
    Partial,
    Super,
    Tup,
    Type,
    TypeParam,
    Unknown,
    Value,
    attr_sym,
    join,
    members,
    unknown,
)
from persist_lint.link.libcall import LibraryCall, library_result, managed, passed_functions, targets_of
from persist_lint.link.loops import of_call
from persist_lint.link.overrides import overriding
from persist_lint.link.params import class_type
from persist_lint.link.protocols import called_by_builtin
from persist_lint.link.resolve import instance_of
from persist_lint.link.sites import Keywords, Loop, Manner, Site, Target
from persist_lint.link.tree import spelled
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row

if TYPE_CHECKING:
    from persist_lint.link.evaluate import Evaluator

MAX_TARGETS = 8


class Outcome(Struct):
    """What a call may run and what it gives; ``reason`` where nothing is known."""

    targets: list[Target]
    result: Value
    reason: str = ""
    loop: Loop | None = None


class Applier:
    """Applies callees to arguments on behalf of an Evaluator."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._ev = evaluator
        self._world = evaluator.world
        self._coroutines = Coroutines(evaluator)
        self._named: dict[f.Call, f.Attr] = {}
        self._lambdas: dict[tuple[int, int], list[Site]] = {}  # by place: the calls in each lambda's body

    def decorate(self, decorator: f.Expr, value: Value, decorated: Value) -> None:
        """A decorator of the project is called with what it decorates: a site of its own."""
        if not any(isinstance(kind, Fn | Inst) for kind in members(value.type)):
            return
        ev, at = self._ev, decorator.at
        node = decorator.func if isinstance(decorator, f.Call) else decorator
        outcome = self._apply(value, (decorated,), (), (at.line, at.column), f.Call(at, node, (), ()))
        ev.flow.sites[node] = Site(
            node, at, value, (decorated,), (), tuple(outcome.targets), outcome.result, tuple(ev.loops),
            tuple(dict.fromkeys(ev.guards)), outcome.reason, "decorator", name=spelled(decorator),
        )  # fmt: skip

    def collects(self, target: f.Expr, value: f.Expr) -> None:
        """``tasks = [load(x) for x in xs]``: the coroutines that a name holds, should they be gathered later."""
        self._coroutines.collects(target, value)

    def bind(self, target: f.Expr, value: Value) -> None:
        """Assign to a target; the walker knows how."""
        self._ev.bind(target, value)  # type: ignore[attr-defined]

    def reads(self, expr: f.Attr, base: Value) -> None:
        """Record that an attribute is read; the walker knows how."""
        self._ev.touch(expr, base, written=False)  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ calls

    def call(self, expr: f.Call, consumer: str) -> Value:
        """Evaluate a call and record its site."""
        ev = self._ev
        callee = self._super(expr) or ev.value(expr.func, "call")
        first_only = isinstance(callee.type, LibFn) and callee.type.name in ("builtins.next", "builtins.any")
        given = tuple(self._argument(arg, "next" if first_only else "argument") for arg in expr.args)
        args = spread(expr.args, given)
        keywords = spread_keywords(tuple((k.name, ev.value(k.value, "argument")) for k in expr.keywords))
        place = (expr.at.line, expr.at.column)
        outcome = self._apply(callee, args, keywords, place, expr)
        if outcome.result.sym == UNKNOWN_SYM and isinstance(outcome.result.type, Unknown):
            outcome.result = unknown(outcome.result.type.reason, ("call", place))  # one thing, whatever it is
        site = Site(
            expr, expr.at, callee, args, keywords, tuple(outcome.targets), outcome.result,
            tuple(ev.loops) if outcome.loop is None else (*ev.loops, outcome.loop),
            tuple(dict.fromkeys(ev.guards)), outcome.reason, consumer, name=spelled(expr.func),
        )  # fmt: skip
        ev.flow.sites[expr] = site
        self._coroutines.place(expr, site)
        self._coroutines.learn(expr, args)
        note_set(self._world, ev.flow, callee, args)
        return outcome.result

    def _argument(self, arg: f.Expr, consumer: str) -> Value:
        value = self._ev.value(arg, consumer)
        self._ev.flow.names[arg] = value
        return value

    def _super(self, expr: f.Call) -> Value | None:
        if not (isinstance(expr.func, f.Name) and expr.func.id == "super"):
            return None
        function: Function | None = self._ev.function
        while function is not None and function.owner is None:
            function = function.parent
        if function is None or function.owner is None or not function.params:
            return None
        receiver = self._ev.env.get(function.params[0].name, Value(Inst(function.owner), ("param", 0)))
        return Value(Super(function.owner, receiver), ("super",))

    def _apply(
        self, callee: Value, args: tuple[Value, ...], keywords: Keywords, place: tuple[int, int], expr: f.Call
    ) -> Outcome:
        if callee.sym == ("super",):
            return Outcome([], Value(callee.type))
        if callee.sym[0] == "colmethod":
            sym = ("isin", callee.sym[1]) if callee.sym[2] == "in_" else ("cond", callee.sym[1])
            return Outcome([], Value(Data("condition"), sym), "a column's operator")
        tried = [self._one(kind, callee, args, keywords, place, expr) for kind in members(callee.type)]
        outcomes = [o for o in tried if o is not None] or [Outcome([], unknown("none"), "the callee may be None")]
        if len(outcomes) == 1:
            return outcomes[0]
        targets = [t for o in outcomes for t in o.targets]
        if len(targets) > MAX_TARGETS:
            return Outcome([], unknown("too dynamic"), "too dynamic")
        return Outcome(targets, join([o.result for o in outcomes]), outcomes[0].reason)

    def _one(
        self,
        kind: Type,
        callee: Value,
        args: tuple[Value, ...],
        keywords: Keywords,
        place: tuple[int, int],
        expr: f.Call,
    ) -> Outcome | None:
        match kind:
            case Fn(function=function, bound=bound, bare=bare):
                return self.function(function, bound, args, keywords, place, callee.weak, bare=bare)
            case ClassObj(cls=cls):
                return self._construct(cls, kind, args, keywords, place)
            case LibClass() | LibFn() | LibMethod() | Lib():
                return self._library_callee(kind, callee, args, keywords, place, expr)
            case Inst(cls=cls):
                method = self._world.classes.find_method(cls, "__call__")
                if method is None:
                    return Outcome([], unknown("no __call__"), f"{cls.name} has no __call__")
                return self.function(method, Value(kind, callee.sym), args, keywords, place, callee.weak)
            case Closure(returns=returns):
                self._runs_lambda(Value(kind), "here")
                sym = ("call", place) if returns.sym == UNKNOWN_SYM else returns.sym
                return Outcome([], Value(returns.type, sym, returns.weak), "a function that was passed in")
            case Partial(of=of, args=first, keywords=named, manages=manages):
                outcome = self._apply(of, (*first, *args), (*named, *keywords), place, expr)
                if manages:
                    outcome.result = managed(of, outcome.result, place)
                if first or named:
                    given = {"arguments": (*first, *args), "keywords": (*named, *keywords)}
                    outcome.targets = [replace(t, **given) if t.arguments is None else t for t in outcome.targets]
                return outcome
            case TypeParam(bound=Inst(cls=cls, args=given), is_class=True):
                outcome = self._construct(cls, ClassObj(cls, given), args, keywords, place)
                return Outcome(outcome.targets, Value(instance_of(kind), outcome.result.sym))
            case TypeParam(is_class=True):
                return Outcome([], Value(instance_of(kind), ("call", place)), "a type variable")
            case Null():
                return None
            case LibMod(name=name):
                return Outcome([], unknown(f"no row for {name}"), f"no row for {name}")
            case Unknown(reason=reason):
                return Outcome([], unknown(reason), reason)
        return Outcome([], unknown("not callable"), f"a {type(kind).__name__} is not called")

    def _library_callee(
        self,
        kind: Type,
        callee: Value,
        args: tuple[Value, ...],
        keywords: Keywords,
        place: tuple[int, int],
        expr: f.Call,
    ) -> Outcome:
        match kind:
            case LibClass(name=name, args=said):
                made = self._world.vocabulary.types[name].new or Row()
                outcome = self._library(made, name, callee, args, keywords, place, expr, makes=name)
                if said and isinstance(outcome.result.type, Lib):
                    outcome.result = Value(Lib(name, said), outcome.result.sym)
                return outcome
            case LibFn(name="builtins.getattr") if len(args) > 1 and args[1].sym[0] == "const":
                return Outcome([], self._named_attribute(expr, args))
            case LibFn(name="builtins.cast") if len(args) == 2:
                meant = self._world.resolver.annotation(expr.args[0], self._ev.function.module, self._ev.function)
                return Outcome([], self._world.declared(meant, args[1]))
            case LibFn(name=name):
                row = self._world.vocabulary.functions.get(name)
                if row is None:
                    reason = "" if name.startswith("builtins.") else f"no row for {name}"
                    return Outcome(
                        called_by_builtin(self._world, name, args), self._world.builtin(name, args, keywords), reason
                    )
                outcome = self._library(row, name, None, args, keywords, place, expr)
                outcome.targets += called_by_builtin(self._world, name, args)
                return outcome
            case LibMethod(owner="builtins", name="sort", bound=bound) if (
                "builtins.sorted" in self._world.vocabulary.functions
            ):
                row = self._world.vocabulary.functions["builtins.sorted"]
                return self._library(row, "builtins.sorted", None, (bound,), keywords, place, expr)
            case LibMethod(owner="builtins", name=name, bound=bound):
                return Outcome([], self._world.builtin_method(bound, name, args))
            case LibMethod(owner=owner, name=name, bound=bound):
                row = self._world.method_row(owner, name)
                assert row is not None, "attribute() checks that the row exists"
                return self._library(row, f"{owner}.{name}", bound, args, keywords, place, expr)
            case Lib(name=name):
                row = self._world.call_row(name)
                if row is None:
                    return Outcome([], unknown("not callable"), f"{name} is not known to be callable")
                return self._library(row, f"{name}.__call__", Value(kind, callee.sym), args, keywords, place, expr)
        return Outcome([], unknown("not callable"), "not callable")

    def function(
        self,
        function: Function,
        bound: Value | None,
        args: tuple[Value, ...],
        keywords: Keywords,
        place: tuple[int, int],
        weak: bool,
        *,
        bare: bool = False,
    ) -> Outcome:
        candidates = self._world.candidates(function, bound, args, keywords, bare=bare)
        if not candidates:
            return Outcome([], unknown("too dynamic"), "too many implementations")
        targets = [Target(c, c.dotted, None, bound, weak=weak) for c in candidates]
        for method in overriding(self._world, self._ev.function, function, bound):
            below = self._world.candidates(method, bound, args, keywords, bare=bare)
            targets += [Target(c, c.dotted, None, bound, weak=True) for c in below]
        if any(is_callable(k) for v in (*args, *(v for _, v in keywords)) for k in members(v.type)):
            targets += self._handed_over(candidates[0], bound, args, keywords)
        known = actuals(candidates[0], bound, args, keywords)
        return Outcome(targets, self._world.result(candidates[0], bound, known, place))

    def _handed_over(
        self, function: Function, bound: Value | None, args: tuple[Value, ...], keywords: Keywords
    ) -> list[Target]:
        """What a project function runs among the functions that it is given."""
        found: list[Target] = []
        for value, manner, given, named in functions_run(self._world, function, bound, args, keywords):
            self._runs_lambda(value, manner)
            found += targets_of(self._world, value, manner, given, named)
        return found[:MAX_TARGETS]

    def _walk_per_item(self, expr: f.Call, loop: Loop, items: tuple[Value, ...]) -> None:
        """Walk the lambdas among the arguments once more, as the body of the loop that the call makes."""
        ev = self._ev
        for given in (*expr.args, *(k.value for k in expr.keywords)):
            if isinstance(given, f.Lambda):
                saved = dict(ev.env)
                ev.env.update({p.name: item for p, item in zip(given.params, items, strict=False)})
                ev.loops.append(loop)
                self.lambda_body(given)
                ev.loops.pop()
                ev.env.clear()
                ev.env.update(saved)

    def _runs_lambda(self, value: Value, manner: Manner) -> None:
        """The calls in a lambda of this function run where the lambda is run."""
        for kind in members(value.type):
            for site in self._lambdas.get(kind.at, ()) if isinstance(kind, Closure) else ():
                site.manner = manner

    def _construct(
        self, cls: Class, kind: ClassObj, args: tuple[Value, ...], keywords: Keywords, place: tuple[int, int]
    ) -> Outcome:
        init = self._world.classes.find_method(cls, "__init__")
        kinds = kind.args or self._world.inferred_arguments(cls, init, args, keywords)
        made = Value(Inst(cls, kinds), ("new", cls.dotted, ()))
        if init is None:
            new = Value(made.type, ("new", cls.dotted, ((-1, place),)))
            return Outcome([*self._inherited_new(cls), *self._validated(cls, new)], new)
        known = actuals(init, made, args, keywords)
        sym = ("new", cls.dotted, constructed(init, known))
        return Outcome([Target(init, init.dotted, None, Value(made.type, sym))], Value(made.type, sym))

    def _validated(self, cls: Class, made: Value) -> list[Target]:
        return [
            Target(m, m.dotted, None, Value(ClassObj(cls)) if m.is_class_method else made, arguments=())
            for m in self._world.classes.validators(cls)
        ]

    def _inherited_new(self, cls: Class) -> list[Target]:
        """The constructor of a library base: its effects are the subclass's."""
        for name in self._world.classes.library_bases(cls):
            found = self._world.vocabulary.types.get(name)
            if found is not None and found.new is not None and found.new.does:
                return [Target(None, name, found.new, None, makes=name)]
        return []

    def _library(
        self, row: Row, name: str, bound: Value | None, args: tuple[Value, ...], keywords: Keywords,
        place: tuple[int, int], expr: f.Call, makes: str = "",
    ) -> Outcome:  # fmt: skip
        call = LibraryCall(row, name, bound, args, keywords, place, expr, makes)
        weak = bound is not None and bound.weak
        targets = [Target(None, name, row, bound, weak=weak, makes=makes)]
        loop = of_call(self._ev, name, row, args, expr)
        items: tuple[Value, ...] = ()
        if loop is not None:
            self._ev.flow.loops[expr] = loop
            items = (self._ev.item(loop.iter, loop),)
        targets += passed_functions(self._world, call, items)
        if loop is not None:
            self._walk_per_item(expr, loop, items)
        for run in row.runs:
            if (given := call.argument(run.arg)) is not None:
                self._runs_lambda(given, run.where)
        result = library_result(self._world, call)
        if row.gives == "class_of" and isinstance(result.type, Inst):
            targets += self._validated(result.type.cls, result)
        return Outcome(targets, result, "", loop)

    # ------------------------------------------------------------------ attributes

    def _named_attribute(self, expr: f.Call, args: tuple[Value, ...]) -> Value:
        """``getattr(x, "name", default)``."""
        node = self._named.setdefault(expr, f.Attr(expr.at, expr.args[0], str(args[1].sym[1])))
        found = self.attribute(node, args[0], "other")
        return join([found, *args[2:]])

    def attribute(self, expr: f.Attr, base: Value, consumer: str) -> Value:
        """``base.name``; property reads are recorded as sites, reads on project instances as touches."""
        if base.sym[0] == "column":
            return Value(Unknown("an operator of a column"), ("colmethod", base.sym, expr.name))
        found = [self._member(kind, base, expr, consumer) for kind in members(base.type)]
        values = [v for v in found if v is not None]
        self.reads(expr, base)
        return join(values) if values else unknown(f"no attribute {expr.name} known", attr_sym(base.sym, expr.name))

    def _member(self, kind: Type, base: Value, expr: f.Attr, consumer: str) -> Value | None:
        name, world = expr.name, self._world
        match kind:
            case Inst(cls=cls):
                method = world.classes.find_method(cls, name)
                run = method or world.classes.accessor(cls, name, 0)
                if run is not None:
                    return self._method(run, Value(kind, base.sym, base.weak), expr, computed=method is None)
                plain = world.as_builtin(Value(kind, base.sym, base.weak))
                if isinstance(plain.type, Dict):
                    return Value(LibMethod("builtins", name, plain))
                return world.instance_attribute(Value(kind, base.sym, base.weak), name)
            case Super(owner=owner, bound=bound):
                return self._super_member(owner, bound, name)
            case Lib():
                return world.library_attribute(Value(kind, base.sym, base.weak), name)
            case ClassObj(cls=cls):
                return world.class_attribute(Value(kind, base.sym, base.weak), cls, name)
            case LibClass(name=owner):
                if world.method_row(owner, name) is not None:
                    return Value(LibMethod(owner, name, Value(Lib(owner))))
                return world.external(f"{owner}.{name}")
            case Mod() | LibMod() if name == "__file__":
                return Value(Data("str"), PACKAGE_SYM)
            case Mod(module=module):
                bound_to = world.scopes.attribute(module, name, self._ev.function.module)
                return unknown(f"{module.dotted} has no {name}") if bound_to is None else self._ev.bound(bound_to)
            case LibMod(name=owner):
                found = world.scopes.attribute(world.as_external(owner), name, self._ev.function.module)
                return unknown("no such name") if found is None else self._ev.bound(found)
            case Coll() | Dict() | Data() | Tup() | Coro():
                return Value(LibMethod("builtins", name, Value(kind, base.sym)))
            case Fn(function=function):
                return world.function_attribute(function, name)
            case TypeParam(is_class=is_class, bound=bound_by):
                kinds = members(class_type(bound_by) if is_class else bound_by)
                values = [v for k in kinds if (v := self._member(k, base, expr, consumer)) is not None]
                return join(values) if values else None
            case Null():
                return None
            case Unknown(reason=reason):
                return unknown(reason, attr_sym(base.sym, name))
        return unknown(f"attribute of a {type(kind).__name__}", attr_sym(base.sym, name))

    def _method(self, method: Function, base: Value, expr: f.Attr, computed: bool = False) -> Value:
        if method.is_property or computed:
            outcome = self.function(method, base, (), (), (expr.at.line, expr.at.column), base.weak)
            ev = self._ev
            ev.flow.sites[expr] = Site(
                expr, expr.at, base, (), (), tuple(outcome.targets), outcome.result, tuple(ev.loops),
                tuple(dict.fromkeys(ev.guards)), consumer="property", name=spelled(expr),
            )  # fmt: skip
            result = outcome.result
            return Value(result.type, attr_sym(base.sym, expr.name), result.weak)
        return Value(Fn(method, None if method.is_static else base), UNKNOWN_SYM, base.weak)

    def _super_member(self, owner: Class, bound: Value, name: str) -> Value | None:
        cls = bound.type.cls if isinstance(bound.type, Inst) else owner
        method = self._world.classes.after(cls, owner, name)
        if method is not None:
            return Value(Fn(method, bound))
        for library in self._world.classes.library_bases(cls):
            if self._world.method_row(library, name) is not None:
                return Value(LibMethod(library, name, bound))
        return unknown(f"super has no {name}")

    # ------------------------------------------------------------------ lambdas

    def lambda_body(self, expr: f.Lambda) -> Value:
        """The value of a lambda's body; its calls are recorded as sites that run later."""
        before = dict(self._ev.flow.sites)
        value = self._ev.value(expr.body)
        made = [site for node, site in self._ev.flow.sites.items() if before.get(node) is not site]
        for site in made:
            site.manner = "stored"
        self._lambdas[expr.at.line, expr.at.column] = made
        return value
