"""Comments and worklogs: pages, lists by id, the feeds, and their changes."""

import httpx2
import pytest

from jira_emulator import wire
from jira_emulator.app import create_app
from jira_emulator.children import read_duration, write_duration
from jira_emulator.limits import Limits
from jira_emulator.model import Entry
from jira_emulator.site import Site

COMMENTS = "/rest/api/3/issue/ALPHA-1/comment"
WORKLOGS = "/rest/api/3/issue/ALPHA-1/worklog"
DOCUMENT: wire.Json = {"type": "doc", "version": 1, "content": []}


@pytest.mark.parametrize(("size", "order"), [(7, "created"), (7, "-created"), (25, "+created"), (5000, "created")])
async def test_comment_pages_hold_every_comment_once(client: httpx2.AsyncClient, size: int, order: str) -> None:
    found: list[int] = []
    while True:
        params: dict[str, str | int] = {"startAt": len(found), "maxResults": size, "orderBy": order}
        page = (await client.get(COMMENTS, params=params)).json()
        assert (page["startAt"], page["total"]) == (len(found), 25)
        assert "isLast" not in page
        if not page["comments"]:
            break
        found += [int(comment["id"]) for comment in page["comments"]]
    expected = list(range(20_000, 20_025))
    assert found == (expected[::-1] if order.startswith("-") else expected)


async def test_comment_pages_are_a_hundred_by_default_and_5000_at_most(client: httpx2.AsyncClient) -> None:
    assert (await client.get(COMMENTS)).json()["maxResults"] == 100
    assert (await client.get(COMMENTS, params={"maxResults": 9999})).json()["maxResults"] == 5000


async def test_comments_sort_by_creation_only(client: httpx2.AsyncClient) -> None:
    answer = await client.get(COMMENTS, params={"orderBy": "author"})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == [
        "The field to order by should be one of [created]. Instead, it was: author."
    ]


async def test_comments_by_id(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/rest/api/3/comment/list", json={"ids": [20_003, 1, 20_001]})
    assert [comment["id"] for comment in answer.json()["values"]] == ["20001", "20003"]
    assert answer.json()["total"] == 2
    too_many = await client.post("/rest/api/3/comment/list", json={"ids": list(range(1001))})
    assert too_many.status_code == 400


async def test_adding_a_comment_moves_the_issue(client: httpx2.AsyncClient, site: Site) -> None:
    before = site.issues[10_001].updated
    answer = await client.post(COMMENTS, json={"body": DOCUMENT})
    assert answer.status_code == 201
    made = answer.json()
    assert made["author"]["accountId"] == site.account_id
    assert made["self"] == f"http://jira.test/rest/api/3/issue/10001/comment/{made['id']}"
    fields = (await client.get("/rest/api/3/issue/10001")).json()["fields"]
    assert fields["comment"]["total"] == 26
    assert site.issues[10_001].updated > before
    assert fields["updated"] == made["created"]
    assert (await client.get(f"{COMMENTS}/{made['id']}")).json() == made


async def test_comments_change_and_go(client: httpx2.AsyncClient, site: Site) -> None:
    answer = await client.put(f"{COMMENTS}/20003", json={"body": DOCUMENT})
    assert answer.status_code == 200
    assert answer.json()["body"] == DOCUMENT
    assert answer.json()["updateAuthor"]["accountId"] == site.account_id
    assert (await client.delete(f"{COMMENTS}/20003")).status_code == 204
    assert (await client.get(f"{COMMENTS}/20003")).status_code == 404
    assert (await client.get(COMMENTS)).json()["total"] == 24


@pytest.mark.parametrize("body", [{"body": "text"}, {}, {"body": {"type": "doc"}}, {"body": {"type": "paragraph"}}])
async def test_a_comment_must_be_a_document(client: httpx2.AsyncClient, body: dict[str, object]) -> None:
    answer = await client.post(COMMENTS, json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"comment": "Comment body is not valid!"}


async def test_worklogs_of_an_issue(client: httpx2.AsyncClient) -> None:
    page = (await client.get(WORKLOGS)).json()
    assert (page["startAt"], page["maxResults"], page["total"], len(page["worklogs"])) == (0, 5000, 23, 23)
    after = (await client.get(WORKLOGS, params={"startedAfter": 1_767_225_600_001})).json()
    assert after["total"] == 0
    until = (await client.get(WORKLOGS, params={"startedAfter": 0, "startedBefore": 1_767_225_600_001})).json()
    assert until["total"] == 23


async def feed(client: httpx2.AsyncClient, path: str) -> list[int]:
    """Every worklog id of a feed, following its links."""
    found: list[int] = []
    following: str | None = path
    while following:
        page = (await client.get(following)).json()
        found += [change["worklogId"] for change in page["values"]]
        following = page.get("nextPage")
        assert page["lastPage"] is (following is None)
    return found


@pytest.mark.parametrize("size", [1, 5, 23, 1000])
async def test_the_feed_of_changed_worklogs_holds_each_once(site: Site, size: int) -> None:
    # Three share one instant: a page that ends there must not lose any of them.
    same = [Entry(number, 1_767_225_602_000, 1_767_225_602_000, b"{}") for number in (35_000, 35_001, 35_002)]
    site.issues[10_004].worklogs = same
    app = create_app(site, email="a", token="t", limits=Limits(worklog_feed_page=size))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://jira.test", auth=("a", "t")) as client:
        found = await feed(client, "/rest/api/3/worklog/updated?since=0")
    assert sorted(found) == [*range(30_000, 30_023), 35_000, 35_001, 35_002]
    assert len(found) == len(set(found))


async def test_the_last_minute_is_not_in_the_feeds(client: httpx2.AsyncClient, site: Site) -> None:
    body = {"timeSpentSeconds": 7_200, "started": "2026-02-01T10:00:00.000+0000"}
    answer = await client.post(WORKLOGS, json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["timeSpent"], made["issueId"]) == ("2h", "10001")
    assert made["started"] == "2026-02-01T11:00:00.000+0100"
    number = int(made["id"])
    assert number not in await feed(client, "/rest/api/3/worklog/updated")
    site.clock_offset += 61_000
    assert number in await feed(client, "/rest/api/3/worklog/updated")
    assert (await client.get("/rest/api/3/issue/10001")).json()["fields"]["timespent"] == 7_200
    assert (await client.delete(f"{WORKLOGS}/{number}")).status_code == 204
    assert await feed(client, "/rest/api/3/worklog/deleted") == []
    site.clock_offset += 61_000
    assert await feed(client, "/rest/api/3/worklog/deleted") == [number]
    assert number not in await feed(client, "/rest/api/3/worklog/updated")
    assert (await client.get(f"{WORKLOGS}/{number}")).status_code == 404
    assert (await client.get("/rest/api/3/issue/10001")).json()["fields"]["timespent"] is None


async def test_a_worklog_needs_its_time(client: httpx2.AsyncClient) -> None:
    for body in ({}, {"timeSpent": "soon"}, {"timeSpentSeconds": 1}):
        answer = await client.post(WORKLOGS, json=body)
        assert answer.status_code == 400
        assert "timeLogged" in answer.json()["errors"]
    assert (await client.post(WORKLOGS, json={"timeSpent": "1h", "started": "yesterday"})).status_code == 400
    worded = await client.post(WORKLOGS, json={"timeSpent": "1d 2h"})
    assert worded.json()["timeSpentSeconds"] == 10 * 3_600


async def test_worklogs_by_id(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/rest/api/3/worklog/list", json={"ids": [30_002, 7, 30_000]})
    assert [worklog["id"] for worklog in answer.json()] == ["30000", "30002"]
    too_many = await client.post("/rest/api/3/worklog/list", json={"ids": list(range(1001))})
    assert too_many.status_code == 400
    assert (await client.get(f"{WORKLOGS}/30002")).json()["id"] == "30002"


async def test_a_comment_can_be_restricted(client: httpx2.AsyncClient) -> None:
    visibility = {"type": "role", "value": "Administrators", "identifier": "Administrators"}
    made = (await client.post(COMMENTS, json={"body": DOCUMENT, "visibility": visibility})).json()
    assert (await client.get(f"{COMMENTS}/{made['id']}")).json()["visibility"] == visibility


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m"), (59, "0m"), (3_600, "1h"), (30_600, "1d 30m"), (144_000 + 60, "1w 1m")]
)
def test_durations_are_worded_in_working_days_and_weeks(seconds: int, text: str) -> None:
    assert write_duration(seconds) == text
    assert read_duration(text) == seconds // 60 * 60
