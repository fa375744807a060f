"""Prove that the copy is right: compare it with the site, thing by thing."""

import secrets
from asyncio import Semaphore
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from digital_spiral.application.ports import Clock, Jira, OpenJira, OpenUnitOfWork
from digital_spiral.application.use_cases.sync.census_batch import BatchOutcome, CensusBatch
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, task_group
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import CensusReport, Difference, Finding, Skip
from digital_spiral.domain.errors import Forbidden, NotFound
from digital_spiral.domain.services.drift import KINDS

BATCHES_AT_ONCE = 2
"""While one batch is compared, the next one is read; more would only cost memory."""

ShowProgress = Callable[[int, int], None]
"""Receives the number of issues compared so far, and of all."""


class TakeCensus:
    """Compares a copy with its site, and mends it."""

    def __init__(self, open_uow: OpenUnitOfWork, open_jira: OpenJira, clock: Clock, batch_size: int = 500) -> None:
        self._open_uow = open_uow
        self._open_jira = open_jira
        self._clock = clock
        self._batch_size = batch_size

    async def take(
        self,
        tenant_id: UUID,
        instance_id: UUID,
        *,
        project_key: str | None = None,
        sample: int | None = None,
        repair: bool = False,
        actor: str,
        progress: ShowProgress | None = None,
    ) -> CensusReport:
        """Compare projects, and every issue with all that hangs on it.

        What differs is read again before it is reported, as the site may move meanwhile. Issues that Jira does not
        list are asked for by id.

        Args:
            tenant_id: Whose copy.
            instance_id: Which site.
            project_key: Compare this project only.
            sample: Compare so many issues, drawn at random.
            repair: Write what Jira shows into the copy, and report what differs even then.
            actor: Who does this, for the audit log.
            progress: Called after every batch.

        Raises:
            NotFound: There is no such instance or project.
            Forbidden: Jira shows no project at all, which is no state to repair a copy from.
            Unauthorized, Forbidden, RateLimited, Unavailable, UnreadableAnswer: As Jira answered.
        """
        async with self._open_uow(tenant_id) as uow:
            instance = await uow.instances.get(instance_id)
        report = CensusReport(compared=dict.fromkeys(("projects", *KINDS), 0))
        async with self._open_jira(instance) as jira:
            # Which custom fields hold sprints and story points decides how issues are read.
            await jira.custom_fields()
            projects = await jira.projects()
            project_id = await self._project_id(instance, projects, project_key)
            chosen = [project for project in projects if project_id in (None, project.jira_id)]
            if repair:
                if not projects:
                    raise Forbidden(
                        f"{instance.name} shows this account no project, so nothing was repaired. "
                        "Check the account's permissions."
                    )
                await self._note_repair(instance, actor, project_key, sample)
            await self._compare_projects(report, instance, chosen, project_id, repair=repair)
            ids = await self._issue_ids(report, instance, jira, chosen, project_id)
            if sample is not None and sample < len(ids):
                ids = sorted(secrets.SystemRandom().sample(ids, sample))
            batch = CensusBatch(self._open_uow, tenant_id, instance_id, jira, self._clock, repair=repair)
            links: set[int] = set()
            for outcome in await self._examine(batch, ids, progress):
                _merge(report, outcome)
                links |= outcome.links
        report.compared["issue_links"] = len(links)
        _name_links_once(report)
        return report

    async def _project_id(self, instance: JiraInstance, projects: Sequence[Project], key: str | None) -> int | None:
        if key is None:
            return None
        async with self._open_uow(instance.tenant_id) as uow:
            known = await uow.mirror.project_ids(instance.id)
        known.update((project.key, project.jira_id) for project in projects)
        for each, project_id in known.items():
            if each.upper() == key.strip().upper():
                return project_id
        raise NotFound(f"Neither {instance.name} nor its copy has a project {key}. Known are {_listed(known)}.")

    async def _note_repair(
        self, instance: JiraInstance, actor: str, project_key: str | None, sample: int | None
    ) -> None:
        details = {"instance": instance.name, "project": project_key or "all"}
        if sample is not None:
            details["sample"] = str(sample)
        entry = AuditEntry(
            tenant_id=instance.tenant_id,
            id=uuid4(),
            at=self._clock(),
            actor=actor,
            action="census.repair",
            target=str(instance.id),
            details=details,
        )
        async with self._open_uow(instance.tenant_id) as uow:
            await uow.audit.add(entry)
            await uow.commit()

    async def _compare_projects(
        self,
        report: CensusReport,
        instance: JiraInstance,
        projects: Sequence[Project],
        project_id: int | None,
        *,
        repair: bool,
    ) -> None:
        findings, compared = await self._project_findings(instance, projects, project_id)
        report.compared["projects"] = compared
        if findings and repair:
            async with self._open_uow(instance.tenant_id) as uow:
                await uow.mirror.upsert_site_rows(instance.id, projects, self._clock(), complete=project_id is None)
                await uow.commit()
            before = findings
            findings, _ = await self._project_findings(instance, projects, project_id)
            report.repaired += [finding for finding in before if finding not in findings]
        report.findings += findings

    async def _project_findings(
        self, instance: JiraInstance, projects: Sequence[Project], project_id: int | None
    ) -> tuple[list[Finding], int]:
        """How the projects differ by id and key, and how many there are on either side."""
        async with self._open_uow(instance.tenant_id) as uow:
            keys = await uow.mirror.project_ids(instance.id)
        ours = {each: key for key, each in keys.items() if project_id in (None, each)}
        theirs = {project.jira_id: project.key for project in projects}
        findings = []
        for each in sorted(theirs.keys() | ours.keys()):
            if theirs.get(each) != ours.get(each):
                difference = Difference.CHANGED
                if each not in ours:
                    difference = Difference.MISSING
                elif each not in theirs:
                    difference = Difference.EXTRA
                findings.append(Finding("projects", difference, str(each), theirs.get(each) or ours[each]))
        return findings, len(theirs.keys() | ours.keys())

    async def _issue_ids(
        self,
        report: CensusReport,
        instance: JiraInstance,
        jira: Jira,
        projects: Sequence[Project],
        project_id: int | None,
    ) -> list[int]:
        """Ids of all issues that either side has, ascending."""
        async with self._open_uow(instance.tenant_id) as uow:
            ids = set(await uow.mirror.issue_ids(instance.id, project_id))
        for project in projects:
            try:
                async for page in jira.issue_refs(project, after=0, with_updated=False):
                    ids.update(ref.jira_id for ref in page)
            except NOT_SHOWN as error:
                report.unreadable.append(Skip(f"issues of project {project.key}", str(error)))
        return sorted(ids)

    async def _examine(
        self, batch: CensusBatch, ids: Sequence[int], progress: ShowProgress | None
    ) -> list[BatchOutcome]:
        """The outcomes of all batches, in the order of the ids."""
        slots = Semaphore(BATCHES_AT_ONCE)
        done = 0

        async def examine(part: Sequence[int]) -> BatchOutcome:
            nonlocal done
            try:
                outcome = await batch.examine(part)
            finally:
                slots.release()
            done += len(part)
            if progress is not None:
                progress(done, len(ids))
            return outcome

        tasks = []
        async with task_group() as group:
            for start in range(0, len(ids), self._batch_size):
                await slots.acquire()
                tasks.append(group.create_task(examine(ids[start : start + self._batch_size])))
        return [task.result() for task in tasks]


def _merge(report: CensusReport, outcome: BatchOutcome) -> None:
    for kind, count in outcome.compared.items():
        report.compared[kind] += count
    report.findings += outcome.findings
    report.repaired += outcome.repaired
    report.unreadable += outcome.unreadable


def _name_links_once(report: CensusReport) -> None:
    """A link that differs is found from both of its ends; it is one difference."""
    for findings in (report.findings, report.repaired):
        named: dict[tuple[str, Difference, str], Finding] = {}
        for each in findings:
            named.setdefault((each.kind, each.difference, each.jira_id), each)
        findings[:] = named.values()


def _listed(keys: dict[str, int]) -> str:
    shown = sorted(keys)[:20]
    return ", ".join(shown) + (", ..." if len(keys) > len(shown) else "") if shown else "none"
