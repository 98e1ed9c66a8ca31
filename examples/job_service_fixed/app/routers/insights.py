"""What is going on, over HTTP."""

from fastapi import APIRouter, BackgroundTasks
from sqlalchemy import text

from app.db import SessionDep, open_connection
from app.repositories.jobs import JobRepository
from app.schemas import Changed, Delivery, Ids, Insights, Left, Owner, Password, Spending, Standing, Tables
from app.services import exports as export_service
from app.services import insights as insight_service
from app.services import jobs as job_service
from app.services.credits import CreditService
from app.services.insights import InsightService
from app.services.jobs import JobService
from app.services.prices import price_list

router = APIRouter(prefix="/insights", tags=["insights"])


@router.get("")
async def now(session: SessionDep) -> Insights:
    return await InsightService(session).now()


@router.get("/owners")
async def latest_owners(session: SessionDep) -> list[str]:
    return await InsightService(session).latest_owners()


@router.get("/jobs/{job_id}/owner")
async def owner(job_id: int, session: SessionDep) -> Owner:
    return await InsightService(session).owner(job_id)


@router.post("/customers/{customer_id}/promote", status_code=204)
async def promote(customer_id: int, session: SessionDep) -> None:
    await InsightService(session).promote(customer_id)


@router.get("/reachable")
async def reachable(url: str) -> Delivery:
    return Delivery(delivered=await insight_service.is_reachable(url))


@router.get("/tables")
async def tables() -> Tables:
    connection = await open_connection()
    try:
        rows = (await connection.execute(text("SELECT count(*) FROM jobs"))).scalar_one()
    finally:
        await connection.close()
    return Tables(jobs=rows)


@router.get("/prices/{tier}")
async def price(tier: str) -> Changed:
    return Changed(count=await price_list.per_step(tier))


@router.post("/customers/{customer_id}/spend")
async def spend(customer_id: int, spending: Spending, session: SessionDep) -> Left:
    return Left(credits=await CreditService(session).spend(customer_id, spending.amount))


@router.get("/customers/{customer_id}/standing")
async def standing(customer_id: int, session: SessionDep) -> Standing:
    return await InsightService(session).standing(customer_id)


@router.post("/customers/{customer_id}/export")
async def export(customer_id: int, given: Password, session: SessionDep) -> dict[str, str]:
    jobs = await JobRepository.from_session(session).of_customer(customer_id, limit=500)
    await session.commit()
    return await export_service.exported(jobs, given.password)


@router.post("/jobs/{job_id}/copy", status_code=201)
async def copy_job(job_id: int, session: SessionDep) -> Changed:
    return Changed(count=await JobService(session).copy(job_id))


@router.post("/cancel", status_code=202)
async def cancel_later(chosen: Ids, tasks: BackgroundTasks) -> None:
    tasks.add_task(job_service.cancel, chosen.ids)
