"""What customers have paid in advance."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict
from app.repositories.customers import CustomerRepository


class CreditService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._customers = CustomerRepository.from_session(session)

    async def spend(self, customer_id: int, amount: int) -> int:
        """What is left."""
        left = await self._customers.spend(customer_id, amount)
        if left is None:
            raise Conflict(f"customer {customer_id} has fewer than {amount} credits")
        await self._session.commit()
        return left
