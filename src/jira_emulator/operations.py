"""Atlassian's operations that this emulator answers: the one table that routing, logs and coverage read.

Operation ids, paths and whether anonymous callers are let in are those of Atlassian's OpenAPI documents. Ids are
unique within a family only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jira_emulator.call import Answer, Call

Family = Literal["platform", "agile"]
Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``anonymous`` callers get an empty site's answer where they are let in, 401 elsewhere."""

    id: str
    method: Method
    path: str
    family: Family
    anonymous: bool = True


@dataclass(frozen=True, slots=True)
class Handler:
    """The function that answers an operation."""

    operation: Operation
    answer: Callable[[Call], Answer]


_P = "/rest/api/3"
_A = "/rest/agile/1.0"

_ALL = (
    Operation("getCurrentUser", "GET", f"{_P}/myself", "platform", anonymous=False),
    Operation("getServerInfo", "GET", f"{_P}/serverInfo", "platform"),
    Operation("getConfiguration", "GET", f"{_P}/configuration", "platform", anonymous=False),
    Operation("getFields", "GET", f"{_P}/field", "platform"),
    Operation("searchProjects", "GET", f"{_P}/project/search", "platform"),
    Operation("getProject", "GET", f"{_P}/project/{{projectIdOrKey}}", "platform"),
    Operation("getProjectComponentsPaginated", "GET", f"{_P}/project/{{projectIdOrKey}}/component", "platform"),
    Operation("getProjectComponents", "GET", f"{_P}/project/{{projectIdOrKey}}/components", "platform"),
    Operation("getProjectVersionsPaginated", "GET", f"{_P}/project/{{projectIdOrKey}}/version", "platform"),
    Operation("getProjectVersions", "GET", f"{_P}/project/{{projectIdOrKey}}/versions", "platform"),
    Operation("getAllStatuses", "GET", f"{_P}/project/{{projectIdOrKey}}/statuses", "platform"),
    Operation("getIssueAllTypes", "GET", f"{_P}/issuetype", "platform"),
    Operation("getStatuses", "GET", f"{_P}/status", "platform"),
    Operation("getStatusCategories", "GET", f"{_P}/statuscategory", "platform"),
    Operation("getPriorities", "GET", f"{_P}/priority", "platform"),
    Operation("searchPriorities", "GET", f"{_P}/priority/search", "platform", anonymous=False),
    Operation("getResolutions", "GET", f"{_P}/resolution", "platform"),
    Operation("searchResolutions", "GET", f"{_P}/resolution/search", "platform", anonymous=False),
    Operation("getIssueLinkTypes", "GET", f"{_P}/issueLinkType", "platform"),
    Operation("getAllUsers", "GET", f"{_P}/users/search", "platform"),
    Operation("searchAndReconsileIssuesUsingJql", "GET", f"{_P}/search/jql", "platform"),
    Operation("searchAndReconsileIssuesUsingJqlPost", "POST", f"{_P}/search/jql", "platform"),
    Operation("countIssues", "POST", f"{_P}/search/approximate-count", "platform"),
    Operation("searchForIssuesUsingJql", "GET", f"{_P}/search", "platform"),
    Operation("searchForIssuesUsingJqlPost", "POST", f"{_P}/search", "platform"),
    Operation("bulkFetchIssues", "POST", f"{_P}/issue/bulkfetch", "platform"),
    Operation("getIssue", "GET", f"{_P}/issue/{{issueIdOrKey}}", "platform"),
    Operation("editIssue", "PUT", f"{_P}/issue/{{issueIdOrKey}}", "platform"),
    Operation("deleteIssue", "DELETE", f"{_P}/issue/{{issueIdOrKey}}", "platform"),
    Operation("getBulkChangelogs", "POST", f"{_P}/changelog/bulkfetch", "platform", anonymous=False),
    Operation("getChangeLogs", "GET", f"{_P}/issue/{{issueIdOrKey}}/changelog", "platform"),
    Operation("getComments", "GET", f"{_P}/issue/{{issueIdOrKey}}/comment", "platform"),
    Operation("addComment", "POST", f"{_P}/issue/{{issueIdOrKey}}/comment", "platform"),
    Operation("getComment", "GET", f"{_P}/issue/{{issueIdOrKey}}/comment/{{id}}", "platform"),
    Operation("updateComment", "PUT", f"{_P}/issue/{{issueIdOrKey}}/comment/{{id}}", "platform"),
    Operation("deleteComment", "DELETE", f"{_P}/issue/{{issueIdOrKey}}/comment/{{id}}", "platform"),
    Operation("getCommentsByIds", "POST", f"{_P}/comment/list", "platform"),
    Operation("getIssueWorklog", "GET", f"{_P}/issue/{{issueIdOrKey}}/worklog", "platform"),
    Operation("addWorklog", "POST", f"{_P}/issue/{{issueIdOrKey}}/worklog", "platform"),
    Operation("getWorklog", "GET", f"{_P}/issue/{{issueIdOrKey}}/worklog/{{id}}", "platform"),
    Operation("deleteWorklog", "DELETE", f"{_P}/issue/{{issueIdOrKey}}/worklog/{{id}}", "platform"),
    Operation("getIdsOfWorklogsModifiedSince", "GET", f"{_P}/worklog/updated", "platform", anonymous=False),
    Operation("getIdsOfWorklogsDeletedSince", "GET", f"{_P}/worklog/deleted", "platform", anonymous=False),
    Operation("getWorklogsForIds", "POST", f"{_P}/worklog/list", "platform", anonymous=False),
    Operation("getAllBoards", "GET", f"{_A}/board", "agile", anonymous=False),
    Operation("getBoard", "GET", f"{_A}/board/{{boardId}}", "agile", anonymous=False),
    Operation("getConfiguration", "GET", f"{_A}/board/{{boardId}}/configuration", "agile", anonymous=False),
    Operation("getAllSprints", "GET", f"{_A}/board/{{boardId}}/sprint", "agile", anonymous=False),
    Operation("getIssuesForBoard", "GET", f"{_A}/board/{{boardId}}/issue", "agile", anonymous=False),
    Operation("getSprint", "GET", f"{_A}/sprint/{{sprintId}}", "agile", anonymous=False),
    Operation("getIssuesForSprint", "GET", f"{_A}/sprint/{{sprintId}}/issue", "agile", anonymous=False),
)

OPERATIONS: dict[tuple[Family, str], Operation] = {(row.family, row.id): row for row in _ALL}


def operation(operation_id: str, family: Family = "platform") -> Callable[[Callable[[Call], Answer]], Handler]:
    """Name the operation a function answers.

    Raises:
        KeyError: The table has no such operation.
    """
    found = OPERATIONS[family, operation_id]
    return lambda answer: Handler(found, answer)
