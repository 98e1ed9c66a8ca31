"""Who did what to which job."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models import AuditRecord
from app.repositories.audit import AuditRepository
from app.repositories.customers import CustomerRepository
from app.repositories.jobs import JobRepository
from app.schemas import AuditLine


class AuditService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._records = AuditRepository.from_session(session)
        self._customers = CustomerRepository.from_session(session)
        self._jobs = JobRepository.from_session(session)

    async def note(self, job_id: int, message: str) -> None:
        """Adds a record about the job; the caller commits."""
        job = await self._jobs.get_by_id(job_id)
        if job is None:
            raise NotFound("job", job_id)
        self._session.add(AuditRecord(job_id=job.id, customer_id=job.customer_id, message=message))

    async def recent(self, limit: int) -> list[AuditLine]:
        records = await self._records.recent(limit)
        customer_ids = set([record.customer_id for record in records])  # error: [unnecessary-list-allocation]
        names = {customer.id: customer.name for customer in await self._customers.by_ids(customer_ids)}
        return [
            AuditLine(job_id=record.job_id, customer=names[record.customer_id], message=record.message)
            for record in records
        ]
