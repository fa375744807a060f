"""Compare, and mend, one batch of issues for a census."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from digital_spiral.application.ports import Clock, Jira, OpenUnitOfWork
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, halved, task_group
from digital_spiral.domain.entities.issue import IssueBundle
from digital_spiral.domain.entities.mirror import GoneProof
from digital_spiral.domain.entities.sync import Difference, Finding, Skip
from digital_spiral.domain.services.drift import compare, things

Differences = dict[int, list[Finding]]
"""The findings of each issue that has any."""


@dataclass(kw_only=True)
class BatchOutcome:
    """What a batch of issues adds to a census.

    Links are kept by id and left out of ``compared``: two issues, perhaps of two batches, show the same one.
    """

    compared: Counter[str] = field(default_factory=Counter)
    links: set[int] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    unreadable: list[Skip] = field(default_factory=list)


@dataclass(kw_only=True)
class _Reading:
    """Both sides of some issues, read at about the same time; ``read_at`` is when that began."""

    ids: Sequence[int]
    read_at: datetime
    source: dict[int, IssueBundle]
    unreadable: dict[int, Skip]
    copy: dict[int, IssueBundle]

    def differences(self) -> Differences:
        """What differs; nothing is claimed of an issue that could not be read."""
        found = {
            jira_id: compare(self.source.get(jira_id), self.copy.get(jira_id))
            for jira_id in self.ids
            if jira_id not in self.unreadable
        }
        return {jira_id: findings for jira_id, findings in found.items() if findings}


class CensusBatch:
    """Examines batches of issues of one instance."""

    def __init__(
        self, open_uow: OpenUnitOfWork, tenant_id: UUID, instance_id: UUID, jira: Jira, clock: Clock, *, repair: bool
    ) -> None:
        self._open_uow = open_uow
        self._tenant_id = tenant_id
        self._instance_id = instance_id
        self._jira = jira
        self._clock = clock
        self._repair = repair

    async def examine(self, ids: Sequence[int]) -> BatchOutcome:
        """Compare the issues; read those that differ once more, and mend them where that is wanted."""
        outcome = BatchOutcome()
        reading = await self._read(ids)
        suspects = reading.differences()
        _record(outcome, reading, [jira_id for jira_id in ids if jira_id not in suspects], {})
        if not suspects:
            return outcome
        # Either side may have moved between the readings of the two.
        reading = await self._read(list(suspects))
        differences = reading.differences()
        before = [finding for findings in differences.values() for finding in findings]
        if before and self._repair:
            outcome.unreadable += await self._mend(reading, list(differences))
            reading = await self._read(list(suspects))
            differences = reading.differences()
            remaining = {finding for findings in differences.values() for finding in findings}
            outcome.repaired = [finding for finding in before if finding not in remaining]
        _record(outcome, reading, list(suspects), differences)
        return outcome

    async def _read(self, ids: Sequence[int]) -> _Reading:
        read_at = self._clock()
        async with task_group() as group:
            source = group.create_task(self._read_source(ids))
            copy = group.create_task(self._read_copy(ids))
        bundles, unreadable = source.result()
        return _Reading(ids=ids, read_at=read_at, source=bundles, unreadable=unreadable, copy=copy.result())

    async def _read_source(self, ids: Sequence[int]) -> tuple[dict[int, IssueBundle], dict[int, Skip]]:
        page = await self._jira.issues(ids)
        unreadable = dict(page.unreadable)
        for bundle in page.bundles:
            if bundle.worklogs is None:
                try:
                    bundle.worklogs = await self._jira.complete_worklogs(bundle.issue)
                except NOT_SHOWN as error:
                    unreadable[bundle.issue.jira_id] = Skip(f"worklogs of {bundle.issue.key}", str(error))
        return {bundle.issue.jira_id: bundle for bundle in page.bundles}, unreadable

    async def _read_copy(self, ids: Sequence[int]) -> dict[int, IssueBundle]:
        async with self._open_uow(self._tenant_id) as uow:
            return await uow.mirror.bundles(self._instance_id, ids)

    async def _mend(self, reading: _Reading, ids: Sequence[int]) -> list[Skip]:
        """Write what Jira shows over what the copy holds, whatever the digests say; bury what Jira does not show."""

        async def store(bundles: Sequence[IssueBundle]) -> None:
            async with self._open_uow(self._tenant_id) as uow:
                await uow.mirror.upsert_issues(self._instance_id, bundles, reading.read_at, rewrite=True)
                await uow.commit()

        refused = await halved([reading.source[each] for each in ids if each in reading.source], store)
        missing = [each for each in ids if each not in reading.source]
        if missing:
            async with self._open_uow(self._tenant_id) as uow:
                await uow.mirror.mark_issues_gone(self._instance_id, missing, GoneProof.UNREACHABLE, reading.read_at)
                await uow.commit()
        return [Skip(f"issue {bundle.issue.key}", reason) for bundle, reason in refused]


def _record(outcome: BatchOutcome, reading: _Reading, ids: Sequence[int], differences: Differences) -> None:
    """Count the issues' things and note what differs or could not be read."""
    for jira_id in ids:
        if jira_id in reading.unreadable:
            outcome.unreadable.append(reading.unreadable[jira_id])
            continue
        findings = differences.get(jira_id, [])
        outcome.findings += findings
        extra = [finding for finding in findings if finding.difference is Difference.EXTRA]
        outcome.compared.update(finding.kind for finding in extra)
        outcome.links.update(int(finding.jira_id) for finding in extra if finding.kind == "issue_links")
        if jira_id in reading.source:
            bundle = reading.source[jira_id]
            outcome.compared.update(things(bundle))
            outcome.links.update(link.jira_id for link in bundle.links)
    del outcome.compared["issue_links"]
