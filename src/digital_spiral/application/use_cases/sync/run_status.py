"""How a run is getting on."""

from uuid import UUID

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.sync import SyncRun


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
