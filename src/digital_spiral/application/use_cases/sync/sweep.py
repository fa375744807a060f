"""Find runs that nobody works on."""

from digital_spiral.application.ports import Lease, OpenUnitOfWork, RunQueue, TenantIds


class SweepRuns:
    """Sends unfinished runs whose instance's lease is free to the workers again."""

    def __init__(self, tenant_ids: TenantIds, open_uow: OpenUnitOfWork, lease: Lease, queue: RunQueue) -> None:
        self._tenant_ids = tenant_ids
        self._open_uow = open_uow
        self._lease = lease
        self._queue = queue

    async def sweep(self) -> int:
        """Queue abandoned and never started runs of all tenants; returns how many.

        A run may be sent while an earlier message for it still waits: the lease lets one worker have it, and
        messages that nobody takes expire.
        """
        sent = 0
        for tenant_id in await self._tenant_ids():
            async with self._open_uow(tenant_id) as uow:
                runs = await uow.runs.unfinished()
            for run in runs:
                if await self._lease.is_free(run.instance_id):
                    await self._queue.enqueue_run(tenant_id, run.id)
                    sent += 1
        return sent
