"""`/v1/instances`: the connected Jira sites."""

from typing import Annotated

from fastapi import APIRouter, Query

from digital_spiral.application.dtos import v1
from digital_spiral.application.paging import Page
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.interfaces.rest.deps import InstancesReader, UseCases
from digital_spiral.interfaces.rest.document import answers
from digital_spiral.interfaces.rest.queries import NoQuery

router = APIRouter(tags=["instances"])


@router.get(
    "/v1/instances",
    operation_id="listInstances",
    response_model=v1.InstanceList,
    responses=answers(200, 401, 403, 422, 503),
)
async def list_instances(
    caller: InstancesReader, services: UseCases, query: Annotated[NoQuery, Query()]
) -> Page[JiraInstance]:
    """List the connected Jira sites."""
    return Page(await services.instances.list(caller.tenant_id), None)
