"""From expressions in a scope to what they name, and from annotations to types."""

from __future__ import annotations

from collections.abc import Callable

from persist_lint.link.index import Class, Function, Module
from persist_lint.link.lattice import (
    ClassObj,
    Closure,
    Coll,
    Coro,
    Data,
    Dict,
    Either,
    Inst,
    Lib,
    LibClass,
    Null,
    Tup,
    Type,
    TypeParam,
    Unknown,
    Value,
    union,
)
from persist_lint.link.names import Binding, External, Scopes, Variable, bindings
from persist_lint.link.params import replace_params, variables
from persist_lint.model import facts as f
from persist_lint.model.span import Span
from persist_lint.model.vocabulary import Vocabulary

BUILTIN_DATA = frozenset({"str", "int", "float", "bool", "bytes", "complex", "bytearray", "memoryview", "object"})
SEQUENCES = {
    "list": "list", "List": "list", "Sequence": "list", "MutableSequence": "list", "set": "set", "Set": "set",
    "frozenset": "set", "FrozenSet": "set", "AbstractSet": "set", "deque": "list", "Deque": "list",
    "Collection": "list", "Iterable": "iterator", "Iterator": "iterator", "Generator": "generator",
    "AsyncIterable": "async_generator", "AsyncIterator": "async_generator", "AsyncGenerator": "async_generator",
    "KeysView": "iterator", "ValuesView": "iterator", "Reversible": "list",
}  # fmt: skip
MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict"})
AWAITABLES = frozenset({"Awaitable", "Coroutine", "Future", "Task"})
TYPING = ("typing.", "typing_extensions.", "collections.abc.", "collections.", "builtins.", "asyncio.")
MAX_ALIAS_DEPTH = 12


class Resolver:
    """Answers what an expression names in a scope, and what type an annotation says."""

    def __init__(self, scopes: Scopes, vocabulary: Vocabulary) -> None:
        self.scopes = scopes
        self.vocabulary = vocabulary
        self._locals: dict[Function, dict[str, Binding]] = {}

    # ------------------------------------------------------------------ names

    def name(self, name: str, module: Module, function: Function | None) -> Binding | None:
        """What a name is bound to by imports and definitions: function-local ones first, then the module's."""
        scope = function
        while scope is not None:
            if (found := self.local_names(scope).get(name)) is not None:
                return found
            scope = scope.parent
        return self.scopes.lookup(module, name)

    def local_names(self, function: Function) -> dict[str, Binding]:
        """Names that a function binds by ``import``, ``def`` and ``class``."""
        if function.is_module:
            return {}
        function = function.origin
        if function not in self._locals:
            found: dict[str, Binding] = {}
            for name, raw in bindings(function.module, function.body):
                match raw:
                    case f.Import():
                        bound = self.scopes.imported(function.module, raw)
                        if bound is not None:
                            found.setdefault(name, bound)
                    case f.FuncDef(index=index):
                        found[name] = function.module.functions[index]
                    case f.ClassDef(index=index):
                        found[name] = function.module.classes[index]
            self._locals[function] = found
        return self._locals[function]

    def binding(self, expr: f.Expr, module: Module, function: Function | None = None) -> Binding | None:
        """What a dotted expression names; builtins are ``External("builtins.x")``."""
        match expr:
            case f.Name(id=name):
                found = self.name(name, module, function)
                return found if found is not None else External(self.scopes.canonical(f"builtins.{name}"))
            case f.Attr(value=value, name=name):
                base = self.binding(value, module, function)
                if isinstance(base, Class):
                    return self.class_member(base, name)
                return None if base is None else self.scopes.attribute(base, name, module)
            case f.Subscript(value=value):
                return self.binding(value, module, function)
        return None

    @staticmethod
    def class_member(cls: Class, name: str) -> Binding | None:
        """A method or nested class by name, of the class itself."""
        method = cls.method(name)
        if method is not None:
            return method
        return next((c for c in cls.module.classes if c.owner is cls and c.name == name), None)

    def dotted(self, expr: f.Expr, module: Module, function: Function | None = None) -> str:
        """The canonical library name of an expression, or ""."""
        found = self.binding(expr, module, function)
        return found.dotted if isinstance(found, External) else ""

    # ------------------------------------------------------------------ annotations

    def annotation(
        self, expr: f.Expr | None, module: Module, function: Function | None = None, owner: Class | None = None
    ) -> Type:
        """The type that an annotation says; Unknown where it says nothing we use."""
        return self._type(expr, _Scope(module, function, owner), 0)

    def _type(self, expr: f.Expr | None, scope: _Scope, depth: int) -> Type:
        if expr is None or depth > MAX_ALIAS_DEPTH:
            return Unknown("no annotation" if expr is None else "alias too deep")
        match expr:
            case f.Const(value=None):
                return Null()
            case f.Bin(op="|", left=left, right=right):
                return union([self._type(left, scope, depth + 1), self._type(right, scope, depth + 1)])
            case f.Subscript(value=base, index=index):
                arguments = index.items if isinstance(index, f.Seq) else (index,)
                return self._generic(base, arguments, scope, depth)
            case f.Name() | f.Attr():
                return self._plain(expr, (), scope, depth)
            case f.Const(value=str(text), at=at) if all(part.isidentifier() for part in text.split(".")):
                return self._plain(_reference(text, at), (), scope, depth)  # an argument: ``NewType("Id", "Order")``
        return Unknown("annotation not understood")

    def _plain(self, expr: f.Expr, arguments: tuple[Type, ...], scope: _Scope, depth: int) -> Type:
        found = self.binding(expr, scope.module, scope.function)
        match found:
            case Class():
                return Inst(found, arguments)
            case External(dotted=dotted):
                return self._library(dotted, arguments, scope)
            case Variable():
                return self._alias(found, arguments, depth)
            case Function():
                return Unknown("a function as annotation")
        return Unknown("name not found")

    def _library(self, dotted: str, arguments: tuple[Type, ...], scope: _Scope) -> Type:
        if dotted in self.vocabulary.types:
            return Lib(dotted, arguments)
        head, _, last = dotted.rpartition(".")
        if last == "Self" and scope.owner is not None:
            return Inst(scope.owner)
        if dotted.startswith("builtins.") and last in BUILTIN_DATA:
            return Data(last)
        if last in SEQUENCES and f"{head}.".startswith(TYPING):
            return Coll(Unknown("item not said"), SEQUENCES[last])
        if last in MAPPINGS and f"{head}.".startswith(TYPING):
            return Dict(Unknown("key not said"), Unknown("value not said"))
        if head in ("uuid", "datetime", "decimal"):
            return Data(last)
        if last in ("Any", "object"):
            return Unknown("Any")
        if head == "builtins" and (variable := scope.variable(last)) is not None:
            return self._parameter(variable, scope)
        return Unknown(f"library type {dotted}")

    def _alias(self, variable: Variable, arguments: tuple[Type, ...], depth: int) -> Type:
        """``X = Annotated[…]``, ``X = NewType("X", Base)``, ``T = TypeVar("T", bound=…)``, ``X: TypeAlias = …``."""
        scope = _Scope(variable.module, None, None, variable.type_params)
        for value in variable.values:
            if isinstance(value, f.Call):
                last = self.dotted(value.func, variable.module).rpartition(".")[2]
                if last in ("NewType", "TypeAliasType") and len(value.args) >= 2:
                    return self._applied(self._type(value.args[1], scope, depth + 1), arguments)
                if last == "TypeVar":
                    return TypeParam(variable.name, self._upper_bound(value, scope, depth))
                continue
            kind = self._type(value, scope, depth + 1)
            if not isinstance(kind, Unknown):
                return self._applied(kind, arguments)
        return Unknown("name is no type")

    def type_parameter(self, variable: f.TypeVariable, owner: Class) -> TypeParam:
        """A class's own type parameter in brackets."""
        return self._parameter(variable, _Scope(owner.module, owner.parent, owner))

    def _parameter(self, variable: f.TypeVariable, scope: _Scope) -> TypeParam:
        # what a bound mentions in turn is not followed far, for it may mention the parameter itself
        bound = self._type(variable.bound, scope, MAX_ALIAS_DEPTH - 1)
        return TypeParam(variable.name, Unknown("a type variable") if isinstance(bound, Unknown) else bound)

    def _upper_bound(self, call: f.Call, scope: _Scope, depth: int) -> Type:
        """What a type variable is at least: ``bound=``, else one of its constraints."""
        given = [k.value for k in call.keywords if k.name == "bound"] or list(call.args[1:])
        kinds = [self._type(one, scope, max(depth + 1, MAX_ALIAS_DEPTH - 1)) for one in given]
        return union(kinds) if kinds else Unknown("a type variable")

    @staticmethod
    def _applied(kind: Type, arguments: tuple[Type, ...]) -> Type:
        """A generic alias with its arguments: ``Page[Order]`` where ``Page = list[T]``."""
        names = [] if not arguments else variables(kind)
        return replace_params(kind, dict(zip(names, arguments, strict=False))) if names else kind

    def _generic(self, base: f.Expr, arguments: tuple[f.Expr, ...], scope: _Scope, depth: int) -> Type:
        name = self.dotted(base, scope.module, scope.function)
        head, _, last = name.rpartition(".")

        def inner(number: int) -> Type:
            return self._type(arguments[number], scope, depth + 1) if number < len(arguments) else Unknown("not said")

        if f"{head}.".startswith(TYPING):
            special = self._special_form(last, len(arguments), inner)
            if special is not None:
                return special
        kinds = tuple(inner(number) for number in range(len(arguments)))
        if last in ("WriteOnlyMapped", "DynamicMapped"):
            return Coll(kinds[0])
        if last == "Mapped":
            return kinds[0]
        return self._plain(base, kinds, scope, depth + 1)

    def _special_form(self, last: str, count: int, inner: Callable[[int], Type]) -> Type | None:
        if last in ("Annotated", "Required", "NotRequired", "ClassVar", "Final", "ReadOnly", "TypeGuard"):
            return inner(0)
        if last == "Optional":
            return union([inner(0), Null()])
        if last == "Union":
            return union([inner(n) for n in range(count)])
        if last in SEQUENCES:
            return Coll(inner(0), SEQUENCES[last])
        if last in MAPPINGS:
            return Dict(inner(0), inner(1))
        if last in AWAITABLES:
            return Coro(Value(inner(2 if last == "Coroutine" else 0)))
        if last in ("tuple", "Tuple"):
            return Tup(tuple(Value(inner(n)) for n in range(count)))
        if last in ("type", "Type"):
            return class_of(inner(0))
        if last == "Literal":
            return Data()
        if last == "Callable" and count == 2:
            return Closure((0, 0), Value(inner(1)))
        return None

    def depends(
        self, expr: f.Expr | None, module: Module, function: Function | None
    ) -> tuple[f.Call, Module, Function | None] | None:
        """The ``Depends(provider)`` call inside an ``Annotated[…]`` annotation, through aliases, with its own scope."""
        for _ in range(MAX_ALIAS_DEPTH):
            match expr:
                case f.Subscript(value=base, index=f.Seq(items=items)):
                    if self.dotted(base, module, function).endswith(".Annotated"):
                        call = next((item for item in items[1:] if isinstance(item, f.Call)), None)
                        return None if call is None else (call, module, function)
                    return None
                case f.Name() | f.Attr():
                    found = self.binding(expr, module, function)
                    if not isinstance(found, Variable) or not found.values:
                        return None
                    module, function, expr = found.module, None, found.values[0]
                case _:
                    return None
        return None


class _Scope:
    """Where an annotation is read."""

    __slots__ = ("function", "module", "owner", "params")

    def __init__(
        self,
        module: Module,
        function: Function | None,
        owner: Class | None,
        params: tuple[f.TypeVariable, ...] = (),
    ) -> None:
        self.module, self.function, self.owner, self.params = module, function, owner, params

    def variable(self, name: str) -> f.TypeVariable | None:
        """The type parameter of that name, of the functions and classes around."""
        groups = [self.params]
        function, owner = self.function, self.owner
        while function is not None:
            groups.append(function.facts.type_params)
            owner = owner or function.owner
            function = function.parent
        while owner is not None:
            groups.append(owner.facts.type_params)
            owner = owner.owner
        return next((one for group in groups for one in group if one.name == name), None)


def _reference(text: str, at: Span) -> f.Expr:
    """The dotted name that a string spells."""
    first, *rest = text.split(".")
    expr: f.Expr = f.Name(at, first)
    for name in rest:
        expr = f.Attr(at, expr, name)
    return expr


def class_of(kind: Type) -> Type:
    """``type[X]``: the class whose instance the type is."""
    match kind:
        case Inst(cls=cls, args=args):
            return ClassObj(cls, args)
        case Lib(name=name, args=args):
            return LibClass(name, args)
        case Either(members=parts):
            return union([class_of(part) for part in parts])
        case TypeParam(name=name, bound=bound):
            return TypeParam(name, bound, True)
    return Unknown("class of something unknown")


def instance_of(kind: Type) -> Type:
    """What calling a class gives; Unknown for anything that is no class."""
    match kind:
        case ClassObj(cls=cls, args=args):
            return Inst(cls, args)
        case LibClass(name=name, args=args):
            return Lib(name, args)
        case TypeParam(name=name, bound=bound):
            return TypeParam(name, bound)
        case Either(members=parts):
            return union([instance_of(part) for part in parts])
    return Unknown("not a class")
