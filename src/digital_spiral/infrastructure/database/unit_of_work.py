"""One transaction of one tenant, with the repositories that work in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digital_spiral.application.ports import ApiKeys, AuditLog, Instances, IssueReads, Mirror, OpenUnitOfWork, Runs
from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.repositories.api_keys import ApiKeyRepository
from digital_spiral.infrastructure.database.repositories.audit import AuditRepository
from digital_spiral.infrastructure.database.repositories.instances import InstanceRepository
from digital_spiral.infrastructure.database.repositories.issue_reads import IssueReadsRepository
from digital_spiral.infrastructure.database.repositories.mirror import MirrorRepository
from digital_spiral.infrastructure.database.repositories.runs import RunRepository
from digital_spiral.infrastructure.database.session import connect, reaching


class DatabaseUnitOfWork:
    """An open transaction in which only one tenant's rows exist."""

    def __init__(self, connection: AsyncConnection, tenant_id: UUID) -> None:
        self._connection = connection
        self.instances: Instances = InstanceRepository(connection)
        self.runs: Runs = RunRepository(connection, tenant_id)
        self.mirror: Mirror = MirrorRepository(connection, tenant_id)
        self.reads: IssueReads = IssueReadsRepository(connection, tenant_id)
        self.api_keys: ApiKeys = ApiKeyRepository(connection)
        self.audit: AuditLog = AuditRepository(connection)

    async def commit(self) -> None:
        """Make the work durable and end it: the tenant is gone with the transaction, so nothing can follow."""
        await self._connection.commit()
        await self._connection.close()


def open_unit_of_work(engine: AsyncEngine) -> OpenUnitOfWork:
    """How use cases reach the database of ``engine``: a function from a tenant to a unit of work.

    The unit of work raises ``Unavailable``, ``Misconfigured`` or ``Conflict`` for what the database refuses.
    """

    @asynccontextmanager
    async def open_uow(tenant_id: UUID) -> AsyncIterator[DatabaseUnitOfWork]:
        async with connect(engine) as connection:
            with reaching(engine):
                await _begin(connection, tenant_id)
            yield DatabaseUnitOfWork(connection, tenant_id)

    return open_uow


async def _begin(connection: AsyncConnection, tenant_id: UUID) -> None:
    """Begin the transaction and set its tenant, local to it.

    A pooled connection that broke while it was idle shows it here, before any work; it is replaced once, which
    spares every other transaction the round trip of a ping.
    """
    # As text: each transaction begins with this, and compiling an expression takes twice as long as sending it.
    set_tenant, tenant = f"SELECT set_config('{SETTING}', $1, true)", (str(tenant_id),)
    try:
        await connection.exec_driver_sql(set_tenant, tenant)
    except exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        await connection.rollback()
        await connection.exec_driver_sql(set_tenant, tenant)
