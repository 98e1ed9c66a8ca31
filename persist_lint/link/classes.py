"""Classes of the project: bases, method resolution order, attributes, what they inherit from libraries."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.link.attributes import assigned_attributes
from persist_lint.link.index import Class, Function, Index, Module
from persist_lint.link.lattice import Coll, Data, Dict, Type, TypeParam, Unknown
from persist_lint.link.names import External, Variable
from persist_lint.link.params import has_param, replace_params
from persist_lint.link.resolve import Resolver
from persist_lint.link.tree import flat
from persist_lint.model import facts as f

MAX_BASES = 64
MAPPINGS = frozenset({"builtins.dict", "collections.OrderedDict"})
AFTER_INIT = frozenset({"__post_init__", "__attrs_post_init__", "model_post_init"})
VALIDATORS = frozenset({"model_validator", "field_validator", "validator", "root_validator"})


class Base(Struct, frozen=True):
    """One base: a project class or a library name, with its type arguments."""

    cls: Class | None
    name: str
    args: tuple[Type, ...]


class Classes:
    """The class hierarchy."""

    def __init__(self, index: Index, resolver: Resolver) -> None:
        self._index = index
        self._resolver = resolver
        self._bases: dict[Class, tuple[Base, ...]] = {}
        self._mro: dict[Class, tuple[Class, ...]] = {}
        self._libraries: dict[Class, tuple[str, ...]] = {}
        self._validators: dict[Class, tuple[Function, ...]] = {}
        self._subclasses: dict[Class, list[Class]] | None = None
        self._fields: dict[Class, dict[str, tuple[Class, f.Stmt]]] = {}
        self._sensitive: dict[Class, frozenset[Function]] = {}
        self._assigned: dict[Function, list[str]] = {}
        self._faces: dict[Class, Type | None] = {}
        self._abstract: dict[Class, bool] = {}
        self._overrides: dict[tuple[Class, str], list[Function]] = {}
        self._structural: dict[Class, list[Class]] = {}

    def bases(self, cls: Class) -> tuple[Base, ...]:
        """The direct bases, in order."""
        if cls not in self._bases:
            self._bases[cls] = ()
            self._bases[cls] = tuple(self._find_bases(cls))
        return self._bases[cls]

    def _find_bases(self, cls: Class) -> Iterator[Base]:
        for expr in cls.facts.bases:
            args: tuple[Type, ...] = ()
            if isinstance(expr, f.Subscript):
                parts = expr.index.items if isinstance(expr.index, f.Seq) else (expr.index,)
                args = tuple(self._resolver.annotation(p, cls.module, cls.parent, cls) for p in parts)
            found = self._resolver.binding(expr, cls.module, cls.parent)
            if isinstance(found, Class) and found is not cls:
                yield Base(found, found.dotted, args)
            elif isinstance(found, External):
                yield Base(None, found.dotted, args)
            elif isinstance(expr, f.Call):  # declarative_base(), with_metaclass(…, Base)
                yield Base(None, self._resolver.dotted(expr.func, cls.module, cls.parent) + "()", args)
            elif isinstance(found, Variable):
                yield from self._computed(found.values[:1], found.module)
            elif isinstance(expr, f.Attr):  # db.Model, where db is an object
                yield from self._attribute_base(expr, cls, args)

    def _attribute_base(self, expr: f.Attr, cls: Class, args: tuple[Type, ...]) -> Iterator[Base]:
        """A base that is an attribute of a module-level object: what the object's constructor is known to offer."""
        holder = self._resolver.binding(expr.value, cls.module, cls.parent)
        for value in holder.values if isinstance(holder, Variable) else ():
            if isinstance(value, f.Call) and isinstance(holder, Variable):
                maker = self._resolver.binding(value.func, holder.module)
                names = [maker.dotted] if isinstance(maker, External) else []
                if isinstance(maker, Class):
                    names = list(self.library_bases(maker))
                for name in names:
                    found = self._resolver.vocabulary.types.get(name)
                    if found is not None and found.attributes.get(expr.name) == "model_base":
                        yield Base(None, f"{name.rpartition('.')[0]}.model.{expr.name}", args)

    def _computed(self, values: tuple[f.Expr, ...], module: Module) -> Iterator[Base]:
        """A base bound to a variable: ``Base = declarative_base()``, ``Model = db.Model``."""
        for value in values:
            if isinstance(value, f.Call):
                maker = self._resolver.dotted(value.func, module) or _last(value.func)
                yield Base(None, f"{maker}()", ())
                for argument in (*value.args, *(k.value for k in value.keywords if k.name == "cls")):
                    found = self._resolver.binding(argument, module)
                    if isinstance(found, Class):
                        yield Base(found, found.dotted, ())
            elif isinstance(value, f.Attr):
                found = self._resolver.binding(value, module)
                if isinstance(found, External):
                    yield Base(None, found.dotted, ())

    def mro(self, cls: Class) -> tuple[Class, ...]:
        """The class and its project bases, most specific first (depth first; the last place of a class counts)."""
        if cls not in self._mro:
            self._mro[cls] = (cls,)
            order: list[Class] = [cls]
            for base in self.bases(cls):
                if base.cls is None:
                    continue
                for one in self.mro(base.cls):
                    if one in order:
                        order.remove(one)
                    order.append(one)
            self._mro[cls] = tuple(order[:MAX_BASES])
        return self._mro[cls]

    def library_bases(self, cls: Class) -> tuple[str, ...]:
        """Canonical names of the library classes it inherits from, through any depth."""
        if cls not in self._libraries:
            found = [b.name for one in self.mro(cls) for b in self.bases(one) if b.cls is None]
            self._libraries[cls] = tuple(dict.fromkeys(found))
        return self._libraries[cls]

    def builtin_face(self, cls: Class) -> Type | None:
        """The builtin container or plain type that a class is derived from."""
        if cls not in self._faces:
            own = (base for one in self.mro(cls) for base in self.bases(one) if base.cls is None)
            self._faces[cls] = next((face for base in own if (face := _face(base)) is not None), None)
        return self._faces[cls]

    def find_method(self, cls: Class, name: str) -> Function | None:
        """The method that an instance of the class has."""
        return next((m for one in self.mro(cls) if (m := one.method(name)) is not None), None)

    def validators(self, cls: Class) -> tuple[Function, ...]:
        """The methods that run whenever an instance is made and checked: pydantic's validators, ``__post_init__``."""
        if cls not in self._validators:
            methods = [m for one in reversed(self.mro(cls)) for named in one.methods.values() for m in named]
            self._validators[cls] = tuple(
                m for m in methods if m.name in AFTER_INIT or not VALIDATORS.isdisjoint(m.decorator_names)
            )
        return self._validators[cls]

    def accessor(self, cls: Class, name: str, place: int) -> Function | None:
        """What reading (0) or assigning (1) ``x.name`` runs where ``name = property(getter, setter)`` says so."""
        found = self.fields(cls).get(name)
        match found[1] if found is not None else None:
            case f.Assign(value=f.Call(func=f.Name(id="property"), args=args)) if len(args) > place:
                given = args[place]
                return self.find_method(cls, given.id) if isinstance(given, f.Name) else None
        return None

    def setter(self, cls: Class, name: str) -> Function | None:
        """What assigning ``x.name`` runs."""
        own = (m for one in self.mro(cls) for m in one.methods.get(name, ()) if m.is_setter)
        return next(own, None) or self.accessor(cls, name, 1)

    def is_abstract_class(self, cls: Class) -> bool:
        """Whether only classes below it have instances: something that it promises is missing."""
        if cls not in self._abstract:
            names = {name for one in self.mro(cls) for name in one.methods}
            found = (self.find_method(cls, name) for name in names)
            missing = any(m is not None and "abstractmethod" in m.decorator_names for m in found)
            self._abstract[cls] = missing or self.is_protocol(cls)
        return self._abstract[cls]

    def overrides(self, cls: Class, name: str) -> list[Function]:
        """What a method of that name may be on instances of an abstract class: of each class below that has any."""
        if (cls, name) not in self._overrides:
            concrete = (one for one in self.subclasses(cls) if not self.is_abstract_class(one))
            found = (self.find_method(one, name) for one in concrete)
            self._overrides[cls, name] = list(dict.fromkeys(m for m in found if m is not None))
        return self._overrides[cls, name]

    def after(self, cls: Class, owner: Class, name: str) -> Function | None:
        """What ``super().name`` in a method of ``owner`` finds for instances of ``cls``."""
        order = self.mro(cls)
        start = order.index(owner) + 1 if owner in order else len(order)
        return next((m for one in order[start:] if (m := one.method(name)) is not None), None)

    def subclasses(self, cls: Class) -> list[Class]:
        """All project classes below, in order of definition."""
        if self._subclasses is None:
            self._subclasses = {}
            for one in self._index.classes():
                for base in self.mro(one)[1:]:
                    self._subclasses.setdefault(base, []).append(one)
        return self._subclasses.get(cls, [])

    def depends_on_receiver(self, method: Function, cls: Class) -> bool:
        """Whether an inherited method may mean something else on ``cls``: it mentions, itself or through methods of its
        own class, a name that ``cls`` or a class before the owner defines."""
        if method.owner is None or method.owner is cls:
            return False
        if cls not in self._sensitive:
            self._sensitive[cls] = self._find_sensitive(cls)
        return method.origin in self._sensitive[cls]

    def _find_sensitive(self, cls: Class) -> frozenset[Function]:
        found: set[Function] = set()
        defined: set[str] = set()
        inherited: list[Function] = []
        for one in self.mro(cls):
            inherited += [m for ms in one.methods.values() for m in ms if one is not cls]
            defined |= (
                {*one.methods, *(n for n, (o, _) in self.fields(cls).items() if o is one)} if one is cls else set()
            )
        words = defined | self._set_below(cls)
        if any(base.args for base in self.bases(cls)):
            found.update(inherited)
        found.update(m for m in inherited if "super" in m.facts.names and self._continues_elsewhere(cls, m))
        words.update(m.name for m in found)
        while True:
            new = [m for m in inherited if m not in found and not words.isdisjoint(m.facts.names)]
            if not new:
                return frozenset(found)
            found.update(new)
            words.update(m.name for m in new)

    def _set_below(self, cls: Class) -> set[str]:
        """Attributes that the class's own methods set and nothing above declares or sets: what a mixin relies on."""
        own = {name for methods in cls.methods.values() for m in methods for name in self._assigned_in(m)}
        inherited = [m for one in self.mro(cls)[1:] for methods in one.methods.values() for m in methods]
        above = {name for method in inherited for name in self._assigned_in(method)}
        return own - above - {name for name, (one, _) in self.fields(cls).items() if one is not cls}

    def _assigned_in(self, method: Function) -> list[str]:
        if method not in self._assigned:
            self._assigned[method] = assigned_attributes(method)
        return self._assigned[method]

    def _continues_elsewhere(self, cls: Class, method: Function) -> bool:
        """Whether ``super()`` in an inherited method finds other classes on ``cls`` than on the method's own class."""
        owner = method.owner
        if owner is None or owner not in self.mro(cls):
            return False
        order = self.mro(cls)
        return order[order.index(owner) + 1 :] != self.mro(owner)[1:]

    def is_abstract(self, method: Function) -> bool:
        """Whether a method is a promise only: abstract, of a Protocol, empty, or raising NotImplementedError."""
        if "abstractmethod" in method.decorator_names:
            return True
        owner = method.owner
        if owner is None:
            return False
        if self.is_protocol(owner):
            return True
        return len(method.body) <= 2 and all(_is_hollow(s) for s in method.body)

    def implementers(self, method: Function) -> list[Function]:
        """The methods below that stand for an abstract one, or override it."""
        if method.owner is None:
            return []
        found = [m for c in self.subclasses(method.owner) if (m := c.method(method.name)) is not None]
        if self.is_protocol(method.owner):
            found += [m for c in self._conforming(method.owner) if (m := self.find_method(c, method.name)) is not None]
        return list(dict.fromkeys(found))

    def is_protocol(self, cls: Class) -> bool:
        """Whether the class itself is a Protocol: what has its methods is an instance of it."""
        return any(base.cls is None and base.name.endswith(".Protocol") for base in self.bases(cls))

    def _conforming(self, protocol: Class) -> list[Class]:
        """The classes that have all methods of a protocol, with as many parameters."""
        if protocol not in self._structural:
            wanted = {name: methods[-1] for one in self.mro(protocol) for name, methods in one.methods.items()}
            self._structural[protocol] = [
                c for c in self._index.classes() if wanted and not self.is_protocol(c) and self._conforms(c, wanted)
            ]
        return self._structural[protocol]

    def _conforms(self, cls: Class, wanted: dict[str, Function]) -> bool:
        for name, method in wanted.items():
            found = self.find_method(cls, name)
            if found is None or len(found.params) != len(method.params) or found.is_async != method.is_async:
                return False
        return True

    def fields(self, cls: Class) -> dict[str, tuple[Class, f.Stmt]]:
        """Class-level assignments by name, with the class that makes them; the most specific wins."""
        if cls not in self._fields:
            table: dict[str, tuple[Class, f.Stmt]] = {}
            for one in self.mro(cls):
                for statement in flat(one.facts.body):
                    match statement:
                        case f.AnnAssign(target=f.Name(id=name)) | f.Assign(targets=(f.Name(id=name),)):
                            table.setdefault(name, (one, statement))
            self._fields[cls] = table
        return self._fields[cls]

    def bind(self, kind: Type, cls: Class, args: tuple[Type, ...], owner: Class) -> Type:
        """A type said in ``owner`` as seen on an instance of ``cls[args]``: type variables replaced."""
        if not has_param(kind):
            return kind
        table = self._parameters(cls, args, owner, 0)
        return replace_params(kind, table)

    def _parameters(self, cls: Class, args: tuple[Type, ...], owner: Class, depth: int) -> dict[str, Type]:
        own = dict(zip((one.name for one in self.type_parameters(cls)), args, strict=False))
        if cls is owner or depth > 20:
            return own
        for base in self.bases(cls):
            if base.cls is not None and owner in self.mro(base.cls):
                passed = tuple(replace_params(a, own) for a in base.args)
                return self._parameters(base.cls, passed, owner, depth + 1)
        return own

    def type_parameters(self, cls: Class) -> list[TypeParam]:
        """A class's type parameters, in brackets, from ``Generic[T]`` or from its bases' arguments."""
        if cls.facts.type_params:
            return [self._resolver.type_parameter(one, cls) for one in cls.facts.type_params]
        parameters: dict[str, TypeParam] = {}
        for base in self.bases(cls):
            found = [a for a in base.args if isinstance(a, TypeParam)]
            if base.name.endswith((".Generic", ".Protocol")) and found:
                return found
            for one in found:
                parameters.setdefault(one.name, one)
        return list(parameters.values())


def _face(base: Base) -> Type | None:
    name = base.name.rpartition(".")[2]
    if base.name in MAPPINGS:
        key, value = base.args if len(base.args) == 2 else (Data("str"), Unknown("item of a mapping"))
        return Dict(key, value)
    if base.name in ("builtins.list", "builtins.set", "builtins.frozenset"):
        held = base.args[0] if base.args else Unknown("item of a collection")
        return Coll(held, "list" if name == "list" else "set")
    if base.name == "enum.StrEnum":
        return Data("str")
    return Data(name) if base.name in ("builtins.str", "builtins.int", "builtins.float", "builtins.bytes") else None


def _last(expr: f.Expr) -> str:
    return expr.name if isinstance(expr, f.Attr) else ""


def _is_hollow(statement: f.Stmt) -> bool:
    match statement:
        case f.Jump(kind="pass") | f.ExprStmt(value=f.Const()) | f.ExprStmt(value=f.Other()):
            return True
        case f.Raise(exc=f.Name(id="NotImplementedError") | f.Call(func=f.Name(id="NotImplementedError"))):
            return True
    return False
