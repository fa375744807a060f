"""Boards and sprints."""

import httpx2
import pytest

URL = "/rest/agile/1.0"


async def test_boards_with_their_projects(client: httpx2.AsyncClient) -> None:
    page = (await client.get(f"{URL}/board")).json()
    assert [(board["id"], board["type"]) for board in page["values"]] == [(1, "scrum"), (2, "kanban")]
    assert page["values"][0]["location"]["projectKey"] == "ALPHA"
    assert page["values"][0]["location"]["projectId"] == 10300
    for params, ids in (
        ({"type": "kanban"}, [2]),
        ({"name": "ALPHA"}, [1]),
        ({"projectKeyOrId": "BETA"}, [2]),
        ({"projectKeyOrId": "10300"}, [1]),
        ({"startAt": "1"}, [2]),
    ):
        found = (await client.get(f"{URL}/board", params=params)).json()["values"]
        assert [board["id"] for board in found] == ids
    assert (await client.get(f"{URL}/board", params={"projectKeyOrId": "NOPE"})).status_code == 400
    assert (await client.get(f"{URL}/board/2")).json()["name"] == "Beta board"


async def test_the_last_column_is_done(client: httpx2.AsyncClient) -> None:
    scrum = (await client.get(f"{URL}/board/1/configuration")).json()
    columns = scrum["columnConfig"]["columns"]
    assert [[status["id"] for status in column["statuses"]] for column in columns] == [["10201"], ["10202"], ["10203"]]
    assert columns[-1]["name"] == "Done"
    assert scrum["estimation"]["field"]["fieldId"] == "customfield_10016"
    assert scrum["ranking"] == {"rankCustomFieldId": 10019}
    kanban = (await client.get(f"{URL}/board/2/configuration")).json()
    assert "subQuery" in kanban
    assert "estimation" not in kanban


async def test_sprints_come_in_pages_of_fifty(client: httpx2.AsyncClient) -> None:
    first = (await client.get(f"{URL}/board/1/sprint", params={"maxResults": 200})).json()
    assert (first["maxResults"], len(first["values"]), first["total"], first["isLast"]) == (50, 50, 60, False)
    second = (await client.get(f"{URL}/board/1/sprint", params={"startAt": 50})).json()
    assert second["isLast"] is True
    assert [sprint["id"] for sprint in first["values"] + second["values"]] == list(range(1, 61))
    open_ones = (await client.get(f"{URL}/board/1/sprint", params={"state": "active,future"})).json()
    assert [sprint["id"] for sprint in open_ones["values"]] == [59, 60]
    assert first["values"][0]["startDate"] == "2026-01-01T00:00:00.000Z"


async def test_boards_without_sprints_say_so(client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"{URL}/board/2/sprint")
    assert answer.status_code == 400
    assert answer.json()["errorMessages"] == ["The board does not support sprints"]
    assert (await client.get(f"{URL}/board/1/sprint", params={"state": "odd"})).status_code == 400


async def test_one_sprint(client: httpx2.AsyncClient) -> None:
    sprint = (await client.get(f"{URL}/sprint/59")).json()
    assert (sprint["id"], sprint["state"], sprint["originBoardId"]) == (59, "active", 1)
    assert "goal" not in sprint


@pytest.mark.parametrize("path", ["board/9", "board/x", "board/9/sprint", "board/9/issue", "sprint/99", "sprint/x"])
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(f"{URL}/{path}")).status_code == 404


async def test_the_issues_of_a_board(client: httpx2.AsyncClient) -> None:
    found: list[int] = []
    while True:
        params: dict[str, str | int] = {"startAt": len(found), "maxResults": 25, "fields": "summary"}
        page = (await client.get(f"{URL}/board/1/issue", params=params)).json()
        assert page["total"] == 60
        if not page["issues"]:
            break
        found += [int(issue["id"]) for issue in page["issues"]]
    assert sorted(found) == list(range(10_001, 10_061))
    params = {"jql": "assignee = ada ORDER BY id", "expand": "names,schema,changelog", "fields": "summary"}
    narrowed = (await client.get(f"{URL}/board/1/issue", params=params)).json()
    assert narrowed["total"] == 20
    assert narrowed["names"] == {"summary": "Summary"}
    assert narrowed["issues"][0]["changelog"]["total"] == 3
    ordered: dict[str, str | int] = {"jql": "ORDER BY status, id", "startAt": 58}
    assert len((await client.get(f"{URL}/board/1/issue", params=ordered)).json()["issues"]) == 2
    assert (await client.get(f"{URL}/board/1/issue", params={"jql": "nope = 1"})).status_code == 400


async def test_the_issues_of_a_sprint(client: httpx2.AsyncClient) -> None:
    page = (await client.get(f"{URL}/sprint/1/issue")).json()
    assert sorted(int(issue["id"]) for issue in page["issues"]) == [10_010, 10_020, 10_030, 10_040, 10_050, 10_060]
    assert page["total"] == 6
    assert (await client.get(f"{URL}/sprint/2/issue")).json()["issues"] == []
