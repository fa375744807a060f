"""Reading issues: one, in bulk, their embedded lists and what does not exist."""

import json

import httpx2
import msgspec
import pytest

from jira_emulator.issue_view import Selection, View
from jira_emulator.limits import Limits
from jira_emulator.model import Issue
from jira_emulator.site import Site

BULK = "/rest/api/3/issue/bulkfetch"
NOT_FOUND = "Issue does not exist or you do not have permission to see it."
INVALID = ["Invalid request payload. Refer to the REST API documentation and try again."]


async def test_an_issue_comes_whole_by_default(client: httpx2.AsyncClient, site: Site) -> None:
    issue = (await client.get("/rest/api/3/issue/ALPHA-1")).json()
    assert (issue["id"], issue["key"]) == ("10001", "ALPHA-1")
    assert issue["self"] == "http://jira.test/rest/api/3/issue/10001"
    stored = msgspec.json.decode(site.issues[10_001].fields)
    assert issue["fields"].keys() == {*stored, "comment", "worklog"}
    assert "changelog" not in issue


@pytest.mark.parametrize("name", ["10065", "BETA-5", "beta-5", "ALPHA-900", "alpha-900"])
async def test_ids_keys_and_former_keys_in_any_case_lead_to_the_issue(client: httpx2.AsyncClient, name: str) -> None:
    answer = await client.get(f"/rest/api/3/issue/{name}")
    assert answer.status_code == 200
    assert answer.json()["key"] == "BETA-5"


@pytest.mark.parametrize("name", ["99999", "ALPHA-999", "NOPE-1", "²", "9" * 5000])
async def test_an_unknown_issue_is_not_found(client: httpx2.AsyncClient, name: str) -> None:
    for path in ("", "/changelog", "/comment", "/worklog"):
        answer = await client.get(f"/rest/api/3/issue/{name}{path}")
        assert answer.status_code == 404
        assert answer.json() == {"errorMessages": [NOT_FOUND], "errors": {}}


async def test_embedded_lists_are_cut_and_say_so(client: httpx2.AsyncClient) -> None:
    issue = (await client.get("/rest/api/3/issue/10001", params={"expand": "changelog,names"})).json()
    comment, worklog, log = issue["fields"]["comment"], issue["fields"]["worklog"], issue["changelog"]
    assert [entry["id"] for entry in comment["comments"]] == [str(number) for number in range(20_000, 20_020)]
    assert (comment["startAt"], comment["maxResults"], comment["total"]) == (0, 20, 25)
    assert [entry["id"] for entry in worklog["worklogs"]] == [str(number) for number in range(30_000, 30_020)]
    assert (worklog["startAt"], worklog["maxResults"], worklog["total"]) == (0, 20, 23)
    assert [entry["id"] for entry in log["histories"]] == [str(number) for number in range(40_129, 40_029, -1)]
    assert (log["startAt"], log["maxResults"], log["total"]) == (0, 100, 130)
    assert issue["names"]["customfield_10101"] == "Weight"


async def test_short_lists_come_whole(client: httpx2.AsyncClient) -> None:
    fields = (await client.get("/rest/api/3/issue/10002")).json()["fields"]
    assert fields["comment"]["comments"] == []
    assert (fields["comment"]["maxResults"], fields["comment"]["total"]) == (0, 0)
    assert fields["worklog"] == {"startAt": 0, "maxResults": 20, "total": 0, "worklogs": []}


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ("summary", {"summary"}),
        ("summary,status", {"summary", "status"}),
        ("*all,-comment,-worklog,-labels", None),
        ("comment", {"comment"}),
        ("nothing", set()),
    ],
)
async def test_fields_choose(client: httpx2.AsyncClient, site: Site, fields: str, held: set[str] | None) -> None:
    answer = await client.get("/rest/api/3/issue/10001", params={"fields": fields})
    expected = set(msgspec.json.decode(site.issues[10_001].fields)) - {"labels"} if held is None else held
    assert answer.json()["fields"].keys() == expected


async def test_navigable_fields_leave_comments_and_worklogs_out(client: httpx2.AsyncClient) -> None:
    answer = await client.post(BULK, json={"issueIdsOrKeys": ["10001"]})
    fields = answer.json()["issues"][0]["fields"]
    assert {"summary", "status", "customfield_10100"} <= fields.keys()
    assert not {"comment", "worklog"} & fields.keys()


async def test_bulk_answers_in_order_of_id_and_names_what_is_missing(client: httpx2.AsyncClient) -> None:
    wanted = ["ALPHA-3", "10001", "nope", "ALPHA-900", "10001", "99999"]
    answer = await client.post(BULK, json={"issueIdsOrKeys": wanted, "fields": ["*all"]})
    assert answer.status_code == 200
    assert [issue["id"] for issue in answer.json()["issues"]] == ["10001", "10003", "10065"]
    assert answer.json()["issueErrors"] == [
        {"id": "nope", "errorMessage": NOT_FOUND},
        {"id": "99999", "errorMessage": NOT_FOUND},
    ]


async def test_bulk_and_single_answers_agree(client: httpx2.AsyncClient, site: Site) -> None:
    ids = [str(number) for number in site.issue_ids("10300")]
    answer = await client.post(BULK, json={"issueIdsOrKeys": ids, "fields": ["*all"]})
    for issue in answer.json()["issues"]:
        assert (await client.get(f"/rest/api/3/issue/{issue['id']}")).json() == issue


async def test_bulk_expands_inside_each_issue(client: httpx2.AsyncClient) -> None:
    body = {"issueIdsOrKeys": ["10001"], "fields": ["summary"], "expand": ["changelog", "names", "schema"]}
    (issue,) = (await client.post(BULK, json=body)).json()["issues"]
    assert (len(issue["changelog"]["histories"]), issue["changelog"]["total"]) == (40, 130)
    assert issue["names"] == {"summary": "Summary"}
    assert issue["schema"].keys() == {"summary"}


@pytest.mark.parametrize(
    ("count", "fields", "expand", "status"),
    [
        (100, ["*all"], [], 200),
        (101, ["*all"], [], 400),
        (101, ["*navigable"], [], 400),
        (101, [], [], 400),
        (101, ["-summary"], [], 400),
        (101, ["summary", "comment"], [], 400),
        (101, ["summary"], ["changelog"], 400),
        (101, [f"customfield_{number}" for number in range(101)], [], 400),
        (1000, ["summary"], ["names"], 200),
        (1001, ["summary"], [], 400),
        (0, ["summary"], [], 400),
    ],
)
async def test_how_many_issues_a_bulk_request_may_name(
    client: httpx2.AsyncClient, count: int, fields: list[str], expand: list[str], status: int
) -> None:
    ids = [str(number) for number in range(10_001, 10_001 + count)]
    answer = await client.post(BULK, json={"issueIdsOrKeys": ids, "fields": fields, "expand": expand})
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errorMessages"] == INVALID


async def test_awkward_characters_pass_through_as_they_are_stored(client: httpx2.AsyncClient, site: Site) -> None:
    issue = site.issues[10_002]
    text = '"a\\u0000b\\ud800 \\u2028"'
    issue.fields = b'{"summary":' + text.encode() + b',"labels":["\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"]}'
    for fields in (["*all"], ["summary", "labels"]):
        answer = await client.post(BULK, json={"issueIdsOrKeys": ["10002"], "fields": fields})
        assert f'"summary":{text}'.encode() in answer.content
        # The usual decoder refuses half of a surrogate pair; the standard library's does not.
        assert json.loads(answer.content)["issues"][0]["fields"]["labels"] == ["שלום"]


def test_an_issue_without_fields_is_still_json() -> None:
    issue = Issue(1, "A-1", "1", "1", "1", None, 0, 0, b"{}")
    view = View(Site(), Limits(), Selection(every=True))
    assert msgspec.json.decode(view.render(issue))["fields"].keys() == {"comment", "worklog"}
