"""How long to wait between attempts."""

import asyncio


def delay(attempt: int) -> float:
    """Seconds before attempt + 1; doubles each time."""
    return 0.05 * 2.0**attempt


async def wait(attempt: int) -> None:
    await asyncio.sleep(delay(attempt))
