"""Authentication on the real database: only an unchanged key in force proves anything, and of its own tenant alone."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.tenants.authenticate import Authenticate
from digital_spiral.application.use_cases.tenants.create_key import CreatedKey, CreateKey
from digital_spiral.application.use_cases.tenants.list_keys import ListKeys
from digital_spiral.application.use_cases.tenants.revoke_key import RevokeKey
from digital_spiral.domain.entities.tenancy import Principal, Scope, Tenant
from digital_spiral.domain.errors import Unauthenticated, Unavailable
from digital_spiral.domain.services.api_key_token import new_token
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from tests.integration.conftest import Database

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticate(open_uow: OpenUnitOfWork, clock: Clock) -> Authenticate:
    return Authenticate(open_uow, clock)


async def made(
    open_uow: OpenUnitOfWork, tenant: Tenant, *scopes: Scope, expires_at: datetime | None = None
) -> CreatedKey:
    create = CreateKey(open_uow, lambda: NOW)
    return await create.create(
        tenant.id, name=str(uuid4()), scopes=scopes or list(Scope), expires_at=expires_at, actor="cli:me"
    )


async def last_used(open_uow: OpenUnitOfWork, created: CreatedKey) -> datetime | None:
    keys = await ListKeys(open_uow).list(created.key.tenant_id)
    return next(key.last_used_at for key in keys if key.id == created.key.id)


async def versions(database: Database, created: CreatedKey) -> str:
    """Place of the key's row on its page: every write of the row moves it on by one."""
    connection = await asyncpg.connect(database.admin_url.replace("+asyncpg", "", 1))
    place: str = await connection.fetchval("SELECT ctid::text FROM api_keys WHERE id = $1", created.key.id)
    await connection.close()
    return place


async def test_a_key_proves_its_tenant_and_its_scopes(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant], authenticate: Authenticate
) -> None:
    for tenant in two_tenants:
        created = await made(open_uow, tenant, Scope.READ_SYNC, Scope.READ_ISSUES)
        assert await authenticate.authenticate(created.token) == Principal(
            tenant_id=tenant.id,
            actor=f"key:{created.key.prefix}",
            scopes=frozenset({Scope.READ_SYNC, Scope.READ_ISSUES}),
        )


async def test_every_refusal_is_the_same_sentence(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant], authenticate: Authenticate, clock: Clock
) -> None:
    own, other = two_tenants
    good = await made(open_uow, own)
    revoked = await made(open_uow, own)
    await RevokeKey(open_uow, clock).revoke(own.id, revoked.key.prefix, "cli:me")
    expired = await made(open_uow, own, expires_at=NOW + MOMENT)
    clock.now = NOW + MOMENT
    unknown = new_token(own.id)
    wrong_secret = good.token[:-43] + unknown.token[-43:]
    presented = [
        "",
        "nonsense",
        good.token[:-1],
        f"{good.token}\n",
        unknown.token,
        wrong_secret,
        new_token(uuid4()).token,
        good.token.replace(own.id.hex, other.id.hex),
        good.token.replace(own.id.hex, uuid4().hex),
        revoked.token,
        expired.token,
    ]
    sentences = set()
    for token in presented:
        with pytest.raises(Unauthenticated) as caught:
            await authenticate.authenticate(token)
        sentences.add((str(caught.value), caught.value.code, caught.value.__cause__))
    assert len(sentences) == 1
    assert (await authenticate.authenticate(good.token)).tenant_id == own.id
    for untouched in (revoked, expired):
        assert await last_used(open_uow, untouched) is None


async def test_a_key_with_another_tenants_id_is_refused_even_where_that_tenant_has_its_prefix(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant], authenticate: Authenticate
) -> None:
    own, other = two_tenants
    created = await made(open_uow, own)
    theirs = replace(created.key, tenant_id=other.id)
    async with open_uow(other.id) as uow:
        await uow.api_keys.add(theirs)
        await uow.commit()
    with pytest.raises(Unauthenticated):
        await authenticate.authenticate(created.token.replace(own.id.hex, other.id.hex))
    assert (await authenticate.authenticate(created.token)).tenant_id == own.id
    assert await last_used(open_uow, CreatedKey(key=theirs, token="")) is None


async def test_a_key_works_until_the_moment_it_expires(
    open_uow: OpenUnitOfWork, tenant: Tenant, authenticate: Authenticate, clock: Clock
) -> None:
    created = await made(open_uow, tenant, expires_at=NOW + MINUTE)
    clock.now = NOW + MINUTE - MOMENT
    assert (await authenticate.authenticate(created.token)).tenant_id == tenant.id
    clock.now = NOW + MINUTE
    with pytest.raises(Unauthenticated):
        await authenticate.authenticate(created.token)


async def test_a_revoked_key_is_refused_at_once(
    open_uow: OpenUnitOfWork, tenant: Tenant, authenticate: Authenticate, clock: Clock
) -> None:
    created = await made(open_uow, tenant)
    assert (await authenticate.authenticate(created.token)).tenant_id == tenant.id
    await RevokeKey(open_uow, clock).revoke(tenant.id, created.key.name, "cli:me")
    with pytest.raises(Unauthenticated):
        await authenticate.authenticate(created.token)


async def test_the_last_use_is_written_at_most_once_a_minute(
    database: Database, open_uow: OpenUnitOfWork, tenant: Tenant, authenticate: Authenticate, clock: Clock
) -> None:
    created = await made(open_uow, tenant)
    assert await last_used(open_uow, created) is None
    places = [await versions(database, created)]
    for after, noted in (
        (timedelta(0), NOW),
        (MOMENT, NOW),
        (MINUTE - MOMENT, NOW),
        (MINUTE, NOW + MINUTE),
        (2 * MINUTE - MOMENT, NOW + MINUTE),
        (5 * MINUTE, NOW + 5 * MINUTE),
    ):
        clock.now = NOW + after
        await authenticate.authenticate(created.token)
        assert await last_used(open_uow, created) == noted
        places.append(await versions(database, created))
    assert len(set(places)) == 1 + 3, "the row is written three times and no more"


async def test_of_many_uses_at_once_one_is_written(
    database: Database, open_uow: OpenUnitOfWork, tenant: Tenant
) -> None:
    created = await made(open_uow, tenant)
    assert await versions(database, created) == "(0,1)"
    callers = [Authenticate(open_uow, Clock(NOW + second * timedelta(seconds=1))) for second in range(20)]
    principals = await asyncio.gather(*(each.authenticate(created.token) for each in callers))
    assert len(set(principals)) == 1
    assert await versions(database, created) == "(0,2)"


async def test_a_database_that_takes_no_writes_still_lets_keys_in(
    database: Database, open_uow: OpenUnitOfWork, tenant: Tenant, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    created = await made(open_uow, tenant)
    admin = await asyncpg.connect(database.admin_url.replace("+asyncpg", "", 1))
    await admin.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    await admin.close()
    read_only = open_unit_of_work(create_single_engine(database.app_url))
    with caplog.at_level(logging.WARNING):
        principal = await Authenticate(read_only, clock).authenticate(created.token)
    assert principal.tenant_id == tenant.id
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"The use of the API key {created.key.prefix} could not be noted" in caplog.text
    assert created.token not in caplog.text
    assert await last_used(open_uow, created) is None


async def test_a_database_that_cannot_be_reached_is_no_wrong_key(clock: Clock) -> None:
    nowhere = create_single_engine("postgresql://app:secret@127.0.0.1:9/nowhere")
    with pytest.raises(Unavailable):
        await Authenticate(open_unit_of_work(nowhere), clock).authenticate(new_token(uuid4()).token)
