"""Everything that one project's analysis shares: index, scopes, classes, vocabulary, and the memo of walks.

Answers are computed on demand. A function on its own stack answers with what it knows so far; what asks too deep is
told ``Unknown``, and is asked again when its own turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from persist_lint.link.arguments import actuals
from persist_lint.link.asking import Asking
from persist_lint.link.attributes import Attributes
from persist_lint.link.classes import Classes
from persist_lint.link.decorated import Decorated
from persist_lint.link.index import Class, Function, Index
from persist_lint.link.iteration import awaited, builtin, builtin_method, element, subscripted, unpacked
from persist_lint.link.kept import Kept
from persist_lint.link.lattice import (
    ClassObj,
    Closure,
    Coll,
    Data,
    Dict,
    Fn,
    Inst,
    Lib,
    LibClass,
    LibFn,
    LibMethod,
    Null,
    Partial,
    Tup,
    Type,
    Unknown,
    Value,
    join,
    members,
    unknown,
)
from persist_lint.link.libcall import LibraryCall, library_result
from persist_lint.link.library import Libraries
from persist_lint.link.models import Models
from persist_lint.link.names import Scopes, Variable
from persist_lint.link.protocols import faced, item
from persist_lint.link.resolve import Resolver
from persist_lint.link.returns import Returns
from persist_lint.link.sites import Flow, Keywords
from persist_lint.link.switches import Switches
from persist_lint.link.variants import Variants
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row, Vocabulary

MAX_DEPTH = 24
MAX_CANDIDATES = 8
MEMOISERS = frozenset({"functools.lru_cache", "functools.cache"})
BUILTIN_TYPES = frozenset({"str", "int", "float", "bool", "bytes"})


class World(Attributes, Returns, Libraries):
    """The project at hand; see the modules of the base classes for attributes and returned values."""

    def __init__(
        self, index: Index, scopes: Scopes, resolver: Resolver, classes: Classes, vocabulary: Vocabulary
    ) -> None:
        Attributes.__init__(self)
        Returns.__init__(self)
        Libraries.__init__(self)
        self.index = index
        self.scopes = scopes
        self.resolver = resolver
        self.classes = classes
        self.vocabulary = vocabulary
        self._flows: dict[Function, Flow] = {}
        self._depth = 0
        self._remembers: dict[Function, bool] = {}
        self._named: dict[str, list[Function]] | None = None
        self.asking = Asking(self._forget)
        self.models = Models(self)
        self.variants = Variants(self)
        self.decorated = Decorated(self)
        self.kept = Kept(self)

    @cached_property
    def block_names(self) -> frozenset[str]:
        """The last names of library functions that as decorators put a transaction block around a function."""
        rows = self.vocabulary.functions.items()
        return frozenset(name.rpartition(".")[2] for name, row in rows if row.on and "txn.begin" in row.does)

    @cached_property
    def switches(self) -> Switches:
        """Which branches are taken with every setting at its default."""
        return Switches(self)

    # ------------------------------------------------------------------ walks

    def flow(self, function: Function) -> Flow:
        """The walk over a function, made when first asked for; what it has so far while it is being made."""
        found = self._flows.get(function)
        if found is not None:
            self.asking.again(function)
            return found
        flow = Flow(function)
        if self._depth > MAX_DEPTH:
            self.asking.cut()
            return flow
        self._flows[function] = flow
        self._depth += 1
        self.asking.begin(function)
        try:
            from persist_lint.link.walk import Walker

            Walker(self, function, flow).run()
        finally:
            self._depth -= 1
            self.asking.end(function)
        return flow

    def settle(self, functions: Sequence[Function]) -> None:
        """Walk the functions in order; then those once more that needed an answer which was not there yet."""
        for function in functions:
            self.flow(function)
        self.asking.retry()
        for function in (*functions, *functions):
            self.flow(function)

    def walked(self) -> list[Function]:
        """The functions walked so far, copies of methods and functions for their receivers and arguments included."""
        return list(self._flows)

    def _forget(self, key: object) -> None:
        """Drop the answer to one question: a function's walk, ``("returned", function)``, a parameter, an attribute."""
        match key:
            case Function():
                self._flows.pop(key, None)
            case ("returned", Function() as function):
                self._returned.pop(function, None)
            case (Function() as function, int(number)):
                self._parameters.pop((function, number), None)
            case (Class() as cls, str(name)):
                self._stored.pop((cls, name), None)
            case ("kept", (str(owner), str(name))):
                self.kept.forget((owner, name))

    def evaluate_in(self, owner: Class, expr: f.Expr) -> Value:
        """An expression of a class body, in the scope of its module (or of the function that holds the class)."""
        return self._elsewhere(owner.parent or owner.module.top, expr)

    def evaluate_at(self, function: Function, expr: f.Expr) -> Value:
        """A default or decorator of a function, in the scope that holds the function."""
        return self._elsewhere(function.parent or function.module.top, expr)

    def providers(self, function: Function, number: int) -> list[Value]:
        """What the framework calls to fill a parameter: ``= Depends(get_db)``, ``Annotated[…, Depends(get_db)]``."""
        found = []
        for expr, scope in self._injections(function, number):
            given = [*expr.args, *(k.value for k in expr.keywords if k.name == "dependency")]
            if given:
                found.append(self._elsewhere(scope, given[0]))
            else:
                annotation = function.params[number].annotation
                kinds = members(self.resolver.annotation(annotation, function.module, function))
                found += [Value(ClassObj(k.cls, k.args)) for k in kinds if isinstance(k, Inst)]
        return found

    def ends_with_handler(self, function: Function, number: int) -> bool:
        """Whether what fills a parameter is torn down before the response: ``Depends(get_db, scope="function")``."""
        return any(
            k.name == "scope" and isinstance(k.value, f.Const) and k.value.value == "function"
            for call, _ in self._injections(function, number)
            for k in call.keywords
        )

    def _injections(self, function: Function, number: int) -> list[tuple[f.Call, Function]]:
        """The calls that say what fills a parameter, each with the scope that it stands in."""
        parameter = function.params[number]
        scopes: list[tuple[f.Expr | None, Function]] = [(parameter.default, function.parent or function.module.top)]
        declared = self.resolver.depends(parameter.annotation, function.module, function)
        if declared is not None:
            scopes.append((declared[0], declared[2] or declared[1].top))
        return [(e, s) for e, s in scopes if isinstance(e, f.Call) and self._injects(self._elsewhere(s, e.func))]

    def _injects(self, callee: Value) -> bool:
        match callee.type:
            case LibFn(name=name):
                row = self.vocabulary.functions.get(name)
            case LibClass(name=name):
                row = self.vocabulary.types[name].new
            case _:
                return False
        return row is not None and row.gives == "injected"

    def evaluate_inside(self, function: Function, expr: f.Expr) -> Value:
        """An expression of a function, with the names as they are at its end."""
        return self._elsewhere(function, expr)

    def _elsewhere(self, scope: Function, expr: f.Expr) -> Value:
        from persist_lint.link.walk import Walker

        if self._depth > MAX_DEPTH:
            return unknown("too deep")
        self._depth += 1
        try:
            flow = Flow(scope)
            if not scope.is_module:
                flow.env.update(self.flow(scope).env)
            return Walker(self, scope, flow).value(expr)
        finally:
            self._depth -= 1

    def decorator_value(self, decorator: f.Expr, function: Function) -> Value:
        """The value of a decorator, or of what it calls (``@router.get("/")`` is ``router.get``)."""
        return self.evaluate_at(function, decorator.func if isinstance(decorator, f.Call) else decorator)

    def callers_by_name(self, function: Function) -> list[Function]:
        """Functions that mention a function's name: the only ones that can call it directly."""
        while function.decorates is not None:
            function = function.decorates
        name = function.owner.name if function.name == "__init__" and function.owner is not None else function.name
        return [c for c in self.mentioning(name) if c is not function]

    def mentioning(self, name: str) -> list[Function]:
        """The functions that mention a name, in order of path and place; the modules' own statements last."""
        if self._named is None:
            self._named = {}
            for one in self.index.functions():
                for mentioned in one.facts.names:
                    self._named.setdefault(mentioned, []).append(one)
        return self._named.get(name, [])

    def conventional_session(self, function: Function) -> Type | None:
        """The session type that an unannotated ``db``/``session`` parameter stands for, by how the function uses it."""
        name = "sqlalchemy.ext.asyncio.AsyncSession" if function.is_async else "sqlalchemy.orm.Session"
        return Lib(name) if name in self.vocabulary.types else None

    # ------------------------------------------------------------------ values

    def element(self, value: Value) -> Value:
        """What iterating a value yields; library objects say it by their row."""
        value = self.as_builtin(value)
        rows = [(k, self.iteration_row(k)) for k in members(value.type)]
        if not any(row is not None for _, row in rows):
            own = item(self, value) if any(isinstance(k, Inst) for k, _ in rows) else None
            return element(value) if own is None else own
        found = []
        for kind, row in rows:
            if row is None:
                found.append(element(Value(kind, value.sym, value.weak)))
            else:
                call = LibraryCall(row, "iteration", Value(kind, value.sym, value.weak), (), (), (0, 0))
                found.append(awaited(library_result(self, call)))
        return join(found)

    def iteration_row(self, kind: Type) -> Row | None:
        """The row of iterating a library object, through its bases."""
        name = kind.name if isinstance(kind, Lib) else ""
        found = self.vocabulary.types.get(name)
        if found is None:
            return None
        if found.iterates is not None:
            return found.iterates
        return next((r for b in found.bases if (r := self.iteration_row(Lib(b))) is not None), None)

    def unpacked(self, value: Value, number: int) -> Value:
        """Element ``number`` of a value unpacked into several targets."""
        return unpacked(self.as_builtin(value), number)

    def subscripted(self, base: Value, index_expr: f.Expr, index: Value) -> Value:
        """``base[index]``."""
        return subscripted(faced(self, self.as_builtin(base)), index_expr, index)

    awaited = staticmethod(awaited)

    def builtin(self, name: str, args: tuple[Value, ...], keywords: Keywords) -> Value:
        """What a builtin function (or a library function without a row) gives."""
        if name == "builtins.dict" and not args and keywords and all(k is not None for k, _ in keywords):
            entries = tuple((k, v.sym) for k, v in keywords)
            return Value(Dict(Data("str"), join([v for _, v in keywords]).type), ("dict", entries))
        return builtin(name, args) if name.startswith("builtins.") else unknown(f"no row for {name}")

    builtin_method = staticmethod(builtin_method)

    def declared(self, kind: Type, value: Value) -> Value:
        """A value under an annotation: the annotation's type, unless the value is known more exactly."""
        if isinstance(kind, Tup) and isinstance(value.type, Tup) and len(kind.items) == len(value.type.items):
            pairs = zip(kind.items, value.type.items, strict=True)
            return Value(Tup(tuple(self.declared(said.type, known) for said, known in pairs)), value.sym, value.weak)
        if isinstance(kind, Unknown) or (kind == Data("str") and isinstance(value.type, Data) and value.type.text):
            return value
        if isinstance(value.type, Unknown | Null | Data) or not self.refines(value.type, kind):
            return Value(kind, value.sym)
        return value

    def refines(self, kind: Type, general: Type) -> bool:
        """Whether a known type is a case of an annotated one."""
        for one in members(general):
            if isinstance(kind, Inst) and isinstance(one, Inst) and one.cls in self.classes.mro(kind.cls):
                return True
            if (
                isinstance(kind, Lib)
                and isinstance(one, Lib)
                and (kind.name == one.name or self._below(kind.name, one.name))
            ):
                return True
            if isinstance(one, Closure) and isinstance(kind, Fn | Partial | LibFn | LibMethod | ClassObj | LibClass):
                return True  # a Callable, and which
            alike = type(kind) is type(one) or (isinstance(kind, Tup) and isinstance(one, Coll))
            if alike and not isinstance(kind, Inst | Lib) and "Unknown" in repr(one):
                return True
        return False

    def _below(self, name: str, base: str) -> bool:
        found = self.vocabulary.types.get(name)
        return found is not None and any(b == base or self._below(b, base) for b in found.bases)

    def function_value(self, function: Function) -> Value:
        """The value that a function's name has."""
        return Value(Fn(function), ("global", function.dotted))

    def variable(self, variable: object) -> Value:
        """The value of a module-level name."""
        assert isinstance(variable, Variable)
        sym = ("global", f"{variable.module.dotted}.{variable.name}")
        declared = (
            self.resolver.annotation(variable.annotation, variable.module) if variable.annotation is not None else None
        )
        if declared is not None and not isinstance(declared, Unknown):
            known = [k for k in members(declared) if not isinstance(k, Null)]
            if known:
                return Value(declared, sym)
        found = self.flow(variable.module.top).env.get(variable.name)
        if found is None or isinstance(found.type, Null):  # set by ``global``, perhaps
            kept = self.kept.at(sym[1], "", sym)
            if not isinstance(kept.type, Unknown):
                return kept
        if found is None:
            return unknown("module-level value not known", sym)
        return Value(found.type, _global(found, sym), found.weak)

    def constant_size(self, function: Function, name: str) -> int | None:
        """How many items a module-level display has."""
        bound = self.resolver.name(name, function.module, function)
        if not isinstance(bound, Variable) or len(bound.values) != 1:
            return None
        match bound.values[0]:
            case f.Seq(items=items) if not any(isinstance(i, f.Star) for i in items):
                return len(items)
            case f.DictLit(keys=keys):
                return len(keys)
        return None

    def remembers(self, function: Function) -> bool:
        """Whether a function computes its answer once per process (``@lru_cache`` without arguments): what it does is
        done by the first caller only."""
        if function.origin not in self._remembers:
            own = function.params[1:] if function.is_method else function.params
            names = (
                self.resolver.dotted(d.func if isinstance(d, f.Call) else d, function.module, function.parent)
                for d in function.facts.decorators
            )
            self._remembers[function.origin] = not own and any(name in MEMOISERS for name in names)
        return self._remembers[function.origin]

    def candidates(
        self,
        function: Function,
        bound: Value | None,
        args: Sequence[Value] = (),
        keywords: Keywords = (),
        *,
        bare: bool = False,
    ) -> list[Function]:
        """What calling a function may run: the implementations of an abstract method, else itself, each as a call with
        this receiver and these arguments has it, and in the wrapper of its decorators (unless ``bare``)."""
        found = [
            self.variants.of(found, bound, actuals(found, bound, args, keywords))
            for found in self._candidates(function, bound)
        ]
        return found if bare else [self.decorated.runs(one) for one in found]

    def _candidates(self, function: Function, bound: Value | None) -> list[Function]:
        if function.owner is None or bound is None:
            return [function]
        if not self.classes.is_abstract(function):
            return self._overridden(function, bound)
        found = [m for m in self.classes.implementers(function) if not self.classes.is_abstract(m)]
        if isinstance(bound.type, Inst) and len(found) > 1 and not self.classes.is_protocol(function.owner):
            below = {bound.type.cls, *self.classes.subclasses(bound.type.cls)}
            found = [m for m in found if m.owner in below] or found
        if not found:
            return [function]
        return found if len(found) <= MAX_CANDIDATES else []

    def _overridden(self, function: Function, bound: Value) -> list[Function]:
        """A method on something that is declared to be of an abstract class: an instance is of a class below it."""
        kind = bound.type
        if not isinstance(kind, Inst) or bound.sym[0] == "new" or not self.classes.is_abstract_class(kind.cls):
            return [function]
        if self.classes.find_method(kind.cls, function.name) is not function:  # ``super()`` means just this one
            return [function]
        found = self.classes.overrides(kind.cls, function.name)
        return found if 1 < len(found) <= MAX_CANDIDATES else [function]

    def row_of_decorator(self, decorator: f.Expr, function: Function) -> tuple[Row, str] | None:
        """The vocabulary row of a decorator expression, with its name: ``@router.get("/")``, ``@shared_task``."""
        return self.row_of_callee(self.decorator_value(decorator, function))

    def row_of_callee(self, callee: Value) -> tuple[Row, str] | None:
        """The vocabulary row of what is called, with its name."""
        for kind in members(callee.type):
            match kind:
                case LibFn(name=name) if name in self.vocabulary.functions:
                    return self.vocabulary.functions[name], name
                case LibMethod(owner=owner, name=name) if owner != "builtins":
                    row = self.method_row(owner, name)
                    if row is not None:
                        return row, f"{owner}.{name}"
                case LibClass(name=name):
                    found = self.vocabulary.types[name]
                    if found.new is not None:
                        return found.new, name
        return None


def _global(found: Value, sym: tuple[str, str]) -> tuple[object, ...]:
    """A module-level value's symbol: an instance made there keeps how it was made, all else is named."""
    return found.sym if found.sym[0] in ("new", "global", "const") else sym


__all__ = ["World"]
