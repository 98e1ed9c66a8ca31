"""A channel is published to that nobody listens on, or listened to that nobody publishes to.

What: the names of channels, in NOTIFY, ``pg_notify`` of code and triggers, Redis ``publish``, against those of LISTEN,
``add_listener`` and ``subscribe``. Names are followed through constants, settings and f-strings. Two names that nearly
agree (a letter or two, the case, one a part of the other) were meant to be one.

Why: nothing fails. The message is sent, nobody hears it, and the view that waits for it stays as it was.

Instead: one constant that both sides import. In PostgreSQL, mind the case: ``LISTEN Jobs`` listens to ``jobs``, while
``pg_notify('Jobs', …)`` and ``add_listener("Jobs", …)`` keep it.

Not reported: names that are not known, patterns (``psubscribe``); projects that only publish or only listen, as the
other end is another program; tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.mismatch import Mismatch, mismatches
from persist_lint.link.project import Project
from persist_lint.model.finding import Finding
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity

RULE = Rule(
    number=206,
    name="event-channel-mismatch",
    family=Family.TRANSACTION,
    check="event_channel_consistency",
    title="Publisher and listener do not meet on a channel",
    effort=Effort.S,
    principle="Transaction Correctness / Events",
    severities=(
        (Severity.CRITICAL, "the two names nearly agree"),
        (Severity.HIGH, "published, never heard"),
        (Severity.MEDIUM, "heard, never published"),
    ),
    recommendation="Name the channel by one constant that both sides import.",
    sources=("https://www.postgresql.org/docs/current/sql-notify.html", "https://redis.io/docs/latest/develop/pubsub/"),
    bad="""
import asyncpg

async def done(connection: asyncpg.Connection, job_id: int) -> None:
    await connection.execute("SELECT pg_notify('job_events', $1)", str(job_id))

async def follow(connection: asyncpg.Connection) -> None:
    await connection.add_listener("job_event", print)  # error: [event-channel-mismatch] CRITICAL
""",
    good="""
import asyncpg

EVENTS = "job_events"

async def done(connection: asyncpg.Connection, job_id: int) -> None:
    await connection.execute(f"SELECT pg_notify('{EVENTS}', $1)", str(job_id))

async def follow(connection: asyncpg.Connection) -> None:
    await connection.add_listener(EVENTS, print)
""",
)
GRADES = {"near": Severity.CRITICAL, "unheard": Severity.HIGH, "unpublished": Severity.MEDIUM}
MAX_NAMES = 4


def check(project: Project) -> Iterator[Finding]:
    """One finding per channel that misses its other end."""
    for found in mismatches(project):
        if found.odd.function is None:
            continue
        view = project.view(found.odd.function)
        steps = [found.odd.step, *(end.step for end in found.others)]
        confidence = Confidence.DEFINITE if found.sure else Confidence.PROBABLE
        yield view.finding(RULE, found.odd.at, _message(found), GRADES[found.kind], trace=steps, confidence=confidence)


def _message(found: Mismatch) -> str:
    name, others = found.odd.name, list(dict.fromkeys(end.name for end in found.others))
    shown = ", ".join(others[:MAX_NAMES]) + (", …" if len(others) > MAX_NAMES else "")
    if found.kind == "near":
        where = found.others[0]
        case = "; they differ in case only" if name.lower() == where.name.lower() else ""
        place = f"{where.path}, line {where.at.line}"
        return f"listens to {name}, but what is published is {shown} ({place}){case}: nothing arrives here"
    if found.kind == "unheard":
        return f"nobody in the project hears {name} ({found.technology}); listened to: {shown}"
    return f"nobody in the project publishes to {name} ({found.technology}); published: {shown}"
