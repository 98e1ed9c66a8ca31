"""Steps of jobs in the database."""

from collections.abc import Sequence

from sqlalchemy import func, select, update

from app.models import JobStep
from app.repositories.base import Repository


class StepRepository(Repository):
    async def create(self, job_id: int, position: int, name: str) -> JobStep:
        step = JobStep(job_id=job_id, position=position, name=name)
        self._session.add(step)
        await self._session.flush()
        return step

    async def names(self, job_id: int) -> Sequence[str]:
        query = select(JobStep.name).where(JobStep.job_id == job_id).order_by(JobStep.position)
        return (await self._session.scalars(query)).all()

    async def count_open(self, job_id: int) -> int:
        query = select(func.count()).select_from(JobStep).where(JobStep.job_id == job_id, JobStep.done.is_(False))
        return (await self._session.execute(query)).scalar_one()

    async def finish_all(self, job_id: int) -> None:
        await self._session.execute(
            update(JobStep)
            .where(JobStep.job_id == job_id)
            .values(done=True)
            .execution_options(synchronize_session=False)
        )
