"""What is going on: for those who watch over the service."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, joinedload

from app.clients import webhooks
from app.clients.http import http
from app.errors import NotFound
from app.models import Job
from app.repositories.audit import AuditRepository
from app.repositories.customers import CustomerRepository
from app.repositories.jobs import JobRepository
from app.schemas import Insights, Owner, Standing


def owners(session: Session) -> list[str]:
    """Who the latest jobs belong to."""
    jobs = session.scalars(select(Job).order_by(Job.id.desc()).limit(50).options(joinedload(Job.customer)))
    return [job.customer.name for job in jobs]


class InsightService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._jobs = JobRepository.from_session(session)
        self._records = AuditRepository.from_session(session)
        self._customers = CustomerRepository.from_session(session)

    async def now(self) -> Insights:
        jobs = await self._jobs.number()
        records = await self._records.number()
        return Insights(jobs=jobs, records=records)

    async def standing(self, customer_id: int) -> Standing:
        """What a customer has left, among how many."""
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        others = await self._customers.count()
        return Standing(credits=customer.credits, tier=customer.tier, customers=others)

    async def latest_owners(self) -> list[str]:
        return await self._session.run_sync(owners)

    async def owner(self, job_id: int) -> Owner:
        job = await self._jobs.get_with_customer(job_id)
        if job is None:
            raise NotFound("job", job_id)
        return Owner(job_id=job.id, name=job.customer.name)

    async def promote(self, customer_id: int) -> None:
        """Makes it a gold customer, and tells it so."""
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        customer.tier = "gold"
        await self._session.commit()
        await webhooks.tell(customer, {"tier": "gold"})


async def is_reachable(url: str) -> bool:
    """Whether a receiver answers at all."""
    return (await http.client.head(url)).status_code < 500
