"""API keys as rows."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.tenancy import ApiKey, Scope, Tenant
from digital_spiral.domain.errors import Conflict

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def key(tenant: Tenant, name: str = "reports", prefix: str = "abcdefgh") -> ApiKey:
    return ApiKey(
        tenant_id=tenant.id,
        id=uuid.uuid4(),
        name=name,
        prefix=prefix,
        secret_hash=bytes(range(32)),
        scopes=[Scope.READ_ISSUES, Scope.WRITE_SYNC],
        created_at=NOW,
        expires_at=NOW + MINUTE,
    )


async def stored(open_uow: OpenUnitOfWork, *keys: ApiKey) -> None:
    for one in keys:
        async with open_uow(one.tenant_id) as uow:
            await uow.api_keys.add(one)
            await uow.commit()


async def test_what_was_added_is_read_back(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    newer = replace(key(tenant, "newer", "22222222"), created_at=NOW + MINUTE, expires_at=None)
    older = key(tenant, "older", "33333333")
    await stored(open_uow, newer, older)
    async with open_uow(tenant.id) as uow:
        assert await uow.api_keys.list() == [older, newer]
        assert await uow.api_keys.by_prefix("22222222") == newer
        assert await uow.api_keys.by_prefix("44444444") is None
        assert all(isinstance(scope, Scope) for each in await uow.api_keys.list() for scope in each.scopes)


async def test_a_name_is_unique_among_keys_in_use(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    first, second = key(tenant), key(tenant, prefix="22222222")
    await stored(open_uow, first)
    async with open_uow(tenant.id) as uow:
        with pytest.raises(Conflict, match="'reports' exists already"):
            await uow.api_keys.add(second)
    async with open_uow(tenant.id) as uow:
        assert await uow.api_keys.revoke(first.id, NOW)
        await uow.api_keys.add(second)
        await uow.commit()
    async with open_uow(tenant.id) as uow:
        assert {each.id for each in await uow.api_keys.list()} == {first.id, second.id}


async def test_a_prefix_is_unique_even_after_revocation(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    first = key(tenant)
    await stored(open_uow, first)
    async with open_uow(tenant.id) as uow:
        assert await uow.api_keys.revoke(first.id, NOW)
        await uow.commit()
    with pytest.raises(Conflict, match="this name or identity exists already"):
        await stored(open_uow, key(tenant, "another"))


async def test_two_tenants_may_have_the_same_names_and_prefixes(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant]
) -> None:
    keys = [key(tenant) for tenant in two_tenants]
    await stored(open_uow, *keys)
    for one in keys:
        async with open_uow(one.tenant_id) as uow:
            assert await uow.api_keys.by_prefix("abcdefgh") == one
            assert await uow.api_keys.list() == [one]


async def test_revoking_keeps_the_first_moment_and_stays_within_the_tenant(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant]
) -> None:
    own, other = two_tenants
    one = key(own)
    await stored(open_uow, one)
    async with open_uow(other.id) as uow:
        assert not await uow.api_keys.revoke(one.id, NOW)
        await uow.commit()
    for moment, first in ((NOW, True), (NOW + MINUTE, False)):
        async with open_uow(own.id) as uow:
            assert await uow.api_keys.revoke(one.id, moment) is first
            await uow.commit()
    async with open_uow(own.id) as uow:
        assert await uow.api_keys.list() == [replace(one, revoked_at=NOW)]


async def test_a_use_is_noted_unless_a_later_one_is(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    used, unused = key(tenant), key(tenant, "unused", "22222222")
    await stored(open_uow, used, unused)
    for now, unless_since, noted in (
        (NOW, NOW - MINUTE, NOW),
        (NOW + MINUTE / 2, NOW - MINUTE / 2, NOW),
        (NOW + MINUTE, NOW, NOW + MINUTE),
    ):
        async with open_uow(tenant.id) as uow:
            await uow.api_keys.used(used.id, now, unless_since)
            await uow.commit()
        async with open_uow(tenant.id) as uow:
            assert [each.last_used_at for each in await uow.api_keys.list() if each.id == used.id] == [noted]
    async with open_uow(tenant.id) as uow:
        assert await uow.api_keys.by_prefix("22222222") == unused
