"""Audit records over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.db import SessionDep
from app.errors import NotFound
from app.repositories.jobs import JobRepository
from app.schemas import AuditLine, Note
from app.services.audit import AuditService

router = APIRouter(tags=["audit"])


@router.post("/jobs/{job_id}/notes", status_code=201)
async def add_note(job_id: int, note: Note, session: SessionDep) -> None:
    job = await JobRepository.from_session(session).get_by_id(job_id)
    if job is None:
        raise NotFound("job", job_id)
    AuditService(session).note(job, note.message)
    await session.commit()


@router.get("/audit")
async def list_audit(session: SessionDep, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[AuditLine]:
    return await AuditService(session).recent(limit)
