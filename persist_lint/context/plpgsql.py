"""Which channels a database function notifies: read from its body, with what only the trigger knows left as fields.

    channel := TG_TABLE_NAME || '_' || lower(TG_OP);
    PERFORM pg_notify(channel, NEW.id::text);            ->   "{tg_table_name}_{tg_op}"
    EXECUTE format('NOTIFY %I, %L', TG_ARGV[0], payload)      ->   "{tg_argv:0}"

Fields are ``{tg_…}`` (trigger variables), ``{arg:n}`` (the function's own parameters) and ``{}`` (not known).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from persist_lint.context.tokens import Token, closing, tokens, unhole

Values = tuple[str, ...]
Env = Mapping[str, Values]

_MOST_VALUES = 24
_TRIGGER_FIELDS = {"tg_relname": "tg_table_name"}
_KNOWN_FIELDS = frozenset({"tg_table_name", "tg_op", "tg_name", "tg_table_schema", "tg_when", "tg_level"})
_OPENERS = frozenset({"begin", "then", "else", "loop", "declare", "exception"})
_PERCENT = re.compile(r"%(?:\d+\$)?-?\d*([sIL%])")
_UNKNOWN: Values = ("{}",)


class Called(Struct, frozen=True):
    """A call of some function, with the possible texts of its arguments."""

    name: str
    arguments: tuple[Values, ...]


class Body(Struct, frozen=True):
    """What a function body notifies itself, and which functions it calls."""

    channels: tuple[str, ...]
    calls: tuple[Called, ...]


def read_body(text: str, params: tuple[str, ...], dialect: str | None = "postgresql") -> Body:
    """The channels and calls of a PL/pgSQL or SQL function body."""
    body = tokens(text, dialect)
    env: dict[str, Values] = {name: (f"{{arg:{at}}}",) for at, name in enumerate(params) if name}
    env.update({f"${at + 1}": (f"{{arg:{at}}}",) for at in range(len(params))})
    assignments(body, env)
    channels: dict[str, None] = {}
    calls: list[Called] = []
    for at, token in enumerate(body):
        if token.kind != "word":
            continue
        following = body[at + 1] if at + 1 < len(body) else None
        if following is None:
            continue
        if token.low == "notify" and following.kind in {"word", "quoted"}:
            channels[unhole(following.text if following.kind == "quoted" else following.low)] = None
        elif token.low == "execute" and following.text not in {"function", "procedure"}:
            channels.update(dict.fromkeys(_executed(body, at + 1, env)))
        elif following.text == "(" and following.kind == "punct":
            arguments = tuple(evaluate(part, env) for part in arguments_at(body, at + 1))
            if token.low == "pg_notify":
                channels.update(dict.fromkeys(arguments[0] if arguments else _UNKNOWN))
            else:
                calls.append(Called(token.low, arguments))
    return Body(tuple(channels), tuple(dict.fromkeys(calls)))


def clauses(body: list[Token]) -> Iterator[list[Token]]:
    """The simple statements of a block: between semicolons, and after what opens a nested block."""
    current: list[Token] = []
    for token in body:
        if (token.text == ";" and token.kind == "punct") or (token.low in _OPENERS and not _in_case(current)):
            if current:
                yield current
            current = []
        else:
            current.append(token)
    if current:
        yield current


def _in_case(current: list[Token]) -> bool:
    return any(token.low == "case" for token in current)


def assignments(body: list[Token], env: dict[str, Values]) -> None:
    """Add what variables may hold; a variable that is assigned in several places may hold any of the values."""
    found: dict[str, list[str]] = {}
    for clause in clauses(body):
        if clause[0].kind not in {"word", "quoted"} or len(clause) < 3:
            continue
        at = next((i for i, t in enumerate(clause) if t.text == ":=" or t.low == "default"), 0)
        if not at and clause[1].text == "=":
            at = 1
        if at:
            values = evaluate(clause[at + 1 :], {**env, **{k: tuple(v) for k, v in found.items()}})
            found.setdefault(clause[0].text.lower(), []).extend(values)
        elif clause[0].low == "select" and (into := next((i for i, t in enumerate(clause) if t.low == "into"), 0)):
            target = clause[into + 1].text.lower() if into + 1 < len(clause) else ""
            found.setdefault(target, []).extend(evaluate(clause[1:into], env))
    for name, held in found.items():
        env[name] = tuple(dict.fromkeys(held))[:_MOST_VALUES]


def _executed(body: list[Token], at: int, env: Env) -> Iterator[str]:
    """Channels of ``EXECUTE <text>`` where the text is a NOTIFY."""
    end = next((i for i in range(at, len(body)) if body[i].text == ";" or body[i].low == "using"), len(body))
    for text in evaluate(body[at:end], env, quoted=True):
        match = re.match(r'\s*NOTIFY\s+(?:"((?:[^"]|"")+)"|([^\s,;]+))', text, re.IGNORECASE)
        if match:
            yield match.group(1) or match.group(2).lower()
        elif "pg_notify" in text.lower():
            yield from read_body(text, ()).channels


def evaluate(expr: list[Token], env: Env, quoted: bool = False) -> Values:
    """The texts that an SQL expression may stand for. ``quoted`` keeps the quotes that ``%I`` puts around names."""
    combined: Values = ("",)
    for part in _split(expr, "||"):
        combined = _product((combined, _term(part, env, quoted)), "".join)
    return combined


def _product(choices: tuple[Values, ...], joined: Callable[[tuple[str, ...]], str]) -> Values:
    found = dict.fromkeys(joined(chosen) for chosen in itertools.islice(itertools.product(*choices), _MOST_VALUES))
    return tuple(found)


def _term(part: list[Token], env: Env, quoted: bool) -> Values:
    part = _without_cast(part)
    if not part:
        return _UNKNOWN
    first = part[0]
    if len(part) == 1:
        return _atom(first, env)
    if first.low == "case":
        return _case(part, env, quoted)
    if first.text == "(" and part[-1].text == ")":
        return evaluate(part[1:-1], env, quoted)
    if first.text == "$" and len(part) == 2:
        return env.get(f"${part[1].text}", _UNKNOWN)
    if first.low == "tg_argv" and len(part) == 4 and part[2].kind == "number":
        return (f"{{tg_argv:{part[2].text}}}",)
    if first.kind == "word" and part[1].text == "(" and part[-1].text == ")":
        return _function(first.low, arguments_at(part, 1), env, quoted)
    return _UNKNOWN


def _atom(token: Token, env: Env) -> Values:
    if token.kind in {"string", "number"}:
        return (unhole(token.text),)
    name = _TRIGGER_FIELDS.get(token.low, token.low)
    if name in _KNOWN_FIELDS:
        return (f"{{{name}}}",)
    return env.get(token.text.lower(), _UNKNOWN)


def _function(name: str, arguments: list[list[Token]], env: Env, quoted: bool) -> Values:
    values = tuple(evaluate(argument, env) for argument in arguments)
    if not values:
        return _UNKNOWN
    if name in {"lower", "upper"}:
        return tuple(dict.fromkeys(_cased(value, name) for value in values[0]))
    if name in {"trim", "btrim", "quote_ident", "text", "varchar"}:
        return tuple(f'"{value}"' for value in values[0]) if name == "quote_ident" and quoted else values[0]
    if name == "coalesce":
        return tuple(dict.fromkeys(value for choice in values for value in choice))[:_MOST_VALUES]
    if name == "concat":
        return _product(values, "".join)
    if name == "concat_ws":
        return _product(values, lambda chosen: chosen[0].join(chosen[1:]))
    if name == "format":
        return _product(values, lambda chosen: _formatted(chosen, quoted))
    return _UNKNOWN


def _cased(value: str, function: str) -> str:
    """Changed case outside fields; an operation (upper case by itself) has a field of its own for lower case."""
    parts = re.split(r"(\{[^{}]*\})", value)
    cased = [str(getattr(part, function)()) if at % 2 == 0 else part for at, part in enumerate(parts)]
    return "".join(cased).replace("{tg_op}", "{tg_op_lower}" if function == "lower" else "{tg_op}")


def _formatted(chosen: tuple[str, ...], quoted: bool) -> str:
    rest = iter(chosen[1:])

    def field(match: re.Match[str]) -> str:
        if match.group(1) == "%":
            return "%"
        value = next(rest, "{}")
        return f'"{value}"' if match.group(1) == "I" and quoted else value

    return _PERCENT.sub(field, chosen[0])


def _case(part: list[Token], env: Env, quoted: bool) -> Values:
    found: list[str] = []
    for at, token in enumerate(part):
        if token.low in {"then", "else"}:
            rest = range(at + 1, len(part))
            end = next((i for i in rest if part[i].low in {"when", "else", "end"}), len(part))
            found += evaluate(part[at + 1 : end], env, quoted)
    return tuple(dict.fromkeys(found))[:_MOST_VALUES] or _UNKNOWN


def _without_cast(part: list[Token]) -> list[Token]:
    depth = 0
    for at, token in enumerate(part):
        depth += (token.text == "(") - (token.text == ")") if token.kind == "punct" else 0
        if token.text == "::" and depth == 0:
            return part[:at]
    return part


def _split(expr: list[Token], separator: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in expr:
        if token.kind == "punct":
            depth += (token.text in "([") - (token.text in ")]")
            if token.text == separator and depth == 0:
                parts.append([])
                continue
        parts[-1].append(token)
    return parts


def arguments_at(body: list[Token], opening: int) -> list[list[Token]]:
    """The arguments of the call whose parenthesis opens at an index; none for ``()``."""
    end = closing(body, opening)
    inside = body[opening + 1 : end]
    return _split(inside, ",") if inside else []
