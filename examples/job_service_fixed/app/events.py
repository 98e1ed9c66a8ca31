"""Changes of jobs, handed to whoever watches them in this process."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from app.models import FINAL, Job
from app.settings import settings

REMEMBERED = 1000


class JobEvent(BaseModel):
    job_id: int
    status: str
    progress: int

    @classmethod
    def of(cls, job: Job) -> "JobEvent":
        return cls(job_id=job.id, status=job.status, progress=job.progress)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def as_message(self) -> dict[str, str]:
        return {"event": self.status, "data": self.model_dump_json()}


class EventHub:
    """Passes events on to subscribers; a late subscriber gets the job's latest event first."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[int, set[asyncio.Queue[JobEvent]]] = defaultdict(set)
        self._latest: OrderedDict[int, JobEvent] = OrderedDict()

    def publish(self, event: JobEvent) -> None:
        self._latest[event.job_id] = event
        self._latest.move_to_end(event.job_id)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)
        for queue in self._subscribers.get(event.job_id, ()):
            queue.put_nowait(event)

    @contextmanager
    def subscription(self, job_id: int) -> Iterator[asyncio.Queue[JobEvent]]:
        queue: asyncio.Queue[JobEvent] = asyncio.Queue()
        if job_id in self._latest:
            queue.put_nowait(self._latest[job_id])
        self._subscribers[job_id].add(queue)
        try:
            yield queue
        finally:
            self._subscribers[job_id].discard(queue)
            if not self._subscribers[job_id]:
                del self._subscribers[job_id]


hub = EventHub()


def announce(event: JobEvent) -> None:
    """Tells this process about a committed change where the database does not (PostgreSQL's trigger does)."""
    if not settings.is_postgresql:
        hub.publish(event)


async def progress_events(snapshot: JobEvent) -> AsyncIterator[dict[str, str]]:
    """The job as it is, then every change until the last one."""
    yield snapshot.as_message()
    if snapshot.is_final:
        return
    with hub.subscription(snapshot.job_id) as changes:
        while True:
            event = await changes.get()
            if event != snapshot:
                yield event.as_message()
            if event.is_final:
                return
