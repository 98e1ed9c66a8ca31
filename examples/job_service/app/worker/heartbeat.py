"""A file that the worker touches, so that others see that it lives."""

import time
from pathlib import Path


def beat(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(time.time()))


def is_fresh(path: Path, max_age: float) -> bool:
    """Whether the last beat is at most max_age seconds old."""
    try:
        last = float(path.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return time.time() - last <= max_age
