"""Jobs in the database."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload, selectinload

from app.models import CANCELLED, DONE, DRAFT, FAILED, QUEUED, RUNNING, Customer, Job
from app.repositories.base import Repository


class Notice(NamedTuple):
    callback_url: str | None
    status: str


class JobRepository(Repository):
    async def get_by_id(self, job_id: int) -> Job | None:
        result = await self._session.execute(select(Job).where(Job.id == job_id))
        return result.scalar_one_or_none()

    async def get_with_steps(self, job_id: int) -> Job | None:
        query = select(Job).where(Job.id == job_id).options(selectinload(Job.steps))
        return (await self._session.execute(query)).scalar_one_or_none()

    async def get_with_customer(self, job_id: int) -> Job | None:
        query = select(Job).where(Job.id == job_id).options(joinedload(Job.customer))
        return (await self._session.execute(query)).scalar_one_or_none()

    async def number(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(Job))).scalar_one()

    async def recent(self, limit: int, offset: int) -> Sequence[Job]:
        query = select(Job).order_by(Job.id.desc()).limit(limit).offset(offset)
        return (await self._session.scalars(query)).all()

    async def of_customer(self, customer_id: int, limit: int) -> Sequence[Job]:
        query = select(Job).where(Job.customer_id == customer_id).order_by(Job.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def notice(self, job_id: int) -> Notice | None:
        """The owner's callback address and the job's status."""
        query = select(Customer.callback_url, Job.status).join(Customer, Customer.id == Job.customer_id)
        row = (await self._session.execute(query.where(Job.id == job_id))).one_or_none()
        return None if row is None else Notice(row.callback_url, row.status)

    async def queue(self, job_id: int, *, expected: str = DRAFT) -> bool:
        """Queues the job if it still is as expected."""
        changed = await self._session.execute(
            update(Job)
            .where(Job.id == job_id, Job.status == expected)
            .values(status=QUEUED, progress=0)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return changed.scalar_one_or_none() is not None

    async def claim(self) -> int | None:
        """Takes the most urgent queued job that no other worker holds."""
        candidate = (
            select(Job.id)
            .where(Job.status == QUEUED)
            .order_by(Job.priority.desc(), Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        claimed = await self._session.execute(
            update(Job)
            .where(Job.id == candidate, Job.status == QUEUED)
            .values(status=RUNNING)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return claimed.scalar_one_or_none()

    async def set_progress(self, job_id: int, progress: int) -> None:
        await self._session.execute(
            update(Job).where(Job.id == job_id).values(progress=progress).execution_options(synchronize_session=False)
        )

    async def finish(self, job_id: int, result: str) -> None:
        await self._session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(status=DONE, progress=100, result=result)
            .execution_options(synchronize_session=False)
        )

    async def fail(self, job_id: int) -> None:
        await self._session.execute(
            update(Job).where(Job.id == job_id).values(status=FAILED).execution_options(synchronize_session=False)
        )

    async def cancel(self, job_ids: Collection[int]) -> Sequence[int]:
        """Cancels those that have not begun, and says which."""
        cancelled = await self._session.execute(
            update(Job)
            .where(Job.id.in_(job_ids), Job.status.in_((DRAFT, QUEUED)))
            .values(status=CANCELLED)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return cancelled.scalars().all()
