"""Copy a whole Jira site into the database, or bring an earlier copy up to date."""

import logging
from asyncio import sleep as pause_for
from uuid import UUID

from structlog.contextvars import bound_contextvars

from digital_spiral.application.ports import Clock, Jira, Lease, Meter, OpenJira, OpenUnitOfWork, PeakMemory
from digital_spiral.application.use_cases.sync.issue_copy import IssueCopy
from digital_spiral.application.use_cases.sync.run_session import FURTHEST, RunSession, StoreUnavailable, store_errors
from digital_spiral.application.use_cases.sync.site_copy import SiteCopy
from digital_spiral.application.use_cases.sync.worklog_copy import WorklogCopy
from digital_spiral.domain.entities.sync import SyncRun
from digital_spiral.domain.errors import LeaseLost, SpiralError

log = logging.getLogger(__name__)

MAX_TAKES = 25
"""Attempts in a row without progress after which a run is given up: something in it kills its workers."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
"""How long a run waits for a database that takes no writes. Each attempt costs Jira what one batch and the lists before
it cost, so they become rare."""


class RunBackfill:
    """Works on a run: the whole of it, or what an earlier worker left.

    Args:
        open_uow: Opens the database for a tenant.
        open_jira: Opens the site.
        lease: Lets one worker at a time work on an instance.
        clock: The present instant.
        peak_memory: The worker's largest size so far.
        batch_size: Issues fetched together and written in one transaction.
        in_flight: Issues between request and commit, at most.
        meter: Counts what runs do.
    """

    def __init__(
        self,
        open_uow: OpenUnitOfWork,
        open_jira: OpenJira,
        lease: Lease,
        clock: Clock,
        peak_memory: PeakMemory,
        batch_size: int = 500,
        in_flight: int = 1000,
        meter: Meter | None = None,
    ) -> None:
        self._open_uow = open_uow
        self._open_jira = open_jira
        self._lease = lease
        self._clock = clock
        self._peak_memory = peak_memory
        self._batch_size = batch_size
        self._in_flight = in_flight
        self._meter = meter

    async def run(self, tenant_id: UUID, run_id: UUID) -> None:
        """Take the run and work until it ends.

        Returns at once when the run has ended or another worker is at it. What Jira or the installation refuses ends
        the run as failed, with the reason. While the database answers but takes no writes, the run waits.

        Raises:
            NotFound: There is no such run.
            Unavailable: The database does not answer; the run is left to the next attempt.
        """
        with bound_contextvars(tenant_id=str(tenant_id), run_id=str(run_id)):
            async with self._open_uow(tenant_id) as uow:
                run = await uow.runs.get(run_id)
            if run.state.finished:
                return
            with bound_contextvars(instance_id=str(run.instance_id)):
                await self._attempt(run)

    async def _attempt(self, run: SyncRun) -> None:
        """Work on the run, again and again after growing pauses while the database does not take what it brings.

        The pauses are spent with the lease, if that is still there: so the sweep leaves the run alone, and nobody asks
        Jira for what cannot be stored. Each attempt needs the lease anew, for it may have been lost with the database.
        """
        session: RunSession | None = None
        pause = FIRST_PAUSE_SECONDS
        while True:
            async with self._lease.hold(run.instance_id) as had:
                if not had:
                    log.info("Run %s: another worker has it.", run.id)
                    return
                try:
                    session = await self._take(run, session)
                    if session is not None:
                        await self._work(session)
                    return
                except LeaseLost as error:
                    log.warning("Run %s stops here: %s", run.id, error)
                    return
                except StoreUnavailable as error:
                    if session is not None and session.got_further:
                        pause = FIRST_PAUSE_SECONDS
                    log.warning("Run %s waits, and tries again in %.0f s: %s", run.id, pause, error)
                    if session is not None:
                        await session.note_wait(str(error))
                    await pause_for(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _work(self, session: RunSession) -> None:
        run = session.run
        log.info("Run %s begins, attempt %d.", run.id, run.epoch)
        try:
            async with session.read() as uow:
                instance = await uow.instances.get(run.instance_id)
                furthest = await uow.runs.watermark(run.instance_id, FURTHEST, run.id)
            if run.epoch - furthest > MAX_TAKES:
                raise SpiralError(f"{MAX_TAKES} workers in turn began this run and got no further. See their logs.")
            async with self._open_jira(instance) as jira:
                session.jira = jira
                await self._copy(session, jira)
        except (LeaseLost, StoreUnavailable):
            raise
        except SpiralError as error:
            log.warning("Run %s failed: %s", run.id, error)
            await session.finish(str(error))
        else:
            await session.finish(None)
            log.info("Run %s succeeded.", run.id)

    async def _take(self, known: SyncRun, earlier: RunSession | None) -> RunSession | None:
        """Take the run, unless it ended between the first look and the lease.

        A run that nobody has taken since this worker's earlier attempt is still this worker's, under the same epoch:
        waiting for the database must not count among the attempts of a run that kills its workers.
        """
        with store_errors():
            async with self._open_uow(known.tenant_id) as uow:
                run = await uow.runs.get(known.id)
                if run.state.finished:
                    return None
                if earlier is None or earlier.run.epoch != run.epoch:
                    run = await uow.runs.take(run.id, self._clock())
                    await uow.commit()
        return RunSession(
            run=run, open_uow=self._open_uow, clock=self._clock, peak_memory=self._peak_memory, meter=self._meter
        )

    async def _copy(self, session: RunSession, jira: Jira) -> None:
        site = SiteCopy(session, jira)
        projects = await site.copy_projects()
        await site.copy_users()
        await site.copy_metadata()
        await IssueCopy(session, jira, batch_size=self._batch_size, in_flight=self._in_flight).run(projects)
        await WorklogCopy(session, jira).run()
        await site.copy_boards_and_sprints()
