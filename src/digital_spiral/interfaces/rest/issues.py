"""`/v1/issues`: issues, and what hangs on them. Every answer has an entity tag."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from digital_spiral.application.dtos import v1
from digital_spiral.application.paging import Page
from digital_spiral.domain.entities.issue_views import CommentView, HistoryEntry, IssueSummary, IssueView, WorklogView
from digital_spiral.interfaces.rest.deps import IssuesReader, UseCases, document_condition
from digital_spiral.interfaces.rest.document import answers
from digital_spiral.interfaces.rest.etag import ETagRoute
from digital_spiral.interfaces.rest.queries import IssueQuery, SitePageQuery, SiteQuery

router = APIRouter(tags=["issues"], route_class=ETagRoute, dependencies=[Depends(document_condition)])

Key = Annotated[str, Path(pattern=r"^[A-Z][A-Z0-9_]{0,254}-[1-9][0-9]{0,17}$", description="Key, in capitals.")]
Wanted = Annotated[SitePageQuery, Query()]

_TAGGED = answers(200, headers=("ETag",))
_ONE_ISSUE = _TAGGED | answers(304, 401, 403, 404, 409, 422, 503)


@router.get(
    "/v1/issues",
    operation_id="listIssues",
    response_model=v1.IssuePage,
    responses=_TAGGED | answers(304, 401, 403, 422, 503),
)
async def list_issues(
    caller: IssuesReader, services: UseCases, query: Annotated[IssueQuery, Query()]
) -> Page[IssueSummary]:
    """List issues."""
    return await services.issues.page(caller.tenant_id, query.wanted, query.order, query.limit, query.cursor)


@router.get("/v1/issues/{key}", operation_id="getIssue", response_model=v1.Issue, responses=_ONE_ISSUE)
async def get_issue(
    caller: IssuesReader, services: UseCases, key: Key, query: Annotated[SiteQuery, Query()]
) -> IssueView:
    """Read one issue with comments, links and worklogs."""
    return await services.issue.issue(caller.tenant_id, key, query.instance_id)


@router.get(
    "/v1/issues/{key}/comments", operation_id="listComments", response_model=v1.CommentPage, responses=_ONE_ISSUE
)
async def list_comments(caller: IssuesReader, services: UseCases, key: Key, query: Wanted) -> Page[CommentView]:
    """List the comments of an issue, oldest first."""
    return await services.issue.comments(caller.tenant_id, key, query.instance_id, query.limit, query.cursor)


@router.get(
    "/v1/issues/{key}/worklogs", operation_id="listWorklogs", response_model=v1.WorklogPage, responses=_ONE_ISSUE
)
async def list_worklogs(caller: IssuesReader, services: UseCases, key: Key, query: Wanted) -> Page[WorklogView]:
    """List the worklogs of an issue, oldest first."""
    return await services.issue.worklogs(caller.tenant_id, key, query.instance_id, query.limit, query.cursor)


@router.get("/v1/issues/{key}/history", operation_id="listHistory", response_model=v1.HistoryPage, responses=_ONE_ISSUE)
async def list_history(caller: IssuesReader, services: UseCases, key: Key, query: Wanted) -> Page[HistoryEntry]:
    """List what was changed in an issue, oldest first."""
    return await services.issue.history(caller.tenant_id, key, query.instance_id, query.limit, query.cursor)
