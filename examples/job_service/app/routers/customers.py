"""Customers over HTTP."""

from fastapi import APIRouter

from app.db import SessionDep
from app.models import Customer
from app.schemas import Changed, CustomerIn, CustomerOut, ReportLine, TierChange
from app.services.customers import CustomerServiceDep
from app.services.reports import report_service as reports

router = APIRouter(prefix="/customers", tags=["customers"])


@router.put("", response_model=CustomerOut)
async def ensure_customer(data: CustomerIn, service: CustomerServiceDep) -> Customer:
    return await service.ensure(data)


@router.put("/tiers")
async def change_tiers(changes: list[TierChange], service: CustomerServiceDep) -> Changed:
    return Changed(count=await service.change_tiers(changes))


@router.get("/{customer_id}", response_model=CustomerOut)
async def get_customer(customer_id: int, service: CustomerServiceDep) -> Customer:
    return await service.get(customer_id)


@router.post("/{customer_id}/rating", response_model=CustomerOut)
async def refresh_rating(customer_id: int, service: CustomerServiceDep) -> Customer:
    return await service.refresh_rating(customer_id)


@router.get("/{customer_id}/report")
async def customer_report(customer_id: int, session: SessionDep) -> list[ReportLine]:
    return await reports.customer_report(session, customer_id)
