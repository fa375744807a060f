"""A unit of work is one transaction of one tenant, and nothing of it stays on the connection."""

import asyncio
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import SpiralError
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant, find_tenant, tenant_ids
from digital_spiral.infrastructure.database.session import create_engine
from digital_spiral.infrastructure.database.tables import audit_log
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from tests.integration.conftest import Database


def entry(tenant_id: uuid.UUID) -> AuditEntry:
    return AuditEntry(
        tenant_id=tenant_id,
        id=uuid.uuid4(),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        actor="somebody",
        action="test",
        target="nothing",
        details={"why": "to be read back"},
    )


async def entries(engine: AsyncEngine, tenant_id: uuid.UUID | None) -> int:
    """Audit entries that a connection of the pool sees, with a tenant set or without."""
    async with engine.connect() as connection:
        if tenant_id:
            await connection.execute(sa.select(sa.func.set_config("app.tenant_id", str(tenant_id), True)))
        return await connection.scalar(sa.select(sa.func.count()).select_from(audit_log)) or 0


async def test_commit_keeps_the_work(open_uow: OpenUnitOfWork, engine: AsyncEngine, tenant: Tenant) -> None:
    written = entry(tenant.id)
    async with open_uow(tenant.id) as uow:
        await uow.audit.add(written)
        await uow.commit()
    async with engine.connect() as connection:
        await connection.execute(sa.select(sa.func.set_config("app.tenant_id", str(tenant.id), True)))
        row = (await connection.execute(sa.select(audit_log))).one()
    assert AuditEntry(**row._mapping) == written


async def test_leaving_without_commit_keeps_nothing(
    open_uow: OpenUnitOfWork, engine: AsyncEngine, tenant: Tenant
) -> None:
    async with open_uow(tenant.id) as uow:
        await uow.audit.add(entry(tenant.id))
    assert await entries(engine, tenant.id) == 0


async def test_an_error_keeps_nothing(open_uow: OpenUnitOfWork, engine: AsyncEngine, tenant: Tenant) -> None:
    async def work() -> None:
        async with open_uow(tenant.id) as uow:
            await uow.audit.add(entry(tenant.id))
            raise LookupError("a use case failed")

    with pytest.raises(LookupError, match="a use case failed"):
        await work()
    assert await entries(engine, tenant.id) == 0


async def test_cancellation_keeps_nothing_and_gives_the_connection_back(database: Database, tenant: Tenant) -> None:
    engine = create_engine(database.app_url, pool_size=1, max_overflow=0)
    inside = asyncio.Event()

    async def work() -> None:
        async with open_unit_of_work(engine)(tenant.id) as uow:
            await uow.audit.add(entry(tenant.id))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await entries(engine, tenant.id) == 0
    await engine.dispose()


async def test_nothing_can_follow_a_commit(open_uow: OpenUnitOfWork, engine: AsyncEngine, tenant: Tenant) -> None:
    async with open_uow(tenant.id) as uow:
        await uow.commit()
        with pytest.raises(exc.ResourceClosedError):
            await uow.audit.add(entry(tenant.id))
        with pytest.raises(exc.ResourceClosedError):
            await uow.mirror.totals(uuid.uuid4())
    assert await entries(engine, tenant.id) == 0


@pytest.mark.parametrize("ending", ["commit", "rollback", "error"])
async def test_a_pooled_connection_carries_no_tenant_over(
    database: Database, two_tenants: tuple[Tenant, Tenant], ending: str
) -> None:
    engine = create_engine(database.app_url, pool_size=1, max_overflow=0)
    open_uow = open_unit_of_work(engine)
    first, second = two_tenants
    async with open_uow(first.id) as uow:
        await uow.audit.add(entry(first.id))
        await uow.commit()

    async def work() -> None:
        async with open_uow(first.id) as uow:
            await uow.audit.add(entry(first.id))
            if ending == "error":
                await uow.audit.add(entry(second.id))
            if ending == "commit":
                await uow.commit()

    refusal = pytest.raises(SpiralError, match="violates row-level security policy")
    with refusal if ending == "error" else nullcontext():
        await work()
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT current_setting('app.tenant_id', true)")) == ""
    assert await entries(engine, None) == 0
    assert await entries(engine, second.id) == 0
    assert await entries(engine, first.id) == (2 if ending == "commit" else 1)
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]  # the pool in use is a queue, its base has no size
    await engine.dispose()


async def test_two_tenants_at_once_on_one_pool(
    database: Database, two_tenants: tuple[Tenant, Tenant], open_uow: OpenUnitOfWork, engine: AsyncEngine
) -> None:
    async def work(tenant: Tenant) -> None:
        async with open_uow(tenant.id) as uow:
            await uow.audit.add(entry(tenant.id))
            await uow.commit()

    await asyncio.gather(*(work(tenant) for tenant in two_tenants * 10))
    assert [await entries(engine, tenant.id) for tenant in two_tenants] == [10, 10]


async def test_tenants_are_made_by_the_owner_and_known_by_id(engine: AsyncEngine, owner_engine: AsyncEngine) -> None:
    assert await tenant_ids(engine) == []
    made = [await create_tenant(owner_engine, name) for name in ("Acme", "Globex")]
    assert await tenant_ids(engine) == sorted(tenant.id for tenant in made)
    assert await find_tenant(owner_engine, "Acme") == made[0]
    assert await find_tenant(owner_engine, "Initech") is None
    assert made[0].created_at.tzinfo is not None


async def test_a_tenants_name_is_unique(owner_engine: AsyncEngine, engine: AsyncEngine) -> None:
    made = await create_tenant(owner_engine, "Acme")
    with pytest.raises(SpiralError, match="'Acme' exists already") as caught:
        await create_tenant(owner_engine, "Acme")
    assert caught.value.code == "conflict"
    assert await tenant_ids(engine) == [made.id]


async def test_the_application_role_makes_no_tenants(engine: AsyncEngine) -> None:
    with pytest.raises(SpiralError, match="permission denied") as caught:
        await create_tenant(engine, "Acme")
    assert caught.value.code == "misconfigured"
