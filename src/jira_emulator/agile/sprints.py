"""Sprints: those of a board, one, and a sprint's issues."""

from jira_emulator.agile.boards import find_board
from jira_emulator.agile.issue_list import issue_list
from jira_emulator.call import Answer, Call, ok
from jira_emulator.errors import JiraError
from jira_emulator.model import Sprint
from jira_emulator.operations import operation
from jira_emulator.paging import agile_page
from jira_emulator.wire import BASE, Json, agile_timestamp, read_id

_STATES = ("future", "active", "closed")


@operation("getAllSprints", "agile")
def board_sprints(call: Call) -> Answer:
    """``GET board/{boardId}/sprint``, optionally by state; boards without sprints refuse."""
    board = find_board(call)
    if board.type != "scrum":
        raise JiraError(400, "The board does not support sprints")
    states = set(call.names("state"))
    if unknown := states.difference(_STATES):
        raise JiraError(400, f"Invalid value for 'state': {min(unknown)}")
    found = [
        sprint_shape(sprint)
        for sprint in call.site.sprints.values()
        if sprint.board_id == board.id and (not states or sprint.state in states)
    ]
    return agile_page(call, found, cap=call.limits.sprint_page)


@operation("getSprint", "agile")
def get_sprint(call: Call) -> Answer:
    """``GET sprint/{sprintId}``."""
    return ok(sprint_shape(_find(call)))


@operation("getIssuesForSprint", "agile")
def sprint_issues(call: Call) -> Answer:
    """``GET sprint/{sprintId}/issue``: every issue that is or was in the sprint."""
    sprint = _find(call)
    board = call.site.boards.get(sprint.board_id)
    projects = set(call.site.projects) if board is None else {board.project_id}
    return issue_list(call, projects, sprint_id=sprint.id)


def sprint_shape(sprint: Sprint) -> Json:
    """A sprint; dates it does not have are absent."""
    shape: Json = {
        "id": sprint.id,
        "self": f"{BASE}/rest/agile/1.0/sprint/{sprint.id}",
        "state": sprint.state,
        "name": sprint.name,
    }
    dates = {
        "startDate": sprint.start,
        "endDate": sprint.end,
        "completeDate": sprint.complete,
        "createdDate": sprint.created,
    }
    shape |= {name: agile_timestamp(instant) for name, instant in dates.items() if instant is not None}
    shape["originBoardId"] = sprint.board_id
    if sprint.goal is not None:
        shape["goal"] = sprint.goal
    return shape


def _find(call: Call) -> Sprint:
    wanted = call.arguments["sprintId"]
    number = read_id(wanted)
    found = None if number is None else call.site.sprints.get(number)
    if found is None:
        raise JiraError(404, f"The requested sprint cannot be found: {wanted}")
    return found
