"""The audit log of a tenant."""

from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.infrastructure.database.tables import audit_log


class AuditRepository:
    """The audit log of the transaction's tenant."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: AuditEntry) -> None:
        """Append an entry."""
        await self._connection.execute(sa.insert(audit_log).values(**asdict(entry)))
