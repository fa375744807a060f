"""One batch of issues with all their children into the copy, inside the caller's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg

from digital_spiral.domain.entities.issue import Change, IssueBundle
from digital_spiral.domain.entities.mirror import GoneProof, WriteCounts
from digital_spiral.domain.entities.user import User
from digital_spiral.infrastructure.database import bulk
from digital_spiral.infrastructure.database.bulk import BulkTable, BulkWriter
from digital_spiral.infrastructure.database.reconcile import Key, Stored, mark_gone, split, stored_row, write

# Table and column names in the SQL below come from `tables.py`, never from input.
# ruff: noqa: S608

_jira_id: Callable[[Any], int] = attrgetter("jira_id")


def _change_key(change: Change) -> tuple[int, int, int]:
    return change.issue_id, change.jira_id, change.item


class IssueWrite:
    """Writes issue bundles of one instance."""

    def __init__(
        self, connection: asyncpg.Connection, tenant_id: UUID, instance_id: UUID, read_at: datetime, *, rewrite: bool
    ) -> None:
        self._connection = connection
        self._scope = (tenant_id, instance_id, read_at)
        self._writer = BulkWriter(connection, tenant_id, instance_id, read_at)
        self._rewrite = rewrite

    async def run(self, bundles: Sequence[IssueBundle]) -> dict[str, WriteCounts]:
        """Write the bundles; returns the counts by table name."""
        stored, stale = await self._stored_issues([bundle.issue.jira_id for bundle in bundles])
        fresh = [bundle for bundle in bundles if bundle.issue.jira_id not in stale]
        issues, counts = split((b.issue for b in fresh), stored, _jira_id, rewrite=self._rewrite)
        counts.unchanged += len(bundles) - len(fresh)
        await write(self._writer, bulk.ISSUES, issues, counts, rewrite=self._rewrite)
        result = {bulk.ISSUES.name: counts}
        known = [jira_id for jira_id in stored if jira_id not in stale]
        await self._write_children(fresh, known, result)
        result[bulk.LINKS.name] = await self._write_links(fresh, known)
        await self._replace_values(fresh, {issue.jira_id for issue in issues}, known)
        await self._add_users(fresh)
        return result

    async def _stored_issues(self, ids: list[int]) -> tuple[dict[int, Stored], set[int]]:
        """The stored issues among ``ids``, and which of them were read later than what is coming in."""
        rows = await self._connection.fetch(
            "SELECT jira_id, content_hash, jira_updated_at, read_at, gone_at IS NOT NULL AS gone FROM issues "
            "WHERE tenant_id = $1 AND instance_id = $2 AND jira_id = ANY($3::bigint[])",
            *self._scope[:2],
            ids,
        )
        stale = {row["jira_id"] for row in rows if row["read_at"] > self._scope[2]}
        return {row["jira_id"]: stored_row(row) for row in rows}, stale

    async def _write_children(
        self, bundles: Sequence[IssueBundle], known: list[int], result: dict[str, WriteCounts]
    ) -> None:
        """Write comments, worklogs, attachments and histories; what a complete list no longer holds is gone."""
        with_worklogs = [bundle for bundle in bundles if bundle.worklogs is not None]
        listed = {bundle.issue.jira_id for bundle in with_worklogs}
        plan: tuple[tuple[BulkTable, Iterable[Any], list[int], Callable[[Any], Key]], ...] = (
            (bulk.COMMENTS, (c for b in bundles for c in b.comments), known, _jira_id),
            (bulk.ATTACHMENTS, (a for b in bundles for a in b.attachments), known, _jira_id),
            (bulk.CHANGES, (c for b in bundles for c in b.changes), known, _change_key),
            (
                bulk.WORKLOGS,
                (w for b in with_worklogs for w in b.worklogs or ()),
                [jira_id for jira_id in known if jira_id in listed],
                _jira_id,
            ),
        )
        for table, rows, parents, key in plan:
            stored = await self._stored_children(table, parents, key)
            result[table.name] = await self._write_rows(table, list(rows), stored, key)

    async def _stored_children(
        self, table: BulkTable, parents: list[int], key: Callable[[Any], Key]
    ) -> dict[Key, Stored]:
        if not parents:
            return {}
        names = [name for name in ("issue_id", "jira_id", "item", "jira_updated_at") if name in table.columns]
        rows = await self._connection.fetch(
            f"SELECT {', '.join(names)}, content_hash, gone_at IS NOT NULL AS gone FROM {table.name} "
            "WHERE tenant_id = $1 AND instance_id = $2 AND issue_id = ANY($3::bigint[])",
            *self._scope[:2],
            parents,
        )
        if key is _jira_id:
            return {row["jira_id"]: stored_row(row) for row in rows}
        return {(row["issue_id"], row["jira_id"], row["item"]): stored_row(row) for row in rows}

    async def _write_links(self, bundles: Sequence[IssueBundle], known: list[int]) -> WriteCounts:
        """Write links, which may be stored already from their other end."""
        links = [link for bundle in bundles for link in bundle.links]
        if not links and not known:
            return WriteCounts()
        rows = await self._connection.fetch(
            "SELECT jira_id, content_hash, gone_at IS NOT NULL AS gone FROM issue_links "
            "WHERE tenant_id = $1 AND instance_id = $2 "
            "AND (jira_id = ANY($3::bigint[]) OR source_id = ANY($4::bigint[]) OR target_id = ANY($4::bigint[]))",
            *self._scope[:2],
            [link.jira_id for link in links],
            known,
        )
        return await self._write_rows(bulk.LINKS, links, {row["jira_id"]: stored_row(row) for row in rows}, _jira_id)

    async def _write_rows(
        self, table: BulkTable, rows: list[Any], stored: Mapping[Key, Stored], key: Callable[[Any], Key]
    ) -> WriteCounts:
        to_write, counts = split(rows, stored, key, rewrite=self._rewrite)
        await write(self._writer, table, to_write, counts, rewrite=self._rewrite)
        present = {key(row) for row in rows}
        absent = [identity for identity, row in stored.items() if identity not in present and not row.gone]
        counts.gone = await mark_gone(self._connection, table, self._scope, absent, GoneProof.ABSENT)
        return counts

    async def _replace_values(self, bundles: Sequence[IssueBundle], written: set[int], known: list[int]) -> None:
        """Replace the field values and sprints of the issues that were written; they follow from the issue's row."""
        replaced = [jira_id for jira_id in known if jira_id in written]
        changed = [bundle for bundle in bundles if bundle.issue.jira_id in written]
        values = [value for bundle in changed for value in bundle.field_values]
        sprints = [sprint for bundle in changed for sprint in bundle.sprints]
        for table, rows in ((bulk.FIELD_VALUES, values), (bulk.ISSUE_SPRINTS, sprints)):
            if replaced:
                await self._connection.execute(
                    f"DELETE FROM {table.name} WHERE tenant_id = $1 AND instance_id = $2 "
                    "AND issue_id = ANY($3::bigint[])",
                    *self._scope[:2],
                    replaced,
                )
            await self._writer.write(table, rows)

    async def _add_users(self, bundles: Sequence[IssueBundle]) -> None:
        """Add accounts that an issue names and the site's list of users does not, such as deactivated apps.

        A stored account stays as it is: the list of users says more of it than an issue does.
        """
        users: dict[str, User] = {}
        for bundle in bundles:
            users.update(bundle.users)
        rows = await self._connection.fetch(
            "SELECT jira_id FROM users WHERE tenant_id = $1 AND instance_id = $2 AND jira_id = ANY($3::text[])",
            *self._scope[:2],
            list(users),
        )
        for row in rows:
            del users[row["jira_id"]]
        await self._writer.write(bulk.SITE_TABLES[User], [users[account] for account in sorted(users)])
