"""Attachments in the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update

from app.models import Attachment
from app.repositories.base import Repository


class AttachmentRepository(Repository):
    async def get_by_id(self, attachment_id: int) -> Attachment | None:
        result = await self._session.execute(select(Attachment).where(Attachment.id == attachment_id))
        return result.scalar_one_or_none()

    async def of_job(self, job_id: int, limit: int) -> Sequence[Attachment]:
        query = select(Attachment).where(Attachment.job_id == job_id).order_by(Attachment.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def mark_expired(self, attachment_ids: Collection[int]) -> None:
        await self._session.execute(
            update(Attachment)
            .where(Attachment.id.in_(attachment_ids))
            .values(expired=True)
            .execution_options(synchronize_session=False)
        )
