"""The triggers that are live after all migrations: a small catalogue that replays their DDL.

Of each statement only what creates, changes or drops functions, triggers and tables is read; the rest passes. What
the database itself would refuse is taken as the migration means it: an existing trigger is replaced, a dropped
function takes its triggers along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product

from msgspec import Struct, structs

from persist_lint.context.migrations import Statement
from persist_lint.context.names import name_at
from persist_lint.context.plpgsql import Body, Values, arguments_at, assignments, clauses, evaluate, read_body
from persist_lint.context.tokens import Token, closing, statements, tokens, unhole
from persist_lint.model.context import Trigger

_MENTIONS = re.compile(r"trigger|notify", re.IGNORECASE)
_RELEVANT = re.compile(
    r"trigger|notify|\b(?:create|replace|drop|alter)\s+(?:function|procedure|routine)|drop\s+(?:table|schema)|rename",
    re.IGNORECASE,
)
_EVENTS = frozenset({"insert", "update", "delete", "truncate"})
_FIELD = re.compile(r"\{([^{}]*)\}")
_ARGUMENT = re.compile(r"\{arg:(\d+)\}")
_DEEPEST = 5
_MOST_ROUNDS = 8
_MOST_CHANNELS = 100


class Function(Struct, frozen=True):
    """A function of the database, by what its body notifies and calls."""

    body: Body


class Held(Struct, frozen=True):
    """A trigger as created: ``arguments`` are those after its function, ``enabled`` whether it fires."""

    name: str
    table: str
    events: tuple[str, ...]
    columns: tuple[str, ...]
    function: str
    arguments: tuple[str, ...]
    path: str
    line: int
    enabled: bool = True


Test = Callable[[Held], bool]
Edit = Callable[[Held], Held]


def live_triggers(sent: Iterable[Statement], dialect: str | None) -> tuple[Trigger, ...]:
    """The live triggers, by table and name, after SQL was sent in this order."""
    relevant = [statement for statement in sent if _RELEVANT.search(statement.sql)]
    if not any(_MENTIONS.search(statement.sql) for statement in relevant):
        return ()
    catalogue = Catalogue(dialect)
    for statement in relevant:
        catalogue.run(statement)
    return catalogue.triggers()


class Catalogue:
    """Functions and triggers at one point of the migrations' history."""

    def __init__(self, dialect: str | None) -> None:
        self._dialect = dialect
        self._functions: dict[str, Function] = {}
        self._held: dict[tuple[str, str], Held] = {}

    def run(self, statement: Statement) -> None:
        """Take in one piece of SQL text."""
        self._text(statement, statement.sql, 0)

    def triggers(self) -> tuple[Trigger, ...]:
        """The enabled triggers, by table and name."""
        templates = self._templates()
        return tuple(
            self._shown(held, templates.get(self._key(held.function) or "", ()))
            for _, held in sorted(self._held.items())
            if held.enabled
        )

    def _text(self, origin: Statement, sql: str, depth: int) -> None:
        for part in statements(tokens(sql, self._dialect)):
            line = origin.line
            if not origin.fixed and depth == 0:
                # Tokens count a hole as longer than it is, which files do not hold.
                line += sql.count("\n", 0, part[0].start)
            self._statement(structs.replace(origin, line=line, fixed=True), part, depth)

    def _statement(self, origin: Statement, part: list[Token], depth: int) -> None:
        words = [token.low for token in part]
        match words[0]:
            case "create":
                self._create(origin, part, words)
            case "drop":
                self._drop(part, words)
            case "alter":
                self._alter(part, words)
            case "rename" if words[1:2] == ["table"]:
                self._rename_table(name_at(part, 2)[0], name_at(part, len(part) - 1)[0])
            case "do" if depth < _DEEPEST:
                body = next((token.text for token in part if token.kind == "string"), "")
                self._block(origin, tokens(body, self._dialect), depth)

    def _block(self, origin: Statement, body: list[Token], depth: int) -> None:
        """A ``DO`` block: its DDL, also that it EXECUTEs, once per element of a ``FOREACH`` over a literal array."""
        for bound in _foreach(body):
            env: dict[str, Values] = dict(bound)
            assignments(body, env)
            env.update(bound)
            for clause in clauses(body):
                if clause[0].low == "execute":
                    for text in evaluate(clause[1:], env, quoted=True):
                        self._text(origin, text, depth + 1)
                elif clause[0].low in {"create", "drop", "alter"}:
                    self._statement(origin, clause, depth + 1)

    def _create(self, origin: Statement, part: list[Token], words: list[str]) -> None:
        at = 1
        while at < len(words) and words[at] in {"or", "replace", "constraint", "temporary", "temp", "definer"}:
            at += 1
        if words[at : at + 1] in (["function"], ["procedure"]):
            name, after = name_at(part, at + 1)
            self._functions[name] = Function(read_body(*_definition(part, after)))
        elif "trigger" in words[at : at + 6]:
            held = _trigger(origin, part, words, words.index("trigger", at))
            keeps = "exists" in words[at : at + 5] and held is not None and (held.table, held.name) in self._held
            if held is not None and not keeps:
                self._held[held.table, held.name] = held

    def _drop(self, part: list[Token], words: list[str]) -> None:
        kind = words[1] if len(words) > 1 else ""
        at = 4 if words[2:4] == ["if", "exists"] else 2
        if kind == "trigger":
            name, after = name_at(part, at)
            table = name_at(part, after + 1)[0] if words[after : after + 1] == ["on"] else None
            self._forget(lambda held: held.name == name.split(".")[-1] and table in {None, held.table})
        elif kind in {"function", "procedure", "routine"}:
            names = frozenset(_listed(part, at))
            for name in names:
                self._functions.pop(name, None)
            self._forget(lambda held: held.function in names)
        elif kind == "table":
            names = frozenset(_listed(part, at))
            self._forget(lambda held: held.table in names)
        elif kind == "schema":
            names = frozenset(_listed(part, at))
            self._forget(lambda held: held.table.rpartition(".")[0] in names)

    def _forget(self, meant: Test) -> None:
        for key in [key for key, held in self._held.items() if meant(held)]:
            del self._held[key]

    def _alter(self, part: list[Token], words: list[str]) -> None:
        kind = words[1] if len(words) > 1 else ""
        at = 4 if words[2:4] == ["if", "exists"] else 2
        at += words[at : at + 1] == ["only"]
        name, after = name_at(part, at)
        rest = words[after:]
        if kind == "table" and "trigger" in rest:
            self._switch(part, words, name, after)
        elif kind == "table" and rest[:2] == ["rename", "to"]:
            self._rename_table(name, name_at(part, after + 2)[0])
        elif kind == "table" and rest[:1] == ["rename"] and "to" in rest:
            old = name_at(part, after + 1 + (rest[1] == "column"))[0]
            self._rename_column(name, old, name_at(part, words.index("to", after) + 1)[0])
        elif kind == "trigger" and "to" in rest:
            self._rename_trigger(name, name_at(part, after + 1)[0], name_at(part, words.index("to", after) + 1)[0])
        elif kind == "function" and "rename" in rest:
            self._rename_function(name, name_at(part, words.index("rename", after) + 2)[0])

    def _switch(self, part: list[Token], words: list[str], table: str, at: int) -> None:
        """``{ENABLE [ALWAYS|REPLICA] | DISABLE} TRIGGER {name | ALL | USER}``, several separated by commas."""
        for here in range(at, len(words)):
            if words[here] != "trigger":
                continue
            # A replica trigger does not fire for ordinary sessions.
            enabled = words[here - 1] in {"enable", "always"}
            name = name_at(part, here + 1)[0]
            for key, held in self._held.items():
                if held.table == table and (words[here + 1 : here + 2] in (["all"], ["user"]) or held.name == name):
                    self._held[key] = structs.replace(held, enabled=enabled)

    def _rename_table(self, old: str, new: str) -> None:
        schema, _, _ = old.rpartition(".")
        new = f"{schema}.{new}" if schema and "." not in new else new
        self._change(lambda held: held.table == old, lambda held: structs.replace(held, table=new))

    def _rename_column(self, table: str, old: str, new: str) -> None:
        self._change(
            lambda held: held.table == table,
            lambda held: structs.replace(held, columns=tuple(new if c == old else c for c in held.columns)),
        )

    def _rename_trigger(self, old: str, table: str, new: str) -> None:
        self._change(
            lambda held: held.table == table and held.name == old, lambda held: structs.replace(held, name=new)
        )

    def _rename_function(self, old: str, new: str) -> None:
        if old in self._functions:
            self._functions[new] = self._functions.pop(old)
        self._change(lambda held: held.function == old, lambda held: structs.replace(held, function=new))

    def _change(self, meant: Test, changed: Edit) -> None:
        after = [changed(held) if meant(held) else held for held in self._held.values()]
        self._held = {(held.table, held.name): held for held in after}

    @staticmethod
    def _shown(held: Held, templates: tuple[str, ...]) -> Trigger:
        channels: dict[str, None] = {}
        for event in held.events:
            for template in templates:
                channel = _resolved(template, held, event)
                if channel is not None:
                    channels[channel] = None
        return Trigger(
            held.name, held.table, " OR ".join(held.events), held.function, tuple(channels), held.path, held.line,
            held.columns,
        )  # fmt: skip

    def _templates(self) -> dict[str, tuple[str, ...]]:
        """The channels of each function and of those it calls, with the trigger's fields still open: a fixpoint."""
        found = {key: dict.fromkeys(function.body.channels) for key, function in self._functions.items()}
        calls = [
            (key, callee, called.arguments)
            for key, function in self._functions.items()
            for called in function.body.calls
            if (callee := self._key(called.name)) is not None
        ]
        for _ in range(_MOST_ROUNDS):
            before = sum(map(len, found.values()))
            for key, callee, arguments in calls:
                new = [made for template in found[callee] for made in _applied(template, arguments)]
                if len(found[key]) < _MOST_CHANNELS:
                    found[key].update(dict.fromkeys(new[:_MOST_CHANNELS]))
            if sum(map(len, found.values())) == before:
                break
        return {key: tuple(templates) for key, templates in found.items()}

    def _key(self, name: str) -> str | None:
        """A function by its name, or by its last part in whatever schema."""
        if name in self._functions:
            return name
        last = name.split(".")[-1]
        return min((key for key in self._functions if key == last or key.endswith(f".{last}")), default=None)


def _applied(template: str, arguments: tuple[Values, ...]) -> Iterator[str]:
    """A called function's channel with what its caller passes."""
    used = sorted({int(at) for at in _ARGUMENT.findall(template)})
    choices = [arguments[at] if at < len(arguments) else ("{}",) for at in used]
    for chosen in islice(product(*choices), _MOST_CHANNELS):
        yield _filled(template, dict(zip(used, chosen, strict=True)))


def _filled(template: str, values: dict[int, str]) -> str:
    return _ARGUMENT.sub(lambda match: values[int(match.group(1))], template)


def _resolved(template: str, held: Held, event: str) -> str | None:
    """The channel for one trigger and event; None for one made of an argument it has not: NULL is no channel."""
    schema, _, table = held.table.rpartition(".")
    known = {
        "tg_table_name": table, "tg_table_schema": schema or "public", "tg_name": held.name, "tg_op": event,
        "tg_op_lower": event.lower(),
    }  # fmt: skip
    known.update({f"tg_argv:{at}": value for at, value in enumerate(held.arguments)})
    if any(name.startswith("tg_argv:") and name not in known for name in _FIELD.findall(template)):
        return None
    return _FIELD.sub(lambda match: known.get(match.group(1), "{}"), template)


def _definition(part: list[Token], at: int) -> tuple[str, tuple[str, ...]]:
    """The body text and the parameter names of a CREATE FUNCTION whose parameter list starts at an index."""
    end = closing(part, at)
    params: list[str] = []
    for given in arguments_at(part, at):
        names = [token for token in given if token.low not in {"in", "inout", "variadic"}]
        params.append(names[0].text.lower() if len(names) > 1 else "")
    for here in range(end + 1, len(part) - 1):
        if part[here].low == "as" and part[here + 1].kind == "string":
            return unhole(part[here + 1].text), tuple(params)
    rest = (f"'{token.text}'" if token.kind == "string" else token.text for token in part[end + 1 :])
    return unhole(" ".join(rest)), tuple(params)


def _trigger(origin: Statement, part: list[Token], words: list[str], at: int) -> Held | None:
    """The trigger that a CREATE TRIGGER makes; None when the text is not that."""
    at += 4 if words[at + 1 : at + 4] == ["if", "not", "exists"] else 1
    name, at = name_at(part, at)
    events: dict[str, None] = {}
    columns: list[str] = []
    while at < len(words) and words[at] != "on":
        if words[at] in _EVENTS:
            events[words[at].upper()] = None
        elif words[at - 1] == "of" or (part[at - 1].text == "," and columns):
            columns.append(name_at(part, at)[0])
        at += 1
    table, at = name_at(part, at + 1)
    if not name or not table or not events:
        return None
    function = ""
    arguments: tuple[str, ...] = ()
    if "execute" in words[at:]:
        here = words.index("execute", at) + 2
        function, here = name_at(part, here)
        arguments = tuple(unhole(token.text) for token in part[here + 1 : closing(part, here)] if token.text != ",")
    return Held(
        name.split(".")[-1], table, tuple(events), tuple(columns), function, arguments, origin.path, origin.line
    )


def _listed(part: list[Token], at: int) -> list[str]:
    """The names of ``DROP … a, b(int), c CASCADE``."""
    found: list[str] = []
    while at < len(part):
        name, at = name_at(part, at)
        if not name:
            break
        found.append(name)
        if at < len(part) and part[at].text == "(":
            at = closing(part, at) + 1
        if at >= len(part) or part[at].text != ",":
            break
        at += 1
    return found


def _foreach(body: list[Token]) -> list[dict[str, Values]]:
    """One binding per element of the block's ``FOREACH x IN ARRAY ARRAY['a', 'b']``; one empty one without it."""
    for at, token in enumerate(body[:-6]):
        if token.low == "foreach" and body[at + 3].low == "array":
            end = next((i for i in range(at, len(body)) if body[i].low == "loop"), at)
            items = [item.text for item in body[at + 4 : end] if item.kind == "string"]
            return [{body[at + 1].text.lower(): (item,)} for item in items] or [{}]
    return [{}]
