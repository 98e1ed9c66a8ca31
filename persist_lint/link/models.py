"""Mapped classes: tables, columns, relationships with their loading, from declarations of every spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.classes import flat
from persist_lint.link.index import Class, Function
from persist_lint.link.lattice import Coll, Data, Inst, Type, Unknown, Value, members
from persist_lint.model import facts as f
from persist_lint.model.span import Span

if TYPE_CHECKING:
    from persist_lint.link.world import World

BASE_MAKERS = ("declarative_base()", "automap_base()", "generate_base()", "as_declarative()")
RELATIONSHIPS = frozenset({"relationship", "Relationship", "dynamic_loader"})
COLUMNS = frozenset(
    {"mapped_column", "Column", "column_property", "deferred", "composite", "query_expression", "synonym"}
)
WIDE = frozenset(
    {"Text", "UnicodeText", "LargeBinary", "BLOB", "CLOB", "JSON", "JSONB", "TSVECTOR", "BYTEA", "Vector", "PickleType"}
)


class ColumnInfo(Struct, frozen=True, eq=False):
    """A column: its SQL type name, the table.column of its foreign key, flags that matter to rules."""

    name: str
    kind: str
    foreign: str
    primary: bool
    unique: bool
    nullable: bool
    deferred: bool
    has_default: bool
    server_onupdate: bool
    at: Span

    @property
    def wide(self) -> bool:
        return self.kind in WIDE


class RelationInfo(Struct, frozen=True, eq=False):
    """A relationship: its target class (None when not found), loading strategy, and whether it is a collection."""

    name: str
    target: Class | None
    target_name: str
    lazy: str
    many: bool
    at: Span
    owner: Class
    back: str = ""


class ModelInfo(Struct, frozen=True, eq=False):
    """A mapped class with everything it inherits."""

    cls: Class
    table: str | None
    columns: dict[str, ColumnInfo]
    relations: dict[str, RelationInfo]


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
        """A mapped class by its (possibly dotted) name; the one of the same package if several have it."""
        if self._by_name is None:
            self._by_name = {}
            for cls in self._world.index.classes():
                if self.is_model(cls):
                    self._by_name.setdefault(cls.name, []).append(cls)
        found = self._by_name.get(name.rpartition(".")[2], [])
        if len(found) > 1 and near is not None:
            package = near.module.dotted.rpartition(".")[0]
            return next((c for c in found if c.module.dotted.startswith(package)), found[0])
        return found[0] if found else None

    def by_table(self, table: str) -> Class | None:
        """The mapped class of a table."""
        return next((i.cls for i in self.all() if i.table == table), None)

    def has_attribute(self, cls: Class, name: str) -> bool:
        """Whether a name is a mapped attribute (declared, inherited or made by a backref)."""
        info = self.info(cls)
        return name in info.columns or name in info.relations or self.backref(cls, name) is not None

    def info(self, cls: Class) -> ModelInfo:
        """Table, columns and relationships of a mapped class."""
        if cls not in self._info:
            columns: dict[str, ColumnInfo] = {}
            relations: dict[str, RelationInfo] = {}
            table: str | None = None
            for one in reversed(self._world.classes.mro(cls)):
                found, named = self._read(one, columns, relations)
                table = found if named or found is not None else table
            for (owner, name), made in self.backrefs().items():
                if owner in self._world.classes.mro(cls):
                    relations.setdefault(name, made)
            self._info[cls] = ModelInfo(cls, table, columns, relations)
        return self._info[cls]

    def _read(
        self, cls: Class, columns: dict[str, ColumnInfo], relations: dict[str, RelationInfo]
    ) -> tuple[str | None, bool]:
        table, abstract = None, False
        for statement in flat(cls.facts.body):
            match statement:
                case f.Assign(targets=(f.Name(id="__tablename__"),), value=f.Const(value=str(text))):
                    table = text
                case f.Assign(targets=(f.Name(id="__tablename__"),)):
                    table = cls.name.lower()
                case f.Assign(targets=(f.Name(id="__table__"),), value=f.Call(args=(f.Const(value=str(text)), *_))):
                    table = text
                case f.Assign(targets=(f.Name(id="__abstract__"),)):
                    abstract = True
                case f.Assign(targets=(f.Name(id=name),), value=value):
                    self._member(cls, name, None, value, statement.at, columns, relations)
                case f.AnnAssign(target=f.Name(id=name), annotation=annotation, value=value):
                    self._member(cls, name, annotation, value, statement.at, columns, relations)
        for methods in cls.methods.values():
            for method in methods:
                if "declared_attr" in method.decorator_names or "declared_attr" in {
                    _last(d) for d in method.facts.decorators
                }:
                    self._declared(cls, method, columns, relations)
        if table is None and not abstract and self._is_sqlmodel_table(cls):
            table = cls.name.lower()
        if (
            table is None
            and not abstract
            and columns
            and "flask_sqlalchemy.model.Model" in self._world.classes.library_bases(cls)
        ):
            table = cls.name.lower()
        return table, abstract

    @staticmethod
    def _is_sqlmodel_table(cls: Class) -> bool:
        return any(
            k.name == "table" and isinstance(k.value, f.Const) and k.value.value is True for k in cls.facts.keywords
        )

    def _declared(
        self, cls: Class, method: Function, columns: dict[str, ColumnInfo], relations: dict[str, RelationInfo]
    ) -> None:
        for statement in method.body:
            if isinstance(statement, f.Return) and statement.value is not None:
                self._member(
                    cls, method.name, method.facts.returns, statement.value, method.facts.at, columns, relations
                )

    def _member(
        self, cls: Class, name: str, annotation: f.Expr | None, value: f.Expr | None, at: Span,
        columns: dict[str, ColumnInfo], relations: dict[str, RelationInfo],
    ) -> None:  # fmt: skip
        call = value if isinstance(value, f.Call) else None
        last = _last(call.func) if call is not None else ""
        if call is not None and last in RELATIONSHIPS:
            relations[name] = self._relation(cls, name, annotation, call, at)
        elif call is not None and (last in COLUMNS or (last == "Field" and annotation is not None)):
            columns[name] = _column(name, annotation, call, at)
        elif annotation is not None and _is_mapped(annotation):
            columns[name] = _column(name, annotation, None, at)

    def _relation(self, cls: Class, name: str, annotation: f.Expr | None, call: f.Call, at: Span) -> RelationInfo:
        target_name, many = "", None
        if call.args:
            target_name = _spelled(call.args[0])
        if annotation is not None:
            said, is_many = _annotated_target(annotation)
            target_name = target_name or said
            many = is_many
        options = dict(_options(call))
        if many is None:
            use = options.get("uselist")
            many = not (isinstance(use, f.Const) and use.value is False) and not self._points_to_one(
                cls, target_name, options
            )
        target = self.by_name(target_name, cls) if target_name else None
        back = options.get("back_populates")
        return RelationInfo(
            name,
            target,
            target_name,
            strategy_of(options),
            many,
            at,
            cls,
            str(back.value) if isinstance(back, f.Const) else "",
        )

    def _points_to_one(self, cls: Class, target: str, options: dict[str, f.Expr]) -> bool:
        """Without annotation: many-to-one when this class (and not the target) holds the foreign key."""
        if "secondary" in options:
            return False
        if "remote_side" in options:
            return True
        found = self.by_name(target, cls)
        table = _table_name(found) if found is not None else None
        if table is None:
            return False
        holder = _spelled(options["foreign_keys"]) if "foreign_keys" in options else ""
        if "." in holder:
            return holder.split(".")[-2] == cls.name  # whose column it is: of two classes that point to each other
        for one in self._world.classes.mro(cls):
            for statement in flat(one.facts.body):
                value = statement.value if isinstance(statement, f.Assign | f.AnnAssign) else None
                if isinstance(value, f.Call) and _foreign(value).rpartition(".")[0].rpartition(".")[2] == table:
                    return True
        return False

    # ------------------------------------------------------------------ types of attributes

    def relationship_target(self, expr: f.Call, owner: Class) -> Value | None:
        """The type that a class-level ``relationship(…)`` gives instances; None when the call is something else."""
        last = _last(expr.func)
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

    def backref(self, cls: Class, name: str) -> Type | None:
        """The type of an attribute that another class's ``backref=`` makes; None when there is none."""
        made = self.backrefs()
        found = next((made[one, name] for one in self._world.classes.mro(cls) if (one, name) in made), None)
        return None if found is None else relation_type(found)

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
            if not (isinstance(value, f.Call) and _last(value.func) in RELATIONSHIPS):
                continue
            options = dict(_options(value))
            back = options.get("backref")
            made = dict(_options(back)) if isinstance(back, f.Call) else {}
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


def strategy_of(options: dict[str, f.Expr]) -> str:
    """The loading strategy that ``lazy=`` names."""
    lazy = options.get("lazy")
    said = str(lazy.value) if isinstance(lazy, f.Const) else "select"
    return {"True": "select", "False": "joined", "None": "noload"}.get(said, said)


def relation_type(relation: RelationInfo) -> Type:
    """What reading a relationship gives."""
    if relation.target is None:
        return Unknown(f"relationship target {relation.target_name} not found")
    return Coll(Inst(relation.target)) if relation.many else Inst(relation.target)


def _options(call: f.Call) -> list[tuple[str, f.Expr]]:
    found = []
    for keyword in call.keywords:
        if keyword.name == "sa_relationship_kwargs" and isinstance(keyword.value, f.DictLit):
            pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
            found += [(str(k.value), v) for k, v in pairs if isinstance(k, f.Const)]
        elif keyword.name is not None:
            found.append((keyword.name, keyword.value))
    return found


def _column(name: str, annotation: f.Expr | None, call: f.Call | None, at: Span) -> ColumnInfo:
    wrapped = call is not None and _last(call.func) == "deferred"
    if wrapped and call is not None and call.args and isinstance(call.args[0], f.Call):
        call = call.args[0]
    options = dict(_options(call)) if call is not None else {}
    kinds = [_last(a.func if isinstance(a, f.Call) else a) for a in (call.args if call is not None else ())]
    sql_type = next(
        (k for k in kinds if k and k not in ("ForeignKey", "Computed", "Identity", "Sequence", "deferred")), ""
    )
    said = [] if annotation is None else _names(annotation)
    optional = bool({"None", "Optional"} & set(said))
    if annotation is None:  # without annotation a column is nullable unless it says otherwise
        optional = True
    plain = [name for name in said if name not in ("None", "Optional", "Mapped", "Annotated")]

    def true(option: str) -> bool:
        value = options.get(option)
        return isinstance(value, f.Const) and value.value is True

    nullable = options.get("nullable")
    return ColumnInfo(
        name, sql_type or (plain[-1] if plain else ""),
        _foreign(call) if call is not None else "", true("primary_key"), true("unique"),
        not true("primary_key") and (optional if nullable is None else true("nullable")),
        true("deferred") or wrapped,
        any(o in options for o in ("default", "insert_default", "default_factory", "server_default")),
        isinstance(options.get("onupdate"), f.Call) or "server_onupdate" in options, at,
    )  # fmt: skip


def _foreign(call: f.Call) -> str:
    for argument in call.args:
        if isinstance(argument, f.Call) and _last(argument.func) == "ForeignKey" and argument.args:
            target = argument.args[0]
            return str(target.value) if isinstance(target, f.Const) else _spelled(target)
    named = dict(_options(call)).get("foreign_key")
    return str(named.value) if isinstance(named, f.Const) else ""


def _annotated_target(annotation: f.Expr) -> tuple[str, bool]:
    """(target name, is a collection) of ``Mapped[list["Step"]]``, ``List["Step"]``, ``Mapped["Job | None"]``."""
    match annotation:
        case f.Subscript(value=base, index=index):
            head = _last(base)
            if head in (
                "list",
                "List",
                "set",
                "Set",
                "Sequence",
                "dict",
                "Dict",
                "WriteOnlyMapped",
                "DynamicMapped",
                "AppenderQuery",
            ):
                inner = index.items[-1] if isinstance(index, f.Seq) else index
                return _annotated_target(inner)[0], True
            inner = index.items[0] if isinstance(index, f.Seq) else index
            return _annotated_target(inner)
        case f.Bin(op="|", left=left, right=right):
            return _annotated_target(right if isinstance(left, f.Const) else left)
        case f.Const(value=str(text)):
            return text.strip("'\" ").rpartition("[")[2].strip("'\"] ").split("|")[0].strip(), text.startswith(
                ("list[", "List[")
            )
    return _spelled(annotation), False


def _is_mapped(annotation: f.Expr) -> bool:
    return isinstance(annotation, f.Subscript) and _last(annotation.value) == "Mapped"


def _table_name(cls: Class) -> str | None:
    for statement in flat(cls.facts.body):
        match statement:
            case f.Assign(targets=(f.Name(id="__tablename__"),), value=f.Const(value=str(text))):
                return text
    return cls.name.lower()


def _spelled(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, name=name):
            return f"{_spelled(value)}.{name}"
        case f.Const(value=str(text)):
            return text
        case f.Lambda(body=body):
            return _spelled(body)
    return ""


def _names(expr: f.Expr) -> list[str]:
    match expr:
        case f.Name(id=name) | f.Attr(name=name):
            return [name]
        case f.Subscript(value=value, index=index):
            return [*_names(value), *_names(index)]
        case f.Bin(left=left, right=right):
            return [*_names(left), *_names(right)]
        case f.Seq(items=items):
            return [n for i in items for n in _names(i)]
        case f.Const(value=None):
            return ["None"]
    return []


def _last(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name) | f.Attr(name=name):
            return name
        case f.Call(func=func):
            return _last(func)
    return ""
