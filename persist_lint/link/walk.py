"""The typed walk over one function: an environment of names, statement by statement, joined after branches.

Loops are walked again when their body changed what a name is. What is learned stands in the function's ``Flow``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from persist_lint.link.arguments import parameter_of, with_entry
from persist_lint.link.evaluate import Evaluator
from persist_lint.link.index import Class, Function
from persist_lint.link.kept import REQUEST_STATE, state_item
from persist_lint.link.lattice import (
    NONE,
    ClassObj,
    Coll,
    Data,
    Dict,
    Inst,
    Lib,
    Tup,
    Unknown,
    Value,
    join,
    members,
    unknown,
)
from persist_lint.link.loops import classify
from persist_lint.link.names import External
from persist_lint.link.narrow import exits, narrowed
from persist_lint.link.protocols import assigned
from persist_lint.link.sites import Flow, Guard, Loop, Touch
from persist_lint.link.sqltext import spliced
from persist_lint.link.statements import with_options
from persist_lint.link.tree import flat
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

Env = dict[str, Value]
#: Methods after which it is not known any more what a dictionary holds.
CHANGES = frozenset({"update", "setdefault", "pop", "popitem", "clear"})
MAX_REPEAT_DEPTH = 3


class Walker(Evaluator):
    """Walks the statements of one function; the expressions are the Evaluator's."""

    def __init__(self, world: World, function: Function, flow: Flow) -> None:
        super().__init__(world, function, flow)
        self._repeat = 0
        self._globals: set[str] = set()
        self._off: list[tuple[list[Value], list[Value]]] = []

    def run(self) -> None:
        """Fill the flow."""
        for number, parameter in enumerate(self.function.params):
            value = self.world.parameter(self.function, number)
            self.env[parameter.name] = Value(value.type, ("param", number), value.weak)
        for parameter in self.function.facts.params if self.function.caught else ():
            if parameter.name in self.function.caught:
                self.env[parameter.name] = self._caught(parameter)
        holder, around = self.function.holder, self.function.parent
        if holder is not None and (around is None or around.holder is not holder):
            self.env[holder[0]] = holder[1]
        self.block(self.function.body)
        for given, off in self._off:  # unless it is all that there is
            given += off if not given else []

    def _caught(self, parameter: f.Param) -> Value:
        """What ``*args`` or ``**kwargs`` of a wrapper hold: parameters of the function that it stands for."""
        names = [self.function.params[place].name for place in self.function.caught[parameter.name]]
        if parameter.kind == "args":
            return Value(Tup(tuple(self.env[name] for name in names)))
        return Value(Dict(Data("str"), Unknown("an argument"), tuple((name, self.env[name]) for name in names)))

    def block(self, body: tuple[f.Stmt, ...]) -> bool:
        """Walk statements in order; whether the end cannot be reached."""
        depth = len(self.guards)
        try:
            for statement in body:
                _STATEMENTS[type(statement)](self, statement)
                if isinstance(statement, (f.Return, f.Raise)) or (
                    isinstance(statement, f.Jump) and statement.kind != "pass"
                ):
                    return True
                if isinstance(statement, f.If) and not statement.orelse and exits(statement.body):
                    self.guards += self.tested(statement.test, False)
                    narrowed(self, statement.test, False, self.env)
        finally:
            del self.guards[depth:]
        return False

    # ------------------------------------------------------------------ simple statements

    def expression_statement(self, statement: f.ExprStmt) -> None:
        self.value(statement.value, "statement")
        match statement.value:
            case f.Call(func=f.Attr(value=f.Name(id=name), name=method)) if name in self.env and method in CHANGES:
                current = self.env[name]
                if isinstance(current.type, Dict) and (current.sym[0] in ("dict", "filled") or current.type.fields):
                    self.env[name] = Value(Dict(current.type.key, current.type.value))
            case f.Call(func=f.Attr(value=f.Name(id=name), name="append" | "extend"), args=(_,)) as call:
                if name in self.env and call in self.flow.sites:
                    self.env[name] = with_options(self.env[name], self.flow.sites[call].args[0])

    def assign(self, statement: f.Assign) -> None:
        value = self.value(statement.value, "assign")
        for target in statement.targets:
            self.bind(target, value)
            self.collects(target, statement.value)

    def annotated(self, statement: f.AnnAssign) -> None:
        declared = self.world.resolver.annotation(
            statement.annotation, self.function.module, self.function, self.function.owner
        )
        value = self.value(statement.value, "assign") if statement.value is not None else unknown("declared only")
        self.bind(statement.target, self.world.declared(declared, value))

    def augmented(self, statement: f.AugAssign) -> None:
        value = self.value(statement.value)
        if isinstance(statement.target, f.Name):
            self._added(statement.target.id, statement.op, value)
        elif isinstance(statement.target, f.Attr):
            base = self.value(statement.target.value)
            self.touch(statement.target, base, written=True)
        elif isinstance(statement.target, f.Subscript):
            self.value(statement.target.value)
            self.value(statement.target.index)

    def _added(self, name: str, op: str, value: Value) -> None:
        """``query += "…"``: text grows, a constant is one no longer."""
        current = self.env.get(name)
        if current is not None and current.sym[0] == "const":
            grows = op == "+" and isinstance(current.type, Data) and current.type.name == "str"
            self.env[name] = Value(spliced((current, value)) if grows else current.type)
        elif current is not None and op == "+" and isinstance(current.type, Data) and current.type.text:
            self.env[name] = Value(spliced((current, value)), current.sym)
        elif current is not None and op == "+":
            self.env[name] = with_options(current, value)

    def returned(self, statement: f.Return) -> None:
        if statement.value is None:
            self.flow.returns.append(NONE)
            return
        value = self.value(statement.value, "return")
        self.flow.names[statement] = value
        self.flow.returns.append(value)

    def raised(self, statement: f.Raise) -> None:
        for part in (statement.exc, statement.cause):
            if part is not None:
                self.value(part)

    def deleted(self, statement: f.Delete) -> None:
        for target in statement.targets:
            if isinstance(target, f.Name):
                self.env.pop(target.id, None)
            else:
                self.value(target)

    def asserted(self, statement: f.Assert) -> None:
        self.value(statement.test)
        narrowed(self, statement.test, True, self.env)

    def nested_function(self, statement: f.FuncDef) -> None:
        function = self.function.module.functions[statement.index]
        if self.function.decorates is not None:
            function = self.world.decorated.inner(function, self.function)
        value = self.world.function_value(function)
        self.decorated(function.facts.decorators, value)
        self.defaults(function)
        self.env[function.name] = value

    def defaults(self, function: Function) -> None:
        """Defaults are evaluated where the function is defined: ``= make(…)``, ``= Depends(make(…))``."""
        for parameter in function.params:
            if isinstance(parameter.default, f.Call):
                for call in (parameter.default, *parameter.default.args):
                    if isinstance(call, f.Call) and self.matters(call):
                        self.value(call, "default")

    def nested_class(self, statement: f.ClassDef) -> None:
        """What a class's own statements call runs where the class stands."""
        cls = self.function.module.classes[statement.index]
        self.decorated(filter(self.matters, cls.facts.decorators), Value(ClassObj(cls), ("global", cls.dotted)))
        for inner in flat(cls.facts.body):
            match inner:
                case f.FuncDef(index=index):
                    method = self.function.module.functions[index]
                    self.decorated(filter(self.matters, method.facts.decorators), self.world.function_value(method))
                    self.defaults(method)
                case (
                    f.Assign(value=f.Call() as call)
                    | f.AnnAssign(value=f.Call() as call)
                    | f.ExprStmt(value=f.Call() as call)
                ) if self.matters(call):
                    self.value(call, "assign")

    def decorated(self, decorators: Iterable[f.Expr], value: Value) -> None:
        """Decorators are evaluated where the definition stands, and called with what they decorate."""
        for decorator in decorators:
            self._apply.decorate(decorator, self.value(decorator, "decorator"), value)

    def matters(self, expr: f.Expr) -> bool:
        """Whether something called at import is the project's or has effects: declarations are read elsewhere."""
        func = expr.func if isinstance(expr, f.Call) else expr
        found = self.world.resolver.binding(func, self.function.module, self.function)
        if isinstance(found, External):
            row = self.world.vocabulary.functions.get(found.dotted)
            made = self.world.vocabulary.types.get(found.dotted)
            row = made.new if row is None and made is not None else row
            return row is not None and bool(row.does or row.level)
        return isinstance(found, Function | Class)

    def imported(self, statement: f.Import) -> None:
        """An import in a function that binds a name which is assigned, too: ``except ImportError: run = None``."""
        if not self.function.is_module and statement.binds:
            found = self.world.resolver.scopes.imported(self.function.module, statement)
            if found is not None:
                self.env[statement.binds] = self.bound(found)

    def scoped(self, statement: f.Scope) -> None:
        """``global``: what is assigned from here on is the module's."""
        if statement.kind == "global":
            self._globals.update(statement.names)

    def nothing(self, statement: f.Stmt) -> None:
        """Statements that the walk learns nothing from."""

    # ------------------------------------------------------------------ branches

    def branch(self, statement: f.If) -> None:
        self.value(statement.test)
        before = dict(self.env)
        ends = []
        for truth, body in ((True, statement.body), (False, statement.orelse)):
            self.env.clear()
            self.env.update(before)
            narrowed(self, statement.test, truth, self.env)
            added = self.tested(statement.test, truth)
            self.guards += added
            marks = [len(self.flow.returns), len(self.flow.yields)]
            left = self.block(body)
            if marks != [len(self.flow.returns), len(self.flow.yields)]:
                self._switched_off(statement.test, truth, marks)
            if added:
                del self.guards[-len(added) :]
            if not left:
                ends.append(dict(self.env))
        self._merge(ends, before)

    def _switched_off(self, test: f.Expr, truth: bool, marks: list[int]) -> None:
        """Which session a function hands out where a setting that is off would be on: not the one it gives."""
        for given, mark in zip((self.flow.returns, self.flow.yields), marks, strict=True):
            if not any(map(self.world.is_session, given[mark:])):
                continue
            if self.world.switches.by_default(test, self.function) is (not truth):
                self._off.append((given, given[mark:]))
                del given[mark:]

    def _merge(self, ends: list[Env], before: Env) -> None:
        merged = _joined(ends) if ends else before
        self.env.clear()
        self.env.update(merged)

    def tried(self, statement: f.Try) -> None:
        before = dict(self.env)
        left = self.block(statement.body)
        after = dict(self.env)
        thrown = _joined([before, after])
        ends = []
        if not self.block(statement.orelse) and not left:
            ends.append(dict(self.env))
        for handler in statement.handlers:
            self.env.clear()
            self.env.update(thrown)
            if handler.name:
                self.env[handler.name] = unknown("exception")
            if not self.block(handler.body):
                ends.append(dict(self.env))
        self._merge(ends, after)
        self.block(statement.final)

    def matched(self, statement: f.Match) -> None:
        subject = self.value(statement.subject)
        before = dict(self.env)
        ends = [before]
        for case in statement.cases:
            self.env.clear()
            self.env.update(before)
            if isinstance(statement.subject, f.Name) and len(case.classes) == 1:
                kind = self.world.resolver.annotation(case.classes[0], self.function.module, self.function)
                self.env[statement.subject.id] = self.world.declared(kind, subject)
            for name in case.binds:
                self.env[name] = unknown("bound by a pattern")
            if case.guard is not None:
                self.value(case.guard)
            if not self.block(case.body):
                ends.append(dict(self.env))
        self._merge(ends, before)

    def with_(self, statement: f.With) -> None:
        entered = []
        opened = 0
        for item in statement.items:
            manager = self.value(item.context, "with")
            entered.append(manager)
            value = self.entered(item, manager, statement.is_async)
            if item.target is not None:
                self.bind(item.target, value)
            opened += self.enter_group(item.context, manager)
        self.flow.managers[statement] = tuple(entered)
        self.block(statement.body)
        if opened:
            del self.groups[-opened:]

    # ------------------------------------------------------------------ loops

    def for_(self, statement: f.For) -> None:
        iterated = self.value(statement.iter, "iterate")
        loop = classify(self, statement, iterated)

        def turn() -> None:
            self.iteration(statement.target, iterated)
            self.bind(statement.target, self.item(iterated, loop))

        self._turns(statement, loop, turn)
        self.block(statement.orelse)

    def while_(self, statement: f.While) -> None:
        loop = classify(self, statement, None)

        def test() -> None:
            self.value(statement.test)
            narrowed(self, statement.test, True, self.env)

        self._turns(statement, loop, test)
        self.block(statement.orelse)

    def _turns(self, statement: f.For | f.While, loop: Loop, start: Callable[[], None]) -> None:
        self.flow.loops[statement] = loop
        before = dict(self.env)
        self.loops.append(loop)
        self._repeat += 1
        try:
            for _ in range(2):
                entry = dict(self.env)
                start()
                self.block(statement.body)
                changed = any(name in self.env and self.env[name].type != entry[name].type for name in entry)
                merged = _joined([before, dict(self.env)])
                self.env.clear()
                self.env.update(merged)
                if not changed or self._repeat > MAX_REPEAT_DEPTH:
                    break
        finally:
            self._repeat -= 1
            self.loops.pop()

    # ------------------------------------------------------------------ binding

    def bind(self, target: f.Expr, value: Value) -> None:
        """Assign a value to a target: names, attributes, tuples, subscripts."""
        match target:
            case f.Name(id=name):
                self.env[name] = value
                if name in self._globals:
                    self.flow.kept.setdefault((f"{self.function.module.dotted}.{name}", ""), []).append(value)
            case f.Attr(value=base_expr, name=name):
                base = self.value(base_expr)
                self.touch(target, base, written=True, value=value)
                assigned(self, target, base, value)
                if base.sym == ("param", 0) and self.function.is_method:
                    self.flow.attributes.setdefault(name, []).append(value)
                    self.env[f"self.{name}"] = value
                elif isinstance(base.type, Unknown) and (parameter := parameter_of(self.function, base.sym)):
                    self.env[f"{parameter.name}.{name}"] = value
                for kind in members(base.type):
                    if isinstance(kind, Lib) and self.world.kind(kind) == "namespace":
                        self.flow.kept.setdefault((kind.name, name), []).append(value)
            case f.Seq(items=items):
                self._unpack(items, value)
            case f.Subscript(value=base_expr, index=index):
                self._store_item(base_expr, index, value)
                if name := state_item(target):
                    self.flow.kept.setdefault((REQUEST_STATE, name), []).append(value)

    def _unpack(self, targets: tuple[f.Expr, ...], value: Value) -> None:
        """``a, *b, c = value``: a starred target gets a list of what the others leave."""
        starred = False
        for number, target in enumerate(targets):
            place = number - len(targets) if starred else number
            if isinstance(target, f.Star):
                starred = True
                self.bind(target.value, self._middle(value, number, len(targets) - number - 1))
            else:
                self.bind(target, self.world.unpacked(value, place))

    def _middle(self, value: Value, before: int, after: int) -> Value:
        """The list that a starred target gets between so many other targets."""
        if isinstance(value.type, Tup):
            left = value.type.items[before : len(value.type.items) - after]
            return Value(Coll(join(list(left)).type if left else Unknown("nothing left")))
        return Value(Coll(self.world.element(value).type), value.sym)

    def _store_item(self, base_expr: f.Expr, index: f.Expr, value: Value) -> None:
        self.value(base_expr)
        self.value(index)
        if isinstance(base_expr, f.Name):
            current = self.env.get(base_expr.id)
            if current is not None and isinstance(current.type, Dict):
                key = index.value if isinstance(index, f.Const) else None
                sym = with_entry(current.sym, key, value.sym) if current.sym[0] in ("dict", "filled") else current.sym
                self.env[base_expr.id] = Value(current.type.with_field(key, value), sym)

    def touch(self, node: f.Attr, base: Value, *, written: bool, value: Value | None = None) -> None:
        """Record that an attribute of a project instance is read or written; of a proxy, its relationship."""
        instance = next((kind for kind in members(base.type) if isinstance(kind, Inst)), None)
        if instance is not None:
            proxied = self.world.models.proxied(instance.cls, node.name)
            name = node.name if proxied is None else proxied[0]
            self.flow.touches[node] = Touch(
                node, node.at, base, name, written, tuple(self.loops), self.guarded(), value or unknown("read")
            )

    def guarded(self) -> tuple[Guard, ...]:
        return tuple(dict.fromkeys(self.guards))


def _joined(ends: list[Env]) -> Env:
    """The environments after branches as one; most names are the same value in all of them."""
    merged: Env = {}
    apart: dict[str, None] = {}
    for env in ends:
        for name, value in env.items():
            if merged.setdefault(name, value) is not value:
                apart[name] = None
    for name in apart:
        merged[name] = join([env[name] for env in ends if name in env])
    return merged


_STATEMENTS: dict[type, Callable[..., None]] = {
    f.ExprStmt: Walker.expression_statement,
    f.Assign: Walker.assign,
    f.AnnAssign: Walker.annotated,
    f.AugAssign: Walker.augmented,
    f.Return: Walker.returned,
    f.Raise: Walker.raised,
    f.If: Walker.branch,
    f.For: Walker.for_,
    f.While: Walker.while_,
    f.With: Walker.with_,
    f.Try: Walker.tried,
    f.Match: Walker.matched,
    f.FuncDef: Walker.nested_function,
    f.ClassDef: Walker.nested_class,
    f.Import: Walker.imported,
    f.Scope: Walker.scoped,
    f.Delete: Walker.deleted,
    f.Assert: Walker.asserted,
    f.Jump: Walker.nothing,
    f.TypeAlias: Walker.nothing,
}
