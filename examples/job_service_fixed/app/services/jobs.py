"""What can be done with jobs."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import SessionFactory
from app.errors import Conflict, NotFound
from app.events import JobEvent, announce
from app.models import CANCELLED, FAILED, QUEUED, AuditRecord, Job, JobStep
from app.repositories.customers import CustomerRepository
from app.repositories.jobs import JobRepository
from app.repositories.steps import StepRepository
from app.schemas import JobIn, JobLine
from app.settings import settings

PRIORITIES = {"gold": 20, "silver": 10}


class JobService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._jobs = JobRepository.from_session(session)
        self._steps = StepRepository.from_session(session)
        self._customers = CustomerRepository.from_session(session)

    async def create(self, order: JobIn) -> Job:
        customer = await self._customers.get_by_id(order.customer_id)
        if customer is None:
            raise NotFound("customer", order.customer_id)
        job = Job(customer_id=customer.id, title=order.title, priority=PRIORITIES.get(customer.tier, 0))
        self._session.add(job)
        await self._session.flush()
        await self._steps.create_all(job.id, order.steps)
        self._session.add(AuditRecord(job_id=job.id, customer_id=customer.id, message="created"))
        await self._session.commit()
        return job

    async def copy(self, job_id: int) -> int:
        """Makes a draft with the same steps, and says how many these are."""
        job = await self.detail(job_id)
        draft = Job(customer_id=job.customer_id, title=job.title, priority=job.priority)
        self._session.add(draft)
        await self._session.flush()
        self._session.add_all([JobStep(job_id=draft.id, position=one.position, name=one.name) for one in job.steps])
        await self._session.commit()
        return len(job.steps)

    async def overview(self, limit: int, offset: int) -> list[JobLine]:
        lines = []
        jobs = await self._jobs.recent(limit, offset)
        customers = await self._customers.by_ids({job.customer_id for job in jobs})
        names = {customer.id: customer.name for customer in customers}
        for job in jobs:
            name = names.get(job.customer_id, "unknown")
            lines.append(JobLine(id=job.id, title=job.title, status=job.status, customer=name))
        return lines

    async def detail(self, job_id: int) -> Job:
        job = await self._jobs.get_with_steps(job_id)
        if job is None:
            raise NotFound("job", job_id)
        return job

    async def start(self, job_id: int) -> None:
        if not await self._jobs.queue(job_id):
            raise Conflict(f"job {job_id} is not a draft")
        if settings.is_postgresql:
            await self._session.execute(text("NOTIFY worker_wakeup"))
        await self._session.commit()
        announce(JobEvent(job_id=job_id, status=QUEUED, progress=0))

    async def retry(self, job_id: int) -> None:
        if not await self._jobs.queue(job_id, expected=FAILED):
            raise Conflict(f"job {job_id} has not failed")
        await self._session.commit()
        announce(JobEvent(job_id=job_id, status=QUEUED, progress=0))

    async def cancel(self, job_ids: Sequence[int]) -> int:
        cancelled = await self._jobs.cancel(job_ids)
        await self._session.commit()
        for job_id in cancelled:
            announce(JobEvent(job_id=job_id, status=CANCELLED, progress=0))
        return len(cancelled)


async def cancel(job_ids: Sequence[int]) -> int:
    """After the response, in a session of its own."""
    async with SessionFactory() as session:
        return await JobService(session).cancel(job_ids)
