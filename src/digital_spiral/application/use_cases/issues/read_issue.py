"""One issue, and what hangs on it."""

from uuid import UUID

from digital_spiral.application.paging import Instant, Page, decode_cursor, page_of
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.issue_views import CommentView, HistoryEntry, IssueView, WorklogView

EXCERPT = 50
"""Comments and worklogs that come with an issue, as the API's contract says."""


class ReadIssue:
    """Reads one issue by its key.

    Every method raises ``NotFound`` for a key that the copy does not hold, and ``Conflict`` for one that several
    sites have when ``instance_id`` names none of them; those that page raise ``Invalid`` for a foreign cursor.
    """

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def issue(self, tenant_id: UUID, key: str, instance_id: UUID | None) -> IssueView:
        """The issue with its first comments and worklogs."""
        async with self._open_uow(tenant_id) as uow:
            return await uow.reads.issue(*await uow.reads.locate(key, instance_id), EXCERPT)

    async def comments(
        self, tenant_id: UUID, key: str, instance_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[CommentView]:
        """A page of its comments, oldest first."""
        after = None if cursor is None else decode_cursor("comments", cursor, tuple[Instant, int])
        async with self._open_uow(tenant_id) as uow:
            rows = await uow.reads.comments(*await uow.reads.locate(key, instance_id), limit + 1, after)
        return page_of(rows, limit, "comments", lambda comment: (comment.created_at, comment.id))

    async def worklogs(
        self, tenant_id: UUID, key: str, instance_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[WorklogView]:
        """A page of its worklogs, by the moment the work was begun."""
        after = None if cursor is None else decode_cursor("worklogs", cursor, tuple[Instant, int])
        async with self._open_uow(tenant_id) as uow:
            rows = await uow.reads.worklogs(*await uow.reads.locate(key, instance_id), limit + 1, after)
        return page_of(rows, limit, "worklogs", lambda worklog: (worklog.started_at, worklog.id))

    async def history(
        self, tenant_id: UUID, key: str, instance_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[HistoryEntry]:
        """A page of its history, oldest first."""
        after = None if cursor is None else decode_cursor("history", cursor, tuple[int])[0]
        async with self._open_uow(tenant_id) as uow:
            rows = await uow.reads.history(*await uow.reads.locate(key, instance_id), limit + 1, after)
        return page_of(rows, limit, "history", lambda entry: (entry.id,))
