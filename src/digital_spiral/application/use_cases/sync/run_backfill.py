"""Copy a whole Jira site into the database, or bring an earlier copy up to date."""

import logging
from uuid import UUID

from digital_spiral.application.ports import Clock, Jira, Lease, OpenJira, OpenUnitOfWork, PeakMemory
from digital_spiral.application.use_cases.sync.issue_copy import IssueCopy
from digital_spiral.application.use_cases.sync.run_session import RunSession, StoreUnavailable
from digital_spiral.application.use_cases.sync.site_copy import SiteCopy
from digital_spiral.application.use_cases.sync.worklog_copy import WorklogCopy
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.errors import LeaseLost, SpiralError

log = logging.getLogger(__name__)

MAX_TAKES = 25
"""Attempts after which a run that never reaches its end is given up: something in it kills its workers."""


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
    ) -> None:
        self._open_uow = open_uow
        self._open_jira = open_jira
        self._lease = lease
        self._clock = clock
        self._peak_memory = peak_memory
        self._batch_size = batch_size
        self._in_flight = in_flight

    async def run(self, tenant_id: UUID, run_id: UUID) -> None:
        """Take the run and work until it ends.

        Returns at once when the run has ended or another worker is at it. What Jira or the installation refuses ends
        the run as failed, with the reason; a database that fails leaves it to the next attempt.

        Raises:
            NotFound: There is no such run.
            Unavailable: The database does not answer.
        """
        async with self._open_uow(tenant_id) as uow:
            run = await uow.runs.get(run_id)
        if run.state.finished:
            return
        async with self._lease.hold(run.instance_id) as had:
            if not had:
                log.info("Run %s: another worker has it.", run_id)
                return
            try:
                await self._work(tenant_id, run_id)
            except LeaseLost as error:
                log.warning("Run %s stops here: %s", run_id, error)
            except StoreUnavailable as error:
                log.warning("Run %s is left to another attempt: %s", run_id, error)

    async def _work(self, tenant_id: UUID, run_id: UUID) -> None:
        taken = await self._take(tenant_id, run_id)
        if taken is None:
            return
        session, instance = taken
        try:
            if session.run.epoch > MAX_TAKES:
                raise SpiralError(f"{MAX_TAKES} workers began this run and none reached its end. See their logs.")
            async with self._open_jira(instance) as jira:
                session.jira = jira
                await self._copy(session, jira)
        except (LeaseLost, StoreUnavailable):
            raise
        except SpiralError as error:
            log.warning("Run %s failed: %s", run_id, error)
            await session.finish(str(error))
        else:
            await session.finish(None)

    async def _take(self, tenant_id: UUID, run_id: UUID) -> tuple[RunSession, JiraInstance] | None:
        """Take the run, unless it ended between the first look and the lease."""
        async with self._open_uow(tenant_id) as uow:
            if (await uow.runs.get(run_id)).state.finished:
                return None
            run = await uow.runs.take(run_id, self._clock())
            instance = await uow.instances.get(run.instance_id)
            await uow.commit()
        session = RunSession(run=run, open_uow=self._open_uow, clock=self._clock, peak_memory=self._peak_memory)
        return session, instance

    async def _copy(self, session: RunSession, jira: Jira) -> None:
        site = SiteCopy(session, jira)
        projects = await site.copy_projects()
        await site.copy_users()
        await site.copy_metadata()
        await IssueCopy(session, jira, batch_size=self._batch_size, in_flight=self._in_flight).run(projects)
        await WorklogCopy(session, jira).run()
        await site.copy_boards_and_sprints()
