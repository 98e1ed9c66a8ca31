"""Files that belong to jobs."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import SessionFactory
from app.errors import NotFound
from app.models import Attachment
from app.repositories.attachments import AttachmentRepository
from app.repositories.jobs import JobRepository
from app.services.audit import AuditService
from app.services.files import file_store as files


class AttachmentService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._attachments = AttachmentRepository.from_session(session)
        self._jobs = JobRepository.from_session(session)
        self._audit = AuditService(session)

    async def add(self, job_id: int, name: str, content: bytes) -> Attachment:
        job = await self._jobs.get_by_id(job_id)
        if job is None:
            raise NotFound("job", job_id)
        await self._audit.note(job.id, f"{name} attached to {job.title}")  # error: [redundant-entity-fetch]
        attachment = Attachment(job_id=job.id, name=name, size=len(content), storage_key=uuid4().hex)
        self._session.add(attachment)
        await self._session.commit()
        files.save(attachment.storage_key, content)  # error: [blocking-io-in-async]
        return attachment

    async def of_job(self, job_id: int) -> Sequence[Attachment]:
        return await self._attachments.of_job(job_id, limit=200)

    async def expire(self, attachment_ids: Sequence[int]) -> None:
        for attachment_id in attachment_ids:
            await self._attachments.mark_expired(attachment_id)  # error: [n-update-loop]
        await self._session.commit()

    async def remove(self, attachment_id: int) -> None:
        attachment = await self._attachments.get_by_id(attachment_id)
        if attachment is None:
            raise NotFound("attachment", attachment_id)
        self._session.delete(attachment)  # error: [unawaited-session-call]
        await self._session.commit()
        await asyncio.to_thread(files.remove, attachment.storage_key)


async def content_of(attachment_id: int) -> bytes:
    """The file itself; its row is read in a session that is closed before the file is."""
    async with SessionFactory() as session:
        attachment = await AttachmentRepository.from_session(session).get_by_id(attachment_id)
    if attachment is None:
        raise NotFound("attachment", attachment_id)
    return await asyncio.to_thread(files.load, attachment.storage_key)
