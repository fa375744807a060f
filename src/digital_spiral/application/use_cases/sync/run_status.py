"""How a run is getting on."""

from uuid import UUID

from digital_spiral.application.paging import Instant, Page, decode_cursor, page_of
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.sync import SyncRun
from digital_spiral.domain.errors import NotFound

_LISTING = "sync-runs"


class RunStatus:
    """Reads runs."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def run(self, tenant_id: UUID, run_id: UUID) -> SyncRun:
        """The run with this id; raises ``NotFound``."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.runs.get(run_id)

    async def latest(self, tenant_id: UUID, instance_id: UUID) -> SyncRun | None:
        """The instance's newest run."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.runs.latest(instance_id)

    async def of_instance(self, tenant_id: UUID, instance_id: UUID, run_id: UUID) -> SyncRun:
        """The run of this instance with this id.

        Raises:
            NotFound: There is no such instance, or it has no such run.
        """
        async with self._open_uow(tenant_id) as uow:
            instance = await uow.instances.get(instance_id)
            run = await uow.runs.get(run_id)
        if run.instance_id != instance.id:
            raise NotFound(f"There is no run {run_id} of this Jira instance.")
        return run

    async def page(self, tenant_id: UUID, instance_id: UUID, limit: int, cursor: str | None) -> Page[SyncRun]:
        """A page of the instance's runs, newest first.

        Raises:
            Invalid: The cursor is none of this list.
            NotFound: There is no such instance.
        """
        after = None if cursor is None else decode_cursor(_LISTING, cursor, tuple[Instant, UUID])
        async with self._open_uow(tenant_id) as uow:
            instance = await uow.instances.get(instance_id)
            rows = await uow.runs.newest_first(instance.id, limit + 1, after)
        return page_of(rows, limit, _LISTING, lambda run: (run.created_at, run.id))
