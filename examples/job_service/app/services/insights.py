"""What is going on: for those who watch over the service."""

from asyncio import gather

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.clients import webhooks
from app.db import SessionFactory
from app.errors import NotFound
from app.models import Job
from app.repositories.audit import AuditRepository
from app.repositories.customers import CustomerRepository
from app.repositories.jobs import JobRepository
from app.schemas import Insights, Owner, Standing


async def number_of_customers() -> int:
    async with SessionFactory() as session:
        return await CustomerRepository.from_session(session).count()


def owners(session: Session) -> list[str]:
    """Who the latest jobs belong to."""
    jobs = session.scalars(select(Job).order_by(Job.id.desc()).limit(50))
    return [job.customer.name for job in jobs]  # error: [lazy-load-in-loop]


class InsightService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._jobs = JobRepository.from_session(session)
        self._records = AuditRepository.from_session(session)
        self._customers = CustomerRepository.from_session(session)

    async def now(self) -> Insights:
        jobs, notes = await gather(self._jobs.recent(9, 0), self._records.recent(9))  # error: [concurrent-session-use]
        return Insights(jobs=len(jobs), records=len(notes))

    async def standing(self, customer_id: int) -> Standing:
        """What a customer has left, among how many."""
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        tier = await self._tier_of(customer.name)
        others = await number_of_customers()  # error: [resource-scope-mismatch]
        return Standing(credits=customer.credits, tier=tier, customers=others)

    async def _tier_of(self, name: str) -> str:
        return (await self._customers.get_by_name(name)).tier  # error: [unnecessary-resolve]

    async def latest_owners(self) -> list[str]:
        return await self._session.run_sync(owners)

    async def owner(self, job_id: int) -> Owner:
        job = await self._jobs.get_by_id(job_id)
        if job is None:
            raise NotFound("job", job_id)
        return Owner(job_id=job.id, name=job.customer.name)  # error: [async-lazy-load]

    async def promote(self, customer_id: int) -> None:
        """Makes it a gold customer, and tells it so."""
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        await self._session.commit()
        customer.tier = "gold"
        await webhooks.tell(customer, {"tier": "gold"})  # error: [side-effect-before-commit]
        await self._session.commit()


async def is_reachable(url: str) -> bool:
    """Whether a receiver answers at all."""
    async with httpx.AsyncClient(timeout=5.0) as client:  # error: [client-per-call]
        return (await client.head(url)).status_code < 500
