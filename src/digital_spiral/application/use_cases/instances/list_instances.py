"""The Jira sites of a tenant."""

from uuid import UUID

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.jira_instance import JiraInstance


class ListInstances:
    """Reads connected Jira sites."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def list(self, tenant_id: UUID) -> list[JiraInstance]:
        """All sites of the tenant, by name."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.instances.list()

    async def find(self, tenant_id: UUID, name_or_id: str) -> JiraInstance:
        """The site with this name, address or id; raises ``NotFound``."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.instances.find(name_or_id)
