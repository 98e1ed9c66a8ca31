"""Is the service well?"""

import asyncio

from fastapi import APIRouter, Response
from sqlalchemy import text

from app.db import open_connection
from app.schemas import Health
from app.settings import settings
from app.worker import heartbeat

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    return Health(status="ok")


@router.get("/worker")
async def worker(response: Response) -> Health:
    if await asyncio.to_thread(heartbeat.is_fresh, settings.heartbeat_file, settings.poll_seconds * 10):
        return Health(status="ok")
    response.status_code = 503
    return Health(status="no heartbeat")


@router.get("/database")
async def database() -> Health:
    connection = await open_connection()
    try:
        await connection.execute(text("SELECT 1"))
        return Health(status=connection.dialect.name)
    finally:
        await connection.close()
