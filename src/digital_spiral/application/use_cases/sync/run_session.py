"""One worker's work on one run: fenced transactions that carry the run's progress with the rows they write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from digital_spiral.application.ports import Clock, Jira, Meter, OpenUnitOfWork, PeakMemory, UnitOfWork
from digital_spiral.domain.entities.sync import Progress, RunState, SyncRun
from digital_spiral.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    LeaseLost,
    NotFound,
    Unavailable,
    UnreadableAnswer,
)

T = TypeVar("T")

Settle = Callable[[UnitOfWork], Awaitable[None]]

NOT_SHOWN = (Forbidden, NotFound, Invalid, UnreadableAnswer)
"""What Jira says of one thing that it will not show; the rest of the site can still be copied."""


class StoreUnavailable(Unavailable):
    """The database failed during a run; the run stays as it is, and another attempt resumes it."""


FURTHEST = "furthest"
"""Watermark: the epoch under which the run last got any further with its issues."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Tell a database that does not work just now from a Jira that does not.

    Raises:
        StoreUnavailable: The database said so.
    """
    try:
        yield
    except Unavailable as error:
        raise StoreUnavailable(str(error)) from error


@dataclass(kw_only=True)
class RunSession:
    """A run that this worker has taken, under the epoch it was given.

    Writes go on side by side; their ends take turns. The run's row would serialise the commits anyway, and what one
    write says of the run's position must be committed before the next one speaks of it.
    """

    run: SyncRun
    open_uow: OpenUnitOfWork
    clock: Clock
    peak_memory: PeakMemory
    jira: Jira | None = None
    meter: Meter | None = None
    got_further: bool = False
    _reported_requests: int = 0
    _committing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def instance_id(self) -> UUID:
        """The instance that is copied."""
        return self.run.instance_id

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """A transaction that is rolled back.

        Raises:
            StoreUnavailable: The database does not work just now.
        """
        with store_errors():
            async with self.open_uow(self.run.tenant_id) as uow:
                yield uow

    @asynccontextmanager
    async def write(self, progress: Progress, settle: Settle | None = None) -> AsyncIterator[UnitOfWork]:
        """A transaction that is committed together with ``progress``, which the block may still fill in.

        ``settle`` is called last before the commit, while no other write of this run commits.

        Raises:
            LeaseLost: Another worker has the run now; nothing was committed.
            StoreUnavailable: The database does not work just now.
        """
        async with self.read() as uow:
            yield uow
            await self._commit(uow, progress, settle)

    async def report(self, progress: Progress, settle: Settle | None = None) -> None:
        """Commit progress that comes without rows."""
        async with self.read() as uow:
            await self._commit(uow, progress, settle)

    async def _commit(self, uow: UnitOfWork, progress: Progress, settle: Settle | None) -> None:
        async with self._committing:
            if settle is not None:
                await settle(uow)
            if progress.issues_done and not self.got_further:
                await uow.runs.set_watermark(self.instance_id, FURTHEST, self.run.epoch, self.run.id)
            await self._advance(uow, progress)
            await uow.commit()
            self.got_further = self.got_further or progress.issues_done > 0
        if self.meter is not None:
            self.meter.rows_written(progress.counts)

    async def note_wait(self, reason: str) -> None:
        """Let the run say what it waits for, if the database takes at least that."""
        with suppress(Unavailable):
            async with self.open_uow(self.run.tenant_id) as uow:
                await uow.runs.note_wait(self.run.id, self.run.epoch, reason)
                await uow.commit()

    async def finish(self, error: str | None) -> None:
        """End the run, well (no error) or badly."""
        now = self.clock()
        async with self.read() as uow:
            await self._advance(uow, Progress(phase=None if error else "done"))
            await uow.runs.finish(self.run.id, self.run.epoch, now, error)
            await uow.commit()
        if self.meter is not None:
            outcome = RunState.FAILED if error else RunState.SUCCEEDED
            self.meter.run_ended(outcome.value, (now - self.run.created_at).total_seconds())

    async def _advance(self, uow: UnitOfWork, progress: Progress) -> None:
        sent = 0 if self.jira is None else self.jira.requests
        progress.requests = sent - self._reported_requests
        progress.worker_peak_rss = self.peak_memory()
        await uow.runs.advance(self.run.id, self.run.epoch, progress)
        self._reported_requests = sent


async def halved(rows: Sequence[T], store: Callable[[Sequence[T]], Awaitable[None]]) -> list[tuple[T, str]]:
    """Store rows, and where the database refuses some, all the others.

    ``store`` is called with ever smaller parts until the refused rows stand alone; they are returned with the reason.
    """
    try:
        await store(rows)
    except (Invalid, Conflict) as refusal:
        if len(rows) == 1:
            return [(rows[0], str(refusal))]
        middle = len(rows) // 2
        return [*await halved(rows[:middle], store), *await halved(rows[middle:], store)]
    return []


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the error that matters most instead of a group of errors."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise _weightiest(errors) from errors


def _weightiest(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that decides how a run ends: a lost lease, then the database, then whatever came first."""
    for kind in (LeaseLost, StoreUnavailable):
        matching = errors.subgroup(kind)
        if matching is not None:
            return _first(matching)
    return _first(errors)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def instant_ms(moment: datetime) -> int:
    """Epoch milliseconds of an instant."""
    return round(moment.timestamp() * 1000)
