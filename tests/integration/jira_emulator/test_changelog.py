"""Histories: one issue's pages, and bulk pages that may split an issue."""

from collections import defaultdict

import httpx2
import pytest

from jira_emulator.site import Site

BULK = "/rest/api/3/changelog/bulkfetch"


async def test_an_issues_histories_come_oldest_first_in_pages(client: httpx2.AsyncClient) -> None:
    found: list[str] = []
    path: str | None = "/rest/api/3/issue/ALPHA-1/changelog?maxResults=50"
    while path:
        page = (await client.get(path)).json()
        assert page["total"] == 130
        found += [history["id"] for history in page["values"]]
        path = page.get("nextPage")
        assert page["isLast"] is (path is None)
    assert found == [str(number) for number in range(40_000, 40_130)]


async def test_a_page_never_exceeds_a_hundred(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/rest/api/3/issue/ALPHA-1/changelog", params={"maxResults": 500})).json()
    assert (page["maxResults"], len(page["values"]), page["isLast"]) == (100, 100, False)


@pytest.mark.parametrize("size", [1, 2, 50, 132, 133, 134, 10_000])
async def test_bulk_pages_hold_every_history_exactly_once(client: httpx2.AsyncClient, site: Site, size: int) -> None:
    body: dict[str, object] = {"issueIdsOrKeys": ["ALPHA-2", "10001", "10003", "nope"], "maxResults": size}
    found: dict[str, list[str]] = defaultdict(list)
    while True:
        answer = await client.post(BULK, json=body)
        assert answer.status_code == 200
        page = answer.json()
        assert sum(len(log["changeHistories"]) for log in page["issueChangeLogs"]) <= size
        for log in page["issueChangeLogs"]:
            found[log["issueId"]] += [history["id"] for history in log["changeHistories"]]
        if "nextPageToken" not in page:
            break
        body["nextPageToken"] = page["nextPageToken"]
    expected = {str(number): [str(entry.id) for entry in site.issues[number].histories] for number in (10_001, 10_002)}
    assert found == expected


async def test_bulk_pages_are_oldest_first_over_all_issues(client: httpx2.AsyncClient) -> None:
    body = {"issueIdsOrKeys": ["10001", "10002"], "maxResults": 4}
    page = (await client.post(BULK, json=body)).json()
    # Both issues' histories begin at the same instant and are a second apart.
    assert {log["issueId"]: len(log["changeHistories"]) for log in page["issueChangeLogs"]} == {
        "10001": 2,
        "10002": 2,
    }


async def test_bulk_filters_by_changed_field(client: httpx2.AsyncClient) -> None:
    body = {"issueIdsOrKeys": ["10001", "10002"], "fieldIds": ["status"]}
    page = (await client.post(BULK, json=body)).json()
    (log,) = page["issueChangeLogs"]
    assert (log["issueId"], len(log["changeHistories"])) == ("10002", 3)
    assert all(item["field"] == "status" for history in log["changeHistories"] for item in history["items"])


@pytest.mark.parametrize(
    "extra",
    [
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": [str(number) for number in range(1001)]},
        {"maxResults": 0},
        {"maxResults": 10_001},
        {"fieldIds": [f"f{number}" for number in range(11)]},
        {"nextPageToken": "nonsense"},
    ],
)
async def test_bulk_refuses_what_is_beyond_its_limits(client: httpx2.AsyncClient, extra: dict[str, object]) -> None:
    answer = await client.post(BULK, json={"issueIdsOrKeys": ["10001"], **extra})
    assert answer.status_code == 400


async def test_a_bulk_token_belongs_to_its_issues(client: httpx2.AsyncClient) -> None:
    page = (await client.post(BULK, json={"issueIdsOrKeys": ["10001"], "maxResults": 5})).json()
    other = {"issueIdsOrKeys": ["10002"], "maxResults": 5, "nextPageToken": page["nextPageToken"]}
    answer = await client.post(BULK, json=other)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == ["The provided next page token is invalid or expired."]
