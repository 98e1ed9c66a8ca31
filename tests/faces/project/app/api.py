import time

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app import service
from app.database import get_session

router = APIRouter()


@router.get("/orders")
async def orders(ids: list[int], session: AsyncSession = Depends(get_session)) -> int:
    time.sleep(1)
    await service.load_noqa(session, ids)
    await service.load_pylint(session, ids)
    await service.load_own(session, ids)
    return len(await service.load_all(session, ids)) + len(await service.load_more(session, ids))
