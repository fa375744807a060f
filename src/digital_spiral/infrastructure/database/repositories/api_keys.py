"""The API keys of a tenant."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.tenancy import ApiKey, Scope
from digital_spiral.domain.errors import Conflict
from digital_spiral.infrastructure.database.session import driver_connection
from digital_spiral.infrastructure.database.tables import API_KEY_IN_USE
from digital_spiral.infrastructure.database.tables import api_keys as table

# As text and on the driver's own connection, because each request of the API begins with it.
_BY_PREFIX = f"SELECT {', '.join(column.name for column in table.columns)} FROM {table.name} WHERE prefix = $1"  # noqa: S608


class ApiKeyRepository:
    """Keys of the transaction's tenant."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            Conflict: Its name is taken by a key that is not revoked; a unique index decides, so of two callers at
                once one wins.
        """
        statement = insert(table).values(**asdict(key))
        added = await self._connection.execute(
            statement.on_conflict_do_nothing(index_elements=["tenant_id", "name"], index_where=API_KEY_IN_USE)
        )
        if added.rowcount == 0:
            raise Conflict(f"An API key with the name {key.name!r} exists already. Revoke it, or choose another name.")

    async def by_prefix(self, prefix: str) -> ApiKey | None:
        """The key with this prefix, whatever its state."""
        driver = await driver_connection(self._connection)
        row = await driver.fetchrow(_BY_PREFIX, prefix)
        return None if row is None else _key(row)

    async def list(self) -> list[ApiKey]:
        """All of them, oldest first, revoked ones included."""
        rows = await self._connection.execute(sa.select(table).order_by(table.c.created_at, table.c.id))
        return [_key(row._mapping) for row in rows]

    async def revoke(self, key_id: UUID, now: datetime) -> bool:
        """Mark a key as revoked; False when it was revoked before, which keeps its moment."""
        revoked = await self._connection.execute(
            sa.update(table).where(table.c.id == key_id, API_KEY_IN_USE).values(revoked_at=now)
        )
        return revoked.rowcount == 1

    async def used(self, key_id: UUID, now: datetime, unless_since: datetime) -> None:
        """Note that a key was used, unless a use later than ``unless_since`` is noted already.

        Of several callers at once only the first writes: the others find its moment when they have waited for it.
        """
        noted = table.c.last_used_at
        await self._connection.execute(
            sa.update(table)
            .where(table.c.id == key_id, sa.or_(noted.is_(None), noted <= unless_since))
            .values(last_used_at=now)
        )


def _key(row: Mapping[str, Any] | sa.RowMapping) -> ApiKey:
    key = ApiKey(**row)
    key.scopes = [Scope(scope) for scope in key.scopes]
    return key
