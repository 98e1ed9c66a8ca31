"""Several updates of a table with a notifying trigger in one transaction.

What: a table has a live trigger that notifies a channel, and one transaction updates it more than once, or in a loop,
without a commit in between.

Why: PostgreSQL delivers notifications when the transaction commits, and identical ones (same channel, same payload)
once. Listeners, and everybody else, see the last state only; the progress in between never existed for them.

Instead: commit after each state that somebody is meant to see; keep the rest of the work in a transaction of its own.

Not reported: one update per transaction; updates in different branches; tables whose trigger notifies nobody; progress
columns that another component polls (which columns those are is not in the code).
"""

from __future__ import annotations

from collections.abc import Iterator

from persist_lint.link.project import Project
from persist_lint.link.unseen import Unseen, audience, unseen
from persist_lint.link.views import FunctionView
from persist_lint.model.finding import Finding, Step
from persist_lint.model.rule import Family, Rule
from persist_lint.model.severity import Confidence, Effort, Severity
from persist_lint.model.span import Span

_SCHEMA = """
```python title="models.py"
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...

class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    progress: Mapped[int]
```

```sql title="migrations/001_notify.sql"
CREATE FUNCTION notify_job() RETURNS trigger AS $$
BEGIN PERFORM pg_notify('job_events', NEW.id::text); RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE TRIGGER jobs_notify AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION notify_job();
```

"""
RULE = Rule(
    number=201,
    name="missing-intermediate-commit",
    family=Family.TRANSACTION,
    check="missing_intermediate_commits",
    title="Updates that a trigger announces share one transaction",
    effort=Effort.S,
    principle="Transaction Correctness / Visibility",
    severities=(
        (Severity.CRITICAL, "the channel is listened to by code that feeds a stream or websocket"),
        (Severity.HIGH, "the channel is listened to by other code of the project"),
        (Severity.MEDIUM, "nobody in the project is known to listen, or the updates are of different rows"),
    ),
    recommendation="Commit after each state that listeners are meant to see.",
    sources=("https://www.postgresql.org/docs/current/sql-notify.html",),
    bad=_SCHEMA
    + """```python title="worker.py"
from models import Job
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

async def run(session: AsyncSession, key: int) -> None:
    await session.execute(update(Job).where(Job.id == key).values(progress=10))  # error: [missing-intermediate-commit]
    await session.execute(update(Job).where(Job.id == key).values(progress=100))
    await session.commit()
```
""",
    good=_SCHEMA
    + """```python title="worker.py"
from models import Job
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

async def run(session: AsyncSession, job_id: int) -> None:
    await session.execute(update(Job).where(Job.id == job_id).values(progress=10))
    await session.commit()
    await session.execute(update(Job).where(Job.id == job_id).values(progress=100))
    await session.commit()
```
""",
)
BY_AUDIENCE = {"live": Severity.CRITICAL, "some": Severity.HIGH, "nobody": Severity.MEDIUM}


def check(project: Project) -> Iterator[Finding]:
    """One finding per transaction, at the first update that stays invisible."""
    triggers = {t.table: t for t in reversed(project.surroundings.triggers) if t.channels and "UPDATE" in t.event}
    if not triggers:
        return
    for function in project.functions():
        if not function.silent:
            for found in unseen(function, triggers):
                yield _finding(project, function, found)


def _finding(project: Project, function: FunctionView, found: Unseen) -> Finding:
    trigger = found.trigger
    channel = ", ".join(trigger.channels)
    if found.later is not None:
        rest = f"the next update of {trigger.table} in line {found.later.at.line} follows before a commit"
        step = function.step(found.later.at, "the next update in the same transaction")
    else:
        assert found.loop is not None
        rest = f"the loop in line {found.loop.at.line} goes on without a commit"
        step = function.step(found.loop.at, "the loop")
    message = (
        f"listeners on {channel} never see this update of {trigger.table}: {rest}, and notifications go out at commit"
    )
    at_trigger = Step(
        trigger.path, Span(trigger.line, 0, trigger.line, 0), f"trigger {trigger.name} notifies {channel}"
    )
    trace = [*found.call.trace(found.effect), step, at_trigger]
    severity = BY_AUDIENCE[audience(project, trigger)] if found.same_row else Severity.MEDIUM
    confidence = Confidence.PROBABLE if found.effect.weak else found.call.confidence
    return function.finding(RULE, found.call.at, message, severity, trace=trace, confidence=confidence)
