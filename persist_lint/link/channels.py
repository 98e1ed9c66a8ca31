"""Channels: the places that publish to one and those that listen on one, with names as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from persist_lint.context.sql import classify
from persist_lint.link.constants import Constants, Frame
from persist_lint.link.effects import Effect, Summaries
from persist_lint.link.index import Function
from persist_lint.link.sites import Site
from persist_lint.link.world import World
from persist_lint.model import facts as f
from persist_lint.model.vocabulary import Row

KINDS = frozenset({"publish", "listen"})
PATTERNS = frozenset({"psubscribe"})


class ChannelView(Struct, frozen=True, eq=False):
    """One place that publishes or listens. ``name`` may have ``{}`` holes and is None where nothing is known of it;
    ``wildcard``: the name is a pattern. ``technology`` is redis, postgresql, or the library's first name."""

    function: Function
    site: Site
    name: str | None
    technology: str
    publishes: bool
    wildcard: bool = False


def channels(
    world: World, functions: list[Function], summaries: Summaries, constants: Constants
) -> Iterator[ChannelView]:
    """Every such place of the functions, in order."""
    for function in functions:
        if "pg_notify" in function.facts.names:
            yield from _built(world, function, constants)
        for effect in summaries.own(function):
            if effect.kind in KINDS and effect.site is not None and effect.target is not None:
                yield from _views(function, effect, constants)


def _built(world: World, function: Function, constants: Constants) -> Iterator[ChannelView]:
    """``select(func.pg_notify(channel, payload))``."""
    for site in world.flow(function).sites.values():
        if site.name.endswith("func.pg_notify") and isinstance(site.node, f.Call) and site.node.args:
            for possible in constants.of(site.node.args[0], Frame(function)):
                name = possible.value if isinstance(possible.value, str) else None
                yield ChannelView(function, site, name, "postgresql", True)


def _views(function: Function, effect: Effect, constants: Constants) -> Iterator[ChannelView]:
    site, target = effect.site, effect.target
    assert site is not None and target is not None
    row, publishes = target.row, effect.kind == "publish"
    is_sql = row is not None and "db.statement" in row.does
    text = effect.statement.text if effect.statement is not None and is_sql else None
    if text is not None:
        for statement in classify(text):
            if statement.kind in ("notify", "listen"):
                yield ChannelView(function, site, statement.channel or None, "postgresql", statement.kind == "notify")
        return
    if row is None or not row.key or not isinstance(site.node, f.Call):
        return
    technology = _technology(target.name)
    wildcard = target.name.rpartition(".")[2] in PATTERNS
    for expr in _arguments(site.node, row):
        for possible in constants.of(expr, Frame(function)):
            name = possible.value if isinstance(possible.value, str) else None
            yield ChannelView(function, site, name, technology, publishes, wildcard)


def _arguments(call: f.Call, row: Row) -> Iterator[f.Expr]:
    """The expressions that name the channel."""
    for word in row.key.split("|"):
        if word == "args":
            yield from (a for a in call.args if not isinstance(a, f.Star))
            return
        if word.startswith("arg") and word[3:].isdigit() and int(word[3:]) < len(call.args):
            yield call.args[int(word[3:])]
            return
        if word.startswith("kw:"):
            found = next((k.value for k in call.keywords if k.name == word[3:]), None)
            if found is not None:
                yield found
                return


def _technology(name: str) -> str:
    head = name.split(".")[0]
    return "postgresql" if head in ("asyncpg", "psycopg", "psycopg2") else head
