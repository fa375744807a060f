"""Follow Jira's worklog feeds: what was logged, changed and deleted since the last run."""

from collections.abc import Sequence
from datetime import datetime

from digital_spiral.application.ports import Jira
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, RunSession, halved, instant_ms
from digital_spiral.domain.entities.issue import Worklog
from digital_spiral.domain.entities.mirror import GoneProof
from digital_spiral.domain.entities.sync import Progress, Skip

UPDATED = "worklogs"
"""Watermark of the feed of updated worklogs, in epoch milliseconds."""
DELETED = "worklogs_deleted"
"""Watermark of the feed of deleted worklogs, in epoch milliseconds."""

BATCH = 1000
"""Worklogs that Jira hands out in one answer."""


class WorklogCopy:
    """The worklog phase of one run. A feed's watermark moves only when all it told of is stored or named."""

    def __init__(self, session: RunSession, jira: Jira) -> None:
        self._session = session
        self._jira = jira

    async def run(self) -> None:
        """Fetch the worklogs that the copy lacks or has in another version, and bury the deleted ones."""
        await self._session.report(Progress(phase="worklogs"))
        try:
            await self._follow_updates()
            await self._follow_deletions()
        except NOT_SHOWN as error:
            await self._session.report(Progress(skips=[Skip("the feed of worklogs", str(error))]))

    async def _follow_updates(self) -> None:
        feed, until = await self._jira.worklogs_updated(await self._watermark(UPDATED))
        ids = sorted(feed)
        for start in range(0, len(ids), BATCH):
            await self._fetch({jira_id: feed[jira_id] for jira_id in ids[start : start + BATCH]})
        await self._move(UPDATED, until)

    async def _follow_deletions(self) -> None:
        deleted, until = await self._jira.worklogs_deleted(await self._watermark(DELETED))
        for start in range(0, len(deleted), BATCH):
            progress = Progress()
            async with self._session.write(progress) as uow:
                progress.counts["worklogs"] = await uow.mirror.mark_worklogs_gone(
                    self._session.instance_id,
                    deleted[start : start + BATCH],
                    GoneProof.DELETED,
                    self._session.clock(),
                )
        await self._move(DELETED, until)

    async def _fetch(self, versions: dict[int, int]) -> None:
        """Fetch those of the worklogs that the copy does not hold in the feed's version."""
        async with self._session.read() as uow:
            stored = await uow.mirror.worklog_versions(self._session.instance_id, versions.keys())
        wanted = [
            jira_id
            for jira_id, updated in versions.items()
            if jira_id not in stored or instant_ms(stored[jira_id]) != updated
        ]
        if not wanted:
            return
        read_at = self._session.clock()
        worklogs, skips = await self._jira.worklogs(wanted)
        refused = await halved(worklogs, lambda part: self._store(part, read_at))
        skips = skips + [Skip(f"worklog {worklog.jira_id}", reason) for worklog, reason in refused]
        await self._session.report(Progress(skips=skips))

    async def _store(self, worklogs: Sequence[Worklog], read_at: datetime) -> None:
        instance_id = self._session.instance_id
        progress = Progress()
        async with self._session.write(progress) as uow:
            known = await uow.mirror.known_issues(instance_id, {worklog.issue_id for worklog in worklogs})
            arriving = [worklog for worklog in worklogs if worklog.issue_id in known]
            progress.counts["worklogs"] = await uow.mirror.upsert_worklogs(instance_id, arriving, read_at)
            progress.replaced_characters = sum(worklog.replaced_characters for worklog in arriving)
            progress.skips = [
                Skip(f"worklog {worklog.jira_id}", f"The copy does not hold its issue {worklog.issue_id}.")
                for worklog in worklogs
                if worklog.issue_id not in known
            ]

    async def _watermark(self, scope: str) -> int:
        async with self._session.read() as uow:
            return await uow.runs.watermark(self._session.instance_id, scope, None)

    async def _move(self, scope: str, until: int) -> None:
        async with self._session.write(Progress()) as uow:
            await uow.runs.set_watermark(self._session.instance_id, scope, until, None)
