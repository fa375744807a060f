"""The control door: reset, seed, request log, clock, latency, drift and faults."""

import httpx2
import msgspec
import pytest

from jira_emulator.app import create_app
from jira_emulator.edits import patch
from jira_emulator.model import Project
from jira_emulator.site import Site

BULK = "/rest/api/3/issue/bulkfetch"


async def control(client: httpx2.AsyncClient, method: str, door: str, body: object = None) -> dict[str, object]:
    answer = await ask(client, method, door, body)
    assert answer.status_code == 200, answer.text
    content: dict[str, object] = answer.json()
    return content


async def ask(client: httpx2.AsyncClient, method: str, door: str, body: object = None) -> httpx2.Response:
    headers = {"authorization": "Bearer control-token"}
    # The client's own Basic credentials would take the header's place.
    return await client.request(method, f"/_emulator/{door}", json=body, headers=headers, auth=None)


async def test_the_door_needs_its_token(client: httpx2.AsyncClient, anonymous: httpx2.AsyncClient) -> None:
    assert (await client.get("/_emulator/requests")).status_code == 401
    assert (await anonymous.get("/_emulator/requests")).status_code == 404


async def test_requests_are_counted_by_endpoint_method_and_status(client: httpx2.AsyncClient) -> None:
    await client.get("/rest/api/3/issue/ALPHA-1")
    await client.get("/rest/api/3/issue/ALPHA-2")
    await client.get("/rest/api/3/issue/NOPE-1")
    await client.get("/rest/api/3/nothing")
    report = await control(client, "GET", "requests")
    assert report["total"] == 4
    path = "/rest/api/3/issue/{issueIdOrKey}"
    assert report["requests"] == [
        {"method": "GET", "endpoint": path, "status": 200, "count": 2},
        {"method": "GET", "endpoint": path, "status": 404, "count": 1},
        {"method": "GET", "endpoint": "(no endpoint)", "status": 404, "count": 1},
    ]
    assert await control(client, "DELETE", "requests") == {"total": 0, "issues_asked": 0, "requests": []}


async def test_issues_asked_for_in_bulk_are_counted(client: httpx2.AsyncClient) -> None:
    """Every id counts: those of issues that do not exist, and those that are asked for again."""
    for ids in (["10001", "10002", "10003"], ["10002", "99999"]):
        assert (await client.post(BULK, json={"issueIdsOrKeys": ids, "fields": ["*all"]})).status_code == 200
    assert (await client.post(BULK, json={"issueIdsOrKeys": [], "fields": ["*all"]})).status_code == 400
    await client.get("/rest/api/3/issue/ALPHA-1")
    assert (await control(client, "GET", "requests"))["issues_asked"] == 5
    assert (await control(client, "DELETE", "requests"))["issues_asked"] == 0


async def test_totals_tell_what_a_complete_copy_holds(client: httpx2.AsyncClient) -> None:
    expected = {"issues": 66, "comments": 25, "worklogs": 23, "histories": 133, "items": 133}
    assert await control(client, "GET", "totals") == expected
    await control(client, "POST", "drift", {"issue": "ALPHA-1", "comment": {"add": "One more"}})
    assert await control(client, "GET", "totals") == expected | {"comments": 26}


async def test_the_clock_moves(client: httpx2.AsyncClient, site: Site) -> None:
    await control(client, "POST", "clock", {"now": 1_800_000_000_000})
    assert 0 <= site.now() - 1_800_000_000_000 < 60_000
    await control(client, "POST", "clock", {"advance": 3_600_000})
    assert 0 <= site.now() - 1_800_003_600_000 < 60_000
    assert (await control(client, "POST", "clock", {"offset": 0}))["offset"] == 0
    told = (await control(client, "GET", "clock"))["now"]
    assert isinstance(told, int)
    assert abs(site.now() - told) < 60_000


async def test_latency_is_set(client: httpx2.AsyncClient) -> None:
    assert await control(client, "POST", "latency", {"ms": 25}) == {"ms": 25.0}
    assert (await client.get("/rest/api/3/myself")).elapsed.total_seconds() >= 0.025
    assert await control(client, "GET", "latency") == {"ms": 25.0}
    assert (await ask(client, "POST", "latency", {"ms": -1})).status_code == 400


async def test_seeding_adds_generated_issues(client: httpx2.AsyncClient, site: Site) -> None:
    before = len(site.issues)
    report = await control(client, "POST", "seed", {"issues": 40, "seed": 7})
    assert report["issues"] == before + 40
    found = await client.post("/rest/api/3/search/approximate-count", json={"jql": "project = DEMO"})
    assert found.json()["count"] > 0
    again = await ask(client, "POST", "seed", {"issues": 40, "seed": 7})
    assert again.status_code == 400
    assert (await client.get("/rest/api/3/myself")).json()["emailAddress"] == "admin@example.com"


async def test_reset_empties_a_site_that_began_empty(client: httpx2.AsyncClient, site: Site) -> None:
    await control(client, "POST", "break", {"issues": ["ALPHA-1"]})
    assert await control(client, "POST", "reset") == {"issues": 0, "projects": []}
    assert (await client.get("/rest/api/3/myself")).status_code == 200
    assert await control(client, "GET", "break") == {"faults": []}
    assert site.issue_ids("10300") == []


async def test_reset_fills_a_site_as_it_began(site: Site) -> None:
    def populate(target: Site) -> None:
        target.projects["1"] = Project("1", "AGAIN", "Again")

    app = create_app(site, email="a", token="t", control_token="control-token", populate=populate)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://jira.test", auth=("a", "t")) as client:
        assert await control(client, "POST", "reset") == {"issues": 0, "projects": ["AGAIN"]}
        assert (await client.get("/rest/api/3/project/AGAIN")).status_code == 200


@pytest.mark.parametrize(
    "drift",
    [
        {"change": {"summary": "Drifted"}},
        {"comment": {"add": "One more"}},
        {"comment": {"edit": 20_003, "text": "Other words"}},
        {"comment": {"delete": 20_003}},
        {"worklog": {"edit": 30_003, "seconds": 7_200}},
        {"worklog": {"delete": 30_003}},
        {"history": {"remove": 40_003}},
        {"link": {"remove": 77}},
    ],
)
async def test_drift_changes_an_issue_without_moving_updated(
    client: httpx2.AsyncClient, site: Site, drift: dict[str, object]
) -> None:
    target = {"id": "77", "type": {"id": "10010"}, "outwardIssue": {"id": "10002", "key": "ALPHA-2"}}
    patch(site.issues[10_001], {"issuelinks": [target]})
    patch(site.issues[10_002], {"issuelinks": [{"id": "77", "type": {}, "inwardIssue": {"id": "10001"}}]})
    params = {"expand": "changelog"}
    before = (await client.get("/rest/api/3/issue/10001", params=params)).json()
    lists_before = await children(client)
    report = await control(client, "POST", "drift", {"issue": "ALPHA-1", **drift})
    assert report == {"issue": "10001", "key": "ALPHA-1"}
    after = (await client.get("/rest/api/3/issue/10001", params=params)).json()
    assert after != before or await children(client) != lists_before
    assert after["fields"]["updated"] == before["fields"]["updated"]
    if "link" in drift:
        assert (await client.get("/rest/api/3/issue/10002")).json()["fields"]["issuelinks"] == []


async def children(client: httpx2.AsyncClient) -> list[object]:
    paths = ("comment", "worklog", "changelog")
    return [(await client.get(f"/rest/api/3/issue/10001/{path}")).json() for path in paths]


@pytest.mark.parametrize(
    ("drift", "status"),
    [
        ({"issue": "NOPE-1"}, 404),
        ({"issue": "ALPHA-1", "comment": {"edit": 1}}, 404),
        ({"issue": "ALPHA-1", "worklog": {"delete": 1}}, 404),
        ({"issue": "ALPHA-1", "history": {"remove": 1}}, 404),
        ({"issue": "ALPHA-1", "link": {"remove": 1}}, 404),
        ({"issue": "ALPHA-1", "change": {"status": 1}}, 400),
        ({"issue": "ALPHA-1", "surprise": 1}, 400),
    ],
)
async def test_impossible_drift_is_refused(client: httpx2.AsyncClient, drift: dict[str, object], status: int) -> None:
    answer = await ask(client, "POST", "drift", drift)
    assert answer.status_code == status
    assert answer.json().keys() == {"errorMessages", "errors"}


async def test_a_broken_issue_breaks_every_page_it_is_on(client: httpx2.AsyncClient) -> None:
    await control(client, "POST", "break", {"issues": ["ALPHA-2"], "kind": "broken-json"})
    for ids in (["10001", "10002", "10003"], ["10002"]):
        answer = await client.post(BULK, json={"issueIdsOrKeys": ids, "fields": ["*all"]})
        assert answer.status_code == 200
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(answer.content)
    whole = await client.post(BULK, json={"issueIdsOrKeys": ["10001", "10003"], "fields": ["*all"]})
    assert len(whole.json()["issues"]) == 2
    await control(client, "DELETE", "break")
    healed = await client.post(BULK, json={"issueIdsOrKeys": ["10002"], "fields": ["*all"]})
    assert len(healed.json()["issues"]) == 1


async def test_faults_can_heal_by_themselves(client: httpx2.AsyncClient) -> None:
    body = {"issues": [10_002, "ALPHA-3"], "kind": "no-fields", "times": 2}
    report = await control(client, "POST", "break", body)
    assert report["faults"] == [
        {"issue": "10002", "kind": "no-fields", "times": 2},
        {"issue": "10003", "kind": "no-fields", "times": 2},
    ]
    held = []
    for _ in range(3):
        answer = await client.post(BULK, json={"issueIdsOrKeys": ["10001", "10002"], "fields": ["*all"]})
        held.append(["fields" in issue for issue in answer.json()["issues"]])
    assert held == [[True, False], [True, False], [True, True]]


async def test_a_strange_zone_stands_in_updated(client: httpx2.AsyncClient) -> None:
    await control(client, "POST", "break", {"issues": ["ALPHA-2"], "kind": "strange-zone", "times": 1})
    answer = await client.post(BULK, json={"issueIdsOrKeys": ["10002"], "fields": ["*all"]})
    updated = answer.json()["issues"][0]["fields"]["updated"]
    assert updated == "2026-01-01T01:01:00.000 Mars/Olympus"


@pytest.mark.parametrize(
    "body", [{"issues": ["NOPE-1"]}, {"issues": ["ALPHA-1"], "kind": "odd"}, {"issues": ["ALPHA-1"], "times": 0}]
)
async def test_impossible_faults_are_refused(client: httpx2.AsyncClient, body: dict[str, object]) -> None:
    assert (await ask(client, "POST", "break", body)).status_code in (400, 404)
    assert await control(client, "GET", "break") == {"faults": []}
