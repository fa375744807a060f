"""Reading issues over HTTP while their copy changes."""

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.entities.tenancy import Tenant
from jira_emulator.generate import generate
from jira_emulator.site import Site
from tests.integration.sync.conftest import connect_site, later, mount


def _site() -> Site:
    site = Site()
    generate(site, issues=12, seed=5)
    return site


async def test_an_entity_tag_holds_until_the_copy_changes(
    client: httpx2.AsyncClient, tenant: Tenant, engine: AsyncEngine
) -> None:
    site = _site()
    copy = await connect_site(tenant, site, engine, mount(site))
    assert (await copy.backfill()).state is RunState.SUCCEEDED
    changing, *others = site.issues.values()
    addresses = [f"/v1/issues/{changing.key}", "/v1/issues", f"/v1/issues/{others[0].key}"]
    tags = {address: (await client.get(address)).headers["ETag"] for address in addresses}
    for address, tag in tags.items():
        assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 304

    site.issues[changing.id] = later(changing, site)
    assert (await copy.backfill()).state is RunState.SUCCEEDED

    statuses = []
    for address, tag in tags.items():
        answer = await client.get(address, headers={"If-None-Match": tag})
        statuses.append(answer.status_code)
        assert (answer.headers["ETag"] == tag) == (answer.status_code == 304)
    assert statuses == [200, 200, 304]


async def test_a_key_that_two_sites_have_needs_the_site(
    client: httpx2.AsyncClient, tenant: Tenant, engine: AsyncEngine
) -> None:
    copies = []
    for name, port in (("one", 8090), ("two", 8091)):
        site = _site()
        copy = await connect_site(tenant, site, engine, mount(site), name=name, address=f"http://127.0.0.1:{port}")
        assert (await copy.backfill()).state is RunState.SUCCEEDED
        copies.append(copy)
    key = next(iter(copies[0].site.issues.values())).key
    for below in ("", "/comments", "/worklogs", "/history"):
        answer = await client.get(f"/v1/issues/{key}{below}")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        for copy in copies:
            answer = await client.get(f"/v1/issues/{key}{below}", params={"instance_id": str(copy.instance.id)})
            assert answer.status_code == 200
    read = [
        (await client.get(f"/v1/issues/{key}", params={"instance_id": str(copy.instance.id)})).json() for copy in copies
    ]
    assert [each["instance_id"] for each in read] == [str(copy.instance.id) for copy in copies]
