"""The worker as a process of its own: `python -m app.worker`."""

import asyncio

from app.clients.http import http
from app.db import engine
from app.worker.runner import runner


async def main() -> None:
    try:
        async with http.running():
            await runner.run_forever()
    finally:
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
