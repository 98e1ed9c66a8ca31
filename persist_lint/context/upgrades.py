"""The SQL that migrations send, in the order of the code: ``upgrade()`` of alembic's, ``operations`` of Django's.

def upgrade():
    for table in ("jobs", "steps"):                        ("CREATE TRIGGER jobs_t …", line 4)
        op.execute(f"CREATE TRIGGER {table}_t …")    ->    ("CREATE TRIGGER steps_t …", line 4)
    op.drop_table("old")                                   ("DROP TABLE old", line 5)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from persist_lint.context.literals import Env, Reader
from persist_lint.model.facts import (
    AnnAssign,
    Assign,
    Attr,
    Await,
    Call,
    Compare,
    Const,
    Expr,
    ExprStmt,
    For,
    FunctionFacts,
    If,
    Name,
    Return,
    Seq,
    Stmt,
    Try,
    While,
    With,
)  # fmt: skip

_EXECUTORS = frozenset({"execute", "exec_driver_sql", "executescript", "execute_sql", "scalar"})
_MOST_STATEMENTS = 5_000
_DEEPEST = 6


class Sent(NamedTuple):
    """One piece of SQL (maybe several statements) and the line of the call that sends it."""

    sql: str
    line: int


class Upgrade:
    """One migration read for one dialect: branches on another dialect's name are left out, undecided ones all read."""

    def __init__(self, reader: Reader, dialect: str | None) -> None:
        self._reader = reader
        self._dialect = dialect
        self._left = _MOST_STATEMENTS

    def alembic(self) -> Iterator[Sent]:
        """What ``upgrade()`` sends."""
        function = self._reader.functions.get("upgrade")
        if function is not None:
            yield from self._function(function, {}, 0)

    def django(self) -> Iterator[Sent]:
        """What the ``RunSQL`` and ``RunPython`` operations of class Migration send."""
        migration = self._reader.classes.get("Migration")
        for statement in migration.body if migration else ():
            if isinstance(statement, Assign):
                names = {target.id for target in statement.targets if isinstance(target, Name)}
                if "operations" in names:
                    yield from self._operations(statement.value)

    def _operations(self, expr: Expr) -> Iterator[Sent]:
        for item in self._reader.items(expr, {}) or ():
            if not isinstance(item, Call):
                continue
            name = _called(item)
            if name == "RunSQL":
                sql = _argument(item, 0, "sql")
                for part in (self._reader.items(sql, {}) if sql is not None else None) or (sql,):
                    text = self._reader.text(part, {})
                    if text is not None:
                        yield Sent(text, item.at.line)
            elif name == "RunPython":
                code = _argument(item, 0, "code")
                function = self._reader.functions.get(code.id) if isinstance(code, Name) else None
                if function is not None:
                    yield from self._function(function, {}, 0)
            elif name == "SeparateDatabaseAndState":
                inner = _argument(item, 0, "database_operations")
                if inner is not None:
                    yield from self._operations(inner)

    def _function(self, function: FunctionFacts, env: Env, depth: int) -> Iterator[Sent]:
        if depth > _DEEPEST:
            return
        from msgspec import DecodeError

        from persist_lint.facts.codec import decode_body

        try:
            body = decode_body(function.body)
        except DecodeError:
            return
        yield from self._block(body, env, depth)

    def _block(self, body: tuple[Stmt, ...], env: Env, depth: int) -> Iterator[Sent]:
        for statement in body:
            if self._left <= 0:
                return
            if isinstance(statement, If):
                taken = self._taken(statement)
                for part in taken:
                    yield from self._block(part, env, depth)
                if len(taken) == 1 and any(isinstance(inner, Return) for inner in taken[0]):
                    return
            else:
                yield from self._statement(statement, env, depth)
            if isinstance(statement, Return):
                return

    def _statement(self, statement: Stmt, env: Env, depth: int) -> Iterator[Sent]:
        match statement:
            case ExprStmt(value=value) | Return(value=value) if value is not None:
                yield from self._expression(value, env, depth)
            case Assign(targets=targets, value=value):
                yield from self._expression(value, env, depth)
                for target in targets:
                    self._bind(target, value, env)
            case AnnAssign(target=target, value=value) if value is not None:
                self._bind(target, value, env)
            case For():
                yield from self._loop(statement, env, depth)
            case While(body=body) | With(body=body):
                if isinstance(statement, With):
                    for item in statement.items:
                        yield from self._expression(item.context, env, depth)
                yield from self._block(body, env, depth)
            case Try(body=body, orelse=orelse, final=final):
                for part in (body, orelse, final):
                    yield from self._block(part, env, depth)

    def _loop(self, loop: For, env: Env, depth: int) -> Iterator[Sent]:
        items = self._reader.items(loop.iter, env)
        if items is None:
            self._bind(loop.target, None, env)
            yield from self._block(loop.body, env, depth)
            return
        for item in items:
            if self._left <= 0:
                return
            self._left -= 1
            self._bind(loop.target, item, env)
            yield from self._block(loop.body, env, depth)

    def _bind(self, target: Expr, value: Expr | None, env: Env) -> None:
        """Bind a name, or the names of a tuple to the elements; None makes them unknown."""
        if isinstance(target, Seq):
            items = self._reader.items(value, env) if value is not None else None
            for at, name in enumerate(target.items):
                self._bind(name, items[at] if items is not None and at < len(items) else None, env)
        elif isinstance(target, Name):
            env[target.id] = "{}" if value is None else self._reader.value(value, env)

    def _taken(self, branch: If) -> tuple[tuple[Stmt, ...], ...]:
        """The parts of an ``if`` that run: one where its test names the dialect we know, else both."""
        answer = self._dialect_test(branch.test)
        if answer is None:
            return (branch.body, branch.orelse)
        return (branch.body,) if answer else (branch.orelse,)

    def _dialect_test(self, test: Expr) -> bool | None:
        if self._dialect is None or not isinstance(test, Compare) or len(test.ops) != 1:
            return None
        left, right = test.left, test.rights[0]
        if isinstance(left, Const):
            left, right = right, left
        subject = left.name if isinstance(left, Attr) else left.id if isinstance(left, Name) else ""
        if isinstance(left, Attr) and subject == "name" and isinstance(left.value, Attr):
            subject = left.value.name
        if "dialect" not in subject and subject not in {"dialect", "backend", "vendor"}:
            return None
        names = [right] if isinstance(right, Const) else list(self._reader.items(right, {}) or ())
        values = [self._reader.text(name, {}) for name in names]
        if not values or None in values:
            return None
        inside = self._dialect in values
        return {"==": inside, "in": inside, "!=": not inside, "not in": not inside}.get(test.ops[0])

    def _expression(self, expr: Expr, env: Env, depth: int) -> Iterator[Sent]:
        if isinstance(expr, Await):
            expr = expr.value
        if not isinstance(expr, Call):
            return
        if isinstance(expr.func, Attr):
            if isinstance(expr.func.value, Call):  # conn.execute(…).fetchall()
                yield from self._expression(expr.func.value, env, depth)
            sql = self._sent(expr, expr.func.name, env)
            if sql is not None:
                self._left -= 1
                yield Sent(sql, expr.at.line)
        elif isinstance(expr.func, Name) and expr.func.id in self._reader.functions:
            function = self._reader.functions[expr.func.id]
            yield from self._function(function, self._arguments(function, expr, env), depth + 1)

    def _arguments(self, function: FunctionFacts, call: Call, env: Env) -> Env:
        inner: Env = {p.name: "{}" if p.default is None else self._reader.value(p.default, {}) for p in function.params}
        for param, argument in zip(function.params, call.args, strict=False):
            inner[param.name] = self._reader.value(argument, env)
        for keyword in call.keywords:
            if keyword.name:
                inner[keyword.name] = self._reader.value(keyword.value, env)
        return inner

    def _sent(self, call: Call, method: str, env: Env) -> str | None:
        """The SQL of one call of ``op`` or a connection; operations are spelt as the SQL they stand for."""
        if method in _EXECUTORS:
            text = self._reader.text(_argument(call, 0, "sqltext"), env)
            return None if text is None else text.replace("\\:", ":")
        if method == "drop_table":
            return f"DROP TABLE {self._table(call, env)}"
        if method == "rename_table" and len(call.args) > 1:
            return f'ALTER TABLE {self._table(call, env)} RENAME TO "{self._reader.part(call.args[1], env)}"'
        if method in {"create_entity", "replace_entity", "drop_entity"} and call.args:
            return self._entity(method, call.args[0], env)
        return None

    def _table(self, call: Call, env: Env) -> str:
        name = _argument(call, 0, "table_name")
        schema = _argument(call, 9, "schema")
        prefix = "" if schema is None else f'"{self._reader.part(schema, env)}".'
        return f'{prefix}"{"{}" if name is None else self._reader.part(name, env)}"'

    def _entity(self, method: str, expr: Expr, env: Env) -> str | None:
        """alembic_utils' PGFunction and PGTrigger, as their SQL."""
        entity = self._reader.value(expr, env)
        if isinstance(entity, str) or not isinstance(entity, Call):
            return None
        kind = {"PGFunction": "FUNCTION", "PGTrigger": "TRIGGER"}.get(_called(entity))
        if kind is None:
            return None
        signature = self._reader.text(_argument(entity, 1, "signature"), env) or "{}"
        definition = self._reader.text(_argument(entity, 2, "definition"), env) or ""
        table = self._reader.text(_argument(entity, 3, "on_entity"), env)
        if method != "drop_entity":
            return f"CREATE OR REPLACE {kind} {signature} {definition}"
        return f"DROP {kind} {signature}" + (f" ON {table}" if kind == "TRIGGER" and table else "")


def _called(call: Call) -> str:
    return call.func.name if isinstance(call.func, Attr) else call.func.id if isinstance(call.func, Name) else ""


def _argument(call: Call, at: int, name: str) -> Expr | None:
    for keyword in call.keywords:
        if keyword.name == name:
            return keyword.value
    return call.args[at] if at < len(call.args) else None
