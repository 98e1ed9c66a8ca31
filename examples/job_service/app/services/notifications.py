"""Tells the owner of a job what became of it."""

from app.clients import webhooks
from app.db import SessionFactory
from app.repositories.jobs import JobRepository


async def notify_owner(job_id: int) -> bool:
    """Whether the owner wanted to know and was told. No session is open while the receiver answers."""
    async with SessionFactory() as session:
        notice = await JobRepository.from_session(session).notice(job_id)
    if notice is None or notice.callback_url is None:
        return False
    return await webhooks.deliver(notice.callback_url, {"job_id": job_id, "status": notice.status})
