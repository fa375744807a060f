"""Copy issues in bulk: list ids by project, fetch bodies in batches, write each batch in one transaction.

Listing, fetching and writing overlap. At any time no more than a fixed number of issues is between request and
commit, which bounds both the memory of the worker and what a crash makes it ask for again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from digital_spiral.application.ports import IssuePage, Jira, UnitOfWork
from digital_spiral.application.use_cases.sync.checkpoint import Checkpoint, Segment
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, RunSession, halved, instant_ms, task_group
from digital_spiral.application.use_cases.sync.unlisted_issues import UnlistedIssues
from digital_spiral.application.use_cases.sync.worklog_copy import UPDATED
from digital_spiral.domain.entities.issue import IssueBundle, IssueRef
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import Progress, Skip
from digital_spiral.domain.errors import SpiralError

LISTED = "issues"
"""Watermark: how many issues the last complete listing had, which saves the next run from asking Jira to count."""


@dataclass(slots=True)
class _Listing:
    """One project while its ids are listed; ``stored`` loses each id that Jira lists.

    ``whole_at`` is since when the copy is known to be whole, in epoch ms (0: not known); ``changed`` is what Jira has
    changed since then.
    """

    project: Project
    resumed_at: int
    checkpoint: Checkpoint
    stored: dict[int, datetime]
    whole_at: int = 0
    changed: dict[int, datetime] | None = None

    @property
    def scope(self) -> str:
        """The name under which the checkpoint is stored."""
        return f"backfill:{self.project.jira_id}"

    @property
    def whole_since(self) -> str:
        """The name under which is stored since when the project's copy is known to be whole, in epoch ms."""
        return f"whole:{self.project.jira_id}"


@dataclass(slots=True)
class _Batch:
    """Ids to fetch together, and the stretches of listed ids that are settled once it is written.

    ``wanted`` tells of each id whether the copy held it when its project's listing began.
    """

    wanted: dict[int, bool] = field(default_factory=dict)
    segments: list[tuple[_Listing, Segment]] = field(default_factory=list)


class IssueCopy:
    """The issue phase of one run."""

    def __init__(self, session: RunSession, jira: Jira, *, batch_size: int, in_flight: int) -> None:
        self._session = session
        self._jira = jira
        self._batch_size = min(batch_size, in_flight)
        self._slots = asyncio.Semaphore(in_flight // self._batch_size)
        self._batch = _Batch()
        self._done_before = session.run.issues_done
        self._estimate = session.run.issues_total
        self._listed = 0
        self._passed = 0
        self._moved: dict[str, int] = {}
        self._feed_brings_all = True

    async def run(self, projects: Sequence[Project]) -> None:
        """Copy the issues of the projects; one whose ids Jira will not list becomes a named skip."""
        await self._begin(projects)
        complete: list[_Listing] = []
        async with task_group() as group:
            for project in projects:
                listing = await self._listing(project)
                if await self._list(listing, group):
                    complete.append(listing)
            await self._send(group)
        await self._remember(complete)
        unlisted = UnlistedIssues(self._session, self._jira, self._batch_size)
        for listing in complete:
            await unlisted.settle(listing.project, set(listing.stored), listing.resumed_at)

    async def _remember(self, complete: Sequence[_Listing]) -> None:
        """Note the end of the listing, and for the next run since when the copy of each project is known to be whole.

        That holds only where nothing was left out: an issue that was set aside is to be tried again.
        """
        run, instance_id = self._session.run, self._session.instance_id
        self._estimate = 0
        progress = Progress()
        async with self._session.write(progress, partial(self._note_positions, progress)) as uow:
            await uow.runs.set_watermark(instance_id, LISTED, self._total(), None)
            if run.started_at is not None and (await uow.runs.get(run.id)).skipped == 0:
                for listing in complete:
                    await uow.runs.set_watermark(instance_id, listing.whole_since, instant_ms(run.started_at), None)

    async def _begin(self, projects: Sequence[Project]) -> None:
        async with self._session.read() as uow:
            # A feed that is read from its very beginning names every worklog; a later one only what moved since.
            self._feed_brings_all = await uow.runs.watermark(self._session.instance_id, UPDATED, None) == 0
            self._estimate = self._estimate or await uow.runs.watermark(self._session.instance_id, LISTED, None)
        if not self._estimate and projects:
            # Where Jira refuses to count, listing meets the same refusal and names it.
            with suppress(*NOT_SHOWN):
                self._estimate = await self._jira.count_issues(projects)
        await self._session.report(Progress(phase="issues", issues_total=self._total()))

    def _total(self) -> int:
        return max(self._estimate, self._done_before + self._listed)

    async def _listing(self, project: Project) -> _Listing:
        instance_id = self._session.instance_id
        listing = _Listing(project, 0, Checkpoint(0), {})
        async with self._session.read() as uow:
            listing.resumed_at = await uow.runs.watermark(instance_id, listing.scope, self._session.run.id)
            listing.checkpoint = Checkpoint(listing.resumed_at)
            listing.stored = await uow.mirror.issue_versions(instance_id, project.jira_id, listing.resumed_at)
            listing.whole_at = await uow.runs.watermark(instance_id, listing.whole_since, None)
        return listing

    async def _list(self, listing: _Listing, group: asyncio.TaskGroup) -> bool:
        """Go through the project's ids and send off batches; whether Jira listed all of them."""
        try:
            if listing.stored and listing.whole_at:
                # Ids come 5,000 to a page, fields far fewer: asking what changed is cheaper than every `updated`.
                whole_at = datetime.fromtimestamp(listing.whole_at / 1000, UTC)
                listing.changed = await self._jira.changed_since(listing.project, whole_at)
        except NOT_SHOWN as error:
            await self._skip(listing, error)
            return False
        with_updated = bool(listing.stored) and listing.changed is None
        pages = self._jira.issue_refs(listing.project, after=listing.resumed_at, with_updated=with_updated)
        while True:
            try:
                page = await anext(pages, None)
            except NOT_SHOWN as error:
                await self._skip(listing, error)
                return False
            if page is None:
                return True
            await self._sort_out(listing, page, group)

    async def _skip(self, listing: _Listing, error: SpiralError) -> None:
        await self._session.report(Progress(skips=[Skip(f"issues of project {listing.project.key}", str(error))]))

    async def _sort_out(self, listing: _Listing, page: Sequence[IssueRef], group: asyncio.TaskGroup) -> None:
        """Put the page's new and changed issues into batches; what is as the copy has it counts as done."""
        waiting = changed = 0
        for ref in page:
            stored = listing.stored.pop(ref.jira_id, None)
            waiting += 1
            updated = ref.updated if listing.changed is None else listing.changed.get(ref.jira_id, stored)
            if stored is None or stored != updated:
                changed += 1
                self._batch.wanted[ref.jira_id] = stored is not None
            if len(self._batch.wanted) == self._batch_size:
                self._batch.segments.append((listing, listing.checkpoint.open(ref.jira_id, waiting)))
                self._listed += waiting
                waiting = changed = 0
                await self._send(group)
        if waiting:
            segment = (listing, listing.checkpoint.open(page[-1].jira_id, waiting))
            self._listed += waiting
            if changed:
                self._batch.segments.append(segment)
            else:
                self._close([segment])
                progress = Progress()
                await self._session.report(progress, partial(self._note_positions, progress))

    async def _send(self, group: asyncio.TaskGroup) -> None:
        """Fetch and write the present batch in a task of its own, as soon as enough earlier ones are committed."""
        batch, self._batch = self._batch, _Batch()
        if batch.wanted:
            await self._slots.acquire()
            group.create_task(self._copy(batch))

    async def _copy(self, batch: _Batch) -> None:
        try:
            read_at = self._session.clock()
            page = await self._jira.issues(list(batch.wanted))
            skips = [
                Skip(f"issue {jira_id}", "Jira's search lists it, but does not show it.") for jira_id in page.missing
            ]
            skips += [skip for _, skip in page.unreadable]
            skips += await self._complete_worklogs(page, batch)
            await self._write(page, batch, read_at, skips)
        finally:
            self._slots.release()

    async def _complete_worklogs(self, page: IssuePage, batch: _Batch) -> list[Skip]:
        """Fetch the cut worklog lists of issues that are new to the copy, where the feed will not bring them."""
        skips: list[Skip] = []
        for bundle in page.bundles:
            issue = bundle.issue
            if bundle.worklogs is None and not self._feed_brings_all and not batch.wanted[issue.jira_id]:
                try:
                    bundle.worklogs = await self._jira.complete_worklogs(issue)
                except NOT_SHOWN as error:
                    skips.append(Skip(f"worklogs of {issue.key}", str(error)))
        return skips

    async def _write(self, page: IssuePage, batch: _Batch, read_at: datetime, skips: list[Skip]) -> None:
        """Write a batch in one transaction, or in several when the database refuses some of its issues."""
        whole = False

        async def store(bundles: Sequence[IssueBundle]) -> None:
            nonlocal whole
            progress = Progress(issues_fetched=len(bundles), replaced_characters=_replaced(bundles))
            if len(bundles) == len(page.bundles):
                progress.skips = skips
            async with self._session.write(progress, partial(self._note_positions, progress)) as uow:
                progress.counts = await uow.mirror.upsert_issues(self._session.instance_id, bundles, read_at)
            whole = len(bundles) == len(page.bundles)

        refused = await halved(page.bundles, store)
        if not whole:
            skips += [Skip(f"issue {bundle.issue.key}", reason) for bundle, reason in refused]
            await self._session.report(Progress(issues_fetched=len(refused), skips=skips))
        self._close(batch.segments)

    def _close(self, segments: Sequence[tuple[_Listing, Segment]]) -> None:
        """Move the checkpoints over what has been committed; the next commit writes the new positions down.

        A position is never written by the transaction that earns it: one that fails would leave behind, in memory,
        a position that a later commit then makes true.
        """
        for listing, segment in segments:
            self._passed += listing.checkpoint.close(segment)
            self._moved[listing.scope] = listing.checkpoint.position

    async def _note_positions(self, progress: Progress, uow: UnitOfWork) -> None:
        """Write down how far the projects are copied without a gap, and how many issues that are."""
        progress.issues_done, self._passed = self._passed, 0
        progress.issues_total = self._total()
        moved, self._moved = self._moved, {}
        for scope, position in sorted(moved.items()):
            await uow.runs.set_watermark(self._session.instance_id, scope, position, self._session.run.id)


def _replaced(bundles: Sequence[IssueBundle]) -> int:
    """Rows in which characters that the database cannot hold were replaced."""
    return sum(
        row.replaced_characters
        for bundle in bundles
        for row in (bundle.issue, *bundle.comments, *(bundle.worklogs or ()))
    )
