"""What can be done with customers."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends
from sqlalchemy.exc import IntegrityError

from app.clients.ratings import rating_client as ratings
from app.db import SessionDep
from app.errors import NotFound
from app.models import Customer
from app.repositories.customers import CustomerRepository
from app.schemas import CustomerIn, TierChange


class CustomerService:
    def __init__(self, session: SessionDep) -> None:
        self._session = session
        self._customers = CustomerRepository.from_session(session)

    async def ensure(self, data: CustomerIn) -> Customer:
        """The customer of that name, made if there is none."""
        customer = Customer(name=data.name, external_ref=data.external_ref, callback_url=data.callback_url)
        try:
            await self._customers.add(customer)
        except IntegrityError:  # error: [missing-rollback]
            customer = await self._customers.get_by_name(data.name)
        await self._session.commit()
        return customer

    async def get(self, customer_id: int) -> Customer:
        customer = await self._customers.get_by_id(customer_id)
        if customer is None:
            raise NotFound("customer", customer_id)
        return customer

    async def refresh_rating(self, customer_id: int) -> Customer:
        customer = await self.get(customer_id)
        rating = await ratings.rating_of(customer.external_ref)  # error: [transaction-too-wide]
        customer.rating = rating
        await self._session.commit()
        return customer

    async def change_tiers(self, changes: Sequence[TierChange]) -> int:
        tiers = {change.customer_id: change.tier for change in changes}
        customers = await self._customers.by_ids(tiers)
        for customer in customers:
            values = {"tier": tiers[customer.id]}
            await self._customers.update(customer, values, commit=True)  # error: [n-update-loop]
        return len(customers)


CustomerServiceDep = Annotated[CustomerService, Depends(CustomerService)]
