"""API keys: made, listed and revoked; each change is audited, and nothing secret is stored or audited."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.tenants.create_key import CreatedKey, CreateKey
from digital_spiral.application.use_cases.tenants.list_keys import ListKeys
from digital_spiral.application.use_cases.tenants.revoke_key import RevokeKey
from digital_spiral.domain.entities.tenancy import Scope, Tenant
from digital_spiral.domain.errors import Conflict, Invalid, NotFound
from tests.integration.conftest import Database

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ACTOR = "cli:somebody"


@pytest.fixture
def create(open_uow: OpenUnitOfWork) -> CreateKey:
    return CreateKey(open_uow, lambda: NOW)


@pytest.fixture
def keys(open_uow: OpenUnitOfWork) -> ListKeys:
    return ListKeys(open_uow)


@pytest.fixture
def revoke(open_uow: OpenUnitOfWork) -> RevokeKey:
    return RevokeKey(open_uow, lambda: LATER)


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, who sees every tenant's rows."""
    connection = await asyncpg.connect(database.admin_url.replace("+asyncpg", "", 1))
    yield connection
    await connection.close()


async def made(create: CreateKey, tenant: Tenant, name: str = "reports") -> CreatedKey:
    return await create.create(tenant.id, name=name, scopes=list(Scope), expires_at=None, actor=ACTOR)


async def audited(admin: asyncpg.Connection) -> list[tuple[str, str, str]]:
    rows = await admin.fetch("SELECT action, actor, target FROM audit_log ORDER BY at, id")
    return [(row["action"], row["actor"], row["target"]) for row in rows]


async def test_a_key_is_stored_without_its_secret(
    create: CreateKey, keys: ListKeys, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    created = await create.create(
        tenant.id,
        name="  reports ",
        scopes=[Scope.READ_ISSUES, Scope.READ_INSTANCES, Scope.READ_ISSUES],
        expires_at=LATER,
        actor=ACTOR,
    )
    key, token = created.key, created.token
    assert (key.name, key.scopes) == ("reports", [Scope.READ_INSTANCES, Scope.READ_ISSUES])
    assert (key.created_at, key.expires_at, key.last_used_at, key.revoked_at) == (NOW, LATER, None, None)
    assert key.secret_hash == hashlib.sha256(token.encode()).digest()
    assert await keys.list(tenant.id) == [key]
    assert token not in repr(created)
    everything = await admin.fetchval(
        "SELECT string_agg(line, ' ') FROM (SELECT k::text AS line FROM api_keys k UNION ALL SELECT a::text FROM"
        " audit_log a) AS rows"
    )
    assert token[-43:] not in everything
    assert everything.count(key.secret_hash.hex()) == 1, "the hash stands in the key's row and nowhere else"


async def test_changes_are_audited(
    create: CreateKey, revoke: RevokeKey, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    key = (await made(create, tenant)).key
    await revoke.revoke(tenant.id, "reports", "cli:another")
    target = str(key.id)
    assert await audited(admin) == [("keys.create", ACTOR, target), ("keys.revoke", "cli:another", target)]
    details = await admin.fetchval("SELECT details::text FROM audit_log WHERE action = 'keys.create'")
    for shown in (key.name, key.prefix, "never", *Scope):
        assert shown in details


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "bell\a", "\u200b"])
async def test_names_that_cannot_be_shown_are_refused(
    create: CreateKey, keys: ListKeys, tenant: Tenant, name: str
) -> None:
    with pytest.raises(Invalid, match="1 to 100 printable characters"):
        await made(create, tenant, name)
    assert await keys.list(tenant.id) == []


@pytest.mark.parametrize("name", ["x", "é" * 100, "CI of the team's reports"])
async def test_names_up_to_a_hundred_characters_are_taken(create: CreateKey, tenant: Tenant, name: str) -> None:
    assert (await made(create, tenant, name)).key.name == name


async def test_a_key_without_scope_is_refused(create: CreateKey, tenant: Tenant) -> None:
    with pytest.raises(Invalid, match="at least one scope: instances:read, sync:read, sync:write, issues:read"):
        await create.create(tenant.id, name="reports", scopes=[], expires_at=None, actor=ACTOR)


@pytest.mark.parametrize("expires_at", [NOW, NOW - timedelta(microseconds=1)])
async def test_an_expiry_that_is_over_is_refused(create: CreateKey, tenant: Tenant, expires_at: datetime) -> None:
    with pytest.raises(Invalid, match="lies in the future"):
        await create.create(tenant.id, name="reports", scopes=list(Scope), expires_at=expires_at, actor=ACTOR)


async def test_of_concurrent_creates_with_one_name_one_wins(
    create: CreateKey, keys: ListKeys, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    outcomes = await asyncio.gather(*(made(create, tenant) for _ in range(8)), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, CreatedKey)]
    assert len(won) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7
    assert await keys.list(tenant.id) == [won[0].key]
    assert await audited(admin) == [("keys.create", ACTOR, str(won[0].key.id))]


@pytest.mark.parametrize("by", ["name", "prefix"])
async def test_a_key_is_revoked_by_name_or_prefix(
    create: CreateKey, keys: ListKeys, revoke: RevokeKey, tenant: Tenant, by: str
) -> None:
    revoked, kept = (await made(create, tenant)).key, (await made(create, tenant, "other")).key
    expected = replace(revoked, revoked_at=LATER)
    assert await revoke.revoke(tenant.id, str(getattr(revoked, by)), ACTOR) == expected
    assert await keys.list(tenant.id) in ([expected, kept], [kept, expected])


async def test_a_revoked_key_is_not_revoked_again_and_leaves_its_name(
    create: CreateKey, revoke: RevokeKey, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    first = (await made(create, tenant)).key
    await revoke.revoke(tenant.id, "reports", ACTOR)
    for text in ("reports", first.prefix, "nobody"):
        with pytest.raises(NotFound, match="keys list"):
            await revoke.revoke(tenant.id, text, ACTOR)
    second = (await made(create, tenant)).key
    assert (await revoke.revoke(tenant.id, "reports", ACTOR)).id == second.id
    assert [action for action, _, _ in await audited(admin)].count("keys.revoke") == 2


async def test_of_concurrent_revocations_one_is_audited(
    create: CreateKey, revoke: RevokeKey, tenant: Tenant, admin: asyncpg.Connection
) -> None:
    await made(create, tenant)
    outcomes = await asyncio.gather(
        *(revoke.revoke(tenant.id, "reports", ACTOR) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 5
    assert [action for action, _, _ in await audited(admin)].count("keys.revoke") == 1


async def test_a_name_that_is_anothers_prefix_is_not_guessed_at(
    create: CreateKey, revoke: RevokeKey, tenant: Tenant
) -> None:
    first = (await made(create, tenant)).key
    second = (await made(create, tenant, first.prefix)).key
    with pytest.raises(Conflict, match="the prefix of the first, or the name of the second"):
        await revoke.revoke(tenant.id, first.prefix, ACTOR)
    assert (await revoke.revoke(tenant.id, second.prefix, ACTOR)).id == second.id
    assert (await revoke.revoke(tenant.id, first.prefix, ACTOR)).id == first.id


async def test_another_tenants_keys_are_out_of_reach(
    create: CreateKey, keys: ListKeys, revoke: RevokeKey, two_tenants: tuple[Tenant, Tenant]
) -> None:
    own, other = two_tenants
    key = (await made(create, own)).key
    assert await keys.list(other.id) == []
    for text in ("reports", key.prefix):
        with pytest.raises(NotFound):
            await revoke.revoke(other.id, text, ACTOR)
    assert await keys.list(own.id) == [key]
