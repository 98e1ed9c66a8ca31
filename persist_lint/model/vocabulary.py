"""What libraries do, as rows. The types of the TOML files in ``persist_lint/vocabulary``.

    [library]
    imports = ["sqlalchemy"]                       # read only when the project imports one of these
    kind = "orm"

    [type."sqlalchemy.ext.asyncio.AsyncSession"]
    is = "session"
    also = ["sqlalchemy.ext.asyncio.session.AsyncSession"]
    awaits = true                                  # methods are coroutines unless a row says otherwise
    release = ["close", "aclose"]                  # it must be released by one of these (or a with)
    exit = "close"                                 # what leaving ``with x`` does: commit, rollback (on error), close
    [type."sqlalchemy.ext.asyncio.AsyncSession".method]
    get     = { does = ["db.select"], gives = "entity", of = "arg0", key = "arg1" }
    execute = { does = ["db.statement"], gives = "sqlalchemy.engine.Result", of = "arg0" }
    add     = { does = ["unit.add"], of = "arg0", awaits = false }
    commit  = { does = ["flush", "txn.commit"], expires = true }
    begin   = { does = ["txn.begin"], gives = "sqlalchemy.ext.asyncio.AsyncSessionTransaction", awaits = false }

    [function."time.sleep"]
    does = ["sleep"]                               # I/O words on a function that is not awaited block the thread

    [function."asyncio.to_thread"]
    awaits = true
    runs = [{ arg = "arg0", where = "thread" }]
    gives = "result_of"
    of = "arg0"

Argument words: ``arg0`` … ``arg9`` positional, ``kw:name`` by keyword, ``arg0|kw:name`` either, ``args`` all of them,
``self`` the receiver.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from persist_lint.model.effect import ContextKind, EffectKind, TypeKind

Where = Literal["here", "thread", "process", "loop", "task", "later", "entry", "stored"]
Verb = Literal["select", "insert", "update", "delete", "upsert", "text", "other"]
Part = Literal[
    "where", "limit", "options", "lock", "values", "returning", "order", "join", "columns", "group", "distinct",
    "load_only", "eager", "lazy", "raise", "execution_options", "unique", "stream", "offset", "conflict",
]  # fmt: skip


class Runs(Struct, frozen=True, forbid_unknown_fields=True):
    """A function passed as an argument is run: where, and (for entries) as what.

    ``here`` before the call returns, on the same thread (callbacks, ``map``); ``thread``/``process`` offloaded;
    ``loop``/``task`` scheduled on the event loop; ``later`` after the response or by a timer; ``entry`` registered as
    an entry point of kind ``marks``; ``stored`` kept, not run. ``passes`` is the type of a first argument that the
    callee puts before the others: the receiver's synchronous face, whose waits let the loop go on (``run_sync``).
    """

    arg: str
    where: Where
    marks: ContextKind | None = None
    concurrent: bool = False
    passes: str = ""


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """What one function or method does.

    does      effects, in the order in which they happen
    gives     what the call returns: a word of ``model.effect.Gives`` or the dotted name of a library type; for a
              coroutine, what awaiting it gives
    of        the argument that ``gives``, or the effect, is about (the entity class, the statement, the callable)
    key       the argument that identifies the row or thing (primary key, URL, path, channel)
    awaits    returns an awaitable (None: as the type says; functions default to false); with ``context`` it may be
              entered by ``async with`` instead of being awaited
    verb      it makes a statement of this kind (``select``, ``insert`` …)
    part      it adds this part to the statement or loader option that is its receiver
    runs      functions among its arguments that get run
    marks     used as a decorator, it makes the function an entry point of this kind
    sync_runs where a plain ``def`` marked so runs: in a thread pool or on the loop
    to_thread the argument by which a plain ``def`` goes to a thread after all (``sync_to_thread=True``)
    expires   entities of the session expire (unless its factory says expire_on_commit=False)
    context   it is (also) a context manager: entering gives ``gives``; ``exit`` says what leaving does, as in Type.exit
    blocking  overrides: does it block the calling thread? (None: it does if it has I/O effects and is not awaited)
    cost      for ``cpu``: "small" work is reported only over unknown data
    limit     at most this many rows come back (1 for ``first``)
    level     "application" calls create something that should live as long as the process (engine, pool, client)
    note      one short clause for traces, as in "sends the request"
    also      other spellings: of a function, full dotted names under which it can be imported; of a method, names of
              further methods of the type that do the same (each has its own row once read)
    since     version of the distribution (of Python for the standard library) that brought it, "" when all supported
              ones have it
    unless    arguments by which a call that waits is asked not to: False, 0, or a flag (``fcntl.LOCK_NB``) there
    nests     the transaction block that it opens is a savepoint where a transaction is open already
    on        dotted name of the module-level connection that a function without receiver works on
              (``django.db.connection`` of ``transaction.atomic()``)
    validates models among the parameters of what it marks are validated on the event loop before; so is what an
              ``async def`` gives, that of a plain ``def`` in its thread
    each      dotted name of the type of the elements, when the call gives an iterable of library objects
    """

    does: tuple[EffectKind, ...] = ()
    gives: str = ""
    of: str = ""
    key: str = ""
    awaits: bool | None = None
    verb: Verb | None = None
    part: Part | None = None
    runs: tuple[Runs, ...] = ()
    marks: ContextKind | None = None
    sync_runs: Literal["thread", "loop"] = "loop"
    to_thread: str = ""
    expires: bool = False
    context: bool = False
    exit: Literal["commit", "rollback", "close", "none"] = "none"
    blocking: bool | None = None
    cost: Literal["", "small", "large"] = ""
    limit: int | None = None
    level: Literal["", "application"] = ""
    note: str = ""
    also: tuple[str, ...] = ()
    since: str = ""
    each: str = ""
    unless: tuple[str, ...] = ()
    nests: bool = False
    on: str = ""
    validates: bool = False


class Handles(Struct, frozen=True, forbid_unknown_fields=True):
    """Methods of derived classes that the library calls as entry points: ``get`` of a view, ``run`` of a task.

    A name may also be a class attribute that holds functions (``functions`` of a worker's settings). ``sync_runs`` as
    in Row.
    """

    methods: tuple[str, ...]
    marks: ContextKind
    sync_runs: Literal["thread", "loop"] = "loop"


class LibraryType(Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """A library class: what it is, how its instances are entered and released, what its methods do.

    ``call`` is the row of calling an instance, ``new`` the row of calling the class itself (its effects, its
    keyword arguments). ``bases`` are library types whose methods it shares. ``attributes`` give dotted type names or
    Gives words. ``iterates`` is the row of iterating it (a cursor that fetches, a pub/sub that waits). ``other`` is the
    row of every method that has none of its own, for classes that make their methods at run time (boto3 clients, gRPC
    stubs). ``since`` as in Row. ``keeps``: leaving ``with x`` does what ``exit`` says but does not release it (the
    connections of sqlite3 and psycopg2). ``handlers`` are the methods that the library calls on derived classes.
    ``like`` are class attributes by which a class that is not derived from it is taken for one: any of them where its
    module imports the library, two elsewhere (the settings classes of arq). ``begins``, for connections and their
    cursors and transactions: what begins a transaction — a ``statement`` (the default), only a ``write`` (sqlite3),
    only the ``block`` that asks for one and at once (asyncpg commits all else by itself), or the first statement
    ``inside`` such a block (Django).
    """

    is_: TypeKind
    also: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    awaits: bool = False
    release: tuple[str, ...] = ()
    exit: Literal["commit", "rollback", "close", "none"] = "none"
    enter: str = "self"
    new: Row | None = None
    call: Row | None = None
    iterates: Row | None = None
    method: dict[str, Row] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    other: Row | None = None
    since: str = ""
    keeps: bool = False
    begins: Literal["statement", "write", "block", "inside"] = "statement"
    handlers: tuple[Handles, ...] = ()
    like: tuple[str, ...] = ()


class Library(Struct, frozen=True, forbid_unknown_fields=True):
    """The head of a file. ``kind`` sorts libraries for reports; ``module`` names of ``imports`` are import roots.

    The file is read when the project imports one of them or a submodule of one, or always with ``always``; ``needs``
    names files that it builds on (their types are given or inherited here), which are then read too.
    """

    imports: tuple[str, ...]
    kind: Literal["orm", "driver", "web", "http", "cache", "queue", "standard", "cpu", "cloud", "other"] = "other"
    distribution: str = ""
    always: bool = False
    needs: tuple[str, ...] = ()


class VocabularyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One TOML file. ``value`` gives types to module-level names (``sqlalchemy.func`` …) by dotted type name."""

    library: Library
    type: dict[str, LibraryType] = field(default_factory=dict)
    function: dict[str, Row] = field(default_factory=dict)
    value: dict[str, str] = field(default_factory=dict)


class Vocabulary(Struct, frozen=True):
    """All rows that a project needs, merged; canonical dotted names, ``also`` spellings resolved by ``alias``."""

    types: dict[str, LibraryType]
    functions: dict[str, Row]
    values: dict[str, str]
    alias: dict[str, str]
    libraries: tuple[Library, ...]
    digest: str
