"""Audit records in the database."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.models import AuditRecord
from app.repositories.base import Repository


class AuditRepository(Repository):
    async def number(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(AuditRecord))).scalar_one()

    async def recent(self, limit: int) -> Sequence[AuditRecord]:
        query = select(AuditRecord).order_by(AuditRecord.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()
