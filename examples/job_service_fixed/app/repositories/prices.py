"""Prices in the database."""

from collections.abc import Sequence

from sqlalchemy import select

from app.models import Price
from app.repositories.base import Repository


class PriceRepository(Repository):
    async def all(self) -> Sequence[Price]:
        return (await self._session.scalars(select(Price).order_by(Price.tier))).all()
