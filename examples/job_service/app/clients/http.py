"""The one HTTP client of the process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx


class HttpClient:
    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=10.0) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    @property
    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("the HTTP client runs only within the application")
        return self._client

    async def get_json(self, url: str, params: Mapping[str, str]) -> Any:
        response = await self.client.get(url, params=params)
        response.raise_for_status()
        return response.json()

    async def post_json(self, url: str, payload: Mapping[str, Any]) -> None:
        response = await self.client.post(url, json=payload)
        response.raise_for_status()


http = HttpClient()
