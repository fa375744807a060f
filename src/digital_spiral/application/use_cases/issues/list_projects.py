"""The projects that the copy holds."""

from uuid import UUID

from digital_spiral.application.paging import Page, decode_cursor, page_of
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.issue_views import ProjectView

_LISTING = "projects"


class ListProjects:
    """Lists projects."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def page(
        self, tenant_id: UUID, instance_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[ProjectView]:
        """A page of projects by key, of one site or of all.

        Raises:
            Invalid: The cursor is none of this list.
        """
        after = None if cursor is None else decode_cursor(_LISTING, cursor, tuple[str, UUID, int])
        async with self._open_uow(tenant_id) as uow:
            rows = await uow.reads.projects(instance_id, limit + 1, after)
        return page_of(rows, limit, _LISTING, lambda project: (project.key, project.instance_id, project.id))
