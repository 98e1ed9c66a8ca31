"""Attachments over HTTP."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from app.db import SessionDep
from app.models import Attachment
from app.schemas import AttachmentOut, Ids
from app.services import attachments as attachment_service
from app.services.attachments import AttachmentService

router = APIRouter(tags=["attachments"])


@router.put("/jobs/{job_id}/attachments/{name}", response_model=AttachmentOut, status_code=201)
async def attach(job_id: int, name: str, request: Request, session: SessionDep) -> Attachment:
    content = await request.body()
    return await AttachmentService(session).add(job_id, name, content)


@router.get("/jobs/{job_id}/attachments", response_model=list[AttachmentOut])
async def list_attachments(job_id: int, session: SessionDep) -> Sequence[Attachment]:
    return await AttachmentService(session).of_job(job_id)


@router.post("/attachments/expire", status_code=204)
async def expire(chosen: Ids, session: SessionDep) -> None:
    await AttachmentService(session).expire(chosen.ids)


@router.get("/attachments/{attachment_id}/content")
async def content(attachment_id: int) -> Response:
    return Response(await attachment_service.content_of(attachment_id), media_type="application/octet-stream")


@router.delete("/attachments/{attachment_id}", status_code=204)
async def remove(attachment_id: int, session: SessionDep) -> None:
    await AttachmentService(session).remove(attachment_id)
