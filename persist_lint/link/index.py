"""Who is defined where: modules, functions and classes as objects that compare by identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from persist_lint.facts.codec import decode_body
from persist_lint.model.facts import Attr, Call, ClassFacts, Expr, FunctionFacts, ModuleFacts, Name, Param, Stmt
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.lattice import Type, Value

MODULE_LEVEL = "<module>"
DECLARED_ATTR = frozenset({"declared_attr", "directive", "cascading"})


class Module:
    """One file of the project; ``dotted`` is its most specific import name."""

    def __init__(self, path: str, facts: ModuleFacts, dotted: str) -> None:
        self.path = path
        self.facts = facts
        self.dotted = dotted
        self.is_package = path.endswith("__init__.py")
        self.functions = [Function(self, number, f) for number, f in enumerate(facts.functions)]
        self.classes = [Class(self, number, c) for number, c in enumerate(facts.classes)]
        self.top = Function(self, -1, module_function(facts))
        for function in self.functions:
            function.link_up()
        for class_ in self.classes:
            class_.link_up()

    @cached_property
    def overloaded(self) -> frozenset[tuple[int, int, str]]:
        """The places and names of functions with ``@overload`` declarations."""
        found = (one.facts for one in self.functions if "overload" in one.decorator_names)
        return frozenset((facts.parent, facts.owner, facts.name) for facts in found)

    def __repr__(self) -> str:
        return f"<Module {self.dotted}>"


def module_function(facts: ModuleFacts) -> FunctionFacts:
    """The module's own statements as a function without parameters."""
    at = Span(1, 0, max(facts.lines, 1), 0)
    return FunctionFacts(MODULE_LEVEL, MODULE_LEVEL, at, (), None, (), False, False, -1, -1, (), facts.docstring, b"")


class Function:
    """One ``def``, or the module's own statements (``is_module``).

    A function whose meaning depends on what it is called with has copies (see ``variants``): ``receiver`` is the class
    of the receiver, ``arguments`` that class's type arguments, ``given`` are types of parameters by number; ``origin``
    is the function as written (itself for all others). A copy of a wrapper ``decorates`` the function that it stands
    for (see ``decorated``): ``caught`` says which of its parameters its ``*args`` and ``**kwargs`` hold. One that is
    ``__call__`` of an object has a ``holder``: the name of its first parameter, which it does not have any more, the
    object that this is, and the object's attributes that are the decorated function.
    """

    def __init__(self, module: Module, number: int, facts: FunctionFacts) -> None:
        self.origin = self
        self.receiver: Class | None = None
        self.arguments: tuple[Type, ...] = ()
        self.given: dict[int, Type] = {}
        self.decorates: Function | None = None
        self.caught: dict[str, tuple[int, ...]] = {}
        self.holder: tuple[str, Value, frozenset[str]] | None = None
        self.module = module
        self.number = number
        self.facts = facts
        self.name = facts.name
        self.is_module = number < 0
        self.parent: Function | None = None
        self.owner: Class | None = None

    def link_up(self) -> None:
        """Tie to the enclosing function and class."""
        facts = self.facts
        self.parent = self.module.functions[facts.parent] if facts.parent >= 0 else None
        self.owner = self.module.classes[facts.owner] if facts.owner >= 0 else None
        if self.owner is not None:
            self.owner.methods.setdefault(self.name, []).append(self)

    def variant(self, cls: Class | None, arguments: tuple[Type, ...], given: dict[int, Type]) -> Function:
        """A copy for receivers of the class ``cls[arguments]`` and parameters of the given types."""
        copy = Function(self.module, self.number, self.facts)
        copy.parent, copy.owner, copy.origin = self.parent, self.owner, self
        copy.receiver, copy.arguments, copy.given = cls, arguments, given
        return copy

    @cached_property
    def order(self) -> str:
        """What tells the copies of one function apart, the same in every run."""
        if self.origin is self:
            return ""
        receiver = "" if self.receiver is None else self.receiver.dotted
        around = () if self.decorates is None else (self.decorates.dotted, self.decorates.order)
        return repr((receiver, self.arguments, sorted(self.given.items(), key=lambda pair: pair[0]), around))

    @cached_property
    def dotted(self) -> str:
        """``package.module.Class.method``; the module's name for its own statements."""
        return self.module.dotted if self.is_module else f"{self.module.dotted}.{self.facts.qualname}"

    @cached_property
    def body(self) -> tuple[Stmt, ...]:
        """The statements; decoded when first asked for, once for all copies."""
        if self.origin is not self:
            return self.origin.body
        return self.module.facts.body if self.is_module else decode_body(self.facts.body)

    @cached_property
    def params(self) -> tuple[Param, ...]:
        return self.facts.params

    @cached_property
    def decorator_names(self) -> frozenset[str]:
        """The last names of its decorators, as in ``staticmethod``."""
        return frozenset(last_name(d) for d in self.facts.decorators)

    @property
    def is_async(self) -> bool:
        return self.facts.is_async

    @property
    def is_generator(self) -> bool:
        return self.facts.is_generator

    @cached_property
    def is_static(self) -> bool:
        return "staticmethod" in self.decorator_names

    @cached_property
    def is_class_method(self) -> bool:
        return "classmethod" in self.decorator_names or self.name in ("__init_subclass__", "__class_getitem__")

    @cached_property
    def places(self) -> tuple[tuple[int, ...], dict[str, int], int | None]:
        """Where arguments go: parameters by position, by name, and the one that gets all other keywords."""
        params = list(enumerate(self.params))
        by_position = tuple(i for i, p in params if p.kind in ("positional", "normal"))
        by_name = {p.name: i for i, p in params if p.kind in ("normal", "keyword")}
        return by_position, by_name, next((i for i, p in params if p.kind == "kwargs"), None)

    @cached_property
    def is_method(self) -> bool:
        """Whether the first parameter is the instance or class."""
        return self.owner is not None and not self.is_static

    @cached_property
    def is_overloaded(self) -> bool:
        """Whether ``@overload`` declarations of its name stand beside it."""
        facts = self.facts
        return (facts.parent, facts.owner, facts.name) in self.module.overloaded

    @cached_property
    def is_setter(self) -> bool:
        """Whether assigning the property of its name runs it: ``@name.setter``."""
        return "setter" in self.decorator_names

    @cached_property
    def is_property(self) -> bool:
        return bool(self.decorator_names & {"property", "cached_property", "hybrid_property", "async_cached_property"})

    @cached_property
    def is_declared_attr(self) -> bool:
        """Whether it makes a mapped attribute of every class that inherits it (``@declared_attr``)."""
        return not self.decorator_names.isdisjoint(DECLARED_ATTR) and any(map(_is_declaring, self.facts.decorators))

    def __repr__(self) -> str:
        return f"<Function {self.dotted}>"


class Class:
    """One ``class`` statement; ``methods`` by name, in order of definition (overloads, property setters)."""

    def __init__(self, module: Module, number: int, facts: ClassFacts) -> None:
        self.module = module
        self.number = number
        self.facts = facts
        self.name = facts.name
        self.methods: dict[str, list[Function]] = {}
        self.owner: Class | None = None
        self.parent: Function | None = None

    def link_up(self) -> None:
        facts = self.facts
        self.owner = self.module.classes[facts.owner] if facts.owner >= 0 else None
        self.parent = self.module.functions[facts.parent] if facts.parent >= 0 else None

    @cached_property
    def dotted(self) -> str:
        return f"{self.module.dotted}.{self.facts.qualname}"

    def method(self, name: str) -> Function | None:
        """The method of that name: of overloads and property pairs, the getter or the last that has a body.

        What ``@declared_attr`` makes is an attribute, and no method.
        """
        found = self.methods.get(name)
        if not found or found[-1].is_declared_attr:
            return None
        for function in found:
            if function.is_property:
                return function
        return found[-1]

    def __repr__(self) -> str:
        return f"<Class {self.dotted}>"


class Index:
    """All modules of a project, by path, in sorted order."""

    def __init__(self, modules: Mapping[str, ModuleFacts], dotted: Mapping[str, str]) -> None:
        self.modules = {path: Module(path, modules[path], dotted[path]) for path in sorted(modules)}

    def functions(self) -> Iterator[Function]:
        """Every function, module levels included, in order of path and place."""
        for module in self.modules.values():
            yield module.top
            yield from module.functions

    def classes(self) -> Iterator[Class]:
        for module in self.modules.values():
            yield from module.classes


def _is_declaring(expr: Expr) -> bool:
    """``@declared_attr``, ``@orm.declared_attr``, ``@declared_attr.directive``."""
    match expr:
        case Attr(value=inner, name="directive" | "cascading"):
            return last_name(inner) == "declared_attr"
    return last_name(expr) == "declared_attr"


def last_name(expr: object) -> str:
    """The last name of a decorator: ``property`` of ``@property``, ``get`` of ``@router.get("/")``; else ""."""
    if isinstance(expr, Call):
        expr = expr.func
    if isinstance(expr, Attr):
        return expr.name
    return expr.id if isinstance(expr, Name) else ""
