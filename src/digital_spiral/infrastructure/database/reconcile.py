"""Incoming rows against stored ones: which have to be written, which stored rows are gone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg

from digital_spiral.domain.entities.mirror import GoneProof, WriteCounts
from digital_spiral.infrastructure.database.bulk import BulkTable, BulkWriter

Key = Any
"""A row's identity within its instance: an id, or a tuple of ids. Tables differ in it, so it has no closer type."""

updated_of: Callable[[Any], datetime] = attrgetter("jira_updated_at")


@dataclass(frozen=True, slots=True)
class Stored:
    """What decides whether a stored row is replaced."""

    content_hash: bytes
    updated: datetime | None
    gone: bool


def stored_row(row: asyncpg.Record) -> Stored:
    """From a row with ``content_hash``, ``gone`` and, where the table has it, ``jira_updated_at``."""
    return Stored(row["content_hash"], row.get("jira_updated_at"), row["gone"])


def split(
    rows: Iterable[Any], stored: Mapping[Key, Stored], key: Callable[[Any], Key], *, rewrite: bool = False
) -> tuple[list[Any], WriteCounts]:
    """Pick the rows that have to be written, one per key in key order, and count what becomes of each.

    All writers use that one order, so that two batches which share a row lock it in turn instead of each waiting for
    the other.
    """
    to_write: dict[Key, Any] = {}
    counts = WriteCounts()
    for row in rows:
        identity = key(row)
        if identity in to_write:
            continue
        before = stored.get(identity)
        if before is None:
            counts.created += 1
        elif _is_settled(row, before, rewrite=rewrite):
            counts.unchanged += 1
            continue
        elif before.updated is not None and updated_of(row) > before.updated:
            counts.updated += 1
        else:
            counts.repaired += 1
        to_write[identity] = row
    return [to_write[identity] for identity in sorted(to_write)], counts


def _is_settled(row: Any, before: Stored, *, rewrite: bool) -> bool:  # noqa: ANN401 - any mirrored entity
    """Whether the stored row is newer than, or equal to, the incoming one."""
    if before.updated is not None and updated_of(row) < before.updated:
        return True
    return before.content_hash == row.content_hash and not before.gone and not rewrite


async def write(
    writer: BulkWriter, table: BulkTable, rows: Sequence[Any], counts: WriteCounts, *, rewrite: bool = False
) -> None:
    """Write the picked rows; those that a newer write of somebody else kept out count as unchanged."""
    lost = len(rows) - await writer.write(table, rows, rewrite=rewrite)
    for kind in ("repaired", "updated", "created"):
        share = min(lost, getattr(counts, kind))
        setattr(counts, kind, getattr(counts, kind) - share)
        counts.unchanged += share
        lost -= share


async def mark_gone(
    connection: asyncpg.Connection,
    table: BulkTable,
    scope: tuple[UUID, UUID, datetime],
    keys: Sequence[Key],
    proof: GoneProof,
) -> int:
    """Make tombstones of rows that no later read has seen; returns how many.

    Args:
        connection: asyncpg's connection in the tenant's transaction.
        table: The table of the rows.
        scope: Tenant, instance and the moment the read began that did not show the rows.
        keys: ``jira_id`` of each row, or ``(issue_id, jira_id, item)`` for a table with that key.
        proof: What the absence rests on.
    """
    if not keys:
        return 0
    if isinstance(keys[0], tuple):
        issue_ids, ids, items = (list(column) for column in zip(*keys, strict=True))
        condition = "(issue_id, jira_id, item) IN (SELECT * FROM unnest($5::bigint[], $6::bigint[], $7::int[]))"
        arguments: tuple[Sequence[Key], ...] = (issue_ids, ids, items)
    else:
        key_type = "text" if isinstance(keys[0], str) else "bigint"
        condition = f"jira_id = ANY($5::{key_type}[])"
        arguments = (keys,)
    tag = await connection.execute(
        f"UPDATE {table.name} SET gone_at = $3, gone_proof = $4 WHERE tenant_id = $1 AND instance_id = $2 "  # noqa: S608
        f"AND {condition} AND read_at <= $3 AND gone_at IS NULL",
        *scope,
        proof.value,
        *arguments,
    )
    return int(tag.rsplit(" ", 1)[1])
