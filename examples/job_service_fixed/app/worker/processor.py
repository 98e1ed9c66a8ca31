"""Claims one job after the other and does its work."""

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.events import JobEvent, announce
from app.models import DONE, FAILED, RUNNING
from app.repositories.jobs import JobRepository
from app.repositories.steps import StepRepository
from app.services import notifications as notification_service

logger = logging.getLogger(__name__)
#: Seconds that the outputs of steps need to show up.
SETTLING = 0.01


def plan(steps: Sequence[str]) -> str:
    return " > ".join(steps) or "nothing to do"


class JobProcessor:
    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def run_next(self) -> bool:
        """Whether there was a job to do."""
        job_id = await self._claim()
        if job_id is None:
            return False
        try:
            await self._run(job_id)
        except Exception:
            logger.exception("job %d failed", job_id)
            await self._fail(job_id)
        await notification_service.notify_owner(job_id)
        return True

    async def _claim(self) -> int | None:
        async with self._sessions() as session:
            job_id = await JobRepository.from_session(session).claim()
            await session.commit()
        if job_id is not None:
            announce(JobEvent(job_id=job_id, status=RUNNING, progress=0))
        return job_id

    async def _run(self, job_id: int) -> None:
        async with self._sessions() as session:
            jobs = JobRepository.from_session(session)
            steps = StepRepository.from_session(session)
            await jobs.set_progress(job_id, 10)
            await session.commit()
            announce(JobEvent(job_id=job_id, status=RUNNING, progress=10))
            result = plan(await steps.names(job_id))
            await jobs.set_progress(job_id, 60)
            await session.commit()
            announce(JobEvent(job_id=job_id, status=RUNNING, progress=60))
            await asyncio.sleep(SETTLING)
            await steps.finish_all(job_id)
            await jobs.finish(job_id, result)
            await session.commit()
        announce(JobEvent(job_id=job_id, status=DONE, progress=100))

    async def _fail(self, job_id: int) -> None:
        async with self._sessions() as session:
            await JobRepository.from_session(session).fail(job_id)
            await session.commit()
        announce(JobEvent(job_id=job_id, status=FAILED, progress=0))
