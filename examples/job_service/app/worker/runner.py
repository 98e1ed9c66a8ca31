"""Keeps the processor going, within the service or as a process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.db import SessionFactory
from app.settings import settings
from app.worker import heartbeat
from app.worker.processor import JobProcessor

logger = logging.getLogger(__name__)


class WorkerRunner:
    def __init__(self, processor: JobProcessor, poll_seconds: float) -> None:
        self._processor = processor
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Looks for work now instead of at the next poll."""
        self._woken.set()

    async def run_forever(self) -> None:
        while not self._stopping:
            await asyncio.to_thread(heartbeat.beat, settings.heartbeat_file)
            try:
                busy = await self._processor.run_next()
            except Exception:
                logger.exception("no job could be claimed")
                busy = False
            if not busy:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._poll_seconds)
                self._woken.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs beside whatever the context holds, and ends after the job in hand."""
        task = asyncio.create_task(self.run_forever())
        try:
            yield
        finally:
            self._stopping = True
            self.wake()
            await task


runner = WorkerRunner(JobProcessor(SessionFactory), settings.poll_seconds)
