"""Remove a Jira site together with its copy."""

from uuid import UUID, uuid4

from digital_spiral.application.ports import Clock, Lease, OpenUnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.errors import Conflict


class RemoveInstance:
    """Deletes an instance and every row that was copied from it. The audit log keeps its entries."""

    def __init__(self, open_uow: OpenUnitOfWork, lease: Lease, clock: Clock) -> None:
        self._open_uow = open_uow
        self._lease = lease
        self._clock = clock

    async def remove(self, tenant_id: UUID, instance_id: UUID, actor: str) -> None:
        """Remove an instance.

        Raises:
            NotFound: There is no such instance.
            Conflict: A worker is copying it just now.
        """
        async with self._lease.hold(instance_id) as had, self._open_uow(tenant_id) as uow:
            instance = await uow.instances.get(instance_id)
            if not had:
                raise Conflict(f"A worker is copying {instance.name} just now. Stop it, or wait until it is done.")
            await uow.instances.remove(instance_id)
            await uow.audit.add(
                AuditEntry(
                    tenant_id=tenant_id,
                    id=uuid4(),
                    at=self._clock(),
                    actor=actor,
                    action="instance.remove",
                    target=str(instance_id),
                    details={"name": instance.name, "address": instance.base_url},
                )
            )
            await uow.commit()
