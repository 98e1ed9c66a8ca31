"""A customer's jobs as a file to take away."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence

from app.models import Job

COLUMNS = ("job", "title", "status")
ROUNDS = 200_000


class Export:
    """Lines of text, and the key that protects them."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._lines.append(f"{job.id};{job.title};{job.status}\n")

    def with_heading(self) -> str:
        columns = [column.upper() for column in COLUMNS]
        heading = ";".join(columns)
        return f"{heading}\n{''.join(self._lines)}"

    def key(self, password: str) -> str:
        salt = secrets.token_bytes(16)
        return salt.hex() + hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS).hex()


async def exported(jobs: Sequence[Job], password: str) -> dict[str, str]:
    export = Export()
    export.add(jobs)
    return {"text": export.with_heading(), "key": await asyncio.to_thread(export.key, password)}
