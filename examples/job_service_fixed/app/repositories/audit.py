"""Audit records in the database."""

from collections.abc import Sequence

from sqlalchemy import select

from app.models import AuditRecord
from app.repositories.base import Repository


class AuditRepository(Repository):
    async def recent(self, limit: int) -> Sequence[AuditRecord]:
        query = select(AuditRecord).order_by(AuditRecord.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()
