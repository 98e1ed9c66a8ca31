"""Mapped classes: tables, columns, relationships with their loading, from declarations of every spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from persist_lint.link.declared import (
    COLUMNS,
    RELATIONSHIPS,
    ModelInfo,
    ProxyInfo,
    RelationInfo,
    annotated_target,
    column_of,
    foreign_of,
    is_mapped,
    last_of,
    merged,
    options_of,
    relation_type,
    spelled,
    strategy_of,
)
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Coll, Data, Inst, Type, Unknown, Value, members
from persist_lint.link.names import Variable
from persist_lint.link.tables import directive, made_name, table_call, table_columns, text_of
from persist_lint.link.tree import flat
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.world import World

BASE_MAKERS = ("declarative_base()", "automap_base()", "generate_base()", "as_declarative()")
SQLMODEL = "sqlmodel.SQLModel"
FLASK_MODEL = "flask_sqlalchemy.model.Model"


class Models:
    """The mapped classes of the project."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is: dict[Class, bool] = {}
        self._info: dict[Class, ModelInfo] = {}
        self._by_name: dict[str, list[Class]] | None = None
        self._back: dict[tuple[Class, str], RelationInfo] | None = None

    def is_model(self, cls: Class) -> bool:
        """Whether the class is mapped (or a declarative base or mixin of such)."""
        if cls not in self._is:
            self._is[cls] = False  # while its decorators are evaluated
            bases = self._world.classes.library_bases(cls)
            self._is[cls] = any(self._is_base(name) for name in bases) or self._is_decorated(cls)
        return self._is[cls]

    def is_stored(self, cls: Class) -> bool:
        """Whether a model's instances can be rows: an SQLModel class without ``table=True`` is a plain pydantic one."""
        classes = self._world.classes
        if SQLMODEL not in classes.library_bases(cls):
            return True
        return any(self.info(one).table is not None for one in classes.mro(cls))

    def _is_decorated(self, cls: Class) -> bool:
        """``@mapper_registry.mapped`` and its kin."""
        for one in self._world.classes.mro(cls):
            for decorator in one.facts.decorators:
                row = self._world.row_of_decorator(decorator, one.parent or one.module.top)
                if row is not None and row[0].gives == "model_base":
                    return True
        return False

    def _is_base(self, name: str) -> bool:
        if name.endswith(BASE_MAKERS):
            return True
        return self._world.kind_of(name) == "model_base"

    def all(self) -> list[ModelInfo]:
        """Every mapped class that has a table, in order of definition."""
        return [i for c in self._world.index.classes() if self.is_model(c) and (i := self.info(c)).table is not None]

    def by_name(self, name: str, near: Class | None = None) -> Class | None:
        """A mapped class by its (possibly dotted) name: the one so named, else that of the same module or package."""
        if self._by_name is None:
            self._by_name = {}
            for cls in self._world.index.classes():
                if self.is_model(cls):
                    self._by_name.setdefault(cls.name, []).append(cls)
        found = self._by_name.get(name.rpartition(".")[2], [])
        exact = next((cls for cls in found if cls.dotted == name), None)
        if exact is not None:
            return exact
        if len(found) > 1 and near is not None:
            package = near.module.dotted.rpartition(".")[0]
            same = [c for c in found if c.module is near.module]
            return next((c for c in (*same, *found) if c.module.dotted.startswith(package)), found[0])
        return found[0] if found else None

    def has_attribute(self, cls: Class, name: str) -> bool:
        """Whether a name is a mapped attribute (declared, inherited, made by a backref, or a proxy of one)."""
        info = self.info(cls)
        return name in info.columns or name in info.relations or name in info.proxies

    def info(self, cls: Class) -> ModelInfo:
        """Table, columns, relationships and association proxies of a mapped class."""
        if cls not in self._info:
            info = ModelInfo(cls, None, {}, {}, {})
            table: str | None = None
            maker: Function | None = None
            for one in reversed(self._world.classes.mro(cls)):
                own, abstract = self._read(one, info)
                if own is not None or abstract:
                    table, maker = own, None
                maker = directive(one) or maker
            if maker is not None:
                mapped = maker.owner is not cls and not self._is_abstract(cls)
                table = made_name(self._world.resolver, cls, maker) if mapped else None
            for (owner, name), made in self.backrefs().items():
                if owner in self._world.classes.mro(cls):
                    info.relations.setdefault(name, made)
            keys = [c.name for c in info.columns.values() if c.primary]
            brings = frozenset(r.target for r in info.relations.values() if r.target is not None and not r.many)
            key = keys[0] if len(keys) == 1 else ""
            self._info[cls] = ModelInfo(cls, table, info.columns, info.relations, info.proxies, key, brings)
        return self._info[cls]

    def _is_abstract(self, cls: Class) -> bool:
        """Whether a class has no table of its own by what it says itself: abstract, or the base of all others."""
        bases = self._world.classes.bases(cls)
        return self.says_abstract(cls) or any(self._is_base(base.name) for base in bases if base.cls is None)

    def says_abstract(self, cls: Class) -> bool:
        """Whether the class says ``__abstract__``: it only stands for those below it."""
        return any(isinstance(s, f.Assign) and spelled(s.targets[0]) == "__abstract__" for s in flat(cls.facts.body))

    def _read(self, cls: Class, info: ModelInfo) -> tuple[str | None, bool]:
        """What one class says itself, added to the info: (its table, whether it is abstract)."""
        table, abstract = None, False
        for statement in flat(cls.facts.body):
            match statement:
                case f.Assign(targets=(f.Name(id="__tablename__"),), value=value):
                    table = text_of(self._world.resolver, value, cls, None, 0) or cls.name.lower()
                case f.AnnAssign(target=f.Name(id="__tablename__"), value=f.Const(value=str(text))):
                    table = text
                case f.Assign(targets=(f.Name(id="__abstract__"),)):
                    abstract = True
                case f.Assign(targets=(f.Name(id=name),), value=value):
                    self._member(cls, name, None, value, statement.at, info)
                case f.AnnAssign(target=f.Name(id=name), annotation=annotation, value=value):
                    self._member(cls, name, annotation, value, statement.at, info)
        for method in [m for methods in cls.methods.values() for m in methods if m.is_declared_attr]:
            self._declared(cls, method, info)
        written = table_call(self._world.resolver, cls)
        if written is not None and written.args and isinstance(written.args[0], f.Const):
            table = str(written.args[0].value)
            for name, call in table_columns(written):
                info.columns[name] = column_of(name, None, call, call.at)
        return (None if abstract else table or self._implied_table(cls, info)), abstract

    def _implied_table(self, cls: Class, info: ModelInfo) -> str | None:
        """The name that SQLModel and Flask-SQLAlchemy make of the class's."""
        given = any(
            k.name == "table" and isinstance(k.value, f.Const) and k.value.value is True for k in cls.facts.keywords
        )
        flask = info.columns and FLASK_MODEL in self._world.classes.library_bases(cls)
        return cls.name.lower() if given or flask else None

    def _declared(self, cls: Class, method: Function, info: ModelInfo) -> None:
        for statement in method.body:
            if isinstance(statement, f.Return) and statement.value is not None:
                self._member(cls, method.name, method.facts.returns, statement.value, method.facts.at, info)

    def _member(
        self, cls: Class, name: str, annotation: f.Expr | None, value: f.Expr | None, at: Span, info: ModelInfo
    ) -> None:
        call = value if isinstance(value, f.Call) else None
        last = last_of(call.func) if call is not None else ""
        if call is not None and last in RELATIONSHIPS:
            info.relations[name] = self._relation(cls, name, annotation, call, at)
        elif call is not None and last == "association_proxy":
            words = [str(part.value) for part in call.args[:2] if isinstance(part, f.Const)]
            if len(words) == 2:
                info.proxies[name] = ProxyInfo(name, words[0], words[1])
        elif last in COLUMNS or (annotation is not None and self._is_column(cls, annotation, last)):
            said, shared = self._unaliased(annotation, cls)
            info.columns[name] = column_of(name, said, merged(shared, call), at)

    def _is_column(self, cls: Class, annotation: f.Expr, last: str) -> bool:
        """Whether an annotation makes a column: ``Mapped[…]``, ``Field(…)``, any field of an SQLModel class."""
        if is_mapped(annotation) or last == "Field":
            return True
        head = last_of(annotation.value if isinstance(annotation, f.Subscript) else annotation)
        return not last and head != "ClassVar" and SQLMODEL in self._world.classes.library_bases(cls)

    def _unaliased(self, annotation: f.Expr | None, cls: Class) -> tuple[f.Expr | None, f.Call | None]:
        """The annotation with ``intpk = Annotated[int, mapped_column(primary_key=True)]`` written out, and the call."""
        match annotation:
            case f.Subscript(value=base, index=f.Seq(items=(first, *rest))) if last_of(base) == "Annotated":
                call = next((r for r in rest if isinstance(r, f.Call) and last_of(r.func) in COLUMNS), None)
                inner, shared = self._unaliased(first, cls)
                return inner, merged(shared, call)
            case f.Subscript(at=at, value=base, index=index) if not isinstance(index, f.Seq):
                inner, call = self._unaliased(index, cls)
                return (annotation if inner is None else f.Subscript(at, base, inner)), call
            case f.Bin(at=at, op="|", left=left, right=right):
                (one, first_call), (other, second) = self._unaliased(left, cls), self._unaliased(right, cls)
                return f.Bin(at, "|", one or left, other or right), merged(first_call, second)
            case f.Name() | f.Attr():
                found = self._world.resolver.binding(annotation, cls.module, cls.parent)
                match found.values if isinstance(found, Variable) else ():
                    case (f.Subscript(value=base) as meant,) if last_of(base) == "Annotated":
                        return self._unaliased(meant, cls)
        return annotation, None

    def _relation(self, cls: Class, name: str, annotation: f.Expr | None, call: f.Call, at: Span) -> RelationInfo:
        options = options_of(call)
        target_name = spelled(call.args[0] if call.args else options.get("argument", call))
        many: bool | None = None
        if annotation is not None:
            said, many = annotated_target(annotation)
            target_name = target_name or said
        if many is None:
            use = options.get("uselist")
            many = not (isinstance(use, f.Const) and use.value is False) and not self._points_to_one(
                cls, target_name, options
            )
        target = self.by_name(target_name, cls) if target_name else None
        back = options.get("back_populates")
        return RelationInfo(
            name, target, target_name, strategy_of(options, annotation), many, at, cls,
            str(back.value) if isinstance(back, f.Const) else "",
        )  # fmt: skip

    def _points_to_one(self, cls: Class, target: str, options: dict[str, f.Expr]) -> bool:
        """Without annotation: many-to-one when this class (and not the target) holds the foreign key."""
        if "secondary" in options:
            return False
        if "remote_side" in options:
            return True
        found = self.by_name(target, cls)
        if found is None:
            return False
        holder = spelled(options["foreign_keys"]) if "foreign_keys" in options else ""
        if "." in holder:
            return holder.split(".")[-2] == cls.name  # whose column it is: of two classes that point to each other
        table = self._table_named(found)
        return any(foreign_of(call).rpartition(".")[0].rpartition(".")[2] == table for call in self._column_calls(cls))

    def _table_named(self, cls: Class) -> str:
        """The table of a class, as far as the class itself or a base says it; else its name in lower case."""
        for one in self._world.classes.mro(cls):
            for statement in flat(one.facts.body):
                match statement:
                    case f.Assign(targets=(f.Name(id="__tablename__"),), value=value):
                        return text_of(self._world.resolver, value, one, None, 0) or one.name.lower()
            written = table_call(self._world.resolver, one)
            if written is not None and written.args and isinstance(written.args[0], f.Const):
                return str(written.args[0].value)
            if (maker := directive(one)) is not None:
                return made_name(self._world.resolver, cls, maker)
        return cls.name.lower()

    def _column_calls(self, cls: Class) -> Iterator[f.Call]:
        """The calls that declare columns of a class: its own, those of mixins' methods, those of its table."""
        for one in self._world.classes.mro(cls):
            for statement in flat(one.facts.body):
                match statement:
                    case f.Assign(value=f.Call() as value) | f.AnnAssign(value=f.Call() as value):
                        yield value
                    case f.AnnAssign(annotation=annotation, value=None):
                        call = self._unaliased(annotation, one)[1]
                        yield from () if call is None else (call,)
            for method in [m for methods in one.methods.values() for m in methods if m.is_declared_attr]:
                for inner in method.body:
                    if isinstance(inner, f.Return) and isinstance(inner.value, f.Call):
                        yield inner.value
            if (written := table_call(self._world.resolver, one)) is not None:
                yield from (call for _, call in table_columns(written))

    # ------------------------------------------------------------------ types of attributes

    def relationship_target(self, expr: f.Call, owner: Class) -> Value | None:
        """The type that a class-level ``relationship(…)`` gives instances; None when the call is something else."""
        last = last_of(expr.func)
        if last in COLUMNS and self.is_model(owner):
            return Value(Data())
        if last not in RELATIONSHIPS:
            return None
        for statement in flat(owner.facts.body):
            if isinstance(statement, f.Assign | f.AnnAssign) and statement.value is expr:
                target = statement.targets[0] if isinstance(statement, f.Assign) else statement.target
                name = target.id if isinstance(target, f.Name) else ""
                relation = self._relation(owner, name, None, expr, expr.at)
                return Value(relation_type(relation))
        return Value(Unknown("relationship not declared at class level"))

    def made(self, cls: Class, name: str) -> Type | None:
        """The type of a mapped attribute that no assignment of the class declares; None when there is none.

        A ``backref=`` of another class makes such, a ``declared_attr``, a ``__table__``.
        """
        info = self.info(cls)
        if name in info.relations:
            return relation_type(info.relations[name])
        if name not in info.columns:
            return None
        method = next((m for one in self._world.classes.mro(cls) for m in one.methods.get(name, ())), None)
        said = None if method is None else self._world.resolver.annotation(method.facts.returns, method.module)
        return Data() if said is None or isinstance(said, Unknown) else said

    def proxied(self, cls: Class, name: str) -> tuple[str, Type] | None:
        """The relationship that an association proxy reads, and the type of what it gives; None for anything else."""
        if not self.is_model(cls) or (proxy := self.info(cls).proxies.get(name)) is None:
            return None
        relation = self.info(cls).relations.get(proxy.relation)
        if relation is None or relation.target is None:
            return proxy.relation, Unknown(f"proxy of {proxy.relation}, which is not found")
        further = self.info(relation.target).relations.get(proxy.attribute)
        kind = Data() if further is None else relation_type(further)
        return proxy.relation, Coll(kind) if relation.many else kind

    def backrefs(self) -> dict[tuple[Class, str], RelationInfo]:
        """The relationships made from the other side by ``backref=``, by the class that gets them and name."""
        if self._back is None:
            self._back = {}
            for model in [c for c in self._world.index.classes() if self.is_model(c)]:
                self._note_backrefs(model)
        return self._back

    def _note_backrefs(self, model: Class) -> None:
        assert self._back is not None
        for statement in flat(model.facts.body):
            value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
            if not (isinstance(value, f.Call) and last_of(value.func) in RELATIONSHIPS):
                continue
            options = options_of(value)
            back = options.get("backref")
            made = options_of(back) if isinstance(back, f.Call) else {}
            if isinstance(back, f.Call) and back.args:
                back = back.args[0]
            relation = self._relation(model, "", None, value, statement.at)
            if isinstance(back, f.Const) and isinstance(back.value, str) and relation.target is not None:
                single = made.get("uselist")
                many = ("secondary" in options or not relation.many) and not (
                    isinstance(single, f.Const) and not single.value
                )
                self._back[relation.target, back.value] = RelationInfo(
                    back.value, model, model.name, strategy_of(made), many, statement.at, model
                )

    def entity_class(self, value: Value) -> Class | None:
        """The mapped class whose instance a value is."""
        for kind in members(value.type):
            if isinstance(kind, Inst) and self.is_model(kind.cls):
                return kind.cls
        return None
