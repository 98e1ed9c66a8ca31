"""Read, decide or compute in Python, write back: with two callers at once, one of the updates is lost.

What: a counter or balance is read, changed in Python and written back; a status is tested and then set; rows are
counted or summed against a limit before one more is inserted, or to number the next; a row is looked for and inserted
where there is none; a one-time row is used and then deleted. Nothing keeps a second caller from reading the same.

Why: under READ COMMITTED, the default, both read the same value and both write: one increment is lost, two orders get
one number, the limit is exceeded, what may happen once happens twice. It never fails in tests and happens under load.

Instead: let the database compute (``update(X).values(n=X.n + 1)``, ``… WHERE state = 'open' RETURNING``), or lock the
row before its value is read (``with_for_update``; ``refresh(x, with_for_update=True)`` for one already loaded), or
insert with ``ON CONFLICT`` or a handler. Version columns and serialisable transactions help, too.

Not reported: what one of these, an UPDATE of the row in the same transaction, an advisory lock or one of files or cache
servers guards, here or in all callers; blind overwrites of requests; tests for a state that no code sets, or for the
one that is set; SQLite. *Possible* only: inserts that the key refuses, steps that only write rows of the project.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.races import Race, Races
from persist_lint.link.views import trace
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=209,
    name="lost-update",
    family=Family.TRANSACTION,
    check="lost_update",
    title="What is read and written back can be overwritten by another caller in between",
    effort=Effort.M,
    principle="Transaction Correctness / Atomic Updates",
    severities=(
        (Severity.HIGH, "for counters, limits and numbers"),
        (Severity.MEDIUM, "otherwise"),
        (Severity.LOW, "in one-shot commands"),
    ),
    recommendation="Let one statement do it, or lock the row before its value is first read.",
    sources=(
        "https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED",
        "https://docs.sqlalchemy.org/en/20/core/selectable.html#sqlalchemy.sql.expression.GenerativeSelect.with_for_update",
    ),
    bad="""
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Wallet(Base):
    __tablename__ = "wallets"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]

def withdraw(session: Session, wallet_id: int, amount: int) -> None:
    wallet = session.get_one(Wallet, wallet_id)
    wallet.balance -= amount  # error: [lost-update] HIGH
    session.commit()
""",
    good="""
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Wallet(Base):
    __tablename__ = "wallets"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]

def withdraw(session: Session, wallet_id: int, amount: int) -> None:
    wallet = session.get_one(Wallet, wallet_id, with_for_update=True)
    wallet.balance -= amount
    session.commit()
""",
)
CURES = {
    "computed": "Compute it in SQL, as in update({entity}).values({name}={entity}.{name} + 1), or lock the row first.",
    "state": "Make the test part of the UPDATE and look at its result, or lock the row before the test.",
    "limit": "Lock the row that owns the limit before counting.",
    "number": "Take the number from a sequence, or from UPDATE … SET n = n + 1 RETURNING on the owner's row.",
    "claim": "Claim it with UPDATE … WHERE {name} = … RETURNING, or select it with_for_update(skip_locked=True).",
    "once": "Delete it with DELETE … RETURNING and use what comes back, or select it with_for_update().",
    "missing": "Insert with ON CONFLICT, or in a savepoint with a handler for IntegrityError.",
}
MESSAGES = {
    "computed": "{entity}.{name} is computed from the value read before, unlocked: of two callers at once one is lost",
    "state": "{entity}.{name} is set after a test in line {line} of an unlocked row: two callers at once both pass it",
    "limit": "a new {entity} rests on the count in line {line}: two callers at once both pass, and exceed the limit",
    "number": "{entity}.{name} is numbered by the count in line {line}: two callers at once get the same number",
    "claim": "{entity}.{name} is set on a row that line {line} chose by it: two callers at once choose the same one",
    "once": "{entity} is deleted after what line {line} read, unlocked, was used: two callers at once both use it",
    "missing": "{entity} is inserted because line {line} found none: two callers at once find none, and both insert",
}


def check(project: Project) -> Iterator[Finding]:
    """One finding per write."""
    for race in Races(project).all():
        if not race.function.silent:
            yield _finding(race)


def _finding(race: Race) -> Finding:
    function = race.function
    refused = race.kind == "missing" and race.unique
    usual = Severity.MEDIUM if race.kind in ("state", "missing") or race.merges else Severity.HIGH
    severity = Severity.LOW if function.one_shot or refused else usual
    likely = Confidence.DEFINITE if race.sure and usual is Severity.HIGH else Confidence.PROBABLE
    confidence = Confidence.POSSIBLE if race.doubtful else likely
    steps = [Step(function.path, race.read.at, f"{race.entity.name} is read here without a lock")]
    if race.origin is not None and race.origin.function is not function:
        steps.insert(0, Step(race.origin.function.path, race.origin.at, "the row comes from here, unlocked"))
    for effect in race.effects[:1]:
        steps += trace(effect)
    words = {"entity": race.entity.name, "name": race.name, "line": race.read.at.line}
    message, cure = (told[race.kind].format(**words) for told in (MESSAGES, CURES))
    return function.finding(RULE, race.at, message, severity, trace=steps, recommendation=cure, confidence=confidence)
