"""Hears what PostgreSQL notifies about jobs and passes it on to this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.events import EventHub, JobEvent
from app.worker.runner import runner

CHANNEL = "job_events"
WAKING = "worker_wakeup"


@asynccontextmanager
async def listening(dsn: str, hub: EventHub) -> AsyncIterator[None]:
    """Listens as long as the context is open."""

    def heard(connection: object, pid: int, channel: str, payload: object) -> None:
        hub.publish(JobEvent.model_validate_json(str(payload)))

    def woken(connection: object, pid: int, channel: str, payload: object) -> None:
        runner.wake()

    connection = await asyncpg.connect(dsn)
    try:
        await connection.add_listener(CHANNEL, heard)
        await connection.add_listener(WAKING, woken)
        yield
    finally:
        await connection.close()
