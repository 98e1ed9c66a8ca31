"""Jobs over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.db import SessionDep
from app.models import Job
from app.schemas import Changed, Delivery, Ids, JobDetail, JobIn, JobLine, JobOut
from app.services import notifications as notification_service
from app.services.jobs import JobService
from app.worker.runner import runner

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post("", response_model=JobOut, status_code=201)
async def create_job(order: JobIn, session: SessionDep) -> Job:
    return await JobService(session).create(order)


@router.get("")
async def list_jobs(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[JobLine]:
    return await JobService(session).overview(limit, offset)


@router.post("/cancel")
async def cancel_jobs(chosen: Ids, session: SessionDep) -> Changed:
    return Changed(count=await JobService(session).cancel(chosen.ids))


@router.get("/{job_id}", response_model=JobDetail)
async def get_job(job_id: int, session: SessionDep) -> Job:
    return await JobService(session).detail(job_id)


@router.post("/{job_id}/start", status_code=202)
async def start_job(job_id: int, session: SessionDep) -> None:
    await JobService(session).start(job_id)
    runner.wake()


@router.post("/{job_id}/retry", status_code=202)
async def retry_job(job_id: int, session: SessionDep) -> None:
    await JobService(session).retry(job_id)
    runner.wake()


@router.post("/{job_id}/notify")
async def notify_owner(job_id: int) -> Delivery:
    return Delivery(delivered=await notification_service.notify_owner(job_id))
