"""The lease of an instance: one holder, free as soon as the holder is gone, however it went."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.database.lease import DatabaseLease
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from tests.integration.conftest import Database

HOLDER = """
import asyncio, sys, uuid
from digital_spiral.infrastructure.database.lease import DatabaseLease
from digital_spiral.infrastructure.database.session import create_engine

async def main(url, instance_id):
    async with DatabaseLease(create_engine(url)).hold(uuid.UUID(instance_id)) as had:
        print("held" if had else "refused", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def lease(engine: AsyncEngine) -> DatabaseLease:
    return DatabaseLease(engine)


@contextlib.asynccontextmanager
async def holder_process(url: str, instance_id: uuid.UUID) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that holds the lease."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, url, str(instance_id), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"held\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_one_holder_at_a_time(lease: DatabaseLease, engine: AsyncEngine) -> None:
    instance_id, other_id = uuid.uuid4(), uuid.uuid4()
    assert await lease.is_free(instance_id)
    async with lease.hold(instance_id) as first:
        assert first
        assert not await lease.is_free(instance_id)
        assert await lease.is_free(other_id)
        async with lease.hold(instance_id) as second, DatabaseLease(engine).hold(instance_id) as third:
            assert not second
            assert not third
        assert not await lease.is_free(instance_id), "a failed attempt must not free it"
        async with lease.hold(other_id) as unrelated:
            assert unrelated
    assert await lease.is_free(instance_id)
    async with lease.hold(instance_id) as again:
        assert again


async def test_an_error_frees_it(lease: DatabaseLease) -> None:
    instance_id = uuid.uuid4()

    async def work() -> None:
        async with lease.hold(instance_id) as had:
            assert had
            raise LookupError("the work failed")

    with pytest.raises(LookupError, match="the work failed"):
        await work()
    assert await lease.is_free(instance_id)


async def test_of_many_at_once_exactly_one_has_it(lease: DatabaseLease) -> None:
    instance_id = uuid.uuid4()
    tried = asyncio.Barrier(8)

    async def work() -> bool:
        async with lease.hold(instance_id) as had:
            await tried.wait()
            return had

    assert sum(await asyncio.gather(*(work() for _ in range(8)))) == 1


async def test_looking_never_stands_in_the_way(lease: DatabaseLease) -> None:
    """A sweep that looks at the moment a worker starts must not make the worker believe it is too late."""
    instance_id = uuid.uuid4()
    working = True

    async def look() -> None:
        while working:
            await lease.is_free(instance_id)

    looking = [asyncio.create_task(look()) for _ in range(3)]
    had = []
    for _ in range(20):
        async with lease.hold(instance_id) as got:
            had.append(got)
    working = False
    await asyncio.gather(*looking)
    assert all(had)


async def test_leases_of_every_kind_of_number(lease: DatabaseLease) -> None:
    """Lock numbers are signed and shown in two halves: each must be found again, whatever its sign."""
    for number in range(40):
        instance_id = uuid.uuid5(uuid.NAMESPACE_URL, str(number))
        async with lease.hold(instance_id) as had:
            assert had
            assert not await lease.is_free(instance_id)


async def test_other_databases_have_leases_of_their_own(lease: DatabaseLease, empty_database: Database) -> None:
    elsewhere = create_engine(empty_database.app_url)
    instance_id = uuid.uuid4()
    async with DatabaseLease(elsewhere).hold(instance_id) as had:
        assert had
        assert await lease.is_free(instance_id)
    await elsewhere.dispose()


@pytest.mark.process
async def test_a_killed_holder_frees_it(lease: DatabaseLease, database: Database) -> None:
    instance_id = uuid.uuid4()
    async with holder_process(database.app_url, instance_id) as process:
        assert not await lease.is_free(instance_id)
        async with lease.hold(instance_id) as had:
            assert not had
        process.kill()
        await process.wait()
        async with asyncio.timeout(5):
            while not await lease.is_free(instance_id):
                assert process.returncode is not None
    async with lease.hold(instance_id) as had:
        assert had


async def test_a_holder_whose_session_ended_leaves_in_order(lease: DatabaseLease, database: Database) -> None:
    """The server ended the session: the lease is free, and leaving the context is no second error."""
    instance_id = uuid.uuid4()
    async with lease.hold(instance_id) as had:
        assert had
        async with create_single_engine(database.admin_url).connect() as admin:
            await admin.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = :name AND application_name = 'digital-spiral lease'"
                ),
                {"name": database.name},
            )
        assert await lease.is_free(instance_id)
    async with lease.hold(instance_id) as had:
        assert had


async def test_a_server_that_is_down(tmp_path: object) -> None:
    lease = DatabaseLease(create_engine(f"postgresql://someone@/db?host={tmp_path}"))
    with pytest.raises(Unavailable, match="cannot be reached"):
        async with lease.hold(uuid.uuid4()):
            pytest.fail("a lease without a server")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await lease.is_free(uuid.uuid4())
