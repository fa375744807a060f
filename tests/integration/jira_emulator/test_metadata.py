"""Projects, users and what issues are described with."""

import httpx2
import pytest

from jira_emulator.model import Project, User
from jira_emulator.site import Site


async def test_fields_are_a_bare_array_with_custom_ones(client: httpx2.AsyncClient) -> None:
    fields = {field["id"]: field for field in (await client.get("/rest/api/3/field")).json()}
    assert fields["summary"]["custom"] is False
    weight = fields["customfield_10101"]
    assert (weight["custom"], weight["name"], weight["schema"]["customId"]) == (True, "Weight", 10101)
    assert weight["clauseNames"] == ["cf[10101]", "Weight"]
    assert "schema" not in fields["issuekey"]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("issuetype", ["10100", "10101", "10102"]),
        ("status", ["10201", "10202", "10203"]),
        ("statuscategory", [1, 2, 4, 3]),
        ("priority", ["1", "3"]),
        ("resolution", ["10000"]),
    ],
)
async def test_lists_are_bare_arrays(client: httpx2.AsyncClient, path: str, ids: list[str | int]) -> None:
    answer = await client.get(f"/rest/api/3/{path}")
    assert [thing["id"] for thing in answer.json()] == ids
    assert all(thing["self"].startswith(f"http://jira.test/rest/api/3/{path}/") for thing in answer.json())


async def test_priorities_and_resolutions_are_searched_in_pages(client: httpx2.AsyncClient) -> None:
    first = (await client.get("/rest/api/3/priority/search", params={"maxResults": "1"})).json()
    assert (first["total"], first["isLast"], [value["id"] for value in first["values"]]) == (2, False, ["1"])
    second = (await client.get(first["nextPage"])).json()
    assert (second["isLast"], [value["id"] for value in second["values"]]) == (True, ["3"])
    named = (await client.get("/rest/api/3/priority/search", params={"priorityName": "high"})).json()
    assert [value["name"] for value in named["values"]] == ["Highest"]
    resolutions = (await client.get("/rest/api/3/resolution/search", params={"id": ["10000", "1"]})).json()
    assert resolutions["values"][0]["isDefault"] is False


async def test_link_types_are_wrapped(client: httpx2.AsyncClient) -> None:
    (kind,) = (await client.get("/rest/api/3/issueLinkType")).json()["issueLinkTypes"]
    assert (kind["inward"], kind["outward"]) == ("is blocked by", "blocks")


async def test_users_come_active_or_not_in_pages_of_at_most_a_thousand(client: httpx2.AsyncClient, site: Site) -> None:
    for number in range(1_200):
        site.users[f"u{number}"] = User(f"u{number}", f"User {number}")
    found: list[str] = []
    while page := (await client.get(f"/rest/api/3/users/search?startAt={len(found)}&maxResults=5000")).json():
        assert len(page) <= 1_000
        found += [user["accountId"] for user in page]
    assert found == list(site.users)
    bo = next(user for user in (await client.get("/rest/api/3/users/search")).json() if user["accountId"] == "bo")
    assert bo["active"] is False
    assert "emailAddress" not in bo


async def test_project_pages_are_capped_at_a_hundred(client: httpx2.AsyncClient, site: Site) -> None:
    for number in range(150):
        site.projects[str(50_000 + number)] = Project(str(50_000 + number), f"P{number}", f"Project {number}")
    found: list[str] = []
    path: str | None = "/rest/api/3/project/search?maxResults=500"
    while path:
        page = (await client.get(path)).json()
        assert page["maxResults"] == 100
        found += [project["key"] for project in page["values"]]
        path = page.get("nextPage")
    assert found == sorted(project.key for project in site.projects.values() if not project.archived)


async def test_projects_are_filtered_ordered_and_expanded(client: httpx2.AsyncClient) -> None:
    url = "/rest/api/3/project/search"
    plain = (await client.get(url)).json()["values"]
    assert [project["key"] for project in plain] == ["ALPHA", "BETA"]
    assert not {"lead", "description", "issueTypes"} & plain[0].keys()
    params = {"expand": "lead,description,issueTypes,insight", "orderBy": "-name"}
    full = (await client.get(url, params=params)).json()["values"]
    assert [project["key"] for project in full] == ["BETA", "ALPHA"]
    assert full[1]["lead"]["accountId"] == "ada"
    assert [kind["name"] for kind in full[1]["issueTypes"]] == ["Task", "Sub-task"]
    assert full[1]["insight"]["totalIssueCount"] == 60
    archived = (await client.get(url, params={"status": "archived"})).json()["values"]
    assert [(project["key"], project["archived"]) for project in archived] == [("OLD", True)]
    some = (await client.get(url, params={"keys": ["beta", "nope"], "typeKey": "software"})).json()
    assert some["total"] == 1
    assert (await client.get(url, params={"query": "lph"})).json()["total"] == 1
    assert (await client.get(url, params={"status": "odd"})).status_code == 400
    assert (await client.get(url, params={"orderBy": "colour"})).status_code == 400


@pytest.mark.parametrize("name", ["ALPHA", "alpha", "10300"])
async def test_a_project_by_key_or_id(client: httpx2.AsyncClient, name: str) -> None:
    project = (await client.get(f"/rest/api/3/project/{name}")).json()
    assert (project["id"], project["key"], project["projectTypeKey"]) == ("10300", "ALPHA", "software")
    assert [part["name"] for part in project["components"]] == ["Engine"]
    assert [version["name"] for version in project["versions"]] == ["1.0", "1.1", "2.0"]


@pytest.mark.parametrize("path", ["", "/component", "/components", "/version", "/versions", "/statuses"])
async def test_an_unknown_project_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(f"/rest/api/3/project/NOPE{path}")
    assert answer.status_code == 404
    assert answer.json()["errorMessages"] == ["No project could be found with key 'NOPE'."]


async def test_components_and_versions_come_paged_and_whole(client: httpx2.AsyncClient) -> None:
    (part,) = (await client.get("/rest/api/3/project/ALPHA/components")).json()
    assert (part["project"], part["projectId"], part["lead"]["accountId"]) == ("ALPHA", 10300, "ada")
    paged = (await client.get("/rest/api/3/project/ALPHA/component", params={"query": "eng"})).json()
    assert [value["id"] for value in paged["values"]] == [part["id"]]
    versions = (await client.get("/rest/api/3/project/ALPHA/versions")).json()
    assert [version["released"] for version in versions] == [True, False, False]
    page = (await client.get("/rest/api/3/project/ALPHA/version", params={"status": "unreleased"})).json()
    assert [version["name"] for version in page["values"]] == ["1.1", "2.0"]


async def test_statuses_of_a_project_are_grouped_by_type(client: httpx2.AsyncClient) -> None:
    groups = (await client.get("/rest/api/3/project/ALPHA/statuses")).json()
    assert {group["name"]: [status["name"] for status in group["statuses"]] for group in groups} == {
        "Task": ["To Do", "In Progress", "Done"],
        "Sub-task": ["To Do", "Done"],
    }
    assert [group["subtask"] for group in groups] == [False, True]
