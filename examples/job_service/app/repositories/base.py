"""What every repository has."""

from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import Self


class Repository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @classmethod
    def from_session(cls, session: AsyncSession) -> Self:
        return cls(session)
