"""Who did what to which job."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AuditRecord, Job
from app.repositories.audit import AuditRepository
from app.repositories.customers import CustomerRepository
from app.schemas import AuditLine


class AuditService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._records = AuditRepository.from_session(session)
        self._customers = CustomerRepository.from_session(session)

    def note(self, job: Job, message: str) -> None:
        """Adds a record about the job; the caller commits."""
        self._session.add(AuditRecord(job_id=job.id, customer_id=job.customer_id, message=message))

    async def recent(self, limit: int) -> list[AuditLine]:
        records = await self._records.recent(limit)
        customer_ids = {record.customer_id for record in records}
        names = {customer.id: customer.name for customer in await self._customers.by_ids(customer_ids)}
        return [
            AuditLine(job_id=record.job_id, customer=names[record.customer_id], message=record.message)
            for record in records
        ]
