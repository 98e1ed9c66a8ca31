"""What jobs cost."""

from app.db import SessionDep
from app.repositories.prices import PriceRepository

USUAL = 5


class PriceList:
    """Prices per step by tier, read when the first is asked for."""

    def __init__(self, session: SessionDep) -> None:
        self._session = session
        self._prices: dict[str, int] | None = None

    async def per_step(self, tier: str) -> int:
        if self._prices is None:
            rows = await PriceRepository.from_session(self._session).all()
            self._prices = {row.tier: row.per_step for row in rows}  # error: [wrong-caching-scope]
        return self._prices.get(tier, USUAL)
