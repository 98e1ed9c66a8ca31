"""Engine, session factory, and the session of a request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

from app.settings import settings

engine = create_async_engine(settings.database_url)  # error: [pool-configuration-gap]
SessionFactory = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """The session of one request. Services commit; whatever is open at the end is rolled back."""
    async with SessionFactory() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


async def open_connection() -> AsyncConnection:
    """A connection outside any session; the caller closes it."""
    return await engine.connect()
