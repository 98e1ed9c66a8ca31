"""What a name means: module scopes, imports, re-exports, stars.

``Scopes.lookup(module, "orders")`` follows imports through any number of files to the definition and answers with a
``Binding``; names of libraries stay dotted (``sqlalchemy.select``), canonical through the vocabulary's aliases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Union

from msgspec import Struct

from persist_lint.link.index import Class, Function, Index, Module
from persist_lint.link.roots import Roots, relative
from persist_lint.model import facts as f
from persist_lint.model.span import Span
from persist_lint.model.vocabulary import Vocabulary


class Variable(Struct, frozen=True, eq=False):
    """A module-level (or class-level) name bound by assignment: all its right-hand sides, the annotation if any."""

    module: Module
    name: str
    values: tuple[f.Expr, ...]
    annotation: f.Expr | None
    at: Span
    entered: bool = False  # bound by ``with … as``
    type_params: tuple[f.TypeVariable, ...] = ()  # of ``type name[T] = …``


class External(Struct, frozen=True):
    """A name of a library, dotted and canonical."""

    dotted: str


Binding = Union[Module, Function, Class, Variable, External]


class Scopes:
    """Module scopes, built when first asked for."""

    def __init__(self, index: Index, roots: Roots, vocabulary: Vocabulary) -> None:
        self._index = index
        self._roots = roots
        self._alias = vocabulary.alias
        self._raw: dict[Module, dict[str, list[object]]] = {}
        self._stars: dict[Module, list[f.Import]] = {}
        self._known: dict[tuple[Module, str], Binding | None] = {}

    def module_at(self, path: str) -> Module | None:
        return self._index.modules.get(path)

    def canonical(self, dotted: str) -> str:
        """The vocabulary's own spelling of a library name."""
        return self._alias.get(dotted, dotted)

    def lookup(self, module: Module, name: str) -> Binding | None:
        """What a global name of a module is bound to; None where the module does not bind it."""
        key = (module, name)
        if key not in self._known:
            self._known[key] = None  # a cycle of imports binds nothing
            self._known[key] = self._find(module, name)
        return self._known[key]

    def names(self, module: Module) -> list[str]:
        """The names that the module's own statements bind, in order (stars left out)."""
        self._collect(module)
        return list(self._raw[module])

    def imported(self, module: Module, statement: f.Import) -> Binding | None:
        """What one import statement binds."""
        if statement.level:
            return self._relative(module, statement)
        if statement.name is None:
            dotted = statement.module
            if statement.binds and "." in dotted and statement.binds == dotted.split(".")[0]:
                dotted = statement.binds
            return self.module_named(dotted, module)
        return self._member(module, statement.module, statement.name)

    def module_named(self, dotted: str, importer: Module) -> Binding:
        """The module of that name, of the project or of a library."""
        path = self._roots.find(dotted, importer.path)
        found = self.module_at(path) if path else None
        return found if found is not None else External(self.canonical(dotted))

    def attribute(self, binding: Binding, name: str, importer: Module) -> Binding | None:
        """``binding.name`` where binding is a module or library name."""
        if isinstance(binding, External):
            inner = self._roots.find(f"{binding.dotted}.{name}", importer.path)
            if inner and (module := self.module_at(inner)):
                return module  # a namespace package
            return External(self.canonical(f"{binding.dotted}.{name}"))
        if isinstance(binding, Module):
            return self.lookup(binding, name) or self._submodule(binding, name)
        return None

    # ------------------------------------------------------------------ internals

    def _find(self, module: Module, name: str) -> Binding | None:
        self._collect(module)
        candidates = [b for raw in self._raw[module].get(name, ()) if (b := self._bind(module, raw)) is not None]
        ours = [b for b in candidates if not isinstance(b, External)]
        theirs = [b for b in candidates if isinstance(b, External)]
        if theirs and all(_is_none(b) for b in ours):
            return theirs[0]  # ``except ImportError: name = None``
        if ours:
            return self._merge(ours, module)
        for star in self._stars[module]:
            if (found := self._through_star(module, star, name)) is not None:
                return found
        return None

    @staticmethod
    def _merge(found: Sequence[Binding], module: Module) -> Binding:
        """Several bindings of one name: the module's last definition, else the first import; assignments together."""
        solid = [b for b in found if not isinstance(b, Variable)]
        if solid:
            own = [b for b in solid if isinstance(b, Function | Class) and b.module is module]
            return own[-1] if own else solid[0]
        variables = [b for b in found if isinstance(b, Variable)]
        first = variables[0]
        annotation = next((v.annotation for v in variables if v.annotation is not None), None)
        values = tuple(value for v in variables for value in v.values)
        return Variable(first.module, first.name, values, annotation, first.at, first.entered, first.type_params)

    def _bind(self, module: Module, raw: object) -> Binding | None:
        if isinstance(raw, f.Import):
            return self.imported(module, raw)
        if isinstance(raw, f.FuncDef):
            return module.functions[raw.index]
        if isinstance(raw, f.ClassDef):
            return module.classes[raw.index]
        return raw if isinstance(raw, Variable) else None

    def _relative(self, module: Module, statement: f.Import) -> Binding | None:
        stem = relative(module.path, statement.level, statement.module)
        home = self.module_at(f"{stem}/__init__.py" if stem else "__init__.py") or self.module_at(f"{stem}.py")
        if statement.name is None or statement.name == "*":
            return home
        if home is not None and (found := self.lookup(home, statement.name)) is not None:
            return found
        inner = f"{stem}/{statement.name}" if stem else statement.name
        return self.module_at(f"{inner}/__init__.py") or self.module_at(f"{inner}.py")

    def _member(self, importer: Module, dotted: str, name: str) -> Binding | None:
        home = self.module_named(dotted, importer)
        if name == "*":
            return home
        return self.attribute(home, name, importer)

    def _submodule(self, package: Module, name: str) -> Module | None:
        if not package.is_package:
            return None
        stem = package.path.removesuffix("__init__.py") + name
        return self.module_at(f"{stem}.py") or self.module_at(f"{stem}/__init__.py")

    def _through_star(self, module: Module, star: f.Import, name: str) -> Binding | None:
        home = self._relative(module, star) if star.level else self.module_named(star.module, module)
        if isinstance(home, External):
            return None  # a library's star: which names it brings is not known
        if not isinstance(home, Module) or home is module:
            return None
        exported = self._exported(home)
        if name.startswith("_") if exported is None else name not in exported:
            return None
        return self.lookup(home, name)

    def _exported(self, module: Module) -> frozenset[str] | None:
        """The names of ``__all__``; None where the module has none, or one that is not simply written down."""
        self._collect(module)
        said = [raw for raw in self._raw[module].get("__all__", ()) if isinstance(raw, Variable)]
        changed = any(isinstance(s, f.AugAssign) for s in module.facts.body)
        if len(said) != 1 or changed or not isinstance(shown := said[0].values[0], f.Seq):
            return None
        names = [item.value for item in shown.items if isinstance(item, f.Const) and isinstance(item.value, str)]
        return frozenset(names) if len(names) == len(shown.items) else None

    def _collect(self, module: Module) -> None:
        if module in self._raw:
            return
        table: dict[str, list[object]] = {}
        stars: list[f.Import] = []
        for name, raw in bindings(module, module.facts.body):
            if name == "*":
                stars.append(raw)  # type: ignore[arg-type]
            else:
                table.setdefault(name, []).append(raw)
        self._raw[module], self._stars[module] = table, stars


def _is_none(binding: Binding) -> bool:
    return isinstance(binding, Variable) and all(isinstance(v, f.Const) and v.value is None for v in binding.values)


def bindings(module: Module, body: Iterable[f.Stmt]) -> Iterator[tuple[str, object]]:
    """(name, Import | FuncDef | ClassDef | Variable) for each name that statements bind, branches included."""
    for statement in body:
        match statement:
            case f.Import():
                yield (statement.name == "*" and "*") or statement.binds, statement
            case f.FuncDef():
                yield module.functions[statement.index].name, statement
            case f.ClassDef():
                yield module.classes[statement.index].name, statement
            case f.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _assigned(module, target, value)
            case f.AnnAssign(target=f.Name(id=name), annotation=annotation, value=value):
                values = () if value is None else (value,)
                yield name, Variable(module, name, values, annotation, statement.at)
            case f.TypeAlias(name=name, value=value, type_params=params):
                yield name, Variable(module, name, (value,), None, statement.at, False, params)
            case f.With(items=items, body=inner):
                for item in items:
                    if isinstance(item.target, f.Name):
                        name = item.target.id
                        yield name, Variable(module, name, (item.context,), None, statement.at, True)
                yield from bindings(module, inner)
            case f.If(test=test, body=first, orelse=second):
                known = list(bindings(module, first))
                yield from known
                said = {name for name, raw in known if isinstance(raw, f.Import) and _is_for_checkers(test)}
                yield from (pair for pair in bindings(module, second) if pair[0] not in said)
            case f.Try(body=first, handlers=handlers, orelse=second, final=final):
                yield from bindings(module, first)
                for handler in handlers:
                    yield from bindings(module, handler.body)
                yield from bindings(module, second)
                yield from bindings(module, final)
            case f.For(body=inner) | f.While(body=inner):
                yield from bindings(module, inner)
            case _:
                pass


def _is_for_checkers(test: f.Expr) -> bool:
    """Whether a branch is for type checkers: what it imports is what stands in for it in the other branch."""
    return getattr(test, "id" if isinstance(test, f.Name) else "name", "") == "TYPE_CHECKING"


def _assigned(module: Module, target: f.Expr, value: f.Expr) -> Iterator[tuple[str, object]]:
    if isinstance(target, f.Name):
        yield target.id, Variable(module, target.id, (value,), None, target.at)
    elif isinstance(target, f.Seq) and isinstance(value, f.Seq) and len(target.items) == len(value.items):
        for inner, part in zip(target.items, value.items, strict=True):
            yield from _assigned(module, inner, part)
    elif isinstance(target, f.Seq):  # ``a, b = make()`` is ``a = make()[0]``, as far as it is known
        star = next((n for n, item in enumerate(target.items) if isinstance(item, f.Star)), len(target.items))
        for number, inner in enumerate(target.items):
            place = number if number < star else number - len(target.items)
            part = f.Subscript(value.at, value, f.Const(value.at, place))
            if not isinstance(inner, f.Star):
                yield from _assigned(module, inner, part)
            elif isinstance(inner.value, f.Name):
                yield inner.value.id, Variable(module, inner.value.id, (), None, target.at)
