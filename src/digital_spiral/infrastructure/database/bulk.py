"""Bulk writes: COPY into a temporary table, then one ``INSERT ... ON CONFLICT`` per table.

COPY straight into a table under row security is refused by PostgreSQL, and row-by-row statements are several times
slower. All statements run on asyncpg's own connection inside the transaction that SQLAlchemy opened, so tenant and
rollback hold for them as for every other statement.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from digital_spiral.domain.entities.agile import Board, Sprint
from digital_spiral.domain.entities.issue import (
    Attachment,
    Change,
    Comment,
    FieldValue,
    Issue,
    IssueLink,
    IssueSprint,
    Worklog,
)
from digital_spiral.domain.entities.metadata import CustomField, IssueType, Priority, Resolution, Status
from digital_spiral.domain.entities.project import Component, Project, Version
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import Invalid, Unavailable
from digital_spiral.infrastructure.database import tables

Record = tuple[Any, ...]
"""Column values in the types that asyncpg takes; the database checks them, not the type checker."""


@dataclass(frozen=True)
class BulkTable:
    """A mirrored table together with the entity whose attributes are its columns."""

    table: sa.Table
    entity: type

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that an entity fills, in attribute order."""
        return tuple(field.name for field in fields(self.entity))

    @cached_property
    def _key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key.columns)

    @cached_property
    def json_columns(self) -> tuple[str, ...]:
        """Columns that hold JSON documents."""
        return tuple(name for name in self.columns if isinstance(self.table.c[name].type, JSONB))

    @cached_property
    def select_list(self) -> str:
        """The entity's columns for a SELECT, JSON documents as text."""
        return ", ".join(f"{name}::text AS {name}" if name in self.json_columns else name for name in self.columns)

    @property
    def stage(self) -> str:
        """Name of the temporary table that COPY fills."""
        return f"stage_{self.name}"

    @cached_property
    def stage_ddl(self) -> str:
        """SQL that makes the temporary table: the entity's columns with the real table's types and storage."""
        others = [column.name for column in self.table.columns if column.name not in self.columns]
        drops = ", ".join(f"DROP COLUMN {name}" for name in others)
        return (
            f"CREATE TEMPORARY TABLE {self.stage} (LIKE {self.name} INCLUDING STORAGE) ON COMMIT DELETE ROWS;"
            f"ALTER TABLE {self.stage} {drops};"
        )

    @cached_property
    def _tracks_reads(self) -> bool:
        return "read_at" in self.table.c

    def insert_sql(self, *, rewrite: bool = False) -> str:
        """The statement that moves staged rows into the table; parameters are tenant, instance, read_at.

        An existing row is replaced only by one that is not older and whose digest differs, or when it is a
        tombstone that the new read disproves. ``rewrite`` replaces rows of equal digest as well.
        """
        columns = ", ".join(self.columns)
        if not self._tracks_reads:
            return (
                f"INSERT INTO {self.name} (tenant_id, instance_id, {columns}) "  # noqa: S608
                f"SELECT $1, $2, {columns} FROM {self.stage} ON CONFLICT DO NOTHING"
            )
        assignments = ", ".join(
            f"{name} = excluded.{name}" for name in (*self.columns, "read_at") if name not in self._key
        )
        order = ("jira_updated_at", "read_at") if "jira_updated_at" in self.columns else ("read_at",)
        incoming = ", ".join(f"excluded.{name}" for name in order)
        kept = ", ".join(f"kept.{name}" for name in order)
        differs = "TRUE" if rewrite else "kept.content_hash <> excluded.content_hash OR kept.gone_at IS NOT NULL"
        return (
            f"INSERT INTO {self.name} AS kept (tenant_id, instance_id, {columns}, read_at) "  # noqa: S608
            f"SELECT $1, $2, {columns}, $3 FROM {self.stage} "
            f"ON CONFLICT ({', '.join(self._key)}) DO UPDATE SET {assignments}, gone_at = NULL, gone_proof = NULL "
            f"WHERE ({incoming}) >= ({kept}) AND ({differs}) AND kept.gone_proof IS DISTINCT FROM 'deleted'"
        )

    def records(self, rows: Sequence[object]) -> list[Record]:
        """The rows as COPY takes them."""
        values = attrgetter(*self.columns)
        json_positions = [self.columns.index(name) for name in self.json_columns]
        if not json_positions:
            return [values(row) for row in rows]
        records = []
        for row in rows:
            record = list(values(row))
            for position in json_positions:
                if record[position] is not None:
                    record[position] = record[position].decode()
            records.append(tuple(record))
        return records


ISSUES = BulkTable(tables.issues, Issue)
COMMENTS = BulkTable(tables.comments, Comment)
WORKLOGS = BulkTable(tables.worklogs, Worklog)
ATTACHMENTS = BulkTable(tables.attachments, Attachment)
LINKS = BulkTable(tables.issue_links, IssueLink)
CHANGES = BulkTable(tables.changelogs, Change)
FIELD_VALUES = BulkTable(tables.issue_field_values, FieldValue)
ISSUE_SPRINTS = BulkTable(tables.issue_sprints, IssueSprint)

SITE_TABLES: dict[type, BulkTable] = {
    entity: BulkTable(table, entity)
    for entity, table in (
        (Project, tables.projects),
        (Component, tables.project_components),
        (Version, tables.project_versions),
        (User, tables.users),
        (Status, tables.statuses),
        (Priority, tables.priorities),
        (Resolution, tables.resolutions),
        (IssueType, tables.issue_types),
        (CustomField, tables.custom_fields),
        (Board, tables.boards),
        (Sprint, tables.sprints),
    )
}

_ISSUE_TABLES = (ISSUES, COMMENTS, WORKLOGS, ATTACHMENTS, LINKS, CHANGES, FIELD_VALUES, ISSUE_SPRINTS)
ALL_TABLES = (*_ISSUE_TABLES, *SITE_TABLES.values())


class BulkWriter:
    """Writes rows of one instance in the open transaction of ``connection``."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: UUID, instance_id: UUID, read_at: datetime) -> None:
        self._connection = connection
        self._parameters = (tenant_id, instance_id, read_at)
        self._stages_made = False
        self._used: set[str] = set()

    async def write(self, table: BulkTable, rows: Sequence[object], *, rewrite: bool = False) -> int:
        """Write the rows, which must be unique by key; returns how many the database really wrote.

        Raises:
            Invalid: A value is one that its column cannot hold.
            Unavailable: The connection broke.
        """
        if not rows:
            return 0
        await self._make_stages()
        if table.stage in self._used:
            await self._connection.execute(f"TRUNCATE {table.stage}")
        self._used.add(table.stage)
        try:
            await self._copy(table, rows)
        except (OverflowError, ValueError) as error:
            raise Invalid(f"A value does not fit its column in {table.name}: {error}.") from error
        sql = table.insert_sql(rewrite=rewrite)
        parameters = self._parameters if "$3" in sql else self._parameters[:2]
        tag = await self._connection.execute(sql, *parameters)
        return int(tag.rsplit(" ", 1)[1])

    async def _copy(self, table: BulkTable, rows: Sequence[object]) -> None:
        """COPY the rows into the temporary table.

        A COPY that waits for its socket to take more is not told by asyncpg (0.32) when the connection is lost, and
        would wait for ever; so the end of the connection ends the wait.
        """
        copying = True

        def lost(_connection: object) -> None:
            if copying:
                wait.reschedule(0)

        try:
            async with asyncio.timeout(None) as wait:
                self._connection.add_termination_listener(lost)
                try:
                    await self._connection.copy_records_to_table(
                        table.stage, records=table.records(rows), columns=table.columns, schema_name="pg_temp"
                    )
                finally:
                    copying = False
                    self._connection.remove_termination_listener(lost)
        except TimeoutError as error:
            raise Unavailable("The connection to PostgreSQL broke while rows were written. Try again.") from error

    async def _make_stages(self) -> None:
        """Make the temporary tables once per database session; each commit empties them."""
        if self._stages_made:
            return
        there = await self._connection.fetchval("SELECT to_regclass('pg_temp.stage_issues') IS NOT NULL")
        if not there:
            await self._connection.execute("".join(table.stage_ddl for table in ALL_TABLES))
        self._stages_made = True
