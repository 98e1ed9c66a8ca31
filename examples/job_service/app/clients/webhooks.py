"""Tells customers' systems what became of their jobs."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from app.clients import backoff
from app.clients.http import http
from app.models import Customer

logger = logging.getLogger(__name__)


async def deliver(url: str, payload: Mapping[str, Any]) -> bool:
    """Whether the receiver took it within three attempts."""
    for attempt in range(3):
        try:
            await http.post_json(url, payload)
        except httpx.HTTPError as error:
            logger.warning("attempt %d at %s failed: %s", attempt + 1, url, error)
            backoff.wait(attempt)  # error: [sync-sleep-in-async]
        else:
            return True
    return False


async def tell(customer: Customer, payload: Mapping[str, Any]) -> None:
    """Tells one that left an address; nothing more is tried."""
    if customer.callback_url is not None:
        with suppress(httpx.HTTPError):
            await http.client.post(customer.callback_url, json=payload)
