"""Issues that the copy holds in a project but Jira no longer lists there."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from digital_spiral.application.ports import Jira
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, RunSession, halved
from digital_spiral.domain.entities.issue import IssueBundle
from digital_spiral.domain.entities.mirror import GoneProof
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import Progress, Skip

LOST_SHARE = 0.5
"""When more than this share of a project's issues is missing, the account has lost access: nobody deletes so much."""


class UnlistedIssues:
    """Asks Jira for unlisted issues by id: some have moved, some are only late in the index, some are gone."""

    def __init__(self, session: RunSession, jira: Jira, batch_size: int) -> None:
        self._session = session
        self._jira = jira
        self._batch_size = batch_size

    async def settle(self, project: Project, unlisted: set[int], resumed_at: int) -> None:
        """Rewrite the unlisted issues that Jira still shows, and turn the others into tombstones.

        Args:
            project: A project whose ids Jira has listed completely, above ``resumed_at``.
            unlisted: Ids above ``resumed_at`` that the copy held and Jira did not list.
            resumed_at: Where an earlier attempt's listing ended; ids up to there are listed once more.
        """
        if not unlisted and not resumed_at:
            return
        async with self._session.read() as uow:
            held = await uow.mirror.issue_ids(self._session.instance_id, project.jira_id)
        suspects = {jira_id for jira_id in held if jira_id <= resumed_at or jira_id in unlisted}
        if resumed_at:
            try:
                await self._drop_listed(project, suspects, resumed_at)
            except NOT_SHOWN as error:
                await self._skip(project, str(error))
                return
        missing = await self._missing(suspects, len(held) * LOST_SHARE)
        if len(missing) > len(held) * LOST_SHARE:
            await self._skip(
                project,
                f"Jira does not show {len(missing)} or more of {len(held)} issues any more, which looks like lost "
                "access; the copy keeps them. `census --repair` marks them as gone.",
            )
        elif missing:
            await self._bury(missing)

    async def _drop_listed(self, project: Project, suspects: set[int], resumed_at: int) -> None:
        async for page in self._jira.issue_refs(project, after=0, with_updated=False):
            suspects.difference_update(ref.jira_id for ref in page)
            if page and page[-1].jira_id >= resumed_at:
                return

    async def _missing(self, suspects: Collection[int], enough: float) -> list[int]:
        """Those of the suspects that Jira does not show by id, or at least so many that access must be lost."""
        missing: list[int] = []
        rest = iter(sorted(suspects))
        while len(missing) <= enough and (ids := list(islice(rest, self._batch_size))):
            read_at = self._session.clock()
            page = await self._jira.issues(ids)
            missing += page.missing
            refused = await halved(page.bundles, partial(self._rewrite, read_at))
            skips = [skip for _, skip in page.unreadable]
            skips += [Skip(f"issue {bundle.issue.key}", reason) for bundle, reason in refused]
            await self._session.report(Progress(issues_fetched=len(page.bundles), skips=skips))
        return missing

    async def _rewrite(self, read_at: datetime, bundles: Sequence[IssueBundle]) -> None:
        progress = Progress()
        async with self._session.write(progress) as uow:
            progress.counts = await uow.mirror.upsert_issues(self._session.instance_id, bundles, read_at)

    async def _bury(self, missing: list[int]) -> None:
        progress = Progress()
        read_at = self._session.clock()
        async with self._session.write(progress) as uow:
            progress.counts["issues"] = await uow.mirror.mark_issues_gone(
                self._session.instance_id, missing, GoneProof.UNREACHABLE, read_at
            )

    async def _skip(self, project: Project, reason: str) -> None:
        await self._session.report(Progress(skips=[Skip(f"missing issues of project {project.key}", reason)]))
