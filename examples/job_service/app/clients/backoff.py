"""How long to wait between attempts."""

import time


def delay(attempt: int) -> float:
    """Seconds before attempt + 1; doubles each time."""
    return 0.05 * 2.0**attempt


def wait(attempt: int) -> None:
    time.sleep(delay(attempt))
