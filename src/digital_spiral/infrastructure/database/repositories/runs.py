"""Sync runs, fenced by their epoch, and the watermarks that they leave."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.entities.mirror import WriteCounts
from digital_spiral.domain.entities.sync import MAX_SKIPS, Progress, RunState, SyncRun
from digital_spiral.domain.errors import Conflict, LeaseLost, NotFound
from digital_spiral.infrastructure.database.tables import TIMESTAMP, sync_runs, sync_watermarks

# Written out, not as parameters: the planner must see that the partial index of unfinished runs holds them all.
UNFINISHED = sync_runs.c.state.in_(
    sa.bindparam(
        None, [RunState.QUEUED.value, RunState.RUNNING.value], type_=sa.Text, expanding=True, literal_execute=True
    )
)


class RunRepository:
    """Runs and watermarks of the transaction's tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, run: SyncRun) -> None:
        """Store a new run.

        Raises:
            Conflict: Another run of the instance is unfinished; a unique index decides, so two callers at once
                cannot both be first.
        """
        added = await self._connection.execute(insert(sync_runs).values(**asdict(run)).on_conflict_do_nothing())
        if added.rowcount == 0:
            raise Conflict("A run of this Jira instance is under way already. `digital-spiral sync status` shows it.")

    async def get(self, run_id: UUID) -> SyncRun:
        """The run with this id.

        Raises:
            NotFound: There is none.
        """
        row = (await self._connection.execute(sa.select(sync_runs).where(sync_runs.c.id == run_id))).one_or_none()
        if row is None:
            raise NotFound(f"There is no run {run_id}.")
        return _run(row)

    async def latest(self, instance_id: UUID) -> SyncRun | None:
        """The instance's newest run."""
        newest = await self.newest_first(instance_id, 1)
        return newest[0] if newest else None

    async def newest_first(
        self, instance_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[SyncRun]:
        """Runs of the instance; ``after`` is the ``created_at`` and id of the last one that is known."""
        place = sa.tuple_(sync_runs.c.created_at, sync_runs.c.id)
        statement = sa.select(sync_runs).where(sync_runs.c.instance_id == instance_id)
        if after is not None:
            statement = statement.where(place < sa.tuple_(*after, types=[TIMESTAMP, sa.Uuid]))
        newest_first = statement.order_by(sync_runs.c.created_at.desc(), sync_runs.c.id.desc())
        return [_run(row) for row in await self._connection.execute(newest_first.limit(limit))]

    async def unfinished(self) -> list[SyncRun]:
        """Queued and running runs of the tenant, oldest first."""
        rows = await self._connection.execute(
            sa.select(sync_runs).where(UNFINISHED).order_by(sync_runs.c.created_at, sync_runs.c.id)
        )
        return [_run(row) for row in rows]

    async def take(self, run_id: UUID, now: datetime) -> SyncRun:
        """Begin or resume a run under a new epoch and return it.

        Raises:
            Conflict: The run has ended.
            NotFound: There is no such run.
        """
        statement = (
            sa.update(sync_runs)
            .where(sync_runs.c.id == run_id, UNFINISHED)
            .values(
                state=RunState.RUNNING,
                epoch=sync_runs.c.epoch + 1,
                started_at=sa.func.coalesce(sync_runs.c.started_at, now),
            )
            .returning(*sync_runs.c)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            run = await self.get(run_id)
            raise Conflict(f"The run {run_id} has ended already ({run.state}).")
        return _run(row)

    async def advance(self, run_id: UUID, epoch: int, progress: Progress) -> None:
        """Add progress to the run. The row stays locked until the transaction ends, so call it last.

        Raises:
            LeaseLost: ``epoch`` is no longer the run's, or the run has ended.
        """
        held = _held(run_id, epoch)
        run = (await self._connection.execute(sa.select(sync_runs).where(held).with_for_update())).one_or_none()
        if run is None:
            raise _lease_lost(run_id)
        await self._connection.execute(sa.update(sync_runs).where(held).values(_advanced(_run(run), progress)))

    async def note_wait(self, run_id: UUID, epoch: int, reason: str) -> None:
        """Note what a run waits for, unless another worker has taken it; the next rows it writes take the note away."""
        await self._connection.execute(sa.update(sync_runs).where(_held(run_id, epoch)).values(error=reason))

    async def finish(self, run_id: UUID, epoch: int, now: datetime, error: str | None) -> None:
        """End a run, well (no error) or badly.

        Raises:
            LeaseLost: ``epoch`` is no longer the run's, or the run has ended.
        """
        ended = await self._connection.execute(
            sa.update(sync_runs)
            .where(_held(run_id, epoch))
            .values(state=RunState.FAILED if error else RunState.SUCCEEDED, finished_at=now, error=error)
        )
        if ended.rowcount == 0:
            raise _lease_lost(run_id)

    async def watermark(self, instance_id: UUID, scope: str, run_id: UUID | None) -> int:
        """The position stored for ``scope``, 0 if none; with ``run_id`` only one that this very run stored."""
        marks = sync_watermarks.c
        statement = sa.select(marks.position).where(marks.instance_id == instance_id, marks.scope == scope)
        if run_id is not None:
            statement = statement.where(marks.run_id == run_id)
        return await self._connection.scalar(statement) or 0

    async def set_watermark(self, instance_id: UUID, scope: str, position: int, run_id: UUID | None) -> None:
        """Store the position reached in ``scope``."""
        reached = {"position": position, "run_id": run_id, "updated_at": sa.func.now()}
        statement = insert(sync_watermarks).values(
            tenant_id=self._tenant_id, instance_id=instance_id, scope=scope, **reached
        )
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=sync_watermarks.primary_key.columns, set_=reached)
        )


def _held(run_id: UUID, epoch: int) -> sa.ColumnElement[bool]:
    """The run, as long as it is running under this epoch."""
    return sa.and_(sync_runs.c.id == run_id, sync_runs.c.epoch == epoch, sync_runs.c.state == RunState.RUNNING)


def _run(row: sa.Row[Any]) -> SyncRun:
    run = SyncRun(**row._mapping)
    run.state = RunState(run.state)
    return run


def _advanced(run: SyncRun, progress: Progress) -> dict[str, object]:
    """The columns of a run after one more step."""
    named = [{"what": skip.what, "reason": skip.reason} for skip in progress.skips]
    return {
        "progressed_at": sa.func.now(),
        "error": None if progress.counts else run.error,
        "phase": run.phase if progress.phase is None else progress.phase,
        "issues_total": run.issues_total if progress.issues_total is None else progress.issues_total,
        "issues_done": run.issues_done + progress.issues_done,
        "issues_fetched": run.issues_fetched + progress.issues_fetched,
        "requests": run.requests + progress.requests,
        "counts": _merged(run.counts, progress.counts),
        "skipped": run.skipped + len(named),
        "skips": [*run.skips, *named][:MAX_SKIPS],
        "replaced_characters": run.replaced_characters + progress.replaced_characters,
        "worker_peak_rss": max(run.worker_peak_rss, progress.worker_peak_rss),
    }


def _merged(counts: dict[str, dict[str, int]], more: dict[str, WriteCounts]) -> dict[str, dict[str, int]]:
    merged = {name: WriteCounts(**kept) for name, kept in counts.items()}
    for name, added in more.items():
        merged.setdefault(name, WriteCounts()).add(added)
    return {name: asdict(total) for name, total in merged.items()}


def _lease_lost(run_id: UUID) -> LeaseLost:
    return LeaseLost(f"Another worker has taken the run {run_id}, or it has ended.")
