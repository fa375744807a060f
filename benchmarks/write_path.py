"""How fast issues get into the store, against plain COPY of the same rows.

The limit is COPY into tables of the same columns and storage without key, index or row security, over as many
connections. Rounds of the two alternate, since the machine's speed drifts; the medians are compared.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from benchmarks.copies import Copies, Copy, largest_in
from benchmarks.report import Section, Table
from digital_spiral.domain.entities.issue import IssueBundle
from digital_spiral.infrastructure.config.settings import load_settings
from digital_spiral.infrastructure.database import bulk, tables
from digital_spiral.infrastructure.database.bulk import BulkTable
from digital_spiral.infrastructure.database.issue_write import IssueWrite
from digital_spiral.infrastructure.database.repositories.mirror import MirrorRepository
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.servers import stop_servers

CONNECTIONS = 2
ROUNDS = 5
ISSUES = 6000
"""Bundles held in memory while the write path is measured."""
QUICK_ISSUES = 500

Writer = Callable[[asyncpg.Connection, Sequence[IssueBundle]], Awaitable[None]]

_ROWS: dict[BulkTable, Callable[[IssueBundle], Sequence[object]]] = {
    bulk.ISSUES: lambda bundle: [bundle.issue],
    bulk.COMMENTS: lambda bundle: bundle.comments,
    bulk.WORKLOGS: lambda bundle: bundle.worklogs or (),
    bulk.ATTACHMENTS: lambda bundle: bundle.attachments,
    bulk.LINKS: lambda bundle: bundle.links,
    bulk.CHANGES: lambda bundle: bundle.changes,
    bulk.FIELD_VALUES: lambda bundle: bundle.field_values,
    bulk.ISSUE_SPRINTS: lambda bundle: bundle.sprints,
}


def section(copies: Copies) -> Section:
    """Measure the write path on issues of the small generated site and of the real one."""
    found = Section(name="write-path")
    for dataset in dict.fromkeys((copies.small, copies.medium)):
        copy = copies.of(dataset)
        figures = asyncio.run(_measured(copy.home, copies.quick))
        found.tables.append(_table(copy, figures))
        found.data[copy.name] = {**asdict(figures), "backfill": copy.first.pace}
    return found


async def _measured(home: Path, quick: bool) -> "WriteFigures":
    place = await largest_in(home)
    server = start_postgres(home)
    owner, app = create_single_engine(server.owner_url), create_engine(server.app_url)
    try:
        most = QUICK_ISSUES if quick else ISSUES
        bundles = await read_bundles(app, place.tenant_id, place.instance_id, most)
        return await measure(owner, app, bundles, load_settings(home).batch_size)
    finally:
        await app.dispose()
        stop_servers(home)


def _table(copy: Copy, figures: "WriteFigures") -> Table:
    paces = {
        "plain COPY": figures.copy,
        "write path, first insert": figures.insert,
        "write path, nothing changed": figures.unchanged,
        "backfill end to end": copy.first.pace,
    }
    return Table(
        title=f"Write path, {figures.issues:,} of {copy.name} issues, {CONNECTIONS} connections, medians of {ROUNDS}",
        head=("", "Issues/s", "to plain COPY"),
        rows=[(name, f"{pace:,.0f}", f"{pace / figures.copy:.2f}") for name, pace in paces.items()],
    )


@dataclass(frozen=True)
class WriteFigures:
    """Issues per second, medians of ``ROUNDS`` rounds."""

    issues: int
    rows: int
    copy: float
    insert: float
    unchanged: float


async def read_bundles(engine: AsyncEngine, tenant_id: UUID, instance_id: UUID, most: int) -> list[IssueBundle]:
    """Read issues with all children back from a copy."""
    bundles: list[IssueBundle] = []
    async with engine.connect() as connection:
        await _enter(connection, tenant_id)
        mirror = MirrorRepository(connection, tenant_id)
        ids = (await mirror.issue_ids(instance_id, None))[:most]
        for start in range(0, len(ids), 500):
            bundles += (await mirror.bundles(instance_id, ids[start : start + 500])).values()
    # Links are read from either end; a batch writes each once.
    seen: set[int] = set()
    for bundle in bundles:
        bundle.links = [link for link in bundle.links if link.jira_id not in seen]
        seen.update(link.jira_id for link in bundle.links)
    return bundles


async def measure(
    owner: AsyncEngine, app: AsyncEngine, bundles: Sequence[IssueBundle], batch_size: int
) -> WriteFigures:
    """Write the bundles again and again: plain COPY, first insert, and a second pass that changes nothing."""
    batches = [bundles[start : start + batch_size] for start in range(0, len(bundles), batch_size)]
    copies, inserts, repeats = [], [], []
    tenant_id = uuid4()
    await _make_plain_tables(owner, tenant_id)
    try:
        for _ in range(ROUNDS):
            copies.append(await _timed(owner, None, batches, _copy_writer(tenant_id)))
            instance_id = await _make_instance(app, tenant_id)
            now = datetime.now(UTC)
            inserts.append(await _timed(app, tenant_id, batches, _real_writer(tenant_id, instance_id, now)))
            later = now + timedelta(seconds=1)
            repeats.append(await _timed(app, tenant_id, batches, _real_writer(tenant_id, instance_id, later)))
            await _drop_instance(app, tenant_id, instance_id)
            await _empty_plain_tables(owner)
    finally:
        await _drop_plain_tables(owner, tenant_id)
    count = len(bundles)
    rows = sum(len(rows_of(bundle)) for bundle in bundles for rows_of in _ROWS.values())
    return WriteFigures(count, rows, count / median(copies), count / median(inserts), count / median(repeats))


def _copy_writer(tenant_id: UUID) -> Writer:
    instance_id, read_at = uuid4(), datetime.now(UTC)

    async def write(driver: asyncpg.Connection, bundles: Sequence[IssueBundle]) -> None:
        for table, rows_of in _ROWS.items():
            tracked = ("read_at",) if "read_at" in table.table.c else ()
            tail = (read_at,) if tracked else ()
            records = table.records([row for bundle in bundles for row in rows_of(bundle)])
            await driver.copy_records_to_table(
                f"plain_{table.name}",
                columns=("tenant_id", "instance_id", *table.columns, *tracked),
                records=[(tenant_id, instance_id, *record, *tail) for record in records],
            )

    return write


def _real_writer(tenant_id: UUID, instance_id: UUID, read_at: datetime) -> Writer:
    async def write(driver: asyncpg.Connection, bundles: Sequence[IssueBundle]) -> None:
        await IssueWrite(driver, tenant_id, instance_id, read_at, rewrite=False).run(bundles)

    return write


async def _timed(
    engine: AsyncEngine, tenant_id: UUID | None, batches: Sequence[Sequence[IssueBundle]], write: Writer
) -> float:
    """Seconds that all batches take over ``CONNECTIONS`` connections, one transaction a batch."""
    waiting = list(reversed(batches))

    async def work() -> None:
        async with engine.connect() as connection:
            while waiting:
                bundles = waiting.pop()
                await _enter(connection, tenant_id)
                await write((await connection.get_raw_connection()).driver_connection, bundles)
                await connection.commit()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - started


async def _enter(connection: AsyncConnection, tenant_id: UUID | None) -> None:
    """Begin a transaction, for the tenant if there is one."""
    tenant = "" if tenant_id is None else str(tenant_id)
    await connection.execute(sa.text("SELECT set_config('app.tenant_id', :tenant, true)"), {"tenant": tenant})


async def _make_plain_tables(owner: AsyncEngine, tenant_id: UUID) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            tables.tenants.insert().values(id=tenant_id, name=f"bench {tenant_id}", created_at=datetime.now(UTC))
        )
        for table in _ROWS:
            await connection.execute(sa.text(f"CREATE TABLE plain_{table.name} (LIKE {table.name} INCLUDING STORAGE)"))


async def _empty_plain_tables(owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(sa.text(f"TRUNCATE {', '.join(f'plain_{table.name}' for table in _ROWS)}"))


async def _drop_plain_tables(owner: AsyncEngine, tenant_id: UUID) -> None:
    async with owner.begin() as connection:
        await connection.execute(sa.text(f"DROP TABLE {', '.join(f'plain_{table.name}' for table in _ROWS)}"))
        await connection.execute(tables.tenants.delete().where(tables.tenants.c.id == tenant_id))


async def _make_instance(app: AsyncEngine, tenant_id: UUID) -> UUID:
    instance_id = uuid4()
    async with app.connect() as connection:
        await _enter(connection, tenant_id)
        await connection.execute(
            tables.jira_instances.insert().values(
                tenant_id=tenant_id,
                id=instance_id,
                name=f"bench {instance_id}",
                base_url=f"https://{instance_id}.example",
                credentials=b"",
                account_id="",
                time_zone="UTC",
                created_at=datetime.now(UTC),
            )
        )
        await connection.commit()
    return instance_id


async def _drop_instance(app: AsyncEngine, tenant_id: UUID, instance_id: UUID) -> None:
    async with app.connect() as connection:
        await _enter(connection, tenant_id)
        await connection.execute(tables.jira_instances.delete().where(tables.jira_instances.c.id == instance_id))
        await connection.commit()
