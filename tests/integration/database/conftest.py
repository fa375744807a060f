"""Two tenants with a row in every table, made from the columns alone, so that a new table is covered by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.tables import TENANT_TABLES
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from tests.integration.conftest import Database

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SAMPLES: dict[type[Any], object] = {
    ARRAY: [],
    JSONB: {},
    sa.TIMESTAMP: NOON,
    sa.Date: date(2026, 3, 29),
    sa.Boolean: False,
    sa.Double: 1.0,
    sa.BigInteger: 1,
    sa.Integer: 1,
    sa.LargeBinary: b"\x01",
    sa.Uuid: uuid.UUID(int=1),
    sa.Text: "1",
}


@dataclass(frozen=True)
class Rows:
    """A tenant and the instance under which it has one row in each table."""

    tenant_id: uuid.UUID
    instance_id: uuid.UUID

    def sample(self, table: sa.Table, **changes: object) -> dict[str, object]:
        """A row of ``table`` that refers to the tenant's other sample rows."""
        row = {
            column.name: next(value for kind, value in SAMPLES.items() if isinstance(column.type, kind))
            for column in table.columns
        }
        row |= {"tenant_id": self.tenant_id}
        if table.name == "jira_instances":
            row |= {"id": self.instance_id}
        if "instance_id" in row:
            row |= {"instance_id": self.instance_id}
        if table.name == "sync_runs":
            row |= {"state": RunState.QUEUED}
        return row | changes

    def another(self, table: sa.Table) -> dict[str, object]:
        """A second row of ``table``, in conflict with no other."""
        changes: dict[str, object] = {}
        for column in table.primary_key.columns:
            if column.name not in ("tenant_id", "instance_id", "issue_id"):
                changes[column.name] = {sa.Uuid: uuid.UUID(int=2), sa.Text: "2"}.get(type(column.type), 2)
        if table.name == "jira_instances":
            changes |= {"name": "2", "base_url": "2"}
        if table.name == "api_keys":
            changes |= {"prefix": "2"}
        if table.name == "sync_runs":
            changes |= {"state": RunState.FAILED}
        return self.sample(table, **changes)


@dataclass(frozen=True)
class Populated:
    """A migrated database in which two tenants have the same ids in every table."""

    database: Database
    own: Rows
    other: Rows


async def set_tenant(connection: AsyncConnection, tenant_id: object) -> None:
    """Set the tenant of the connection's transaction, as a unit of work does."""
    await connection.execute(sa.select(sa.func.set_config(SETTING, str(tenant_id), True)))


async def driver(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection under SQLAlchemy's."""
    return (await connection.get_raw_connection()).driver_connection


async def _populate(database: Database) -> Populated:
    owner, app = create_single_engine(database.owner_url), create_single_engine(database.app_url)
    everybody = []
    for name in ("Acme", "Globex"):
        rows = Rows((await create_tenant(owner, name)).id, uuid.uuid4())
        everybody.append(rows)
        async with app.begin() as connection:
            await set_tenant(connection, rows.tenant_id)
            for table in TENANT_TABLES:
                await connection.execute(insert(table).values(rows.sample(table)))
    return Populated(database, *everybody)


@pytest.fixture(scope="module")
def populated(postgres: PostgresServer, template: str) -> Iterator[Populated]:
    """Two tenants with a row in every table; the tests of the module roll back whatever they do."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name, template)
    yield asyncio.run(_populate(Database(postgres, name)))
    postgres.drop_database(name)


@pytest.fixture
async def nobody(populated: Populated) -> AsyncIterator[AsyncConnection]:
    """The application role in a transaction without a tenant, rolled back after the test."""
    async with create_single_engine(populated.database.app_url).connect() as connection:
        await connection.begin()
        yield connection


@pytest.fixture
async def member(populated: Populated, nobody: AsyncConnection) -> AsyncConnection:
    """The application role in a transaction of the tenant ``populated.own``, rolled back after the test."""
    await set_tenant(nobody, populated.own.tenant_id)
    return nobody
