"""The copy of a tenant's Jira sites: what is written, and what a comparison with Jira reads back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.application.ports import SiteRow
from digital_spiral.domain.entities.issue import IssueBundle, Worklog
from digital_spiral.domain.entities.mirror import GoneProof, WriteCounts
from digital_spiral.infrastructure.database import bulk
from digital_spiral.infrastructure.database.bulk import BulkTable, BulkWriter
from digital_spiral.infrastructure.database.issue_write import IssueWrite
from digital_spiral.infrastructure.database.reconcile import mark_gone, split, stored_row, write
from digital_spiral.infrastructure.database.session import driver_connection, translating_errors

# Table names in the SQL below come from `tables.py`, never from input.
# ruff: noqa: S608

_CHILDREN = (
    (bulk.COMMENTS, "comments"),
    (bulk.WORKLOGS, "worklogs"),
    (bulk.ATTACHMENTS, "attachments"),
    (bulk.CHANGES, "changes"),
    (bulk.FIELD_VALUES, "field_values"),
    (bulk.ISSUE_SPRINTS, "sprints"),
)
"""Tables of an issue's children, with the attribute of ``IssueBundle`` that holds them."""

_COUNTED = (
    *(table.name for table in (bulk.ISSUES, bulk.COMMENTS, bulk.WORKLOGS, bulk.ATTACHMENTS, bulk.LINKS, bulk.CHANGES)),
    *(table.name for table in bulk.SITE_TABLES.values()),
)


class MirrorRepository:
    """Implements ``ports.Mirror`` in the open transaction of ``connection``."""

    def __init__(self, connection: AsyncConnection, tenant_id: UUID) -> None:
        self._sa_connection = connection
        self._tenant_id = tenant_id

    async def _driver(self) -> asyncpg.Connection:
        return await driver_connection(self._sa_connection)

    async def upsert_site_rows(
        self, instance_id: UUID, rows: Sequence[SiteRow], read_at: datetime, *, complete: bool
    ) -> WriteCounts:
        """Write rows of one kind; with ``complete``, rows of that kind that are not among them are gone.

        An empty list is never taken as complete: it says nothing about which kind it is.
        """
        if not rows:
            return WriteCounts()
        table = bulk.SITE_TABLES[type(rows[0])]
        with translating_errors():
            driver = await self._driver()
            found = await driver.fetch(
                f"SELECT jira_id, content_hash, gone_at IS NOT NULL AS gone FROM {table.name} "
                "WHERE tenant_id = $1 AND instance_id = $2",
                self._tenant_id,
                instance_id,
            )
            stored = {row["jira_id"]: stored_row(row) for row in found}
            to_write, counts = split(rows, stored, attrgetter("jira_id"))
            await write(BulkWriter(driver, self._tenant_id, instance_id, read_at), table, to_write, counts)
            if complete:
                present = {row.jira_id for row in rows}
                absent = [key for key, row in stored.items() if key not in present and not row.gone]
                scope = (self._tenant_id, instance_id, read_at)
                counts.gone = await mark_gone(driver, table, scope, absent, GoneProof.ABSENT)
        return counts

    async def upsert_issues(
        self, instance_id: UUID, bundles: Sequence[IssueBundle], read_at: datetime, *, rewrite: bool = False
    ) -> dict[str, WriteCounts]:
        """Write issues with all their children; see ``ports.Mirror``."""
        with translating_errors():
            driver = await self._driver()
            return await IssueWrite(driver, self._tenant_id, instance_id, read_at, rewrite=rewrite).run(bundles)

    async def upsert_worklogs(self, instance_id: UUID, worklogs: Sequence[Worklog], read_at: datetime) -> WriteCounts:
        """Write worklogs of issues that the copy holds."""
        with translating_errors():
            driver = await self._driver()
            found = await driver.fetch(
                "SELECT jira_id, content_hash, jira_updated_at, gone_at IS NOT NULL AS gone FROM worklogs "
                "WHERE tenant_id = $1 AND instance_id = $2 AND jira_id = ANY($3::bigint[])",
                self._tenant_id,
                instance_id,
                [worklog.jira_id for worklog in worklogs],
            )
            stored = {row["jira_id"]: stored_row(row) for row in found}
            to_write, counts = split(worklogs, stored, attrgetter("jira_id"))
            await write(BulkWriter(driver, self._tenant_id, instance_id, read_at), bulk.WORKLOGS, to_write, counts)
        return counts

    async def issue_versions(self, instance_id: UUID, project_id: int, after: int) -> dict[int, datetime]:
        """``updated`` of each of the project's issues that is not gone, for ids above ``after``."""
        rows = await self._fetch(
            "SELECT jira_id, jira_updated_at FROM issues WHERE tenant_id = $1 AND instance_id = $2 "
            "AND project_id = $3 AND jira_id > $4 AND gone_at IS NULL",
            instance_id,
            project_id,
            after,
        )
        return {row["jira_id"]: row["jira_updated_at"] for row in rows}

    async def issue_ids(self, instance_id: UUID, project_id: int | None) -> list[int]:
        """Ids of the issues that are not gone, ascending; of all projects when none is given."""
        rows = await self._fetch(
            "SELECT jira_id FROM issues WHERE tenant_id = $1 AND instance_id = $2 "
            "AND ($3::bigint IS NULL OR project_id = $3) AND gone_at IS NULL ORDER BY jira_id",
            instance_id,
            project_id,
        )
        return [row["jira_id"] for row in rows]

    async def worklog_versions(self, instance_id: UUID, ids: Collection[int]) -> dict[int, datetime]:
        """``updated`` of those of the worklogs that the copy holds and that are not gone."""
        rows = await self._fetch(
            "SELECT jira_id, jira_updated_at FROM worklogs WHERE tenant_id = $1 AND instance_id = $2 "
            "AND jira_id = ANY($3::bigint[]) AND gone_at IS NULL",
            instance_id,
            list(ids),
        )
        return {row["jira_id"]: row["jira_updated_at"] for row in rows}

    async def known_issues(self, instance_id: UUID, ids: Collection[int]) -> set[int]:
        """Those of the ids that the copy holds, gone or not."""
        rows = await self._fetch(
            "SELECT jira_id FROM issues WHERE tenant_id = $1 AND instance_id = $2 AND jira_id = ANY($3::bigint[])",
            instance_id,
            list(ids),
        )
        return {row["jira_id"] for row in rows}

    async def bundles(self, instance_id: UUID, issue_ids: Sequence[int]) -> dict[int, IssueBundle]:
        """What the copy holds of these issues (tombstones left out), read back from the stored rows."""
        issues = await self._entities(bulk.ISSUES, "jira_id", instance_id, list(issue_ids))
        found = {issue.jira_id: IssueBundle(issue=issue, worklogs=[]) for issue in issues}
        for table, attribute in _CHILDREN:
            for child in await self._entities(table, "issue_id", instance_id, list(found)):
                getattr(found[child.issue_id], attribute).append(child)
        for end in ("source_id", "target_id"):
            for link in await self._entities(bulk.LINKS, end, instance_id, list(found)):
                found[getattr(link, end)].links.append(link)
        return found

    async def mark_issues_gone(
        self, instance_id: UUID, ids: Collection[int], proof: GoneProof, read_at: datetime
    ) -> WriteCounts:
        """Turn issues into tombstones."""
        return await self._tombstones(bulk.ISSUES, instance_id, ids, proof, read_at)

    async def mark_worklogs_gone(
        self, instance_id: UUID, ids: Collection[int], proof: GoneProof, read_at: datetime
    ) -> WriteCounts:
        """Turn worklogs into tombstones."""
        return await self._tombstones(bulk.WORKLOGS, instance_id, ids, proof, read_at)

    async def project_ids(self, instance_id: UUID) -> dict[str, int]:
        """Key to id of the projects that are not gone."""
        rows = await self._fetch(
            "SELECT key, jira_id FROM projects WHERE tenant_id = $1 AND instance_id = $2 AND gone_at IS NULL",
            instance_id,
        )
        return {row["key"]: row["jira_id"] for row in rows}

    async def totals(self, instance_id: UUID) -> dict[str, int]:
        """Rows that are not gone, by table name."""
        counts = " UNION ALL ".join(
            f"SELECT '{name}' AS name, count(*) AS rows FROM {name} "
            "WHERE tenant_id = $1 AND instance_id = $2 AND gone_at IS NULL"
            for name in _COUNTED
        )
        return {row["name"]: row["rows"] for row in await self._fetch(counts, instance_id)}

    async def _fetch(self, sql: str, instance_id: UUID, *parameters: object) -> list[asyncpg.Record]:
        """Rows of a query whose first two parameters are tenant and instance."""
        with translating_errors():
            driver = await self._driver()
            rows: list[asyncpg.Record] = await driver.fetch(sql, self._tenant_id, instance_id, *parameters)
            return rows

    async def _entities(self, table: BulkTable, column: str, instance_id: UUID, ids: list[int]) -> list[Any]:
        """The table's rows whose ``column`` is among ``ids``, as entities, in the order of their key."""
        alive = "AND gone_at IS NULL " if "gone_at" in table.table.c else ""
        order = ", ".join(c.name for c in table.table.primary_key.columns if c.name not in ("tenant_id", "instance_id"))
        rows = await self._fetch(
            f"SELECT {table.select_list} FROM {table.name} WHERE tenant_id = $1 AND instance_id = $2 "
            f"AND {column} = ANY($3::bigint[]) {alive}ORDER BY {order}",
            instance_id,
            ids,
        )
        entities = []
        for row in rows:
            values = dict(row)
            for name in table.json_columns:
                if values[name] is not None:
                    values[name] = values[name].encode()
            entities.append(table.entity(**values))
        return entities

    async def _tombstones(
        self, table: BulkTable, instance_id: UUID, ids: Collection[int], proof: GoneProof, read_at: datetime
    ) -> WriteCounts:
        with translating_errors():
            scope = (self._tenant_id, instance_id, read_at)
            return WriteCounts(gone=await mark_gone(await self._driver(), table, scope, list(ids), proof))
