"""The closed word lists: what code can do, where it can run, how it can be entered.

Vocabulary files are written in these words, effect summaries are made of them, rules ask for them.
"""

from __future__ import annotations

from typing import Literal

EffectKind = Literal[
    # database round trips
    "db.select",  # a SELECT is sent
    "db.insert",  # an INSERT or upsert is sent
    "db.update",  # an UPDATE is sent
    "db.delete",  # a DELETE is sent
    "db.statement",  # a statement whose kind the argument decides; link replaces it where it can
    "db.call",  # some other round trip (ping, prepare, DDL, copy)
    # unit of work: no round trip by themselves
    "unit.add",
    "unit.delete",
    "unit.merge",  # SELECT now, INSERT or UPDATE at flush
    "unit.expire",
    "unit.change",  # an attribute of an entity is assigned
    # unit of work and transaction control
    "flush",
    "txn.begin",
    "txn.savepoint",
    "txn.commit",
    "txn.rollback",
    "session.open",
    "session.close",
    # resources in general
    "open",  # something that must be released is acquired
    "close",  # and released
    # the world outside
    "net",  # HTTP, gRPC, mail, object store, LLM, …
    "cache",  # a cache server (Redis, memcached)
    "broker",  # a message is handed to a broker, a task enqueued
    "publish",  # an event is published on a channel
    "listen",  # a channel is subscribed to or listened on
    "file.read",
    "file.write",
    "process",  # a process is started or waited for
    "sleep",
    "wait",  # a lock, a future, a thread, a queue
    "cpu",  # heavy computation
    "spawn",  # a task or thread is started
    "stream",  # a streaming response is made
]
EFFECT_KINDS: frozenset[str] = frozenset(EffectKind.__args__)  # type: ignore[attr-defined]

#: Effects that mean a round trip to the database.
SQL_KINDS: frozenset[str] = frozenset({"db.select", "db.insert", "db.update", "db.delete", "db.statement", "db.call"})

#: What makes a new row, now or with the next flush.
INSERTING: frozenset[str] = frozenset({"db.insert", "unit.add", "unit.merge"})
ContextKind = Literal[
    "request",  # an HTTP handler
    "websocket",
    "stream",  # a generator that feeds a streaming response
    "background",  # runs after the response (BackgroundTasks, created tasks)
    "worker",  # a queue consumer
    "scheduled",
    "dependency",  # called by the framework for a request (Depends, middleware, before_request)
    "cli",
    "startup",  # start-up, lifespan, module level
    "migration",
    "test",
]

TypeKind = Literal[
    "session",
    "session_factory",
    "scoped_session",
    "engine",
    "connection",
    "transaction",
    "cursor",
    "statement",
    "result",
    "query",  # a legacy Query: statement and session in one
    "model_base",
    "relationship",
    "column",
    "http_client",
    "http_response",
    "net_client",  # gRPC, SMTP, S3, LLM, search
    "cache_client",
    "broker_client",
    "pubsub",
    "file",
    "path",
    "socket",
    "executor",
    "lock",
    "task_group",
    "task",
    "future",
    "process",
    "queue",
    "thread",
    "event_loop",
    "app",
    "router",
    "request",
    "response",
    "stream_response",
    "websocket",
    "background_tasks",
    "task_function",  # a queue's task: calling methods of it enqueues
    "pool",
    "temp",
    "namespace",  # the program sets its attributes: ``request.state``, ``flask.g``
    "value",
]

#: What a call gives back, besides a dotted type name: shapes that depend on the statement, receiver or arguments.
Gives = Literal[
    "self",  # the receiver (fluent interfaces; ``__enter__``)
    "entity",  # one entity (or None) of the class named by ``of``
    "entities",  # a list of them
    "scalars",  # a result whose rows are the first columns
    "row",
    "rows",
    "scalar",  # the first column of one row: an entity when the statement selects one
    "value",  # plain data: int, str, bool, None
    "class_of",  # an instance of the class given by ``of``
    "instance",  # what calling the given factory makes
    "injected",  # what the provider given by ``of`` returns or yields
    "result_of",  # what the function given by ``of`` returns
    "gathered",  # a list of what the coroutines given return
    "item",  # an element of the collection given by ``of``
    "collection",  # a collection of the elements of the one given by ``of``
    "wrapped",  # a function that behaves as the one given by ``of`` (partial, wraps, decorators)
    "argument",  # the argument given by ``of`` itself, or one of the same type (merge, aiter, contextlib.closing)
    "entered",  # what entering the context manager given by ``of`` gives
    "held",  # what the program put into the receiver (``set`` of a context variable), or its type argument says
    "model_base",  # a class to derive models from (declarative_base()), or a class mapped by a decorator
]
GIVES: frozenset[str] = frozenset(Gives.__args__)  # type: ignore[attr-defined]
