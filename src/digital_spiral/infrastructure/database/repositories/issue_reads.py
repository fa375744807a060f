"""The copy as readers see it: lists of projects and issues, and one issue with what hangs on it."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.issue_views import (
    CommentView,
    HistoryEntry,
    IssueFilter,
    IssueSort,
    IssueSummary,
    IssueView,
    ProjectView,
    WorklogView,
)
from digital_spiral.domain.errors import Conflict, NotFound
from digital_spiral.infrastructure.database.repositories import issue_rows, issue_search
from digital_spiral.infrastructure.database.repositories.issue_names import read_names
from digital_spiral.infrastructure.database.session import driver_connection, translating_errors

Item = TypeVar("Item")

_BEFORE_ALL = -(2**63)


class IssueReadsRepository:
    """Implements ``ports.IssueReads`` in the open transaction of ``connection``.

    A value that no column can hold, such as a NUL in a filter, raises ``Invalid``.
    """

    def __init__(self, connection: AsyncConnection, tenant_id: UUID) -> None:
        self._sa_connection = connection
        self._tenant_id = tenant_id

    async def projects(
        self, instance_id: UUID | None, limit: int, after: tuple[str, UUID, int] | None
    ) -> list[ProjectView]:
        """Projects by key, instance and id; keys in the order of their characters' codes."""
        key, after_instance, after_id = after or (None, None, None)
        rows = await self._fetch(
            f"{issue_rows.PROJECTS}WHERE p.tenant_id = $1 AND p.gone_at IS NULL "
            "AND ($2::uuid IS NULL OR p.instance_id = $2) AND ($3::text IS NULL "
            'OR (p.key COLLATE "C", p.instance_id, p.jira_id) > ($3 COLLATE "C", $4::uuid, $5::bigint)) '
            'ORDER BY p.key COLLATE "C", p.instance_id, p.jira_id LIMIT $6',
            instance_id,
            key,
            after_instance,
            after_id,
            limit,
        )
        return [issue_rows.project(row) for row in rows]

    async def issues(
        self, wanted: IssueFilter, sort: IssueSort, limit: int, after: tuple[datetime, UUID, int] | None
    ) -> list[IssueSummary]:
        """Issues in the order of ``sort``, then of instance and id in the same direction."""
        with translating_errors():
            driver = await self._driver()
            rows = await issue_search.search_issues(driver, self._tenant_id, wanted, sort, limit, after)
            if not rows:
                return []
            names = await read_names(driver, self._tenant_id, rows)
        return [issue_rows.summary(row, names) for row in rows]

    async def locate(self, key: str, instance_id: UUID | None) -> tuple[UUID, int]:
        """Instance and id of the issue with this key.

        Between a move in Jira and the next run, one site may hold a key twice; the issue read last has it.

        Raises:
            NotFound: There is none.
            Conflict: Several sites have one, and none of them was named.
        """
        rows = await self._fetch(
            "SELECT instance_id, jira_id FROM issues WHERE tenant_id = $1 AND key = $2 AND gone_at IS NULL "
            "AND ($3::uuid IS NULL OR instance_id = $3) ORDER BY read_at DESC, jira_id DESC",
            key,
            instance_id,
        )
        if not rows:
            raise NotFound(f"There is no issue {key}.")
        if len({row["instance_id"] for row in rows}) > 1:
            raise Conflict(f"Several sites have an issue {key}. Say which one with `instance_id`.")
        return rows[0]["instance_id"], rows[0]["jira_id"]

    async def issue(self, instance_id: UUID, issue_id: int, excerpt: int) -> IssueView:
        """The issue with at most ``excerpt`` comments and worklogs.

        Raises:
            NotFound: It is not there, or gone.
        """
        rows = await self._fetch(issue_rows.DETAIL, instance_id, issue_id)
        if not rows:
            raise NotFound(f"There is no issue with the id {issue_id}.")
        with translating_errors():
            names = await read_names(await self._driver(), self._tenant_id, rows)

        async def hanging(flag: str, sql: str, view: Callable[[asyncpg.Record], Item]) -> list[Item]:
            return [view(row) for row in await self._fetch(sql, instance_id, issue_id)] if rows[0][flag] else []

        return issue_rows.detail(
            rows[0],
            names,
            custom_fields=await hanging("has_custom_fields", issue_rows.CUSTOM_FIELDS, issue_rows.custom_field_value),
            sprints=await hanging("has_sprints", issue_rows.SPRINTS, issue_rows.sprint),
            links=await hanging("has_links", issue_rows.LINKS, issue_rows.link),
            attachments=await hanging("has_attachments", issue_rows.ATTACHMENTS, issue_rows.attachment),
            comments=await self.comments(instance_id, issue_id, excerpt, None) if rows[0]["comments"] else [],
            worklogs=await self.worklogs(instance_id, issue_id, excerpt, None) if rows[0]["worklogs"] else [],
        )

    async def comments(
        self, instance_id: UUID, issue_id: int, limit: int, after: tuple[datetime, int] | None
    ) -> list[CommentView]:
        """Comments by ``created_at`` and id."""
        moment, comment_id = after or (None, None)
        rows = await self._fetch(issue_rows.COMMENTS, instance_id, issue_id, moment, comment_id, limit)
        return [issue_rows.comment(row) for row in rows]

    async def worklogs(
        self, instance_id: UUID, issue_id: int, limit: int, after: tuple[datetime, int] | None
    ) -> list[WorklogView]:
        """Worklogs by ``started_at`` and id."""
        moment, worklog_id = after or (None, None)
        rows = await self._fetch(issue_rows.WORKLOGS, instance_id, issue_id, moment, worklog_id, limit)
        return [issue_rows.worklog(row) for row in rows]

    async def history(self, instance_id: UUID, issue_id: int, limit: int, after: int | None) -> list[HistoryEntry]:
        """History entries by id, which is the order they were made in."""
        start = _BEFORE_ALL if after is None else after
        return issue_rows.history(await self._fetch(issue_rows.HISTORY, instance_id, issue_id, start, limit))

    async def _driver(self) -> asyncpg.Connection:
        return await driver_connection(self._sa_connection)

    async def _fetch(self, sql: str, *parameters: object) -> list[asyncpg.Record]:
        """Rows of a query whose first parameter is the tenant."""
        with translating_errors():
            driver = await self._driver()
            rows: list[asyncpg.Record] = await driver.fetch(sql, self._tenant_id, *parameters)
            return rows
