"""Ask for a copy of a whole site."""

import logging
from uuid import UUID, uuid4

from digital_spiral.application.ports import Clock, OpenUnitOfWork, RunQueue
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.domain.errors import Unavailable

log = logging.getLogger(__name__)


class StartBackfill:
    """Stores a run and asks for a worker."""

    def __init__(self, open_uow: OpenUnitOfWork, queue: RunQueue, clock: Clock) -> None:
        self._open_uow = open_uow
        self._queue = queue
        self._clock = clock

    async def start(self, tenant_id: UUID, instance_id: UUID, actor: str) -> SyncRun:
        """Store a new run of the instance, then send it to the workers.

        A queue that does not answer delays the run, no more: the sweep sends it again.

        Raises:
            NotFound: There is no such instance.
            Conflict: Another run of the instance is unfinished.
        """
        now = self._clock()
        run = SyncRun(tenant_id=tenant_id, id=uuid4(), instance_id=instance_id, state=RunState.QUEUED, created_at=now)
        async with self._open_uow(tenant_id) as uow:
            instance = await uow.instances.get(instance_id)
            await uow.runs.add(run)
            await uow.audit.add(
                AuditEntry(
                    tenant_id=tenant_id,
                    id=uuid4(),
                    at=now,
                    actor=actor,
                    action="sync.backfill",
                    target=str(instance_id),
                    details={"run": str(run.id), "instance": instance.name},
                )
            )
            await uow.commit()
        try:
            await self._queue.enqueue_run(tenant_id, run.id)
        except Unavailable as error:
            log.warning("Run %s waits for the sweep: %s", run.id, error)
        return run
