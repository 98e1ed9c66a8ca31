"""What a customer's jobs look like."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Job
from app.repositories.jobs import JobRepository
from app.repositories.steps import StepRepository
from app.schemas import ReportLine


class ReportService:
    async def customer_report(self, session: AsyncSession, customer_id: int) -> list[ReportLine]:
        jobs = await JobRepository.from_session(session).of_customer(customer_id, limit=500)
        open_steps = await StepRepository.from_session(session).count_open([job.id for job in jobs])
        return [self._line(job, open_steps.get(job.id, 0)) for job in jobs]

    def _line(self, job: Job, open_steps: int) -> ReportLine:
        return ReportLine(job_id=job.id, title=job.title, status=job.status, open_steps=open_steps)


report_service = ReportService()
