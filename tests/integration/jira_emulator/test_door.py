"""Who may come in, what a request that leads nowhere is told, and what every answer carries."""

import httpx2
import pytest

from jira_emulator.app import create_app
from jira_emulator.site import Site

LOGIN = "Client must be authenticated to access this resource."


async def test_myself_tells_the_callers_time_zone_and_address(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/rest/api/3/myself")
    assert answer.status_code == 200
    assert answer.json()["timeZone"] == "Asia/Tokyo"
    assert answer.json()["emailAddress"] == "admin@example.com"
    assert answer.headers["x-aaccountid"] == answer.json()["accountId"]


async def test_links_carry_the_address_the_client_asked(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/rest/api/3/myself", headers={"host": "elsewhere.test:81"})
    assert answer.json()["self"].startswith("http://elsewhere.test:81/rest/api/3/user?")
    assert "emulator.invalid" not in answer.text


async def test_answers_carry_the_headers_of_the_cloud(client: httpx2.AsyncClient) -> None:
    first = await client.get("/rest/api/3/serverInfo")
    second = await client.get("/rest/api/3/serverInfo")
    assert first.headers["content-type"] == "application/json;charset=UTF-8"
    assert first.headers["server"] == "AtlassianEdge"
    assert "no-store" in first.headers["cache-control"]
    assert first.headers["atl-traceid"] != second.headers["atl-traceid"]
    assert first.headers["x-arequestid"] != second.headers["x-arequestid"]


@pytest.mark.parametrize(
    "authorization", ["Basic YWRtaW5AZXhhbXBsZS5jb206d3Jvbmc=", "Basic %%%", "Bearer secret", "Basic"]
)
async def test_wrong_credentials_are_refused_everywhere(anonymous: httpx2.AsyncClient, authorization: str) -> None:
    for path in ("/rest/api/3/myself", "/rest/api/3/serverInfo", "/rest/agile/1.0/board"):
        answer = await anonymous.get(path, headers={"authorization": authorization})
        assert answer.status_code == 401
        assert answer.json()["errorMessages"] == [LOGIN]
        assert "x-seraph-loginreason" in answer.headers
        assert "x-aaccountid" not in answer.headers


@pytest.mark.parametrize("path", ["/rest/api/3/field", "/rest/api/3/status", "/rest/api/3/users/search"])
async def test_anonymous_callers_see_empty_lists(anonymous: httpx2.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 200
    assert answer.json() == []


async def test_anonymous_callers_see_no_project_and_no_issue(anonymous: httpx2.AsyncClient) -> None:
    projects = await anonymous.get("/rest/api/3/project/search")
    assert projects.json()["total"] == 0
    issue = await anonymous.get("/rest/api/3/issue/ALPHA-1")
    assert issue.status_code == 404
    change = await anonymous.put("/rest/api/3/issue/ALPHA-1", json={"fields": {"summary": "x"}})
    assert change.status_code == 404


@pytest.mark.parametrize("path", ["/rest/api/3/myself", "/rest/api/3/worklog/updated", "/rest/agile/1.0/board"])
async def test_what_anonymous_callers_may_not_ask_is_refused(anonymous: httpx2.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 401
    assert answer.json() == {"errorMessages": [LOGIN], "errors": {}}


@pytest.mark.parametrize("path", ["/rest/api/3/nothing", "/rest/api/3/myself/", "/", "/_emulator/nothing"])
async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"No endpoint GET {path}.",
        "instance": path,
    }


async def test_an_unsupported_method_names_those_that_are(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/rest/api/3/search/approximate-count")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["detail"] == "Method 'GET' is not supported."


async def test_a_number_that_is_none_is_a_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/rest/api/3/project/search", params={"maxResults": "x"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Failed to convert 'maxResults' with value: 'x'"


async def test_bodies_need_their_media_type_and_must_be_json(client: httpx2.AsyncClient) -> None:
    path = "/rest/api/3/issue/bulkfetch"
    plain = await client.post(path, content=b"{}", headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    broken = await client.post(path, content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400
    assert broken.json()["errorMessages"] == ["There was an error parsing JSON. Check that your request body is valid."]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": ["10001"], "surprise": 1}),
        ("/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": [10001]}),
        ("/rest/api/3/issue/bulkfetch", {}),
        ("/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["10001"], "startAt": 0}),
        ("/rest/api/3/search/jql", {"jql": "project = ALPHA", "startAt": 0}),
        ("/rest/api/3/search/approximate-count", {"jql": 3}),
        ("/rest/api/3/worklog/list", {"ids": ["x"]}),
        ("/rest/api/3/comment/list", {"id": [1]}),
    ],
)
async def test_closed_bodies_refuse_what_they_do_not_know(
    client: httpx2.AsyncClient, path: str, body: dict[str, object]
) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == [
        "Invalid request payload. Refer to the REST API documentation and try again."
    ]


async def test_latency_holds_answers_back(site: Site) -> None:
    app = create_app(site, email="a@example.com", token="t", latency_ms=30)
    auth = ("a@example.com", "t")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://jira.test", auth=auth
    ) as slow:
        answer = await slow.get("/rest/api/3/myself")
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.03


async def test_the_site_describes_itself(client: httpx2.AsyncClient) -> None:
    info = (await client.get("/rest/api/3/serverInfo")).json()
    assert info["deploymentType"] == "Cloud"
    assert info["baseUrl"] == "http://jira.test"
    assert info["serverTimeZone"] == "Europe/Prague"
    assert info["serverTime"][-5:] in ("+0100", "+0200")
    settings = (await client.get("/rest/api/3/configuration")).json()
    assert settings["timeTrackingConfiguration"]["workingHoursPerDay"] == 8.0


async def test_a_fault_of_the_emulator_itself_is_a_server_error(site: Site) -> None:
    site.issues[10_001].fields = b"broken"
    app = create_app(site, email="a", token="t")
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://jira.test", auth=("a", "t")) as client:
        answer = await client.get("/rest/api/3/issue/10001", params={"fields": "summary"})
    assert answer.status_code == 500
    assert answer.json()["errorMessages"] == ["Internal server error"]
