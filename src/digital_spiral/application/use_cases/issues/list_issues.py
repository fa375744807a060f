"""Lists of issues, filtered and in order."""

from datetime import datetime
from uuid import UUID

from digital_spiral.application.paging import Instant, Page, decode_cursor, page_of
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.issue_views import IssueFilter, IssueSort, IssueSummary
from digital_spiral.domain.errors import Invalid


class ListIssues:
    """Lists issues."""

    def __init__(self, open_uow: OpenUnitOfWork) -> None:
        self._open_uow = open_uow

    async def page(
        self, tenant_id: UUID, wanted: IssueFilter, sort: IssueSort, limit: int, cursor: str | None
    ) -> Page[IssueSummary]:
        """A page of issues.

        An issue that changes while somebody pages through a list by ``updated`` moves to its new place.

        Raises:
            Invalid: The cursor is none of this list, or a filter has a value that nothing can be compared with.
        """
        for moment in (wanted.updated_from, wanted.updated_to):
            if moment is not None and moment.tzinfo is None:
                raise Invalid("An instant needs its offset from UTC, for instance 2026-03-29T12:00:00Z.")
        listing = f"issues {sort}"
        after = None if cursor is None else decode_cursor(listing, cursor, tuple[Instant, UUID, int])
        async with self._open_uow(tenant_id) as uow:
            rows = await uow.reads.issues(wanted, sort, limit + 1, after)
        return page_of(rows, limit, listing, lambda issue: (_place(issue, sort), issue.instance_id, issue.id))


def _place(issue: IssueSummary, sort: IssueSort) -> datetime:
    return issue.updated_at if sort in (IssueSort.UPDATED, IssueSort.UPDATED_DESC) else issue.created_at
