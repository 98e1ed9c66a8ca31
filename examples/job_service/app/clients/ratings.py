"""The rating agency."""

from app.clients.http import HttpClient, http
from app.settings import settings


class RatingClient:
    def __init__(self, client: HttpClient, url: str) -> None:
        self._http = client
        self._url = url

    async def rating_of(self, external_ref: str) -> str:
        return str((await self._lookup(external_ref))["rating"])

    async def _lookup(self, external_ref: str) -> dict[str, str]:
        answer: dict[str, str] = await self._http.get_json(self._url, {"ref": external_ref})
        return answer


rating_client = RatingClient(http, settings.rating_url)
