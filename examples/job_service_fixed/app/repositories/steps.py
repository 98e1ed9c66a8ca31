"""Steps of jobs in the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select, update

from app.models import JobStep
from app.repositories.base import Repository


class StepRepository(Repository):
    async def create_all(self, job_id: int, names: Sequence[str]) -> None:
        self._session.add_all(
            [JobStep(job_id=job_id, position=position, name=name) for position, name in enumerate(names)]
        )
        await self._session.flush()

    async def names(self, job_id: int) -> Sequence[str]:
        query = select(JobStep.name).where(JobStep.job_id == job_id).order_by(JobStep.position)
        return (await self._session.scalars(query)).all()

    async def count_open(self, job_ids: Collection[int]) -> dict[int, int]:
        """Open steps per job; jobs without any are left out."""
        query = (
            select(JobStep.job_id, func.count())
            .where(JobStep.job_id.in_(job_ids), JobStep.done.is_(False))
            .group_by(JobStep.job_id)
        )
        return {job_id: number for job_id, number in await self._session.execute(query)}

    async def finish_all(self, job_id: int) -> None:
        await self._session.execute(
            update(JobStep)
            .where(JobStep.job_id == job_id)
            .values(done=True)
            .execution_options(synchronize_session=False)
        )
