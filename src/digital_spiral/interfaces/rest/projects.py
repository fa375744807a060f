"""`/v1/projects`: the copied projects."""

from typing import Annotated

from fastapi import APIRouter, Query

from digital_spiral.application.dtos import v1
from digital_spiral.application.paging import Page
from digital_spiral.domain.entities.issue_views import ProjectView
from digital_spiral.interfaces.rest.deps import IssuesReader, UseCases
from digital_spiral.interfaces.rest.document import answers
from digital_spiral.interfaces.rest.queries import SitePageQuery

router = APIRouter(tags=["issues"])


@router.get(
    "/v1/projects",
    operation_id="listProjects",
    response_model=v1.ProjectPage,
    responses=answers(200, 401, 403, 422, 503),
)
async def list_projects(
    caller: IssuesReader, services: UseCases, query: Annotated[SitePageQuery, Query()]
) -> Page[ProjectView]:
    """List the copied projects of all sites, by key."""
    return await services.projects.page(caller.tenant_id, query.instance_id, query.limit, query.cursor)
