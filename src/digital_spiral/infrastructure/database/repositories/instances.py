"""The Jira sites of a tenant."""

from dataclasses import asdict
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.errors import Conflict, NotFound
from digital_spiral.infrastructure.database.tables import jira_instances as table


class InstanceRepository:
    """Instances of the transaction's tenant."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, instance: JiraInstance) -> None:
        """Store a new instance.

        Raises:
            Conflict: Its name or its address is taken.
        """
        added = await self._connection.execute(insert(table).values(**asdict(instance)).on_conflict_do_nothing())
        if added.rowcount == 0:
            raise Conflict(
                f"A Jira instance with the name {instance.name!r} or the address {instance.base_url} exists already."
            )

    async def replace_credentials(self, instance: JiraInstance) -> None:
        """Store the instance's credentials, account and time zone again.

        Raises:
            NotFound: It is not stored.
        """
        replaced = await self._connection.execute(
            sa.update(table)
            .where(table.c.id == instance.id)
            .values(credentials=instance.credentials, account_id=instance.account_id, time_zone=instance.time_zone)
        )
        if replaced.rowcount == 0:
            raise NotFound(f"There is no Jira instance {instance.id}.")

    async def remove(self, instance_id: UUID) -> None:
        """Delete the instance; the rows copied from it go with it by their foreign keys.

        Raises:
            NotFound: It is not stored.
        """
        removed = await self._connection.execute(sa.delete(table).where(table.c.id == instance_id))
        if removed.rowcount == 0:
            raise NotFound(f"There is no Jira instance {instance_id}.")

    async def get(self, instance_id: UUID) -> JiraInstance:
        """The instance with this id.

        Raises:
            NotFound: There is none.
        """
        row = (await self._connection.execute(sa.select(table).where(table.c.id == instance_id))).one_or_none()
        if row is None:
            raise NotFound(f"There is no Jira instance {instance_id}.")
        return JiraInstance(**row._mapping)

    async def find(self, name_or_id: str) -> JiraInstance:
        """The instance with this name, address or id; an id or a name wins over an address.

        Raises:
            NotFound: There is none.
        """
        is_name = table.c.name == name_or_id
        is_id = sa.cast(table.c.id, sa.Text) == name_or_id.lower()
        is_address = table.c.base_url == name_or_id.rstrip("/")
        statement = sa.select(table).where(sa.or_(is_id, is_name, is_address)).order_by(is_id.desc(), is_name.desc())
        row = (await self._connection.execute(statement.limit(1))).one_or_none()
        if row is None:
            raise NotFound(f"No Jira instance is called {name_or_id!r}. `digital-spiral instances` lists them.")
        return JiraInstance(**row._mapping)

    async def list(self) -> list[JiraInstance]:
        """All of them, by name."""
        rows = await self._connection.execute(sa.select(table).order_by(table.c.name))
        return [JiraInstance(**row._mapping) for row in rows]
