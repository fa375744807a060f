"""Boards: the list, one, its configuration and its issues."""

from jira_emulator import wire
from jira_emulator.agile.issue_list import issue_list
from jira_emulator.call import Answer, Call, ok
from jira_emulator.errors import JiraError
from jira_emulator.model import Board
from jira_emulator.operations import operation
from jira_emulator.paging import agile_page
from jira_emulator.site import Site
from jira_emulator.system_fields import RANK_FIELD, STORY_POINTS_FIELD
from jira_emulator.wire import BASE, Json, read_id

_COLUMNS = {2: "To Do", 4: "In Progress", 3: "Done"}
"""Column names by status category; the category of an unknown status goes with what is to do."""


@operation("getAllBoards", "agile")
def boards(call: Call) -> Answer:
    """``GET board``, optionally by type, name and project."""
    types = set(call.names("type"))
    name = call.query.get("name", "").casefold()
    wanted = call.query.get("projectKeyOrId")
    project = None if wanted is None else call.site.find_project(wanted)
    if wanted is not None and project is None:
        raise JiraError(400, f"No project could be found with key or id '{wanted}'.")
    found = [
        _shape(call.site, board)
        for board in call.site.boards.values()
        if (not types or board.type in types)
        and name in board.name.casefold()
        and (project is None or board.project_id == project.id)
    ]
    return agile_page(call, found, cap=call.limits.page_default)


@operation("getBoard", "agile")
def get_board(call: Call) -> Answer:
    """``GET board/{boardId}``."""
    return ok(_shape(call.site, find_board(call)))


@operation("getConfiguration", "agile")
def configuration(call: Call) -> Answer:
    """``GET board/{boardId}/configuration``: one column per status category, the last one is done."""
    board = find_board(call)
    project = call.site.projects[board.project_id]
    shape: Json = {
        "id": board.id,
        "name": board.name,
        "type": board.type,
        "self": f"{BASE}/rest/agile/1.0/board/{board.id}/configuration",
        "location": {
            "type": "project",
            "key": project.key,
            "id": project.id,
            "self": f"{BASE}/rest/api/3/project/{project.id}",
            "name": project.name,
        },
        "filter": {"id": str(board.id), "self": f"{BASE}/rest/api/3/filter/{board.id}"},
        "columnConfig": {"columns": _columns(call.site, board), "constraintType": "none"},
        "ranking": {"rankCustomFieldId": int(RANK_FIELD.removeprefix("customfield_"))},
    }
    if board.type == "kanban":
        shape["subQuery"] = {"query": "fixVersion in unreleasedVersions() OR fixVersion is EMPTY"}
    if board.type == "scrum":
        field = {"fieldId": STORY_POINTS_FIELD, "displayName": "Story Points"}
        shape["estimation"] = {"type": "field", "field": field}
    return ok(shape)


@operation("getIssuesForBoard", "agile")
def board_issues(call: Call) -> Answer:
    """``GET board/{boardId}/issue``: the issues of the board's project."""
    return issue_list(call, {find_board(call).project_id})


def find_board(call: Call) -> Board:
    """The board the path names.

    Raises:
        JiraError: There is none, or the caller may not see it.
    """
    wanted = call.arguments["boardId"]
    number = read_id(wanted)
    found = None if number is None else call.site.boards.get(number)
    if found is None:
        message = "The requested board cannot be viewed because it either does not exist or you do not have permission."
        raise JiraError(404, message)
    return found


def _shape(site: Site, board: Board) -> Json:
    project = site.projects[board.project_id]
    title = f"{project.name} ({project.key})"
    return {
        "id": board.id,
        "self": f"{BASE}/rest/agile/1.0/board/{board.id}",
        "name": board.name,
        "type": board.type,
        "location": {
            "projectId": int(project.id),
            "displayName": title,
            "projectName": project.name,
            "projectKey": project.key,
            "projectTypeKey": project.type_key,
            "avatarURI": f"{BASE}/rest/api/3/universal_avatar/view/type/project/avatar/{project.id}",
            "name": title,
        },
        "isPrivate": False,
    }


def _columns(site: Site, board: Board) -> list[Json]:
    used = {status for statuses in site.projects[board.project_id].workflow.values() for status in statuses}
    columns: list[Json] = []
    for category_id, name in _COLUMNS.items():
        statuses = [
            {"id": status.id, "self": wire.status(status)["self"]}
            for status in site.statuses.values()
            if status.id in used and (status.category_id if status.category_id in _COLUMNS else 2) == category_id
        ]
        columns.append({"name": name, "statuses": statuses})
    return columns
