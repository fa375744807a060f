"""Plain edits and deletions, which make copies drift, and the traces they leave."""

import httpx2
import msgspec
import pytest

from jira_emulator import wire
from jira_emulator.edits import patch
from jira_emulator.model import Issue
from jira_emulator.site import Site

URL = "/rest/api/3/issue/ALPHA-2"
DOCUMENT: wire.Json = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "New words"}]}],
}


def link(site: Site, source: Issue, target: Issue, link_id: str = "77") -> None:
    """Make ``source`` block ``target``, on both sides."""
    kind = {"id": "10010", "name": "Blocks"}
    for end, name, other in ((source, "outwardIssue", target), (target, "inwardIssue", source)):
        patch(end, {"issuelinks": [{"id": link_id, "type": kind, name: {"id": str(other.id), "key": other.key}}]})


async def test_an_edit_sets_fields_moves_updated_and_is_told(client: httpx2.AsyncClient, site: Site) -> None:
    before = site.issues[10_002].updated
    values = {
        "summary": "New",
        "description": DOCUMENT,
        "labels": ["red", "blue"],
        "assignee": {"accountId": "bo"},
        "priority": {"name": "Highest"},
        "duedate": "2026-03-01",
        "components": [{"id": "10400"}],
        "fixVersions": [{"name": "1.1"}, {"name": "2.0"}],
        "customfield_10101": 8,
    }
    answer = await client.put(URL, json={"fields": values})
    assert (answer.status_code, answer.content) == (204, b"")
    issue = (await client.get(URL, params={"expand": "changelog"})).json()
    fields = issue["fields"]
    assert fields["summary"] == "New"
    assert fields["description"] == DOCUMENT
    assert fields["assignee"]["displayName"] == "Bo Example"
    assert fields["priority"]["id"] == "1"
    assert [version["id"] for version in fields["fixVersions"]] == ["10501", "10502"]
    assert site.issues[10_002].updated > before
    assert site.issues[10_002].assignee == "bo"
    history = issue["changelog"]["histories"][0]
    assert history["created"] == fields["updated"]
    assert history["author"]["accountId"] == site.account_id
    items = {item["fieldId"]: item for item in history["items"]}
    assert items.keys() == values.keys()
    assert items["labels"]["fromString"] == "red"
    assert items["labels"]["toString"] == "red blue"
    assert (items["assignee"]["from"], items["assignee"]["to"]) == ("ada" if 10_002 % 3 == 0 else None, "bo")
    assert (items["fixVersions"]["to"], items["fixVersions"]["toString"]) == ("10501, 10502", "1.1, 2.0")
    assert items["description"]["toString"] == "New words"
    assert (items["customfield_10101"]["fieldtype"], items["customfield_10101"]["field"]) == ("custom", "Weight")


async def test_edited_issues_are_found_by_their_new_values(client: httpx2.AsyncClient) -> None:
    await client.put(URL, json={"fields": {"assignee": {"accountId": "bo"}}})
    jql = "assignee = 'Bo Example' AND updated >= -5m"
    page = (await client.post("/rest/api/3/search/jql", json={"jql": jql})).json()
    assert page["issues"] == [{"id": "10002"}]
    await client.put(URL, json={"fields": {"assignee": None}})
    assert (await client.post("/rest/api/3/search/approximate-count", json={"jql": jql})).json() == {"count": 0}


async def test_an_update_sets_too_and_returns_the_issue_when_asked(client: httpx2.AsyncClient) -> None:
    body = {"update": {"summary": [{"set": "Set"}]}}
    answer = await client.put(URL, json=body, params={"returnIssue": "true"})
    assert answer.status_code == 200
    assert answer.json()["fields"]["summary"] == "Set"
    both = {"fields": {"summary": "a"}, "update": {"summary": [{"set": "b"}]}}
    assert (await client.put(URL, json=both)).status_code == 400
    unknown = await client.put(URL, json={"update": {"labels": [{"add": "x"}]}})
    assert unknown.status_code == 400


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", {"id": "1"}, "Field 'status' cannot be set. It is not on the appropriate screen, or unknown."),
        ("nope", 1, "Field 'nope' cannot be set. It is not on the appropriate screen, or unknown."),
        (
            "customfield_10020",
            1,
            "Field 'customfield_10020' cannot be set. It is not on the appropriate screen, or unknown.",
        ),
        ("description", "x", "Operation value must be an Atlassian Document (see the Atlassian Document Format)"),
        ("summary", "", "You must specify a summary of the issue."),
        ("summary", "x" * 256, "Summary can't exceed 255 characters."),
        ("labels", ["a b"], "The label 'a b' contains spaces which is invalid."),
        ("labels", "a", "data was not an array"),
        ("duedate", "soon", "Error parsing date string: soon"),
        ("assignee", {"accountId": "nobody"}, "User 'nobody' does not exist."),
        ("priority", {"id": "9"}, "The priority selected is invalid."),
        ("components", [{"name": "x"}], "Component name '{'name': 'x'}' is not valid"),
        ("versions", [3], "Version name '3' is not valid"),
        ("fixVersions", "2.0", "data was not an array"),
        ("customfield_10100", 3, "Operation value must be a string"),
        ("customfield_10101", "3", "Operation value must be a number"),
    ],
)
async def test_a_refused_value_leaves_the_issue_as_it_was(
    client: httpx2.AsyncClient, site: Site, name: str, value: object, message: str
) -> None:
    before = site.issues[10_002].fields
    answer = await client.put(URL, json={"fields": {"duedate": "2026-01-01", name: value}})
    assert answer.status_code == 400
    assert answer.json() == {"errorMessages": [], "errors": {name: message}}
    assert site.issues[10_002].fields == before
    assert len(site.issues[10_002].histories) == 3


async def test_fields_are_emptied_with_null(client: httpx2.AsyncClient) -> None:
    values = {"description": None, "labels": None, "components": None, "priority": None, "customfield_10101": None}
    assert (await client.put(URL, json={"fields": values})).status_code == 204
    fields = (await client.get(URL)).json()["fields"]
    assert {name: fields[name] for name in values} == {**values, "labels": [], "components": []}


async def test_a_deleted_issue_is_gone_everywhere(client: httpx2.AsyncClient, site: Site) -> None:
    link(site, site.issues[10_001], site.issues[10_002])
    assert (await client.delete("/rest/api/3/issue/ALPHA-1")).status_code == 204
    assert (await client.get("/rest/api/3/issue/10001")).status_code == 404
    assert (await client.get(URL)).json()["fields"]["issuelinks"] == []
    count = await client.post("/rest/api/3/search/approximate-count", json={"jql": "project = ALPHA"})
    assert count.json() == {"count": 59}
    assert {tombstone.id for tombstone in site.deleted_worklogs} == set(range(30_000, 30_023))
    bulk = await client.post("/rest/api/3/issue/bulkfetch", json={"issueIdsOrKeys": ["10001"]})
    assert [error["id"] for error in bulk.json()["issueErrors"]] == ["10001"]


async def test_subtasks_are_deleted_along_only_when_asked(client: httpx2.AsyncClient, site: Site) -> None:
    parent, child = site.issues[10_002], site.issues[10_003]
    patch(parent, {"subtasks": [{"id": "10003", "key": child.key}]})
    patch(child, {"parent": {"id": "10002", "key": parent.key}})
    refused = await client.delete(URL)
    assert refused.status_code == 400
    assert "deleteSubtasks" in refused.json()["errorMessages"][0]
    assert (await client.delete(URL, params={"deleteSubtasks": "perhaps"})).status_code == 400
    assert (await client.delete(URL, params={"deleteSubtasks": "true"})).status_code == 204
    assert not {10_002, 10_003} & site.issues.keys()


async def test_a_deleted_subtask_leaves_its_parent(client: httpx2.AsyncClient, site: Site) -> None:
    parent, child = site.issues[10_002], site.issues[10_003]
    patch(parent, {"subtasks": [{"id": "10003", "key": child.key}]})
    patch(child, {"parent": {"id": "10002", "key": parent.key}})
    assert (await client.delete("/rest/api/3/issue/10003")).status_code == 204
    assert msgspec.json.decode(parent.fields)["subtasks"] == []


async def test_an_edit_keeps_half_a_surrogate_pair_elsewhere(client: httpx2.AsyncClient, site: Site) -> None:
    site.issues[10_002].fields = b'{"summary":"x","environment":"\\ud800","description":"\\ud800 "}'
    answer = await client.put(URL, json={"fields": {"description": None}})
    assert answer.status_code == 204
    assert rb'"environment":"\ud800"' in site.issues[10_002].fields
    assert rb'"fromString":"\ud800 "' in site.issues[10_002].histories[-1].body.replace(b": ", b":")


async def test_an_edit_without_a_change_leaves_no_history(client: httpx2.AsyncClient, site: Site) -> None:
    assert (await client.put(URL, json={"fields": {"labels": ["red"]}})).status_code == 204
    assert len(site.issues[10_002].histories) == 3
