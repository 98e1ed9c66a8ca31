"""Attributes of instances and classes: fields, what methods assign to ``self``, mapped columns and relationships.

What a constructor stores is known in the constructor's terms (``self.session = session`` is its second parameter), so
that ``Repo(session).session`` is recognised as the session that was passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from persist_lint.link.fields import given, is_callable_only
from persist_lint.link.given import handed_in
from persist_lint.link.index import Class, Function, last_name
from persist_lint.link.lattice import (
    UNKNOWN_SYM,
    ClassObj,
    Data,
    Dict,
    Fn,
    Inst,
    Lib,
    LibMethod,
    Null,
    Sym,
    Tup,
    Unknown,
    Value,
    attr_sym,
    depth,
    init_sym,
    join,
    unknown,
)
from persist_lint.link.names import Variable
from persist_lint.link.statements import translated
from persist_lint.model import facts as f

if TYPE_CHECKING:
    from persist_lint.link.world import World

MAX_ASSIGNING_METHODS = 12
#: Packages whose classes, as bases, give no attributes that matter.
PLAIN_BASES = frozenset({"abc", "builtins", "enum", "typing", "typing_extensions"})


class Attributes:
    """The part of ``World`` that answers for attributes."""

    def __init__(self) -> None:
        self._stored: dict[tuple[Class, str], tuple[Value, Function | None] | None] = {}
        self._assigning: dict[Class, dict[str, list[Function]]] = {}

    def _world(self) -> World:
        return cast("World", self)

    # ------------------------------------------------------------------ instances

    def instance_attribute(self, base: Value, name: str) -> Value:
        """``base.name`` where base is an instance of a project class and name no method of it."""
        assert isinstance(base.type, Inst)
        cls, args = base.type.cls, base.type.args
        if (proxied := self._world().models.proxied(cls, name)) is not None:
            return Value(proxied[1], attr_sym(base.sym, name), base.weak)
        found = self.stored(cls, name)
        if found is None:
            return self._inherited(base, cls, name)
        value, init = found
        owner = init.owner if init is not None and init.owner is not None else self._owner_of(cls, name)
        kind = self._world().classes.bind(value.type, cls, args, owner or cls)
        return Value(kind, self._seen_from(base.sym, cls, value, init, name), base.weak or value.weak)

    def as_builtin(self, value: Value) -> Value:
        """An instance of a NamedTuple as the tuple, one of a TypedDict as the dictionary that it is."""
        kind = value.type
        if not isinstance(kind, Inst):
            return value
        bases = {name.rpartition(".")[2] for name in self._world().classes.library_bases(kind.cls)}
        if bases.isdisjoint(("NamedTuple", "TypedDict")):
            return value
        declared = self._world().classes.fields(kind.cls).items()
        names = [name for name, (_, statement) in declared if isinstance(statement, f.AnnAssign)]
        fields = [(name, self.instance_attribute(value, name)) for name in names]
        if "NamedTuple" in bases:
            return Value(Tup(tuple(field for _, field in fields)), value.sym, value.weak)
        return Value(Dict(Data("str"), Unknown("one of the fields"), tuple(fields)), value.sym, value.weak)

    def _owner_of(self, cls: Class, name: str) -> Class | None:
        found = self._world().classes.fields(cls).get(name)
        return found[0] if found is not None else None

    def _seen_from(self, base: Sym, cls: Class, value: Value, init: Function | None, name: str) -> Sym:
        if init is None:
            return value.sym if value.sym[0] == "global" else attr_sym(base, name)
        mapped = self._constructor_terms(cls, init, value.sym, 0)
        return _from_init(mapped, base, name)

    def _constructor_terms(self, cls: Class, init: Function, sym: Sym, hops: int) -> Sym:
        """A symbol in an inherited constructor's terms, as one in the terms of the class's own constructor."""
        world = self._world()
        own = world.classes.find_method(cls, "__init__")
        if own is None or own is init or hops > 4 or sym[0] in ("global", "const") or init.name != "__init__":
            return sym
        for site in list(world.flow(own).sites.values()):
            for target in site.targets:
                if target.function is init:
                    from persist_lint.link.arguments import actuals

                    known = actuals(init, target.bound, site.args, site.keywords)
                    return _replace(sym, {i: v.sym for i, v in known.items()})
        return UNKNOWN_SYM

    def stored(self, cls: Class, name: str) -> tuple[Value, Function | None] | None:
        """What instances keep under a name, and the constructor in whose terms it is said (None: class level)."""
        key = (cls, name)
        asking = self._world().asking
        if key in self._stored:
            asking.again(key)
            return self._stored[key]
        self._stored[key] = None
        asking.begin(key)
        self._stored[key] = self._find(cls, name)
        asking.end(key)
        return self._stored[key]

    def _find(self, cls: Class, name: str) -> tuple[Value, Function | None] | None:
        declared = self._field(cls, name)
        assigned: list[Value] = []
        init: Function | None = None
        methods = self._assigning_methods(cls, name)
        if declared is None and len(methods) == 1 and (number := handed_in(methods[0], name)) is not None:
            # Without the walk over the constructor, which may ask for this very attribute again before it knows it.
            value = self._world().parameter(methods[0], number)
            return Value(value.type, ("param", number), value.weak), methods[0]
        for method in methods:
            values = self._world().flow(method).attributes.get(name, [])
            if method.name == "__init__" and init is None:
                init = method
                assigned += values
            else:
                assigned += [
                    Value(v.type, UNKNOWN_SYM, v.weak) for v in values if not isinstance(v.type, Null | Unknown)
                ]
        if not assigned:
            if declared is not None and is_callable_only(declared.type):
                declared = given(self._world(), cls, name) or declared
            return None if declared is None else (declared, None)
        value = join(assigned)
        value = Value(translated(value.type, {}), value.sym, value.weak)
        if declared is not None and not isinstance(declared.type, Unknown):
            value = self._world().declared(declared.type, value)
        later = [m for m in methods if m.name != "__init__"]
        if len(later) == 1 and sum(not isinstance(v.type, Null) for v in assigned) == 1:
            return Value(value.type, self._own_terms(later[0], name), value.weak), later[0]
        if init is None:
            return Value(value.type, UNKNOWN_SYM, value.weak), None
        return value, init

    def _own_terms(self, method: Function, name: str) -> Sym:
        """What the one method that sets an attribute (``__enter__``) makes it of, in terms of the instance."""
        kept = self._world().flow(method).attributes
        made = {
            vs[0].sym: n for n, vs in kept.items() if len(vs) == 1 and n != name and vs[0].sym[0] in ("open", "call")
        }
        values = [v for v in kept.get(name, []) if not isinstance(v.type, Null)]
        return _of_instance(values[0].sym, made) if len(values) == 1 else UNKNOWN_SYM

    def _assigning_methods(self, cls: Class, name: str) -> list[Function]:
        """Methods that assign ``self.name``: the constructor first."""
        if cls not in self._assigning:
            table: dict[str, list[Function]] = {}
            for one in self._world().classes.mro(cls):
                for methods in one.methods.values():
                    for method in methods:
                        for attribute in assigned_attributes(method):
                            table.setdefault(attribute, []).append(method)
            self._assigning[cls] = table
        found = self._assigning[cls].get(name, [])
        return sorted(found, key=lambda m: m.name != "__init__")[:MAX_ASSIGNING_METHODS]

    def _field(self, cls: Class, name: str) -> Value | None:
        """A class-level declaration: annotation, mapped column, relationship, dataclass or pydantic field, constant."""
        world = self._world()
        found = world.classes.fields(cls).get(name)
        if found is None:
            return None
        owner, statement = found
        if isinstance(statement, f.AnnAssign):
            kind = world.resolver.annotation(statement.annotation, owner.module, owner.parent, owner)
            if not isinstance(kind, Unknown):
                return Value(kind, UNKNOWN_SYM)
        value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
        if value is None:
            return unknown("declared without a type")
        return self.class_level(value, owner)

    def class_level(self, expr: f.Expr, owner: Class) -> Value:
        """The value of a class-level right-hand side; relationships give their target."""
        world = self._world()
        if isinstance(expr, f.Call):
            said = next((k.value for k in expr.keywords if k.name == "type"), None)
            if said is not None and last_name(expr) in ("ib", "attrib", "field"):  # attrs
                return Value(world.resolver.annotation(said, owner.module, owner.parent, owner))
            target = world.models.relationship_target(expr, owner)
            if target is not None:
                return target
        return world.evaluate_in(owner, expr)

    def _inherited(self, base: Value, cls: Class, name: str) -> Value:
        """A nested class, or what a library base gives."""
        world = self._world()
        for one in world.classes.mro(cls):
            if (nested := nested_class(one, name)) is not None:
                return Value(ClassObj(nested), ("global", nested.dotted))
        for library in world.classes.library_bases(cls):
            if world.method_row(library, name) is not None:
                return Value(LibMethod(library, name, base), attr_sym(base.sym, name), base.weak)
            given = world._library_attribute(library, name, 0)
            if given is not None and "." in given:
                return Value(Lib(given), attr_sym(base.sym, name), base.weak)
        made = world.models.made(cls, name) if world.models.is_model(cls) else None
        if made is not None:
            return Value(made, attr_sym(base.sym, name))
        face = world.classes.builtin_face(cls)
        if face is not None:
            return Value(LibMethod("builtins", name, Value(face, base.sym)), UNKNOWN_SYM, base.weak)
        return unknown(self._missing(cls, "attribute", name), attr_sym(base.sym, name))

    def _missing(self, cls: Class, what: str, name: str) -> str:
        """Why an attribute is not known: a base of the class stands in a library that has no vocabulary, or not."""
        bases = self._world().classes.library_bases(cls)
        known = self._world().vocabulary.types
        outside = next((b for b in bases if b not in known and b.partition(".")[0] not in PLAIN_BASES), None)
        return f"no row for {outside}.{name}" if outside else f"{cls.name} has no {what} {name} that is known"

    # ------------------------------------------------------------------ classes

    def class_attribute(self, base: Value, cls: Class, name: str) -> Value:
        """``Class.name``: methods, mapped columns, enumeration members, nested classes, class-level values."""
        world = self._world()
        method = world.classes.find_method(cls, name)
        if method is not None:
            if method.is_property and world.models.is_model(cls):
                return Value(Unknown("a hybrid"), ("column", cls.dotted, name))
            bound = base if method.is_class_method else None
            return Value(Fn(method, bound), UNKNOWN_SYM)
        if world.models.is_model(cls) and world.models.has_attribute(cls, name):
            return Value(Unknown("a mapped attribute"), ("column", cls.dotted, name))
        nested = nested_class(cls, name)
        if nested is not None:
            return Value(ClassObj(nested), ("global", nested.dotted))
        found = world.classes.fields(cls).get(name)
        if found is None:
            return self._class_inherited(base, cls, name)
        is_enum = any(b.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum") for b in world.classes.library_bases(cls))
        if is_enum and not isinstance(getattr(found[1], "value", None), f.Lambda):  # a function is no member
            return Value(Inst(cls), ("const", f"{cls.name}.{name}"))
        value = self._field(cls, name) or unknown("class level")
        return Value(value.type, ("global", f"{cls.dotted}.{name}"), value.weak)

    def _class_inherited(self, base: Value, cls: Class, name: str) -> Value:
        world = self._world()
        for library in world.classes.library_bases(cls):
            given = world._library_attribute(library, name, 0)
            if given is not None and world.kind_of(given) == "query":
                from persist_lint.link.lattice import Statement

                session = self._shared_session(cls, library)
                return Value(Lib(given, (Statement("select", (cls,), session=session),)), ("global", library))
            if world.method_row(library, name) is not None:
                return Value(LibMethod(library, name, base))
        return unknown(self._missing(cls, "class attribute", name))

    def _shared_session(self, cls: Class, library: str) -> Sym:
        """The session behind ``Model.query``: that of the object whose ``Model`` is the base (``db.session``)."""
        world = self._world()
        for one in world.classes.mro(cls):
            for base in one.facts.bases:
                if isinstance(base, f.Attr):
                    holder = world.resolver.binding(base.value, one.module, one.parent)
                    if isinstance(holder, Variable):
                        return ("attr", ("global", f"{holder.module.dotted}.{holder.name}"), "session")
        return ("global", library)

    def function_attribute(self, function: Function, name: str) -> Value:
        """An attribute of a function: what its decorator made of it (``task.delay``)."""
        world = self._world()
        for decorator in function.facts.decorators:
            found = world.row_of_decorator(decorator, function)
            if found is not None and "." in found[0].gives:
                made = self._task_class(decorator, function)
                method = world.classes.find_method(made, name) if made is not None else None
                if made is not None and method is not None:
                    return Value(Fn(method, Value(Inst(made), ("global", function.dotted))))
                return world.library_attribute(Value(Lib(found[0].gives), ("global", function.dotted)), name)
        return unknown("attribute of a function")

    def _task_class(self, decorator: f.Expr, function: Function) -> Class | None:
        """The project class whose instance a decorator makes: ``@app.task(base=X)``, ``app = Celery(task_cls=X)``."""
        world, chosen = self._world(), _named(decorator, "base")
        module, around = function.module, function.parent
        made_by = decorator.func if isinstance(decorator, f.Call) else decorator
        if chosen is None and isinstance(made_by, f.Attr):
            app = world.resolver.binding(made_by.value, module, around)
            if isinstance(app, Variable) and app.values:
                chosen, module, around = _named(app.values[0], "task_cls"), app.module, None
        found = world.resolver.binding(chosen, module, around) if chosen is not None else None
        return found if isinstance(found, Class) else None


def _named(call: f.Expr, name: str) -> f.Expr | None:
    """The keyword argument of a call expression."""
    keywords = call.keywords if isinstance(call, f.Call) else ()
    return next((k.value for k in keywords if k.name == name), None)


def nested_class(cls: Class, name: str) -> Class | None:
    """The class of that name in a class's own body."""
    return next((c for c in cls.module.classes if c.owner is cls and c.name == name), None)


def assigned_attributes(method: Function) -> list[str]:
    """The names X of all ``self.X = …`` in a method, in order."""
    if not method.is_method or not method.params or method.is_class_method:
        return []
    found: dict[str, None] = {}
    _collect(method.body, method.params[0].name, found)
    return list(found)


def _collect(body: tuple[f.Stmt, ...], self_name: str, found: dict[str, None]) -> None:
    for statement in body:
        match statement:
            case f.Assign(targets=targets):
                for target in targets:
                    for one in target.items if isinstance(target, f.Seq) else (target,):
                        _note(one, self_name, found)
            case f.AnnAssign(target=target):
                _note(target, self_name, found)
            case f.If(body=first, orelse=second):
                _collect(first, self_name, found)
                _collect(second, self_name, found)
            case f.For(body=inner) | f.While(body=inner):
                _collect(inner, self_name, found)
            case f.With(items=items, body=inner):
                for item in items:
                    if item.target is not None:
                        _note(item.target, self_name, found)
                _collect(inner, self_name, found)
            case f.Try(body=first, handlers=handlers, orelse=second, final=final):
                for part in (first, *(h.body for h in handlers), second, final):
                    _collect(part, self_name, found)


def _note(target: f.Expr, self_name: str, found: dict[str, None]) -> None:
    if isinstance(target, f.Attr) and isinstance(target.value, f.Name) and target.value.id == self_name:
        found.setdefault(target.name)


def _replace(sym: Sym, actuals: dict[int, Sym]) -> Sym:
    match sym:
        case ("param", int(index)):
            return actuals.get(index, UNKNOWN_SYM)
        case ("new", name, args):
            return ("new", name, tuple((i, _replace(s, actuals)) for i, s in args))
        case ("attr", base, name):
            return attr_sym(_replace(base, actuals), name)
        case ("on", base, place):
            return ("on", _replace(base, actuals), place)
    return sym if sym[0] in ("const", "global", "init") else UNKNOWN_SYM


def _of_instance(sym: Sym, made: dict[Sym, str]) -> Sym:
    """A method's symbol where it speaks of the instance only; unknown where anything else is in it."""
    if sym in made:
        return ("attr", ("param", 0), made[sym])
    match sym:
        case ("param", 0) | ("const", _) | ("global", *_):
            return sym
        case ("attr", base, name):
            return attr_sym(_of_instance(base, made), name)
        case ("new", name, args) if all(isinstance(i, int) and i >= 0 for i, _ in args):
            inner = tuple((i, _of_instance(s, made)) for i, s in args)
            return UNKNOWN_SYM if any(s == UNKNOWN_SYM for _, s in inner) else ("new", name, inner)
    return UNKNOWN_SYM


def _from_init(sym: Sym, base: Sym, name: str) -> Sym:
    """A symbol in a constructor's terms, as one in terms of the instance."""
    match sym:
        case ("param", 0):
            return base
        case ("param", int(index)):
            return init_sym(base, index)
        case ("new", made, args):
            found = (
                "new",
                made,
                tuple((i, _from_init(s, base, name) if s and isinstance(s[0], str) else s) for i, s in args),
            )
            return found if depth(found) <= 8 else attr_sym(base, name)
        case ("attr", inner, attribute):
            return attr_sym(_from_init(inner, base, name), attribute)
        case ("on", inner, place):
            return ("on", _from_init(inner, base, name), place)
        case ("const" | "global", *_):
            return sym
    return attr_sym(base, name)
