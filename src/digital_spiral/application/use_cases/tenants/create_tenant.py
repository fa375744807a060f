"""Create a tenant."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from digital_spiral.application.ports import Clock, OpenUnitOfWork
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Invalid

LONGEST_NAME = 200


class CreateTenant:
    """Creates tenants. ``create`` makes the row, which the application's own role may not."""

    def __init__(self, create: Callable[[str], Awaitable[Tenant]], open_uow: OpenUnitOfWork, clock: Clock) -> None:
        self._create = create
        self._open_uow = open_uow
        self._clock = clock

    async def create(self, name: str, actor: str) -> Tenant:
        """Create a tenant and note it in the tenant's own audit log.

        Raises:
            Invalid: The name is empty, too long or holds unprintable characters.
            Conflict: A tenant of this name exists.
        """
        name = name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise Invalid(f"A tenant's name has 1 to {LONGEST_NAME} printable characters.")
        tenant = await self._create(name)
        async with self._open_uow(tenant.id) as uow:
            await uow.audit.add(
                AuditEntry(
                    tenant_id=tenant.id,
                    id=uuid4(),
                    at=self._clock(),
                    actor=actor,
                    action="tenant.create",
                    target=str(tenant.id),
                    details={"name": name},
                )
            )
            await uow.commit()
        return tenant
