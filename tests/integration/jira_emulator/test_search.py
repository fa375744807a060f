"""``search/jql``: bounds, pages, tokens, fields, and the time zones of dates."""

from itertools import permutations

import httpx2
import pytest

from jira_emulator.app import create_app
from jira_emulator.limits import Limits
from jira_emulator.site import Site

URL = "/rest/api/3/search/jql"
START = 1_767_225_600_000
MINUTE = 60_000
ALPHA_ISSUES = 60
"""Issues 10001 to 10060 were created and updated a minute apart, from 2026-01-01T00:00Z on."""


async def walk(client: httpx2.AsyncClient, jql: str, size: int, **extra: object) -> list[int]:
    """Every id of a query, page by page."""
    found: list[int] = []
    token: str | None = None
    while True:
        body: dict[str, object] = {"jql": jql, "maxResults": size, **extra}
        if token is not None:
            body["nextPageToken"] = token
        answer = await client.post(URL, json=body)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["issues"]) <= size
        found += [int(issue["id"]) for issue in page["issues"]]
        token = page.get("nextPageToken")
        assert page["isLast"] is (token is None)
        if token is None:
            return found


@pytest.mark.parametrize("size", [1, 7, 59, 60, 61, 5000])
@pytest.mark.parametrize(
    "order", ["", "ORDER BY id", "ORDER BY id DESC", "ORDER BY status, assignee DESC, updated", "ORDER BY key DESC"]
)
async def test_pages_hold_every_issue_exactly_once(client: httpx2.AsyncClient, size: int, order: str) -> None:
    found = await walk(client, f"project = ALPHA {order}", size)
    assert sorted(found) == list(range(10_001, 10_001 + ALPHA_ISSUES))


async def test_an_id_walk_goes_on_from_the_last_id(client: httpx2.AsyncClient) -> None:
    found: list[int] = []
    while True:
        jql = f"project = ALPHA AND id > {found[-1] if found else 0} ORDER BY id"
        page = (await client.get(URL, params={"jql": jql, "maxResults": 17, "fields": "id"})).json()
        if not page["issues"]:
            break
        assert page["issues"][0].keys() == {"id"}
        found += [int(issue["id"]) for issue in page["issues"]]
    assert found == list(range(10_001, 10_001 + ALPHA_ISSUES))


async def test_issues_that_change_between_pages_neither_hide_nor_repeat_others(
    client: httpx2.AsyncClient, site: Site
) -> None:
    jql = "project = ALPHA ORDER BY updated ASC"
    first = (await client.post(URL, json={"jql": jql, "maxResults": 20})).json()
    seen = {int(issue["id"]) for issue in first["issues"]}
    await client.put("/rest/api/3/issue/10001", json={"fields": {"summary": "Touched"}})
    await client.delete("/rest/api/3/issue/10002")
    body = {"jql": jql, "maxResults": 5000, "nextPageToken": first["nextPageToken"]}
    rest = [int(issue["id"]) for issue in (await client.post(URL, json=body)).json()["issues"]]
    assert rest == [*range(10_021, 10_061), 10_001]
    assert seen | set(rest) == {10_002, *site.issue_ids("10300")}


async def test_a_token_belongs_to_its_query_and_ages(client: httpx2.AsyncClient, site: Site) -> None:
    body = {"jql": "project = ALPHA ORDER BY id", "maxResults": 2}
    token = (await client.post(URL, json=body)).json()["nextPageToken"]
    invalid = ["The provided next page token is invalid or expired."]
    for wrong in ({"jql": "project = BETA", "nextPageToken": token}, {**body, "nextPageToken": "nonsense"}):
        answer = await client.post(URL, json=wrong)
        assert answer.status_code == 400
        assert answer.json()["errorMessages"] == invalid
    site.clock_offset += Limits().token_age - MINUTE
    assert (await client.post(URL, json={**body, "nextPageToken": token})).status_code == 200
    site.clock_offset += 2 * MINUTE
    late = await client.post(URL, json={**body, "nextPageToken": token})
    assert late.json()["errorMessages"] == invalid


@pytest.mark.parametrize("size", [0, -1, 5001])
async def test_page_sizes_outside_the_limits_are_refused(client: httpx2.AsyncClient, size: int) -> None:
    for answer in (
        await client.get(URL, params={"jql": "project = ALPHA", "maxResults": size}),
        await client.post(URL, json={"jql": "project = ALPHA", "maxResults": size}),
    ):
        assert answer.status_code == 400
        assert answer.json()["errorMessages"] == ["The max results parameter has to be between 1 and 5,000."]


async def test_fifty_ids_are_the_default_page(client: httpx2.AsyncClient) -> None:
    page = (await client.get(URL, params={"jql": "project = ALPHA"})).json()
    assert len(page["issues"]) == 50
    assert page["isLast"] is False
    assert all(issue.keys() == {"id"} for issue in page["issues"])


@pytest.mark.parametrize(
    ("fields", "size"),
    [(["id"], 30), (["key"], 30), (["summary", "status"], 20), (["summary", "comment"], 10), (["*all"], 10)],
)
async def test_wider_issues_make_smaller_pages(site: Site, fields: list[str], size: int) -> None:
    limits = Limits(search_max=30, search_plain_page=20, search_wide_page=10)
    app = create_app(site, email="a", token="t", limits=limits)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://jira.test", auth=("a", "t")) as small:
        page = (await small.post(URL, json={"jql": "project = ALPHA", "maxResults": 30, "fields": fields})).json()
    assert len(page["issues"]) == size


async def test_fields_are_filtered_and_named(client: httpx2.AsyncClient) -> None:
    body = {"jql": "key = ALPHA-1", "fields": ["summary,comment"], "expand": "names,schema,changelog"}
    page = (await client.post(URL, json=body)).json()
    (issue,) = page["issues"]
    assert issue["fields"].keys() == {"summary", "comment"}
    assert issue["self"] == "http://jira.test/rest/api/3/issue/10001"
    assert page["names"] == {"summary": "Summary", "comment": "Comment"}
    assert page["schema"]["summary"] == {"type": "string", "system": "summary"}
    log = issue["changelog"]
    assert (log["startAt"], log["maxResults"], log["total"], len(log["histories"])) == (0, 40, 130, 40)
    assert log["histories"][0]["id"] == "40129"


@pytest.mark.parametrize("jql", ["", "ORDER BY created DESC"])
async def test_unbounded_queries_are_refused(client: httpx2.AsyncClient, jql: str) -> None:
    answer = await client.post(URL, json={"jql": jql})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == [
        "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
    ]


async def test_what_does_not_exist_is_told_to_known_callers_only(
    client: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    known = await client.get(URL, params={"jql": "project = NOPE"})
    assert known.status_code == 400
    assert known.json()["errorMessages"] == ["The value 'NOPE' does not exist for the field 'project'."]
    unknown = await anonymous.get(URL, params={"jql": "project = NOPE"})
    assert (unknown.status_code, unknown.json()) == (200, {"issues": [], "isLast": True})
    syntax = await anonymous.get(URL, params={"jql": "project ="})
    assert syntax.status_code == 400


async def test_the_removed_search_says_where_to_go(client: httpx2.AsyncClient) -> None:
    for answer in (
        await client.get("/rest/api/3/search", params={"jql": "project = ALPHA"}),
        await client.post("/rest/api/3/search", json={"jql": "project = ALPHA"}),
    ):
        assert answer.status_code == 410
        assert "migrate to the /rest/api/3/search/jql API" in answer.json()["errorMessages"][0]


@pytest.mark.parametrize(
    ("jql", "count"),
    [
        ("project = ALPHA", 60),
        ("project IN (ALPHA, beta)", 65),
        ("project != ALPHA", 5),
        ("id > 10010 AND id <= 10012", 2),
        ("project = ALPHA AND assignee = ada", 20),
        ("project = ALPHA AND assignee IS EMPTY", 40),
        ("key >= ALPHA-59", 2),
    ],
)
async def test_counts_are_those_of_the_search(client: httpx2.AsyncClient, jql: str, count: int) -> None:
    answer = await client.post("/rest/api/3/search/approximate-count", json={"jql": jql})
    assert answer.json() == {"count": count}
    assert len(await walk(client, jql, 5000)) == count


async def test_archived_projects_take_part_only_when_asked(client: httpx2.AsyncClient) -> None:
    assert await walk(client, "id >= 10090", 10) == []
    assert await walk(client, "id >= 10090", 10, includeArchivedProjects=True) == [10_090]


async def test_dates_are_read_in_the_callers_time_zone(client: httpx2.AsyncClient, site: Site) -> None:
    # 2026-01-01T00:30Z is 09:30 in Tokyo, where the caller is, and 01:30 in Prague, where the site is.
    jql = 'project = ALPHA AND created >= "2026-01-01 09:30" ORDER BY id'
    assert (await walk(client, jql, 100))[0] == 10_031
    site.users[site.account_id].time_zone = "America/New_York"
    jql = 'project = ALPHA AND created >= "2025/12/31 19:30" ORDER BY id'
    assert (await walk(client, jql, 100))[0] == 10_031


async def test_relative_dates_count_from_the_sites_clock(client: httpx2.AsyncClient, site: Site) -> None:
    site.clock_offset += START + ALPHA_ISSUES * MINUTE - site.now()
    found = await walk(client, "project = ALPHA AND updated >= -10m", 100)
    assert sorted(found) in (list(range(10_051, 10_061)), list(range(10_052, 10_061)))


async def test_too_many_order_fields_or_reconciled_issues_are_refused(client: httpx2.AsyncClient) -> None:
    order = ", ".join(["created"] * 8)
    assert (await client.post(URL, json={"jql": f"project = ALPHA ORDER BY {order}"})).status_code == 400
    body = {"jql": "project = ALPHA", "reconcileIssues": list(range(51))}
    assert (await client.post(URL, json=body)).status_code == 400
    assert (await client.post(URL, json={**body, "reconcileIssues": [10_001]})).status_code == 200


@pytest.mark.parametrize("fields", list(permutations(["assignee", "status", "updated", "key", "type"], 2)))
async def test_any_order_is_stable_over_pages(site: Site, fields: tuple[str, ...]) -> None:
    app = create_app(site, email="a", token="t")
    order = "ORDER BY " + ", ".join(f"{name} DESC" for name in fields)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://jira.test", auth=("a", "t")) as made:
        whole = await walk(made, f"project IN (ALPHA, BETA) {order}", 5000)
        assert await walk(made, f"project IN (ALPHA, BETA) {order}", 11) == whole
