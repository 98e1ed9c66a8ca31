"""What a caller knows more exactly of a callee's effect: the statement it passed, the class of the entity it passed.

async def one_or_none(self, statement):              a statement, of what the callee cannot know
    result = await self.session.execute(statement)
await self.one_or_none(select(Job).where(Job.id == job_id))      SELECT of Job by job_id
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from persist_lint.link.index import Class
from persist_lint.link.lattice import UNKNOWN_SYM, Statement, Sym, Value
from persist_lint.link.sqltext import SQL, statement_text, text_effects
from persist_lint.link.statements import statement_of
from persist_lint.link.world import World

if TYPE_CHECKING:
    from persist_lint.link.effects import Effect

VERB_KINDS = {
    "select": "db.select",
    "insert": "db.insert",
    "update": "db.update",
    "delete": "db.delete",
    "upsert": "db.insert",
}


class Refined(Struct, frozen=True, eq=False):
    """Kind, subject and entity of an effect for one call; ``statement`` and ``key`` only where the call brings them."""

    kind: str
    subject: str
    entity: Class | None
    statement: Statement | None
    key: Sym | None = None


def refined(world: World, effect: Effect, known: dict[int, Value]) -> Refined | Effect:
    """A callee's effect as a call with these arguments has it; the effect itself where they say nothing of it."""
    key = effect.key
    passed = known.get(key[1]) if len(key) == 2 and key[0] == "param" else None
    if passed is None:
        return effect
    if effect.statement is None and effect.kind in ("db.statement", "db.select"):
        statement = statement_of(passed)
        text = statement_text(passed) if effect.kind == "db.statement" else None
        if text is not None and SQL.match(text):
            kind, subject = text_effects(text)[0]
            return Refined(kind, subject, None, Statement("text", text=text), UNKNOWN_SYM)
        if statement is not None and statement.verb in VERB_KINDS:
            entity = entity_of_statement(world, statement)
            subject = entity.name if entity is not None else statement.tables[0] if statement.tables else "rows"
            return Refined(VERB_KINDS[statement.verb], subject, entity, statement, key_of(statement))
    if effect.kind.startswith("unit.") or effect.kind == "db.select":
        cls = world.models.entity_class(passed)
        if (
            cls is not None
            and cls is not effect.entity
            and (effect.entity is None or effect.entity in world.classes.mro(cls))
        ):
            return Refined(effect.kind, cls.name, cls, effect.statement)
    return effect


def entity_of_statement(world: World, statement: Statement) -> Class | None:
    """The mapped class that a statement is about: the first one selected or written, else the first column's."""
    if statement.entities:
        return statement.entities[0]
    found = (world.models.by_name(dotted) for dotted in statement.sources)
    return next((cls for cls in found if cls is not None), None)


def key_of(statement: Statement) -> Sym:
    """The symbol, or symbols, that a statement's equality conditions compare with."""
    if len(statement.keys) == 1:
        return statement.keys[0][1]
    return ("keys", *(sym for _, sym in statement.keys)) if statement.keys else UNKNOWN_SYM
