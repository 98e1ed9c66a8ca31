"""What one file says, as compact frozen data: a lean syntax tree of our own.

``facts`` makes it from the stdlib ``ast``; ``link`` never sees an ast node. Nodes compare by identity, so that they
can be keys. Function bodies are kept encoded (``FunctionFacts.body``) and are decoded only for the functions that any
rule could speak of; see ``persist_lint.facts.codec``.

    async def close_all(db, jobs):            FunctionFacts(name="close_all", is_async=True, params=(db, jobs), ...)
        for job in jobs:                      For(target=Name("job"), iter=Name("jobs"), body=(
            await db.execute(...)                 ExprStmt(value=Await(value=Call(func=Attr(Name("db"), "execute"))))
"""

from __future__ import annotations

from typing import Union

from msgspec import Struct

from persist_lint.model.span import Span

FACTS_VERSION = 3


class Node(Struct, frozen=True, array_like=True, eq=False, tag=True, gc=False):
    """Any node; ``at`` is its span."""

    at: Span


# ---------------------------------------------------------------- expressions


class Name(Node, frozen=True):
    """A variable, read or bound."""

    id: str


class Attr(Node, frozen=True):
    """``value.name``."""

    value: Expr
    name: str


class Keyword(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """A keyword argument; ``name`` is None for ``**value``."""

    name: str | None
    value: Expr


class Call(Node, frozen=True):
    """A call; a starred positional argument is a ``Star`` in ``args``."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]


class Const(Node, frozen=True):
    """None, bool, int (64 bits), float or str. Other constants are ``Other``; bytes become ``Bytes``."""

    value: bool | int | float | str | None


class Bytes(Node, frozen=True):
    """A bytes constant, by its length only."""

    length: int


class Await(Node, frozen=True):
    value: Expr


class Star(Node, frozen=True):
    value: Expr


class Lambda(Node, frozen=True):
    params: tuple[Param, ...]
    body: Expr


class Generator(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """One ``for target in iter if …`` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...]
    is_async: bool


class Comp(Node, frozen=True):
    """A comprehension; ``kind`` is list, set, dict or generator; ``elt`` is a dict's key and ``value`` its value."""

    kind: str
    elt: Expr
    value: Expr | None
    generators: tuple[Generator, ...]


class Bin(Node, frozen=True):
    """A binary operation; ``op`` is the operator's token, as in ``+``."""

    op: str
    left: Expr
    right: Expr


class Bool(Node, frozen=True):
    """``and`` / ``or`` over two or more values."""

    op: str
    values: tuple[Expr, ...]


class Unary(Node, frozen=True):
    """``not``, ``-``, ``+``, ``~``."""

    op: str
    operand: Expr


class Compare(Node, frozen=True):
    """A chain: ``left ops[0] rights[0] ops[1] rights[1] …``; ops are tokens, as in ``is not``."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


class IfExp(Node, frozen=True):
    test: Expr
    body: Expr
    orelse: Expr


class Subscript(Node, frozen=True):
    value: Expr
    index: Expr


class Slice(Node, frozen=True):
    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Seq(Node, frozen=True):
    """A display; ``kind`` is list, tuple or set."""

    kind: str
    items: tuple[Expr, ...]


class DictLit(Node, frozen=True):
    """A dict display; a key is None for ``**value``."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


class FString(Node, frozen=True):
    """An f-string (or t-string); text parts are ``Const``."""

    parts: tuple[Expr, ...]


class Yield(Node, frozen=True):
    """``yield value`` or, with ``is_from``, ``yield from value``."""

    value: Expr | None
    is_from: bool


class Walrus(Node, frozen=True):
    target: Expr
    value: Expr


class Other(Node, frozen=True):
    """An expression that no analysis looks into (a complex or huge constant, a form newer than we know)."""


Expr = Union[
    Name, Attr, Call, Const, Bytes, Await, Star, Lambda, Comp, Bin, Bool, Unary, Compare, IfExp, Subscript, Slice, Seq,
    DictLit, FString, Yield, Walrus, Other,
]  # fmt: skip

# ---------------------------------------------------------------- statements


class ExprStmt(Node, frozen=True):
    value: Expr


class Assign(Node, frozen=True):
    targets: tuple[Expr, ...]
    value: Expr


class AnnAssign(Node, frozen=True):
    target: Expr
    annotation: Expr
    value: Expr | None


class AugAssign(Node, frozen=True):
    """``target op= value``; ``op`` is the operator's token, as in ``+``."""

    target: Expr
    op: str
    value: Expr


class Return(Node, frozen=True):
    value: Expr | None


class Raise(Node, frozen=True):
    exc: Expr | None
    cause: Expr | None


class If(Node, frozen=True):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class For(Node, frozen=True):
    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    is_async: bool


class While(Node, frozen=True):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class WithItem(Struct, frozen=True, array_like=True, eq=False, gc=False):
    context: Expr
    target: Expr | None


class With(Node, frozen=True):
    items: tuple[WithItem, ...]
    body: tuple[Stmt, ...]
    is_async: bool


class Handler(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """``except type as name``; ``type`` is None for a bare except."""

    at: Span
    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


class Try(Node, frozen=True):
    """``is_star`` for ``except*``."""

    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]
    is_star: bool


class Case(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """One ``case``: the class expressions its pattern names, the names it binds, its guard."""

    at: Span
    classes: tuple[Expr, ...]
    binds: tuple[str, ...]
    guard: Expr | None
    body: tuple[Stmt, ...]


class Match(Node, frozen=True):
    subject: Expr
    cases: tuple[Case, ...]


class FuncDef(Node, frozen=True):
    """A nested definition: the index of its facts in ``ModuleFacts.functions``."""

    index: int


class ClassDef(Node, frozen=True):
    """A class statement: the index of its facts in ``ModuleFacts.classes``."""

    index: int


class Import(Node, frozen=True):
    """One imported name. ``import a.b as c``: module a.b, name None, as c, level 0; ``from .x import y``: level 1.

    ``name`` is ``*`` for a star import; ``binds`` is the local name ("" for a star). ``import a.b`` binds ``a``.
    """

    module: str
    name: str | None
    binds: str
    level: int


class Scope(Node, frozen=True):
    """``global`` or ``nonlocal``."""

    kind: str
    names: tuple[str, ...]


class Delete(Node, frozen=True):
    targets: tuple[Expr, ...]


class Assert(Node, frozen=True):
    test: Expr


class Jump(Node, frozen=True):
    """``break``, ``continue`` or ``pass``."""

    kind: str


class TypeVariable(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """A type parameter in brackets: ``T`` of ``def first[T: Base](…)``."""

    name: str
    bound: Expr | None


class TypeAlias(Node, frozen=True):
    """``type name[type_params] = value``."""

    name: str
    value: Expr
    type_params: tuple[TypeVariable, ...] = ()


Stmt = Union[
    ExprStmt, Assign, AnnAssign, AugAssign, Return, Raise, If, For, While, With, Try, Match, FuncDef, ClassDef, Import,
    Scope, Delete, Assert, Jump, TypeAlias,
]  # fmt: skip

# ---------------------------------------------------------------- definitions


class Param(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """A parameter; ``kind`` is positional (before ``/``), normal, keyword (after ``*``), args or kwargs."""

    name: str
    kind: str
    annotation: Expr | None
    default: Expr | None
    at: Span


class FunctionFacts(Struct, frozen=True, array_like=True, eq=False):
    """One ``def``; ``qualname`` as Python spells it (``Repo.get``, ``outer.<locals>.inner``).

    ``parent`` and ``owner`` are indices into the module's functions and classes (-1: none): the enclosing function and
    the class whose body holds the def. ``names`` are the identifiers that the body and the decorators mention
    (variables and attributes), sorted: what relevance is decided by. ``body`` is the encoded tuple of statements.
    ``at`` spans the whole def, decorators left out.
    """

    name: str
    qualname: str
    at: Span
    params: tuple[Param, ...]
    returns: Expr | None
    decorators: tuple[Expr, ...]
    is_async: bool
    is_generator: bool
    parent: int
    owner: int
    names: tuple[str, ...]
    docstring: str
    body: bytes
    type_params: tuple[TypeVariable, ...] = ()


class ClassFacts(Struct, frozen=True, array_like=True, eq=False):
    """One ``class``; ``body`` are its own statements (methods appear as ``FuncDef``)."""

    name: str
    qualname: str
    at: Span
    bases: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    decorators: tuple[Expr, ...]
    parent: int
    owner: int
    docstring: str
    body: tuple[Stmt, ...]
    type_params: tuple[TypeVariable, ...] = ()


class Comment(Struct, frozen=True, array_like=True):
    """A comment that can suppress findings: its line, its text from ``#`` on, whether it stands alone on the line."""

    line: int
    column: int
    text: str
    alone: bool


class Problem(Struct, frozen=True, array_like=True):
    """Why a file could not be understood: ``kind`` is unreadable-file or syntax-error."""

    line: int
    kind: str
    message: str


class ModuleFacts(Struct, frozen=True, array_like=True, eq=False):
    """One file. ``body`` holds the module-level statements; ``imports`` every Import of the file, at any depth.

    ``digest`` is the hex content hash; ``lines`` counts physical lines; ``comments`` are suppression comments only;
    ``statements`` are (first, last) line pairs of multi-line simple statements and compound heads, for suppressions.
    A file with a ``problem`` has empty code.
    """

    version: int
    digest: str
    lines: int
    docstring: str
    body: tuple[Stmt, ...]
    functions: tuple[FunctionFacts, ...]
    classes: tuple[ClassFacts, ...]
    imports: tuple[Import, ...]
    comments: tuple[Comment, ...]
    statements: tuple[tuple[int, int], ...]
    problem: Problem | None
