"""`/v1/instances/{instance_id}/sync-runs`: the runs that copy a site."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from digital_spiral.application.dtos import v1
from digital_spiral.application.paging import Page
from digital_spiral.domain.entities.sync import SyncRun
from digital_spiral.interfaces.rest.deps import SyncReader, SyncWriter, UseCases
from digital_spiral.interfaces.rest.document import answers
from digital_spiral.interfaces.rest.queries import NoQuery, PageQuery, StrictUuid

router = APIRouter(tags=["instances"])

InstanceId = Annotated[StrictUuid, Path()]
RunId = Annotated[StrictUuid, Path()]


@router.get(
    "/v1/instances/{instance_id}/sync-runs",
    operation_id="listSyncRuns",
    response_model=v1.SyncRunPage,
    responses=answers(200, 401, 403, 404, 422, 503),
)
async def list_sync_runs(
    caller: SyncReader, services: UseCases, instance_id: InstanceId, query: Annotated[PageQuery, Query()]
) -> Page[SyncRun]:
    """List the runs of a site, newest first."""
    return await services.run_status.page(caller.tenant_id, instance_id, query.limit, query.cursor)


@router.post(
    "/v1/instances/{instance_id}/sync-runs",
    operation_id="startSyncRun",
    status_code=202,
    response_model=v1.SyncRun,
    responses=answers(202, headers=("Location",)) | answers(401, 403, 404, 409, 413, 422, 503),
)
async def start_sync_run(
    caller: SyncWriter,
    services: UseCases,
    instance_id: InstanceId,
    query: Annotated[NoQuery, Query()],
    wanted: v1.SyncRunRequest,
    response: Response,
) -> SyncRun:
    """Start copying a site, or bring an earlier copy up to date."""
    run = await services.start_backfill.start(caller.tenant_id, instance_id, caller.actor)
    response.headers["Location"] = f"/v1/instances/{instance_id}/sync-runs/{run.id}"
    return run


@router.get(
    "/v1/instances/{instance_id}/sync-runs/{run_id}",
    operation_id="getSyncRun",
    response_model=v1.SyncRun,
    responses=answers(200, 401, 403, 404, 422, 503),
)
async def get_sync_run(
    caller: SyncReader, services: UseCases, instance_id: InstanceId, run_id: RunId, query: Annotated[NoQuery, Query()]
) -> SyncRun:
    """Read one run."""
    return await services.run_status.of_instance(caller.tenant_id, instance_id, run_id)
