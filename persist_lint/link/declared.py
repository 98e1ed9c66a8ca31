"""What the declarations of mapped classes say, read from their syntax: columns, relationships, loading strategies.

``models`` finds the declarations and knows what their names mean; here is what each of them says by itself.
"""

from __future__ import annotations

from msgspec import Struct

from persist_lint.link.index import Class
from persist_lint.link.lattice import Coll, Inst, Type, Unknown
from persist_lint.model import facts as f
from persist_lint.model.span import Span

RELATIONSHIPS = frozenset({"relationship", "Relationship", "dynamic_loader"})
COLUMNS = frozenset(
    {"mapped_column", "Column", "column_property", "deferred", "composite", "query_expression", "synonym"}
)
WIDE = frozenset(
    {"Text", "UnicodeText", "LargeBinary", "BLOB", "CLOB", "JSON", "JSONB", "TSVECTOR", "BYTEA", "Vector", "PickleType"}
)
#: Annotations that hold several: of a type, of a relationship.
COLLECTIONS = frozenset(
    {"list", "List", "set", "Set", "Sequence", "dict", "Dict", "WriteOnlyMapped", "DynamicMapped", "AppenderQuery"}
)
#: Relationships whose annotation says how they load.
EAGER = frozenset({"joined", "selectin", "subquery"})  # strategies that load with the query itself
LAZY_BY_ANNOTATION = {"WriteOnlyMapped": "write_only", "DynamicMapped": "dynamic"}
NOT_A_TYPE = ("ForeignKey", "Computed", "Identity", "Sequence", "deferred", "mapped_column", "Column")


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


class ProxyInfo(Struct, frozen=True, eq=False):
    """An association proxy: reading it reads ``relation`` and ``attribute`` of each related instance."""

    name: str
    relation: str
    attribute: str


class ModelInfo(Struct, frozen=True, eq=False):
    """A mapped class with everything it inherits."""

    cls: Class
    table: str | None
    columns: dict[str, ColumnInfo]
    relations: dict[str, RelationInfo]
    proxies: dict[str, ProxyInfo]
    key: str = ""  # the one primary key attribute; "" where there is none or several
    brings: frozenset[Class] = frozenset()  # the classes to which its to-one relationships lead


def relation_type(relation: RelationInfo) -> Type:
    """What reading a relationship gives."""
    if relation.target is None:
        return Unknown(f"relationship target {relation.target_name} not found")
    return Coll(Inst(relation.target)) if relation.many else Inst(relation.target)


def strategy_of(options: dict[str, f.Expr], annotation: f.Expr | None = None) -> str:
    """The loading strategy that ``lazy=`` names, or the annotation implies."""
    lazy = options.get("lazy")
    implied = LAZY_BY_ANNOTATION.get(last_of(annotation.value), "") if isinstance(annotation, f.Subscript) else ""
    said = str(lazy.value) if isinstance(lazy, f.Const) else implied or "select"
    return {"True": "select", "False": "joined", "None": "noload"}.get(said, said)


def options_of(call: f.Call) -> dict[str, f.Expr]:
    """The keywords of a declaration, those that SQLModel hands on included."""
    found: dict[str, f.Expr] = {}
    for keyword in call.keywords:
        if keyword.name in ("sa_relationship_kwargs", "sa_column_kwargs"):
            found.update(_named(keyword.value))
        elif keyword.name == "sa_column" and isinstance(keyword.value, f.Call):
            found.update(options_of(keyword.value))
        elif keyword.name is not None:
            found[keyword.name] = keyword.value
    return found


def _named(expr: f.Expr) -> dict[str, f.Expr]:
    """``{"lazy": …}`` and ``dict(lazy=…)`` by key."""
    match expr:
        case f.DictLit(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {str(key.value): value for key, value in pairs if isinstance(key, f.Const)}
        case f.Call(func=f.Name(id="dict"), keywords=keywords):
            return {keyword.name: keyword.value for keyword in keywords if keyword.name is not None}
    return {}


def column_of(name: str, annotation: f.Expr | None, call: f.Call | None, at: Span) -> ColumnInfo:
    """A column as its annotation and its call say; ``deferred(Column(…))`` and SQLModel's ``sa_column`` unwrapped."""
    wrapped = call is not None and last_of(call.func) == "deferred"
    if wrapped and call is not None and call.args and isinstance(call.args[0], f.Call):
        call = call.args[0]
    options = options_of(call) if call is not None else {}
    kinds = [last_of(part.func if isinstance(part, f.Call) else part) for part in _arguments(call)]
    sql_type = next((kind for kind in kinds if kind and kind not in NOT_A_TYPE), "")
    said = [] if annotation is None else names_of(annotation)
    optional = annotation is None or bool({"None", "Optional"} & set(said))  # a bare Column is nullable
    plain = [word for word in said if word not in ("None", "Optional", "Mapped", "Annotated")]

    def true(option: str) -> bool:
        value = options.get(option)
        return isinstance(value, f.Const) and value.value is True

    nullable = options.get("nullable")
    return ColumnInfo(
        name, sql_type or (plain[-1] if plain else ""),
        foreign_of(call) if call is not None else "", true("primary_key"), true("unique"),
        not true("primary_key") and (optional if nullable is None else true("nullable")),
        true("deferred") or wrapped,
        any(o in options for o in ("default", "insert_default", "default_factory", "server_default")),
        isinstance(options.get("onupdate"), f.Call) or "server_onupdate" in options, at,
    )  # fmt: skip


def _arguments(call: f.Call | None) -> tuple[f.Expr, ...]:
    """What a column's call says about its type: positional arguments, ``sa_type``, those of ``sa_column``."""
    if call is None:
        return ()
    found = list(call.args)
    for keyword in call.keywords:
        if keyword.name == "sa_column" and isinstance(keyword.value, f.Call):
            found += keyword.value.args
        elif keyword.name in ("sa_type", "type_"):
            found.append(keyword.value)
    return tuple(found)


def foreign_of(call: f.Call) -> str:
    """``table.column`` of a column's foreign key, or ""."""
    for argument in _arguments(call):
        if isinstance(argument, f.Call) and last_of(argument.func) == "ForeignKey" and argument.args:
            target = argument.args[0]
            return str(target.value) if isinstance(target, f.Const) else spelled(target)
    named = options_of(call).get("foreign_key")
    return str(named.value) if isinstance(named, f.Const) else ""


def merged(first: f.Call | None, second: f.Call | None) -> f.Call | None:
    """One call with the arguments of both; the second's keywords win."""
    if first is None or second is None:
        return first or second
    return f.Call(second.at, second.func, (*second.args, *first.args), (*first.keywords, *second.keywords))


def annotated_target(annotation: f.Expr) -> tuple[str, bool]:
    """(target name, is a collection) of ``Mapped[list["Step"]]``, ``List["Step"]``, ``Mapped["Job | None"]``."""
    match annotation:
        case f.Subscript(value=base, index=index):
            if last_of(base) in COLLECTIONS:
                inner = index.items[-1] if isinstance(index, f.Seq) else index
                return annotated_target(inner)[0], True
            inner = index.items[0] if isinstance(index, f.Seq) else index
            return annotated_target(inner)
        case f.Bin(op="|", left=left, right=right):
            return annotated_target(right if isinstance(left, f.Const) else left)
        case f.Const(value=str(text)):
            inside = text.strip("'\" ").rpartition("[")[2].strip("'\"] ").split("|")[0].strip()
            return inside, text.startswith(("list[", "List["))
    return spelled(annotation), False


def is_mapped(annotation: f.Expr) -> bool:
    """Whether an annotation is ``Mapped[…]``."""
    return isinstance(annotation, f.Subscript) and last_of(annotation.value) == "Mapped"


def spelled(expr: f.Expr) -> str:
    """A dotted name as written, in a string or a lambda, too; "" for anything else."""
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, name=name):
            return f"{spelled(value)}.{name}"
        case f.Const(value=str(text)):
            return text
        case f.Lambda(body=body):
            return spelled(body)
        case f.Seq(items=(only,)):
            return spelled(only)
    return ""


def names_of(expr: f.Expr) -> list[str]:
    """The last names that an annotation mentions, in order."""
    match expr:
        case f.Name(id=name) | f.Attr(name=name):
            return [name]
        case f.Subscript(value=value, index=index):
            return [*names_of(value), *names_of(index)]
        case f.Bin(left=left, right=right):
            return [*names_of(left), *names_of(right)]
        case f.Seq(items=items):
            return [name for item in items for name in names_of(item)]
        case f.Const(value=None):
            return ["None"]
    return []


def last_of(expr: f.Expr) -> str:
    """The last name of a callee or type: ``Column`` of ``sa.Column(…)``."""
    match expr:
        case f.Name(id=name) | f.Attr(name=name):
            return name
        case f.Call(func=func):
            return last_of(func)
    return ""
