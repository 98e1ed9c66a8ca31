"""Progress of a job as server-sent events."""

from fastapi import APIRouter
from sse_starlette import EventSourceResponse

from app.db import SessionFactory
from app.errors import NotFound
from app.events import JobEvent, progress_events
from app.repositories.jobs import JobRepository

router = APIRouter(prefix="/jobs", tags=["stream"])


@router.get("/{job_id}/events")
async def job_events(job_id: int) -> EventSourceResponse:
    async with SessionFactory() as session:
        job = await JobRepository.from_session(session).get_by_id(job_id)
    if job is None:
        raise NotFound("job", job_id)
    return EventSourceResponse(progress_events(JobEvent.of(job)))
