"""The application: `uvicorn app.main:app`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app import errors
from app.clients.http import http
from app.db import engine
from app.events import hub
from app.listener import listening
from app.routers import attachments, audit, customers, health, insights, jobs, stream
from app.settings import settings
from app.worker.runner import runner


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        await stack.enter_async_context(http.running())
        if settings.is_postgresql:
            await stack.enter_async_context(listening(settings.listener_dsn, hub))
        if settings.embedded_worker:
            await stack.enter_async_context(runner.running())
        yield


def create_app() -> FastAPI:
    app = FastAPI(title="Job service", lifespan=lifespan)
    errors.register(app)
    app.include_router(health.router)
    app.include_router(customers.router)
    app.include_router(jobs.router)
    app.include_router(stream.router)
    app.include_router(attachments.router)
    app.include_router(audit.router)
    app.include_router(insights.router)
    return app


app = create_app()
