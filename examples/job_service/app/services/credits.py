"""What customers have paid in advance."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.repositories.customers import CustomerRepository


class CreditService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._customers = CustomerRepository.from_session(session)

    async def spend(self, customer_id: int, amount: int) -> int:
        """What is left."""
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        if customer.credits < amount:
            raise Conflict(f"customer {customer_id} has {customer.credits} credits")
        customer.credits -= amount  # error: [lost-update]
        await self._session.commit()
        return customer.credits
