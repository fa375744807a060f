"""Tenants and Jira sites: created, connected, listed, removed; each change is audited."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import Account, Jira, OpenUnitOfWork, ProbeJira
from digital_spiral.application.use_cases.instances.connect_instance import ConnectInstance
from digital_spiral.application.use_cases.instances.list_instances import ListInstances
from digital_spiral.application.use_cases.instances.remove_instance import RemoveInstance
from digital_spiral.application.use_cases.sync.run_status import RunStatus
from digital_spiral.application.use_cases.sync.start_backfill import StartBackfill
from digital_spiral.application.use_cases.sync.totals import Totals
from digital_spiral.application.use_cases.tenants.create_tenant import CreateTenant
from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, Invalid, NotFound, Unauthorized, Unavailable
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.tables import audit_log
from tests.integration.sync.conftest import ADDRESS, CREDENTIALS, KEY, Copy, utc_now


async def audited(copy: Copy) -> list[tuple[str, str, dict[str, str]]]:
    """Action, actor and details of every entry of the audit log, oldest first."""
    return [
        (row.action, row.actor, row.details) for row in await copy.rows(sa.select(audit_log).order_by(audit_log.c.at))
    ]


@asynccontextmanager
async def _probe(_address: str, _credentials: Credentials) -> AsyncIterator[Jira]:
    class Site:
        async def account(self) -> Account:
            return Account("an-account", "Somebody", "Europe/Paris")

        async def missing_permissions(self) -> list[str]:
            return ["Browse users and groups"]

    yield Site()  # type: ignore[misc]


@pytest.fixture
def connector(open_uow: OpenUnitOfWork) -> ConnectInstance:
    """Connects sites of any address, without asking one."""
    return ConnectInstance(open_uow, _probe, KEY, utc_now)


async def test_a_connected_site_is_stored_encrypted_and_audited(copy: Copy) -> None:
    instance = await ListInstances(copy.open_uow).find(copy.tenant.id, "acme")
    assert instance == copy.instance
    assert (instance.base_url, instance.account_id, instance.time_zone) == (
        ADDRESS,
        "emulator-admin",
        copy.site.users["emulator-admin"].time_zone,
    )
    assert CREDENTIALS.token.encode() not in instance.credentials
    secret = KEY.decrypt(instance.credentials, f"{copy.tenant.id}:{instance.id}".encode())
    assert json.loads(secret) == {"email": CREDENTIALS.email, "token": CREDENTIALS.token}
    details = {"name": "acme", "address": ADDRESS, "account": "emulator-admin"}
    assert await audited(copy) == [("instance.connect", "tester", details)]


async def test_connecting_again_replaces_the_credentials_alone(copy: Copy, connector: ConnectInstance) -> None:
    renewed = Credentials(" new@example.com ", " another-token ")
    connection = await connector.connect(
        copy.tenant.id, base_url=f"{ADDRESS}/", credentials=renewed, name=None, actor="tester"
    )
    assert (connection.created, connection.missing_permissions) == (False, ["Browse users and groups"])
    stored = (await ListInstances(copy.open_uow).list(copy.tenant.id))[0]
    assert stored == connection.instance
    assert (stored.id, stored.name, stored.created_at) == (copy.instance.id, "acme", copy.instance.created_at)
    assert (stored.account_id, stored.time_zone) == ("an-account", "Europe/Paris")
    secret = KEY.decrypt(stored.credentials, f"{copy.tenant.id}:{stored.id}".encode())
    assert json.loads(secret) == {"email": "new@example.com", "token": "another-token"}
    assert (await audited(copy))[-1][0] == "instance.replace_credentials"


async def test_a_name_is_made_from_the_address_when_none_is_given(
    tenant: Tenant, connector: ConnectInstance, open_uow: OpenUnitOfWork
) -> None:
    for address in ("https://acme.atlassian.net/jira/your-work", "http://localhost:8080"):
        await connector.connect(tenant.id, base_url=address, credentials=CREDENTIALS, name=None, actor="tester")
    assert [each.name for each in await ListInstances(open_uow).list(tenant.id)] == ["acme", "localhost:8080"]


async def test_another_name_for_a_connected_site_is_refused(copy: Copy, connector: ConnectInstance) -> None:
    with pytest.raises(Conflict, match="connected as acme already"):
        await connector.connect(copy.tenant.id, base_url=ADDRESS, credentials=CREDENTIALS, name="other", actor="tester")
    kept = await connector.connect(
        copy.tenant.id, base_url=ADDRESS, credentials=CREDENTIALS, name=" acme ", actor="tester"
    )
    assert not kept.created


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        (Credentials(" ", "token"), None),
        (Credentials("a@example.com", ""), None),
        (CREDENTIALS, "  "),
        (CREDENTIALS, "a\nb"),
    ],
)
async def test_impossible_credentials_and_names_are_refused(
    tenant: Tenant, connector: ConnectInstance, open_uow: OpenUnitOfWork, credentials: Credentials, name: str | None
) -> None:
    with pytest.raises(Invalid):
        await connector.connect(tenant.id, base_url=ADDRESS, credentials=credentials, name=name, actor="tester")
    assert await ListInstances(open_uow).list(tenant.id) == []


async def test_a_wrong_token_stores_nothing(tenant: Tenant, open_uow: OpenUnitOfWork, probe_jira: ProbeJira) -> None:
    wrong = Credentials(CREDENTIALS.email, "wrong")
    with pytest.raises(Unauthorized):
        await ConnectInstance(open_uow, probe_jira, KEY, utc_now).connect(
            tenant.id, base_url=ADDRESS, credentials=wrong, name=None, actor="tester"
        )
    assert await ListInstances(open_uow).list(tenant.id) == []


async def test_a_tenant_is_created_with_an_entry_in_its_own_log(
    owner_engine: AsyncEngine, open_uow: OpenUnitOfWork, copy: Copy
) -> None:
    async def create(name: str) -> Tenant:
        return await create_tenant(owner_engine, name)

    use_case = CreateTenant(create, open_uow, utc_now)
    tenant = await use_case.create("  Initech ", "tester")
    copy.tenant = tenant
    assert await audited(copy) == [("tenant.create", "tester", {"name": "Initech"})]
    with pytest.raises(Conflict):
        await use_case.create("Initech", "tester")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b"])
async def test_a_tenant_needs_a_name(open_uow: OpenUnitOfWork, name: str) -> None:
    async def create(_name: str) -> Tenant:
        raise AssertionError("an impossible name was let through")

    with pytest.raises(Invalid):
        await CreateTenant(create, open_uow, utc_now).create(name, "tester")


async def test_a_removed_site_takes_its_copy_along(copied: Copy) -> None:
    remove = RemoveInstance(copied.open_uow, copied.lease, utc_now)
    async with copied.lease.hold(copied.instance.id):
        with pytest.raises(Conflict, match="copying acme just now"):
            await remove.remove(copied.tenant.id, copied.instance.id, "tester")
    await remove.remove(copied.tenant.id, copied.instance.id, "tester")
    assert await ListInstances(copied.open_uow).list(copied.tenant.id) == []
    assert set((await copied.totals()).values()) == {0}
    assert (await audited(copied))[-1][:2] == ("instance.remove", "tester")
    with pytest.raises(NotFound):
        await remove.remove(copied.tenant.id, copied.instance.id, "tester")


async def test_a_run_is_stored_audited_and_sent(copy: Copy) -> None:
    run = await copy.start()
    assert copy.queue.sent == [(copy.tenant.id, run.id)]
    status = RunStatus(copy.open_uow)
    assert await status.run(copy.tenant.id, run.id) == run
    assert await status.latest(copy.tenant.id, copy.instance.id) == run
    assert await status.latest(copy.tenant.id, uuid4()) is None
    assert (await audited(copy))[-1] == ("sync.backfill", "tester", {"run": str(run.id), "instance": "acme"})


async def test_a_run_survives_a_queue_that_does_not_answer(copy: Copy, caplog: pytest.LogCaptureFixture) -> None:
    class DeadQueue:
        async def enqueue_run(self, _tenant_id: object, _run_id: object) -> None:
            raise Unavailable("Redis is away.")

    run = await StartBackfill(copy.open_uow, DeadQueue(), utc_now).start(copy.tenant.id, copy.instance.id, "tester")
    assert await copy.run(run.id) == run
    assert "waits for the sweep: Redis is away." in caplog.text


async def test_a_run_of_an_unknown_site_is_refused(copy: Copy) -> None:
    with pytest.raises(NotFound):
        await StartBackfill(copy.open_uow, copy.queue, utc_now).start(copy.tenant.id, uuid4(), "tester")
    assert copy.queue.sent == []


async def test_totals_count_what_the_copy_holds(copied: Copy) -> None:
    totals = await Totals(copied.open_uow).totals(copied.tenant.id, copied.instance.id)
    assert totals["issues"] == len(copied.site.issues)
