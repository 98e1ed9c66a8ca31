"""Types and symbolic values: small, immutable, comparable.

A ``Value`` is what an expression is known to be: its type, and a symbol that says where it came from, so that
``self.session`` of a repository can be recognised as the session that the caller passed. Symbols are nested tuples:

    ("param", 1)                 the second parameter of the function at hand
    ("attr", base, "id")         an attribute of another value
    ("init", base, 1)            what the constructor of ``base`` got as its second parameter
    ("item", loop, base)         the element of ``base`` in this turn of the loop at (line, column)
    ("new", "app.Repo", args)    an instance made here: args are (parameter index, symbol) pairs
    ("call", (line, column))     the result of the call there; ("open", …) a session or resource opened there
    ("const", 3), ("global", "app.db.engine"), ("inner",), ("?",)
    ("global", "__file__")       a path made from ``__file__``: a file of the package
    ("free", base)               a variable of the enclosing function
    ("dict", ((name, sym), …))   a dictionary of those items; ("kw", base, name, default): its item, or the default
    ("filled", base)             ``base or {}``: a dictionary that was given, or an empty one
    ("flag", held, failed)       a truth value made of parameters: the conditions where it is true, and where it is not
    ("on", base, place)          a cursor or transaction made there on the connection or session ``base``
    ("given", 1, "id")           what the statement passed as second parameter compares ``id`` with; "": its session
    ("column", "app.Job", "id")  a mapped attribute of a class; ("eq", column, other), ("isin", column): conditions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from msgspec import Struct

from persist_lint.link.index import Class, Function, Module

Sym = tuple[Any, ...]
UNKNOWN_SYM: Sym = ("?",)
INNER_SYM: Sym = ("inner",)
PACKAGE_SYM: Sym = ("global", "__file__")
MAX_SYM_DEPTH = 6
MAX_FIELDS = 16


class Unknown(Struct, frozen=True):
    """Not known, and why; harmless to every rule."""

    reason: str


class Null(Struct, frozen=True):
    """None."""


class Data(Struct, frozen=True):
    """Plain data: ``name`` is a builtin type name (``str``) or "" where only that much is known.

    ``text`` is SQL as far as it is known, with ``{}`` for the rest.
    """

    name: str = ""
    text: str = ""


class Inst(Struct, frozen=True):
    """An instance of a project class, with the arguments of its generic bases."""

    cls: Class
    args: tuple[Type, ...] = ()


class Lib(Struct, frozen=True):
    """An instance of a library class by canonical dotted name, with type arguments."""

    name: str
    args: tuple[Type, ...] = ()


class ClassObj(Struct, frozen=True):
    """A project class itself."""

    cls: Class
    args: tuple[Type, ...] = ()


class LibClass(Struct, frozen=True):
    """A library class itself."""

    name: str
    args: tuple[Type, ...] = ()


class Fn(Struct, frozen=True):
    """A project function, bound to a receiver if ``bound``; ``bare``: as written, without its decorators."""

    function: Function
    bound: Value | None = None
    bare: bool = False


class LibFn(Struct, frozen=True):
    """A library function by canonical dotted name."""

    name: str


class LibMethod(Struct, frozen=True):
    """A method of a library type on a receiver."""

    owner: str
    name: str
    bound: Value


class Closure(Struct, frozen=True):
    """A lambda; ``at`` is the (line, column) of it, ``returns`` what its body is."""

    at: tuple[int, int]
    returns: Value


class Partial(Struct, frozen=True):
    """``partial(f, …)``, or a function wrapped by something that calls through.

    ``manages``: the wrapper is ``contextmanager``: calling it gives a manager of what the generator yields.
    """

    of: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    manages: bool = False


class Mod(Struct, frozen=True):
    """A module of the project."""

    module: Module


class LibMod(Struct, frozen=True):
    """A module, or some name, of a library."""

    name: str


class Coro(Struct, frozen=True):
    """An awaitable that gives ``of``."""

    of: Value


class Coll(Struct, frozen=True):
    """A collection or iterator of ``item``; ``kind``: list, set, tuple, iterator, generator, async_generator."""

    item: Type
    kind: str = "list"
    item_sym: Sym = UNKNOWN_SYM


class Dict(Struct, frozen=True):
    """A mapping; ``fields`` are the values of constant keys, where those differ."""

    key: Type
    value: Type
    fields: tuple[tuple[str, Value], ...] = ()

    def field(self, name: object) -> Value | None:
        """The value of a constant key; None where it is not known apart from others."""
        return next((value for key, value in self.fields if key == name), None)

    def with_field(self, name: object, value: Value) -> Dict:
        """The mapping after ``x["name"] = value``."""
        kept = tuple(pair for pair in self.fields if pair[0] != name)
        if isinstance(name, str) and len(kept) < MAX_FIELDS:
            kept = (*kept, (name, value))
        return Dict(self.key, value.type, kept)


class Tup(Struct, frozen=True):
    items: tuple[Value, ...]


class Super(Struct, frozen=True):
    """What ``super()`` gives in a method of ``owner`` on the receiver ``bound``."""

    owner: Class
    bound: Value


class Manager(Struct, frozen=True):
    """A context manager made by a project generator; entering gives ``of``."""

    of: Value
    function: Function
    is_async: bool


class Statement(Struct, frozen=True):
    """A statement under construction; it rides as the type argument of its library type, and of its results'.

    ``entities`` are the mapped classes it selects or writes, ``columns`` (class name, attribute) of selected columns;
    ``keys`` are (attribute, symbol) of its equality conditions, ``inside`` attributes tested with ``in_``;
    ``sources`` are dotted names of the classes that columns, joins and conditions mention, in order;
    ``options`` name (strategy, relationship path). ``limit`` is -1 where none is set, 0 where it is not a constant.
    ``sets`` are the attributes that ``values()`` names, with ``*`` among them where it may set others.
    ``many``: ``values()`` got a list of rows.
    """

    verb: str
    entities: tuple[Class, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, Sym], ...] = ()
    inside: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    limit: int = -1
    locks: bool = False
    aggregates: bool = False
    filtered: bool = False
    text: str | None = None
    tables: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    session: Sym | None = None
    sets: tuple[str, ...] = ()
    many: bool = False
    ordered: bool = False


class TypeParam(Struct, frozen=True):
    """A type variable, until a class or call binds it; ``bound`` is what it is at least (``bound=``, constraints).

    ``is_class``: what is meant is ``type[T]``.
    """

    name: str
    bound: Type = Unknown("a type variable")
    is_class: bool = False


class Either(Struct, frozen=True):
    """One of two to four types."""

    members: tuple[Type, ...]


Type = Union[
    Unknown, Null, Data, Inst, Lib, ClassObj, LibClass, Fn, LibFn, LibMethod, Closure, Partial, Mod, LibMod, Coro, Coll,
    Dict, Tup, Super, Manager, Statement, TypeParam, Either,
]  # fmt: skip


class Value(Struct, frozen=True):
    """A type and a symbol. ``weak``: the type rests on a convention or on agreeing callers, not on a declaration."""

    type: Type
    sym: Sym = UNKNOWN_SYM
    weak: bool = False


def unknown(reason: str, sym: Sym = UNKNOWN_SYM) -> Value:
    """A value of which nothing is known but, perhaps, where it came from."""
    return Value(Unknown(reason), sym)


NOTHING = unknown("nothing said")
NONE = Value(Null(), ("const", None))


def members(kind: Type) -> tuple[Type, ...]:
    """The alternatives of a type; itself if it is not a union."""
    return kind.members if isinstance(kind, Either) else (kind,)


def union(kinds: Sequence[Type]) -> Type:
    """The join of types: None and plain unknowns yield to what is known; more than four known ones are unknown."""
    flat: list[Type] = []
    for kind in kinds:
        for one in members(kind):
            if one in flat:
                continue
            place, merged = _mergeable(flat, one)
            if merged is None:
                flat.append(one)
            else:
                flat[place] = merged
    known = [one for one in flat if not isinstance(one, Unknown)]
    if not known:
        return flat[0] if flat else Unknown("nothing said")
    solid = [one for one in known if not isinstance(one, Null)]
    chosen = solid or known
    if len(chosen) == 1:
        return chosen[0]
    if len(chosen) > 4:
        return Unknown("too many")
    if any(isinstance(one, Null) for one in known):
        chosen = [*chosen, Null()] if len(chosen) < 4 else chosen
    return Either(tuple(chosen))


def _mergeable(flat: list[Type], one: Type) -> tuple[int, Type | None]:
    """Where a type can be joined part by part with one already there: tuples of one length, variants of a statement."""
    for place, known in enumerate(flat):
        match known, one:
            case Data(name=ours), Data(name=theirs) if ours == theirs:
                return place, Data(ours, common_text(known.text, one.text))
            case Tup(items=ours), Tup(items=theirs) if len(ours) == len(theirs) and ours:
                return place, Tup(tuple(join([a, b]) for a, b in zip(ours, theirs, strict=True)))
            case Lib(args=(Statement() as ours,)), Lib(args=(Statement() as theirs,)) if known.name == one.name:
                return place, Lib(known.name, (_either_statement(ours, theirs),))
            case Dict(key=key, value=value), Dict() if (key, value) == (one.key, one.value):
                both = ((name, mine, one.field(name)) for name, mine in known.fields)
                return place, Dict(key, value, tuple((n, join([a, b])) for n, a, b in both if b is not None))
            case Coll(item=ours_item), Coll(item=theirs_item) if known.kind == one.kind:
                sym = known.item_sym if known.item_sym == one.item_sym else UNKNOWN_SYM
                return place, Coll(union([ours_item, theirs_item]), known.kind, sym)
    return -1, None


def common_text(one: str, other: str) -> str:
    """The words with which two texts begin, and ``{}`` for the rest; "" where they have no beginning in common."""
    if one == other or not (one and other):
        return one if one == other else ""
    shorter = min(len(one), len(other))
    same = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    if (same < len(one) and not one[same].isspace()) or (same < len(other) and not other[same].isspace()):
        same = max(one.rfind(" ", 0, same), one.rfind("\n", 0, same))
    return f"{one[:same].rstrip()} {{}}" if same > 0 else ""


def _either_statement(one: Statement, other: Statement) -> Statement:
    """What holds of both variants of a statement: common conditions, options of either, no limit unless both."""
    return Statement(
        one.verb if one.verb == other.verb else "other",
        tuple(dict.fromkeys((*one.entities, *other.entities))),
        one.columns if one.columns == other.columns else (),
        tuple(k for k in one.keys if k in other.keys),
        tuple(i for i in one.inside if i in other.inside),
        tuple(dict.fromkeys((*one.options, *other.options))),
        one.limit if one.limit == other.limit else -1,
        one.locks and other.locks,
        one.aggregates and other.aggregates,
        one.filtered or other.filtered,
        common_text(one.text or "", other.text or "") or None,
        tuple(dict.fromkeys((*one.tables, *other.tables))),
        tuple(dict.fromkeys((*one.sources, *other.sources))),
        one.session if one.session == other.session else None,
        ordered=one.ordered and other.ordered,
    )


def join(values: list[Value]) -> Value:
    """The join of values: joined types, the symbol if all agree (None aside).

    ``session = session or make()`` is what was passed, where something was: callers that pass nothing know no better.
    """
    distinct = list(dict.fromkeys(values))
    if len(distinct) == 1:
        return distinct[0]
    syms = list(dict.fromkeys(v.sym for v in distinct if not isinstance(v.type, Null)))
    sym = syms[0] if len(syms) == 1 else _passed(distinct, syms)
    return Value(union([v.type for v in distinct]), sym, any(v.weak for v in distinct))


def _passed(values: list[Value], syms: list[Sym]) -> Sym:
    """The one parameter among library objects of which all others are made on the spot."""
    given = [sym for sym in syms if sym[0] == "param"]
    made = [sym for sym in syms if sym[0] in ("open", "call")]
    objects = all(isinstance(k, Lib | Null) for v in values for k in members(v.type))
    return given[0] if objects and len(given) == 1 and len(made) + 1 == len(syms) else UNKNOWN_SYM


def package_path(parts: Iterable[Value]) -> Sym:
    """The symbol of a path joined from parts: a file of the package if it starts from one and the rest is constant."""
    syms = [part.sym for part in parts]
    made = PACKAGE_SYM in syms and all(sym == PACKAGE_SYM or sym[0] == "const" for sym in syms)
    return PACKAGE_SYM if made else UNKNOWN_SYM


def depth(sym: Sym) -> int:
    """Nesting of a symbol."""
    return 1 + max((depth(part) for part in sym if isinstance(part, tuple)), default=0)


def _is_deep(sym: Sym, levels: int) -> bool:
    """Whether a symbol nests at least so deep: what ``depth`` says, without measuring all of it."""
    if levels <= 1:
        return True
    for part in sym:  # noqa: SIM110 - in the hottest path a generator would cost twice the time
        if isinstance(part, tuple) and _is_deep(part, levels - 1):
            return True
    return False


def attr_sym(base: Sym, name: str) -> Sym:
    """The symbol of an attribute; unknown where the base is, or where paths grow too long."""
    if base in (UNKNOWN_SYM, INNER_SYM):
        return base
    return UNKNOWN_SYM if _is_deep(base, MAX_SYM_DEPTH) else ("attr", base, name)


def session_of(sym: Sym) -> Sym:
    """The session or connection that a symbol stands for: that of a cursor or transaction is the one it works on."""
    while sym[0] == "on":
        sym = sym[1]
    return sym


def mentions(sym: Sym, loop: tuple[int, int]) -> bool:
    """Whether the symbol is made from the item of that loop."""
    if len(sym) == 3 and sym[0] == "item" and sym[1] == loop:
        return True
    return any(mentions(part, loop) for part in sym if isinstance(part, tuple) and part)


#: Heads of symbols that mean the same in every function.
_EVERYWHERE = frozenset({"?", "const", "global"})


def substitute(sym: Sym, actuals: Mapping[Any, Sym]) -> Sym:
    """A callee's symbol in the caller's terms: parameters replaced, the callee's own locals hidden."""
    head = sym[0]  # a match statement would cost three times as much in this hottest path
    if head in _EVERYWHERE:
        return sym
    if head == "param":
        return actuals.get(sym[1], UNKNOWN_SYM)
    if head == "attr":
        return attr_sym(substitute(sym[1], actuals), sym[2])
    if head == "init":
        return init_sym(substitute(sym[1], actuals), sym[2])
    if head == "on":
        outer = substitute(sym[1], actuals)
        return INNER_SYM if outer in (UNKNOWN_SYM, INNER_SYM) else ("on", outer, sym[2])
    if head == "new":
        return ("new", sym[1], tuple((i, substitute(s, actuals)) for i, s in sym[2]))
    if head == "keys":
        return ("keys", *(substitute(part, actuals) for part in sym[1:]))
    if head == "given":
        return actuals.get((sym[1], sym[2]), UNKNOWN_SYM)
    if head == "kw":
        return item_sym(substitute(sym[1], actuals), sym[2], sym[3])
    if head == "dict":
        return ("dict", tuple((name, substitute(inner, actuals)) for name, inner in sym[1]))
    if head == "filled":
        return UNKNOWN_SYM  # whether it is the empty one, nobody can tell
    if head == "free":
        inner: Sym = sym[1]
        return inner  # the nested function is called where it is defined
    return INNER_SYM


def item_sym(base: Sym, name: object, default: Sym) -> Sym:
    """The symbol of what a dictionary has under a name, the default where it has nothing."""
    if base[0] == "dict":
        return next((sym for key, sym in base[1] if key == name), default)
    if base == ("const", None):
        return default  # what is looked up in ``given or {}``
    if base[0] == "filled":
        base = base[1]
    if base in (UNKNOWN_SYM, INNER_SYM):
        return UNKNOWN_SYM
    return UNKNOWN_SYM if _is_deep(base, MAX_SYM_DEPTH) else ("kw", base, name, default)


def init_sym(base: Sym, index: int) -> Sym:
    """What the constructor of ``base`` got as parameter ``index``."""
    if base and base[0] == "new":
        found: Sym = dict(base[2]).get(index, UNKNOWN_SYM)
        return found
    if base in (UNKNOWN_SYM, INNER_SYM):
        return base
    return UNKNOWN_SYM if _is_deep(base, MAX_SYM_DEPTH) else ("init", base, index)
