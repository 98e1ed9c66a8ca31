"""Engine, session factory, and the session of a request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.settings import Settings, settings


def build_engine(settings: Settings) -> AsyncEngine:
    """PostgreSQL with bounded pool, statements and waits; SQLite, on a developer's machine, needs none of it."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return create_async_engine(url)
    return create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"timeout": 10, "command_timeout": 30, "server_settings": {"statement_timeout": "30000"}},
    )


engine = build_engine(settings)
SessionFactory = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """The session of one request. Services commit; whatever is open at the end is rolled back."""
    async with SessionFactory() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


async def open_connection() -> AsyncConnection:
    """A connection outside any session; the caller closes it."""
    return await engine.connect()
