"""Jira instances as rows."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, NotFound


def instance(tenant: Tenant, name: str = "main") -> JiraInstance:
    return JiraInstance(
        tenant_id=tenant.id,
        id=uuid.uuid4(),
        name=name,
        base_url=f"https://{name}.example.net",
        credentials=b"\x00ciphertext",
        account_id="5b10",
        time_zone="Europe/Vienna",
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )


async def stored(open_uow: OpenUnitOfWork, *instances: JiraInstance) -> None:
    for one in instances:
        async with open_uow(one.tenant_id) as uow:
            await uow.instances.add(one)
            await uow.commit()


async def test_what_was_added_is_read_back(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    main, other = instance(tenant, "main"), instance(tenant, "a-second")
    await stored(open_uow, main, other)
    async with open_uow(tenant.id) as uow:
        assert await uow.instances.list() == [other, main]
        assert await uow.instances.get(main.id) == main
        for text in ("main", str(main.id), str(main.id).upper(), main.base_url, f"{main.base_url}/"):
            assert await uow.instances.find(text) == main


async def test_a_name_wins_over_an_address(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    addressed = instance(tenant, "main")
    named = replace(instance(tenant, "other"), name=addressed.base_url)
    await stored(open_uow, addressed, named)
    async with open_uow(tenant.id) as uow:
        assert await uow.instances.find(addressed.base_url) == named


@pytest.mark.parametrize("same", ["name", "base_url"])
async def test_name_and_address_are_unique_in_a_tenant(open_uow: OpenUnitOfWork, tenant: Tenant, same: str) -> None:
    first, second = instance(tenant, "main"), instance(tenant, "second")
    await stored(open_uow, first)
    clash = replace(second, name=first.name) if same == "name" else replace(second, base_url=first.base_url)
    async with open_uow(tenant.id) as uow:
        with pytest.raises(Conflict, match="exists already"):
            await uow.instances.add(clash)
        await uow.instances.add(second)
        await uow.commit()
    async with open_uow(tenant.id) as uow:
        assert await uow.instances.list() == [first, second]


async def test_two_tenants_may_connect_the_same_site(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant]
) -> None:
    first, second = (instance(tenant) for tenant in two_tenants)
    await stored(open_uow, first, second)
    async with open_uow(two_tenants[0].id) as uow:
        assert await uow.instances.find("main") == first
        with pytest.raises(NotFound):
            await uow.instances.get(second.id)
        with pytest.raises(NotFound):
            await uow.instances.replace_credentials(second)


async def test_credentials_are_replaced_and_nothing_else(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    old = instance(tenant)
    await stored(open_uow, old)
    new = replace(old, credentials=b"new", account_id="5b11", time_zone="Asia/Tokyo", name="ignored")
    async with open_uow(tenant.id) as uow:
        await uow.instances.replace_credentials(new)
        await uow.commit()
    async with open_uow(tenant.id) as uow:
        assert await uow.instances.get(old.id) == replace(new, name=old.name)


async def test_a_removed_instance_takes_its_rows_along(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    removed, kept = instance(tenant, "removed"), instance(tenant, "kept")
    await stored(open_uow, removed, kept)
    async with open_uow(tenant.id) as uow:
        for one in (removed, kept):
            await uow.runs.set_watermark(one.id, "issues", 7, None)
        await uow.instances.remove(removed.id)
        await uow.commit()
    async with open_uow(tenant.id) as uow:
        assert await uow.instances.list() == [kept]
        assert await uow.runs.watermark(removed.id, "issues", None) == 0
        assert await uow.runs.watermark(kept.id, "issues", None) == 7


async def test_unknown_instances(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    async with open_uow(tenant.id) as uow:
        with pytest.raises(NotFound, match="There is no Jira instance"):
            await uow.instances.get(uuid.uuid4())
        with pytest.raises(NotFound, match=r"called 'nope'.*digital-spiral instances"):
            await uow.instances.find("nope")
        with pytest.raises(NotFound):
            await uow.instances.replace_credentials(instance(tenant))
        with pytest.raises(NotFound):
            await uow.instances.remove(uuid.uuid4())
