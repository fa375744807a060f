"""The API keys of a tenant."""

from uuid import UUID

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.tenancy import ApiKey


class ListKeys:
    """Reads API keys."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def list(self, tenant_id: UUID) -> list[ApiKey]:
        """All keys of the tenant, oldest first, expired and revoked ones included."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.api_keys.list()
