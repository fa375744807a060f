"""What the server refuses reaches the caller as an error of the product that says what to do."""

import asyncio
import socket
from datetime import datetime, timedelta, timezone

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, Invalid, Misconfigured, SpiralError, Unavailable
from digital_spiral.infrastructure.database.session import connect, create_engine, create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from tests.integration.conftest import Database
from tests.integration.database.conftest import driver


async def fails(url: str | sa.URL, kind: type[SpiralError], says: str, sql: str = "SELECT 1") -> str:
    """Assert that a statement at this address fails in this way, and return the message."""
    with pytest.raises(kind, match=says) as caught:
        async with connect(create_single_engine(url)) as connection:
            await connection.execute(sa.text(sql))
    return str(caught.value)


def signals(state: str) -> str:
    """SQL that makes the server itself report this error."""
    return f"DO $$ BEGIN RAISE EXCEPTION 'simulated' USING ERRCODE = '{state}'; END $$"


async def test_nobody_listens(database: Database) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        message = await fails(
            f"postgresql://someone:secret@127.0.0.1:{port}/db", Unavailable, "cannot be reached at postgresql://someone"
        )
    assert "secret" not in message
    assert "DATABASE_URL" in message


async def test_no_such_socket(database: Database) -> None:
    await fails("postgresql://someone:secret@/db?host=/nonexistent", Unavailable, "cannot be reached")


async def test_wrong_password(database: Database) -> None:
    wrong = sa.make_url(database.app_url).set(password="wrong")
    await fails(wrong, Misconfigured, "refused the role or its password")


async def test_unknown_role(database: Database) -> None:
    await fails(sa.make_url(database.app_url).set(username="nobody_made_this"), Misconfigured, "role or its password")


async def test_unknown_database(database: Database) -> None:
    unknown = sa.make_url(database.app_url).set(database="nobody_made_this")
    await fails(unknown, Misconfigured, "has no such database")


async def test_an_address_that_cannot_be_read() -> None:
    for address in ("", "localhost", "postgresql://host:port/db"):
        with pytest.raises(Misconfigured, match="cannot be read"):
            create_engine(address)


async def test_tables_are_missing(empty_database: Database) -> None:
    await fails(empty_database.app_url, Misconfigured, "db upgrade", "SELECT * FROM issues")


async def test_read_only(database: Database) -> None:
    async with create_single_engine(database.owner_url).begin() as owner:
        await owner.execute(sa.text(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on'))
    await fails(database.app_url, Unavailable, "takes no writes", "DELETE FROM issues")


async def test_no_connection_left(database: Database) -> None:
    async with create_single_engine(database.owner_url).begin() as owner:
        await owner.execute(sa.text(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0'))
    await fails(database.app_url, Unavailable, "no connection left")


async def test_statement_timeout(database: Database) -> None:
    engine = create_single_engine(database.app_url, settings={"statement_timeout": "10"})
    with pytest.raises(Unavailable, match="took too long"):
        async with connect(engine) as connection:
            await connection.execute(sa.text("SELECT pg_sleep(60)"))


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("53100", Unavailable, "disk is full"),
        ("53200", Unavailable, "out of memory"),
        ("53000", Unavailable, "lacks resources"),
        ("58030", Unavailable, "error below it"),
        ("08006", Unavailable, "connection to PostgreSQL broke"),
        ("57P03", Unavailable, "still starting"),
        ("40P01", Unavailable, "blocked each other"),
        ("40001", Unavailable, "in the way"),
        ("28000", Misconfigured, "does not let this role in"),
        ("42501", Misconfigured, "lacks a right"),
        ("42703", Misconfigured, "db upgrade"),
        ("23503", Conflict, "does not exist"),
        ("23505", Conflict, "exists already"),
    ],
)
async def test_states_of_the_server(database: Database, state: str, kind: type[SpiralError], says: str) -> None:
    message = await fails(database.app_url, kind, says, signals(state))
    assert message.endswith("(PostgreSQL: simulated.)")


async def test_errors_of_the_driver_itself_are_translated_too(open_uow: OpenUnitOfWork, engine: AsyncEngine) -> None:
    with pytest.raises(Unavailable, match="disk is full"):
        async with connect(engine) as connection:
            await (await driver(connection)).execute(signals("53100"))


BEYOND = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("bigint", sa.BigInteger(), 2**63),
        ("text", sa.Text(), "\ud800"),
        ("timestamptz", sa.TIMESTAMP(timezone=True), BEYOND),
    ],
    ids=["bigint", "text", "timestamptz"],
)
async def test_a_value_that_the_driver_cannot_send(
    engine: AsyncEngine, name: str, kind: sa.types.TypeEngine[object], value: object
) -> None:
    with pytest.raises(Invalid, match=r"^PostgreSQL cannot hold a value\.$"):
        async with connect(engine) as connection:
            await connection.execute(sa.select(sa.literal(value, kind)))
    with pytest.raises(Invalid, match=r"^PostgreSQL cannot hold a value\.$"):
        async with connect(engine) as connection:
            await (await driver(connection)).fetch(f"SELECT $1::{name}", value)


async def test_a_value_of_the_wrong_type_is_a_bug(engine: AsyncEngine) -> None:
    with pytest.raises(asyncpg.DataError, match="expected"):
        async with connect(engine) as connection:
            await (await driver(connection)).fetch("SELECT $1::text", 5)


async def test_bugs_pass_unchanged(engine: AsyncEngine) -> None:
    with pytest.raises(exc.DBAPIError, match="division by zero"):
        async with connect(engine) as connection:
            await connection.execute(sa.text("SELECT 1 / 0"))
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with connect(engine) as connection:
            await (await driver(connection)).execute("SELECT 1 / 0")


async def test_every_connection_is_in_use(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(database.app_url, pool_size=1, max_overflow=0)
    monkeypatch.setattr(engine.pool, "_timeout", 0.01)
    with pytest.raises(Unavailable, match="in use"):
        async with connect(engine), connect(engine):
            pytest.fail("a second connection came from a pool of one")
    await engine.dispose()


async def kill_connections(database: Database) -> None:
    """End every connection of the application role from the server's side."""
    async with create_single_engine(database.admin_url).connect() as admin:
        await admin.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = :name AND pid <> pg_backend_pid()"
            ),
            {"name": database.name},
        )


async def test_a_connection_that_breaks_at_work(database: Database, open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    async def work() -> None:
        async with open_uow(tenant.id) as uow:
            await kill_connections(database)
            await uow.instances.list()

    with pytest.raises(Unavailable, match=r"closed the connection|broke"):
        await work()


async def test_a_connection_that_broke_while_idle_is_replaced(
    database: Database, open_uow: OpenUnitOfWork, tenant: Tenant
) -> None:
    async with asyncio.TaskGroup() as group:
        opened = [group.create_task(_list_instances(open_uow, tenant)) for _ in range(3)]
    assert [task.result() for task in opened] == [[], [], []]
    await kill_connections(database)
    for _ in range(4):
        assert await _list_instances(open_uow, tenant) == []


async def test_a_server_that_is_gone_when_an_idle_connection_is_replaced(
    database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(database.app_url)
    await _list_instances(open_unit_of_work(engine), tenant)
    await kill_connections(database)

    async def nobody_listens(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(asyncpg, "connect", nobody_listens)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await _list_instances(open_unit_of_work(engine), tenant)
    await engine.dispose()


async def _list_instances(open_uow: OpenUnitOfWork, tenant: Tenant) -> list[object]:
    async with open_uow(tenant.id) as uow:
        return list(await uow.instances.list())
