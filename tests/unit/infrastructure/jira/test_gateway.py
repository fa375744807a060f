import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

import httpx2
import pytest

from digital_spiral.application.ports import Account
from digital_spiral.domain.entities.agile import Board
from digital_spiral.domain.entities.issue import Issue
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.errors import Forbidden, Invalid, UnreadableAnswer
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway

PLATFORM = "/rest/api/3"
AGILE = "/rest/agile/1.0"
Json = dict[str, object]
Answer = Callable[[httpx2.Request], httpx2.Response]


class Scripted(Protocol):
    answers: dict[str, Answer]

    def bodies(self, path: str) -> list[Json]: ...


def always(body: object, status: int = 200) -> Answer:
    return lambda _: httpx2.Response(status, json=body)


def paged(values: list[Json], cap: int, **more: object) -> Answer:
    """A list whose pages hold no more than ``cap`` values, whatever was asked for."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params["startAt"])
        page = values[start : start + cap]
        return httpx2.Response(200, json={"startAt": start, "values": page} | more)

    return answer


PROJECT = Project(
    jira_id=10_000,
    key="DEMO",
    name="Demo",
    type_key=None,
    simplified=False,
    lead_id=None,
    archived=False,
    raw_jsonb=b"{}",
    content_hash=b"",
)


def board(kind: str) -> Board:
    return Board(jira_id=4, name="B", type=kind, project_id=None, raw_jsonb=b"{}", content_hash=b"")


async def test_the_account(gateway: JiraGateway, script: Scripted) -> None:
    myself = {"accountId": "ada", "displayName": "Ada", "timeZone": "Asia/Tokyo"}
    script.answers[f"{PLATFORM}/myself"] = always(myself)
    assert await gateway.account() == Account("ada", "Ada", "Asia/Tokyo")


async def test_projects_of_all_pages_with_the_archived(gateway: JiraGateway, script: Scripted) -> None:
    values: list[Json] = [
        {"id": "1", "key": "A", "name": "Alpha", "lead": {"accountId": "ada"}, "simplified": True, "expand": "x"},
        {"id": "2", "key": "B", "name": "Beta", "projectTypeKey": "software", "archived": True, "lead": None},
        {"id": "3", "key": "C", "name": "Gamma", "lead": {"accountId": ""}},
    ]
    script.answers[f"{PLATFORM}/project/search"] = paged(values, 2, total=3)
    first, second, third = await gateway.projects()
    assert (first.jira_id, first.key, first.lead_id, first.simplified, first.archived) == (1, "A", "ada", True, False)
    assert (second.type_key, second.archived, second.lead_id) == ("software", True, None)
    assert third.lead_id is None
    assert json.loads(first.raw_jsonb) == values[0]
    assert len(script.bodies(f"{PLATFORM}/project/search")) == 2
    script.answers[f"{PLATFORM}/project/search"] = paged([values[0] | {"expand": "y"}], 2, isLast=True)
    assert (await gateway.projects())[0].content_hash == first.content_hash


async def test_pages_end_where_the_answer_says_so_or_with_an_empty_one(gateway: JiraGateway, script: Scripted) -> None:
    values: list[Json] = [{"id": str(each), "name": f"P{each}"} for each in range(3)]
    path = f"{PLATFORM}/priority/search"
    script.answers[path] = paged(values, 100, isLast=True, total="3")
    assert [row.position for row in await gateway.priorities()] == [0, 1, 2]
    assert len(script.bodies(path)) == 1
    script.answers[path] = paged(values, 2)
    assert [row.jira_id for row in await gateway.priorities()] == ["0", "1", "2"]
    assert len(script.bodies(path)) == 4
    script.answers[path] = paged(values, 2, isLast=False, total=1)
    assert len(await gateway.priorities()) == 3


async def test_a_list_that_ignores_the_position_is_refused(gateway: JiraGateway, script: Scripted) -> None:
    script.answers[f"{PLATFORM}/resolution/search"] = always({"values": [{"id": "1"}], "isLast": False})
    with pytest.raises(UnreadableAnswer, match="same content"):
        await gateway.resolutions()
    script.answers[f"{PLATFORM}/users/search"] = always([{"accountId": "ada"}])
    with pytest.raises(UnreadableAnswer, match="same content"):
        await gateway.users()


async def test_users_come_until_an_empty_page_with_hashed_addresses(gateway: JiraGateway, script: Scripted) -> None:
    people = [
        {"accountId": "ada", "displayName": "Ada", "emailAddress": "ada@example.com", "active": False},
        {"accountId": "bo", "emailAddress": "", "accountType": "app"},
    ]
    script.answers[f"{PLATFORM}/users/search"] = lambda request: httpx2.Response(
        200, json=people[int(request.url.params["startAt"]) :][:1]
    )
    ada, bo = await gateway.users()
    assert (ada.email_hash, ada.active, ada.display_name) == ("hash(15)", False, "Ada")
    assert (bo.email_hash, bo.active, bo.account_type, bo.display_name) == (None, True, "app", "")
    assert b"ada@" not in ada.raw_jsonb


async def test_components_and_versions_belong_to_their_project(gateway: JiraGateway, script: Scripted) -> None:
    component = {"id": "5", "name": "Engine", "description": "d", "lead": {"accountId": "ada"}}
    version = {"id": "6", "name": "1.0", "released": True, "startDate": "2026-01-01", "releaseDate": "2026-02-01"}
    script.answers[f"{PLATFORM}/project/10000"] = always({"components": [component], "versions": [version]})
    [one], [other] = await gateway.project_parts(PROJECT)
    assert (one.jira_id, one.project_id, one.name, one.lead_id) == (5, 10_000, "Engine", "ada")
    assert (other.project_id, other.released, other.archived) == (10_000, True, False)
    assert (other.start_on, other.release_on) == (date(2026, 1, 1), date(2026, 2, 1))


async def test_the_vocabulary(gateway: JiraGateway, script: Scripted) -> None:
    category = {"id": 3, "key": "done"}
    statuses = [{"id": "1", "name": "Done", "statusCategory": category}, {"id": "2"}]
    script.answers[f"{PLATFORM}/status"] = always(statuses)
    types = [{"id": "1", "name": "Epic", "hierarchyLevel": 1}, {"id": "2", "subtask": True}, {"id": "3"}]
    script.answers[f"{PLATFORM}/issuetype"] = always(types)
    assert [(row.name, row.category) for row in await gateway.statuses()] == [("Done", "done"), ("", "undefined")]
    assert [row.hierarchy_level for row in await gateway.issue_types()] == [1, -1, 0]


async def test_custom_fields_under_their_untranslated_name(gateway: JiraGateway, script: Scripted) -> None:
    schema = {"type": "number", "custom": "app:float", "customId": 1}
    script.answers[f"{PLATFORM}/field"] = always(
        [
            {"id": "summary", "name": "Summary", "custom": False},
            {"id": "customfield_1", "name": "Body", "untranslatedName": "Points", "custom": True, "schema": schema},
            {"id": "customfield_2", "name": "Bare", "custom": True},
        ]
    )
    points, bare = await gateway.custom_fields()
    assert (points.jira_id, points.name, points.schema_type) == ("customfield_1", "Points", "number")
    assert (points.schema_custom, points.schema_items) == ("app:float", None)
    assert (bare.schema_type, bare.schema_custom) == (None, None)


async def test_an_element_that_cannot_be_read_is_named(gateway: JiraGateway, script: Scripted) -> None:
    script.answers[f"{PLATFORM}/status"] = always([{"name": "No id"}])
    with pytest.raises(UnreadableAnswer, match=r"a status .*`id`.*No id"):
        await gateway.statuses()


@pytest.mark.parametrize("status", [403, 404])
async def test_without_jira_software_there_are_no_boards(status: int, gateway: JiraGateway, script: Scripted) -> None:
    script.answers[f"{AGILE}/board"] = always({}, status)
    assert await gateway.boards() == []


async def test_boards_and_sprints(gateway: JiraGateway, script: Scripted) -> None:
    values: list[Json] = [
        {"id": 4, "name": "Ours", "type": "scrum", "location": {"projectId": 10_000}},
        {"id": 5, "name": "Mine", "type": "simple", "location": {"userAccountId": "ada"}},
    ]
    script.answers[f"{AGILE}/board"] = paged(values, 50, total=2)
    assert [(row.jira_id, row.type, row.project_id) for row in await gateway.boards()] == [
        (4, "scrum", 10_000),
        (5, "simple", None),
    ]
    sprint = {"id": 9, "name": "S", "state": "closed", "startDate": "2026-01-01T00:00:00.000Z", "originBoardId": 3}
    future: Json = {"id": 10, "name": "T", "state": "future"}
    script.answers[f"{AGILE}/board/4/sprint"] = paged([sprint, future], 50, isLast=True)
    first, second = await gateway.sprints(board("scrum"))
    assert (first.board_id, first.state, first.end_at, first.goal) == (3, "closed", None, None)
    assert first.start_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (second.board_id, second.start_at) == (4, None)


async def test_boards_without_sprints(gateway: JiraGateway, script: Scripted) -> None:
    path = f"{AGILE}/board/4/sprint"
    assert await gateway.sprints(board("kanban")) == []
    assert script.bodies(path) == []
    script.answers[path] = always({"errorMessages": ["The board does not support sprints"]}, 400)
    assert await gateway.sprints(board("simple")) == []
    script.answers[path] = always({"errorMessages": ["Something else"]}, 400)
    with pytest.raises(Invalid, match="Something else"):
        await gateway.sprints(board("scrum"))


async def test_the_estimated_number_of_issues(gateway: JiraGateway, script: Scripted) -> None:
    path = f"{PLATFORM}/search/approximate-count"
    script.answers[path] = always({"count": 27})
    assert await gateway.count_issues([PROJECT, replace(PROJECT, jira_id=10_001)]) == 27
    assert script.bodies(path) == [{"jql": "project IN (10000, 10001)"}]


async def test_what_changed_is_asked_for_in_terms_that_hold_in_every_time_zone(
    gateway: JiraGateway, script: Scripted
) -> None:
    path = f"{PLATFORM}/search/jql"
    hits = [{"id": "7", "fields": {"updated": "2026-03-02T10:00:00.000+0100"}}, {"id": "9", "fields": {"updated": "?"}}]
    script.answers[path] = always({"issues": hits, "isLast": True})
    changed = await gateway.changed_since(PROJECT, datetime(2026, 3, 3, 1, 30, tzinfo=timezone(timedelta(hours=2))))
    [body] = script.bodies(path)
    assert body["jql"] == 'project = 10000 AND id > 0 AND updated >= "2026-03-01 21:30" ORDER BY id ASC'
    assert changed[7] == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert changed[9] < changed[7], "an unreadable instant differs from every stored one"


async def test_missing_permissions(gateway: JiraGateway, script: Scripted) -> None:
    permissions = {
        "BROWSE_PROJECTS": {"name": "Browse Projects", "havePermission": True},
        "USER_PICKER": {"name": "Browse users and groups", "havePermission": False},
    }
    script.answers[f"{PLATFORM}/mypermissions"] = always({"permissions": permissions})
    assert await gateway.missing_permissions() == ["Browse users and groups"]
    del script.answers[f"{PLATFORM}/mypermissions"]
    script.answers[f"{PLATFORM}/project/search"] = always({"values": [{"id": "1"}]})
    assert await gateway.missing_permissions() == []
    script.answers[f"{PLATFORM}/project/search"] = always({"values": []})
    assert await gateway.missing_permissions() == ["Browse Projects (the account sees no project at all)"]


async def test_users_that_may_not_be_listed_are_an_error(gateway: JiraGateway, script: Scripted) -> None:
    script.answers[f"{PLATFORM}/users/search"] = always({"errorMessages": ["No."]}, 403)
    with pytest.raises(Forbidden):
        await gateway.users()


def _worklog(worklog_id: int, **more: object) -> Json:
    moment = "2026-03-01T12:00:00.000+0000"
    base = {"id": str(worklog_id), "issueId": "7", "started": moment, "created": moment, "updated": moment}
    return base | {"timeSpentSeconds": 60} | more


async def test_the_worklog_feeds_are_followed_to_their_end(gateway: JiraGateway, script: Scripted) -> None:
    pages: dict[str, Json] = {
        "5": {"values": [{"worklogId": 1, "updatedTime": 6}], "until": 7, "lastPage": False},
        "7": {"values": [{"worklogId": 1, "updatedTime": 8}, {"worklogId": 2, "updatedTime": 9}], "until": 9},
    }
    answer: Answer = lambda request: httpx2.Response(200, json=pages[request.url.params["since"]])  # noqa: E731
    script.answers[f"{PLATFORM}/worklog/updated"] = answer
    script.answers[f"{PLATFORM}/worklog/deleted"] = answer
    assert await gateway.worklogs_updated(5) == ({1: 8, 2: 9}, 9)
    assert await gateway.worklogs_deleted(5) == ([1, 2], 9)
    pages["9"] = {"values": [], "lastPage": True}
    assert await gateway.worklogs_updated(9) == ({}, 9)
    pages["11"] = {"values": [], "until": 11, "lastPage": False}
    with pytest.raises(UnreadableAnswer, match="does not move on"):
        await gateway.worklogs_updated(11)


async def test_worklogs_by_id_in_thousands(gateway: JiraGateway, script: Scripted) -> None:
    path = f"{PLATFORM}/worklog/list"
    script.answers[path] = lambda request: httpx2.Response(
        200, json=[_worklog(each) for each in json.loads(request.content)["ids"] if each % 2]
    )
    rows, skips = await gateway.worklogs([*range(1, 1502), 5])
    assert len(rows) == 751
    assert skips == []
    assert sorted(len(body["ids"]) for body in script.bodies(path)) == [501, 1000]  # type: ignore[arg-type]


async def test_bad_worklogs_are_named(gateway: JiraGateway, script: Scripted) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        ids = json.loads(request.content)["ids"]
        if 3 in ids:
            return httpx2.Response(200, content=b"[{")
        return httpx2.Response(
            200, json=[_worklog(each, **({"started": "never"} if each == 2 else {})) for each in ids]
        )

    script.answers[f"{PLATFORM}/worklog/list"] = answer
    rows, skips = await gateway.worklogs([1, 2, 3, 4])
    assert sorted(row.jira_id for row in rows) == [1, 4]
    assert sorted(skip.what for skip in skips) == ["worklog 2", "worklog 3"]


async def test_a_worklog_without_an_id_is_named_as_well_as_can_be(gateway: JiraGateway, script: Scripted) -> None:
    script.answers[f"{PLATFORM}/worklog/list"] = always([{"started": "now"}])
    _, skips = await gateway.worklogs([8])
    assert [skip.what for skip in skips] == ["worklog 8"]
    _, skips = await gateway.worklogs([8, 9])
    assert [skip.what for skip in skips] == ["a worklog of 2"]


async def test_all_worklogs_of_an_issue(gateway: JiraGateway, script: Scripted, an_issue: Issue) -> None:
    path = f"{PLATFORM}/issue/{an_issue.jira_id}/worklog"

    def pages(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params["startAt"])
        page = [_worklog(each) for each in range(start, min(start + 2, 5))]
        # As Atlassian's document has it: `total` counts the page.
        return httpx2.Response(200, json={"worklogs": page, "total": len(page), "maxResults": 2, "startAt": start})

    script.answers[path] = pages
    rows = await gateway.complete_worklogs(an_issue)
    assert [row.jira_id for row in rows] == [0, 1, 2, 3, 4]
    assert {row.issue_id for row in rows} == {an_issue.jira_id}
    whole = {"worklogs": [_worklog(1)], "total": 1, "maxResults": 5000, "startAt": 0}
    script.answers[path] = always(whole)
    before = gateway.requests
    assert len(await gateway.complete_worklogs(an_issue)) == 1
    assert gateway.requests - before == 1
