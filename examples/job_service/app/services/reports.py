"""What a customer's jobs look like."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Job
from app.repositories.jobs import JobRepository
from app.repositories.steps import StepRepository
from app.schemas import ReportLine


class ReportService:
    async def customer_report(self, session: AsyncSession, customer_id: int) -> list[ReportLine]:
        jobs = await JobRepository.from_session(session).of_customer(customer_id, limit=500)
        return [await self._line(session, job) for job in jobs]  # error: [query-in-loop]

    async def _line(self, session: AsyncSession, job: Job) -> ReportLine:
        open_steps = await StepRepository.from_session(session).count_open(job.id)
        return ReportLine(job_id=job.id, title=job.title, status=job.status, open_steps=open_steps)


report_service = ReportService()
