"""What jobs cost."""

from app.db import SessionFactory
from app.repositories.prices import PriceRepository

USUAL = 5


class PriceList:
    """Prices per step by tier, read once per process: only migrations change them."""

    def __init__(self) -> None:
        self._prices: dict[str, int] | None = None

    async def per_step(self, tier: str) -> int:
        if self._prices is None:
            async with SessionFactory() as session:
                rows = await PriceRepository.from_session(session).all()
            self._prices = {row.tier: row.per_step for row in rows}
        return self._prices.get(tier, USUAL)


price_list = PriceList()
