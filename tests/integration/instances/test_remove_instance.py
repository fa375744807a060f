"""Removing a site takes its copy with it, and only its own."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.instances.remove_instance import RemoveInstance
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, NotFound
from digital_spiral.infrastructure.database.lease import DatabaseLease
from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.tables import audit_log, sync_runs

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def remove(engine: AsyncEngine, open_uow: OpenUnitOfWork) -> RemoveInstance:
    return RemoveInstance(open_uow, DatabaseLease(engine), lambda: NOW)


async def add_copied(open_uow: OpenUnitOfWork, tenant: Tenant, name: str) -> JiraInstance:
    """Store an instance with one row that belongs to it."""
    instance = JiraInstance(
        tenant_id=tenant.id,
        id=uuid4(),
        name=name,
        base_url=f"https://{name}.atlassian.net",
        credentials=b"sealed",
        account_id="5b10",
        time_zone="UTC",
        created_at=NOW,
    )
    run = SyncRun(tenant_id=tenant.id, id=uuid4(), instance_id=instance.id, state=RunState.QUEUED, created_at=NOW)
    async with open_uow(tenant.id) as uow:
        await uow.instances.add(instance)
        await uow.runs.add(run)
        await uow.commit()
    return instance


async def rows(
    engine: AsyncEngine, tenant_id: UUID, statement: sa.Select[tuple[object, ...]]
) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        await connection.execute(sa.select(sa.func.set_config(SETTING, str(tenant_id), True)))
        return [tuple(row) for row in await connection.execute(statement)]


async def test_the_copy_goes_and_the_audit_log_stays(
    engine: AsyncEngine, open_uow: OpenUnitOfWork, tenant: Tenant, remove: RemoveInstance
) -> None:
    removed, kept = [await add_copied(open_uow, tenant, name) for name in ("acme", "globex")]
    await remove.remove(tenant.id, removed.id, "cli:me")
    async with open_uow(tenant.id) as uow:
        assert [each.id for each in await uow.instances.list()] == [kept.id]
    assert await rows(engine, tenant.id, sa.select(sync_runs.c.instance_id)) == [(kept.id,)]
    written = await rows(engine, tenant.id, sa.select(audit_log.c.action, audit_log.c.actor, audit_log.c.target))
    assert written == [("instance.remove", "cli:me", str(removed.id))]


async def test_a_site_that_is_being_copied_is_not_removed(
    engine: AsyncEngine, open_uow: OpenUnitOfWork, tenant: Tenant, remove: RemoveInstance
) -> None:
    instance = await add_copied(open_uow, tenant, "acme")
    async with DatabaseLease(engine).hold(instance.id) as had:
        assert had
        with pytest.raises(Conflict, match="acme just now"):
            await remove.remove(tenant.id, instance.id, "cli:me")
    async with open_uow(tenant.id) as uow:
        assert (await uow.instances.get(instance.id)).name == "acme"


async def test_another_tenants_site_is_out_of_reach(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant], remove: RemoveInstance
) -> None:
    own, other = two_tenants
    instance = await add_copied(open_uow, own, "acme")
    with pytest.raises(NotFound):
        await remove.remove(other.id, instance.id, "cli:me")
    async with open_uow(own.id) as uow:
        assert await uow.instances.list() == [instance]
