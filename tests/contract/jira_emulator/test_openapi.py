"""The emulator's answers and its table of operations against Atlassian's own OpenAPI documents.

The documents have known mistakes, where live answers break them; they are corrected here one by one and nowhere else.
"""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # it ships no types

from jira_emulator.app import create_app
from jira_emulator.generate import generate
from jira_emulator.operations import OPERATIONS, Operation
from jira_emulator.site import Site

Json: TypeAlias = dict[str, "Json"]
"""JSON objects as far as these tests look into them."""

_DOCUMENTS = {"platform": "platform.json", "agile": "software.json"}

# Keys that the service sends and a closed schema lacks.
_UNDOCUMENTED: dict[str, tuple[str, ...]] = {
    "ServerInformation": ("defaultLocale",),
    "FieldDetails": ("untranslatedName",),
    "BulkIssueResults": ("expand",),
    "ResolutionJsonBean": ("isDefault",),
}
# Values that are null on the wire and not nullable in the document.
_NULLABLE: dict[str, tuple[str, ...]] = {"ChangeDetails": ("from", "fromString", "to", "toString")}
# Operations whose 2xx answer the document leaves without a schema; only their status is checked.
_WITHOUT_SCHEMA = frozenset({"getAllSprints", "getSprint", "getIssuesForSprint", "editIssue"})


def _folder() -> Path:
    root = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("DIGITAL_SPIRAL_SHARED") or root.parent / "shared") / "jira-openapi"
    if not folder.is_dir():
        pytest.skip("Atlassian's OpenAPI documents are absent: neither DIGITAL_SPIRAL_SHARED nor ../shared has them")
    return folder


def _accept_null(node: object) -> None:
    """Rewrite ``nullable`` of OpenAPI 3.0 into a type that JSON Schema knows."""
    if isinstance(node, dict):
        if node.get("nullable") is True and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        for child in node.values():
            _accept_null(child)
    elif isinstance(node, list):
        for child in node:
            _accept_null(child)


def _corrected(document: Json) -> Json:
    _accept_null(document)
    schemas = document["components"]["schemas"]
    for name, keys in (*_UNDOCUMENTED.items(), *_NULLABLE.items()):
        if name in schemas:
            schemas[name]["properties"] |= {key: {} for key in keys}
    for path in ("/rest/agile/1.0/board/{boardId}/configuration",):
        if path in document["paths"]:
            answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            answer["properties"]["location"] = {}
    return document


@pytest.fixture(scope="module")
def documents() -> dict[str, Json]:
    folder = _folder()
    return {family: _corrected(json.loads((folder / name).read_bytes())) for family, name in _DOCUMENTS.items()}


@pytest.fixture(scope="module")
def site() -> Site:
    made = Site()
    generate(made, issues=120, seed=3)
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(site, email="admin@example.com", token="t")
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://jira.test", auth=("admin@example.com", "t")
    ) as made:
        yield made


Ask = Callable[[Site], tuple[str, object]]


def _busy(site: Site) -> str:
    """The issue with the most comments, worklogs and histories."""
    return max(site.issues.values(), key=lambda issue: (bool(issue.worklogs), len(issue.comments))).key


def _every_id(site: Site) -> list[str]:
    return [str(number) for number in list(site.issues)[:100]]


def _issue(tail: str = "") -> Ask:
    return lambda site: (f"/rest/api/3/issue/{_busy(site)}{tail}", None)


def _child(kind: str) -> Ask:
    def ask(site: Site) -> tuple[str, object]:
        issue = next(issue for issue in site.issues.values() if getattr(issue, f"{kind}s"))
        return f"/rest/api/3/issue/{issue.id}/{kind}/{getattr(issue, f'{kind}s')[0].id}", None

    return ask


def _plain(path: str, body: object = None) -> Ask:
    return lambda _site: (path, body)


def _ids(path: str, kind: str) -> Ask:
    def ask(site: Site) -> tuple[str, object]:
        return path, {"ids": [entry.id for issue in site.issues.values() for entry in getattr(issue, kind)][:50]}

    return ask


_DOCUMENT = {"type": "doc", "version": 1, "content": []}
_EXPANDED = "?expand=names,schema,changelog"

_REQUESTS: dict[tuple[str, str], Ask] = {
    ("platform", "getCurrentUser"): _plain("/rest/api/3/myself"),
    ("platform", "getServerInfo"): _plain("/rest/api/3/serverInfo"),
    ("platform", "getConfiguration"): _plain("/rest/api/3/configuration"),
    ("platform", "getFields"): _plain("/rest/api/3/field"),
    ("platform", "searchProjects"): _plain("/rest/api/3/project/search?expand=lead,description,issueTypes,insight"),
    ("platform", "getProject"): _plain("/rest/api/3/project/DEMO"),
    ("platform", "getProjectComponentsPaginated"): _plain("/rest/api/3/project/DEMO/component"),
    ("platform", "getProjectComponents"): _plain("/rest/api/3/project/DEMO/components"),
    ("platform", "getProjectVersionsPaginated"): _plain("/rest/api/3/project/DEMO/version"),
    ("platform", "getProjectVersions"): _plain("/rest/api/3/project/DEMO/versions"),
    ("platform", "getAllStatuses"): _plain("/rest/api/3/project/DEMO/statuses"),
    ("platform", "getIssueAllTypes"): _plain("/rest/api/3/issuetype"),
    ("platform", "getStatuses"): _plain("/rest/api/3/status"),
    ("platform", "getStatusCategories"): _plain("/rest/api/3/statuscategory"),
    ("platform", "getPriorities"): _plain("/rest/api/3/priority"),
    ("platform", "searchPriorities"): _plain("/rest/api/3/priority/search"),
    ("platform", "getResolutions"): _plain("/rest/api/3/resolution"),
    ("platform", "searchResolutions"): _plain("/rest/api/3/resolution/search"),
    ("platform", "getIssueLinkTypes"): _plain("/rest/api/3/issueLinkType"),
    ("platform", "getAllUsers"): _plain("/rest/api/3/users/search"),
    ("platform", "searchAndReconsileIssuesUsingJql"): _plain(
        "/rest/api/3/search/jql?jql=project=DEMO&fields=*all&maxResults=20&expand=names,schema,changelog"
    ),
    ("platform", "searchAndReconsileIssuesUsingJqlPost"): _plain(
        "/rest/api/3/search/jql", {"jql": "id > 0 ORDER BY id", "maxResults": 5000}
    ),
    ("platform", "countIssues"): _plain("/rest/api/3/search/approximate-count", {"jql": "id > 0"}),
    ("platform", "bulkFetchIssues"): lambda site: (
        "/rest/api/3/issue/bulkfetch",
        {"issueIdsOrKeys": [*_every_id(site)[:99], "NOPE-1"], "fields": ["*all"], "expand": ["changelog", "names"]},
    ),
    ("platform", "getIssue"): _issue(_EXPANDED),
    ("platform", "editIssue"): _plain("/rest/api/3/issue/DEMO-1", {"fields": {"summary": "Edited"}}),
    ("platform", "deleteIssue"): lambda site: (f"/rest/api/3/issue/{max(site.issues)}?deleteSubtasks=true", None),
    ("platform", "getBulkChangelogs"): lambda site: (
        "/rest/api/3/changelog/bulkfetch",
        {"issueIdsOrKeys": _every_id(site), "maxResults": 50},
    ),
    ("platform", "getChangeLogs"): _issue("/changelog"),
    ("platform", "getComments"): _issue("/comment"),
    ("platform", "addComment"): _plain("/rest/api/3/issue/DEMO-1/comment", {"body": _DOCUMENT}),
    ("platform", "getComment"): _child("comment"),
    ("platform", "updateComment"): lambda site: (_child("comment")(site)[0], {"body": _DOCUMENT}),
    ("platform", "deleteComment"): _child("comment"),
    ("platform", "getCommentsByIds"): _ids("/rest/api/3/comment/list", "comments"),
    ("platform", "getIssueWorklog"): _issue("/worklog"),
    ("platform", "addWorklog"): _plain(
        "/rest/api/3/issue/DEMO-1/worklog", {"timeSpentSeconds": 60, "comment": _DOCUMENT}
    ),
    ("platform", "getWorklog"): _child("worklog"),
    ("platform", "deleteWorklog"): _child("worklog"),
    ("platform", "getIdsOfWorklogsModifiedSince"): _plain("/rest/api/3/worklog/updated?since=0"),
    ("platform", "getIdsOfWorklogsDeletedSince"): _plain("/rest/api/3/worklog/deleted"),
    ("platform", "getWorklogsForIds"): _ids("/rest/api/3/worklog/list", "worklogs"),
    ("agile", "getAllBoards"): _plain("/rest/agile/1.0/board"),
    ("agile", "getBoard"): _plain("/rest/agile/1.0/board/1"),
    ("agile", "getConfiguration"): _plain("/rest/agile/1.0/board/1/configuration"),
    ("agile", "getAllSprints"): _plain("/rest/agile/1.0/board/1/sprint"),
    ("agile", "getIssuesForBoard"): _plain("/rest/agile/1.0/board/1/issue"),
    ("agile", "getSprint"): _plain("/rest/agile/1.0/sprint/1"),
    ("agile", "getIssuesForSprint"): _plain("/rest/agile/1.0/sprint/1/issue"),
}
# Live sites answer 410, whatever the document says.
_REMOVED = {("platform", "searchForIssuesUsingJql"), ("platform", "searchForIssuesUsingJqlPost")}


@pytest.mark.parametrize("row", list(OPERATIONS.values()), ids=lambda row: f"{row.family}:{row.id}")
def test_the_table_is_atlassians(documents: dict[str, Json], row: Operation) -> None:
    described = documents[row.family]["paths"][row.path][row.method.lower()]
    assert str(described["operationId"]) == row.id
    security: object = described.get("security")
    assert (isinstance(security, list) and {} in security) is row.anonymous


def test_every_operation_has_its_request() -> None:
    assert _REQUESTS.keys() | _REMOVED == OPERATIONS.keys()


@pytest.mark.parametrize("name", list(_REQUESTS), ids=":".join)
async def test_answers_have_the_documented_shape(
    documents: dict[str, Json], client: httpx2.AsyncClient, site: Site, name: tuple[str, str]
) -> None:
    row = next(operation for operation in OPERATIONS.values() if (operation.family, operation.id) == name)
    path, body = _REQUESTS[name](site)
    answer = await client.request(row.method, path, json=body)
    assert answer.is_success, answer.text
    described = documents[row.family]["paths"][row.path][row.method.lower()]["responses"]
    assert str(answer.status_code) in described
    content = described[str(answer.status_code)].get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if row.id in _WITHOUT_SCHEMA or not content:
        assert not schema
        return
    validator = Draft4Validator({"allOf": [schema], "components": documents[row.family]["components"]})
    mistakes = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer.json())]
    assert mistakes == []


def test_the_validator_catches_wrong_answers(documents: dict[str, Json]) -> None:
    schema = {"$ref": "#/components/schemas/BulkIssueResults"}
    validator = Draft4Validator({"allOf": [schema], "components": documents["platform"]["components"]})
    assert validator.is_valid({"issues": [{"id": "1", "fields": {}}], "issueErrors": []})
    assert not validator.is_valid({"issues": [{"id": 1}], "issueErrors": []})
    assert not validator.is_valid({"issues": [], "surprise": []})
