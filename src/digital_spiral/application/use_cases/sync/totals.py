"""How much of a site the copy holds."""

from uuid import UUID

from digital_spiral.application.ports import OpenUnitOfWork


class Totals:
    """Counts the copy."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def totals(self, tenant_id: UUID, instance_id: UUID) -> dict[str, int]:
        """Rows of the instance that are not gone, by table name."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.mirror.totals(instance_id)
