"""Customers in the database."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select, update

from app.models import Customer
from app.repositories.base import Repository


class CustomerRepository(Repository):
    async def get_by_id(self, customer_id: int) -> Customer | None:
        result = await self._session.execute(select(Customer).where(Customer.id == customer_id))
        return result.scalar_one_or_none()

    async def get_by_name(self, name: str) -> Customer:
        result = await self._session.execute(select(Customer).where(Customer.name == name))
        return result.scalar_one()

    async def by_ids(self, customer_ids: Collection[int]) -> Sequence[Customer]:
        result = await self._session.scalars(select(Customer).where(Customer.id.in_(customer_ids)))
        return result.all()

    async def spend(self, customer_id: int, amount: int) -> int | None:
        """The credits left; None where there are too few."""
        changed = await self._session.execute(
            update(Customer)
            .where(Customer.id == customer_id, Customer.credits >= amount)
            .values(credits=Customer.credits - amount)
            .returning(Customer.credits)
            .execution_options(synchronize_session=False)
        )
        return changed.scalar_one_or_none()

    async def count(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(Customer))).scalar_one()

    async def add(self, customer: Customer) -> None:
        """Adds and flushes; IntegrityError when the name is taken."""
        self._session.add(customer)
        await self._session.flush()

    async def update(self, customer: Customer, values: Mapping[str, object], *, commit: bool = False) -> None:
        """Sets attributes; the unit of work writes them when it flushes, or at once with commit."""
        for name, value in values.items():
            setattr(customer, name, value)
        if commit:
            await self._session.commit()
