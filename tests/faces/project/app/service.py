from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Order
from app.repository import OrderRepository


async def load_all(session: AsyncSession, ids: list[int]) -> list[Order | None]:
    orders = []
    repository = OrderRepository(session)
    for id in ids:
        orders.append(await repository.get(id))
    return orders


async def load_more(session: AsyncSession, ids: list[int]) -> list[Order | None]:
    orders = []
    for id in ids:
        orders.append(await session.get(Order, id))
    return orders


async def load_noqa(session: AsyncSession, ids: list[int]) -> None:
    for id in ids:
        await session.get(Order, id)  # noqa: PSL107


async def load_pylint(session: AsyncSession, ids: list[int]) -> None:
    for id in ids:
        await session.get(Order, id)  # pylint: disable=query-in-loop


async def load_own(session: AsyncSession, ids: list[int]) -> None:
    for id in ids:
        await session.get(Order, id)  # persist-lint: ignore[query-in-loop] ten at most


async def no_loop(session: AsyncSession) -> None:
    await session.get(Order, 1)  # persist-lint: ignore[query-in-loop] not a loop any longer
