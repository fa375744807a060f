"""Issues that Jira no longer lists: deleted, moved, or out of sight."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from digital_spiral.application.ports import Jira
from digital_spiral.domain.entities.issue import IssueRef
from digital_spiral.domain.entities.mirror import GoneProof
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import Difference, RunState
from digital_spiral.domain.errors import Invalid, UnreadableAnswer
from digital_spiral.infrastructure.database.tables import issues, projects
from jira_emulator import wire
from jira_emulator.model import Issue
from jira_emulator.site import Site
from tests.integration.sync.conftest import Copy, later, remove_project
from tests.integration.sync.meddling import Crash, RefusedPages, jira_with, refusing, watching_issues


def issues_of(site: Site, key: str) -> list[Issue]:
    project = site.find_project(key)
    assert project is not None
    return [site.issues[jira_id] for jira_id in site.issue_ids(project.id)]


async def proofs(copy: Copy) -> dict[int, str]:
    """Why issues are gone, by id."""
    gone = sa.select(issues.c.jira_id, issues.c.gone_proof).where(issues.c.gone_at.is_not(None))
    return {row.jira_id: row.gone_proof for row in await copy.rows(gone)}


async def test_deleted_issues_become_tombstones_and_rise_again(copied: Copy) -> None:
    lost = issues_of(copied.site, "SUP")[1:4]
    for issue in lost:
        copied.site.remove_issue(issue)
    run = await copied.backfill()
    assert run.state is RunState.SUCCEEDED
    assert run.counts["issues"]["gone"] == 3
    assert await proofs(copied) == {issue.id: GoneProof.UNREACHABLE for issue in lost}
    assert run.issues_done == run.issues_total == len(copied.site.issues)
    assert (await copied.census()).match_percent == 100.0
    for issue in lost:
        copied.site.put_issue(issue)
    again = await copied.backfill()
    assert again.issues_fetched == 3
    assert await proofs(copied) == {}
    assert (await copied.census()).match_percent == 100.0


async def test_a_project_that_lost_most_of_its_issues_is_lost_access(copied: Copy) -> None:
    held = issues_of(copied.site, "SUP")
    for issue in held[: len(held) // 2 + 1]:
        copied.site.remove_issue(issue)
    run = await copied.backfill()
    assert run.state is RunState.SUCCEEDED
    assert await proofs(copied) == {}
    assert [skip["what"] for skip in run.skips] == ["missing issues of project SUP"]
    assert "lost access" in run.skips[0]["reason"]
    report = await copied.census(repair=True)
    assert {each.difference for each in report.repaired} == {Difference.EXTRA}
    assert report.findings == []
    assert len(await proofs(copied)) == len(held) // 2 + 1


async def test_exactly_half_of_a_project_may_be_deleted(copied: Copy) -> None:
    held = issues_of(copied.site, "OPS")
    for issue in held[: len(held) // 2]:
        copied.site.remove_issue(issue)
    run = await copied.backfill()
    assert (run.skips, run.counts["issues"]["gone"]) == ([], len(held) // 2)
    assert len(await proofs(copied)) == len(held) // 2


async def test_a_project_that_vanished_keeps_its_issues(copied: Copy) -> None:
    lost = issues_of(copied.site, "OPS")
    for issue in lost:
        copied.site.remove_issue(issue)
    remove_project(copied.site, "OPS")
    run = await copied.backfill()
    assert run.state is RunState.SUCCEEDED
    assert [skip["what"] for skip in run.skips] == ["project OPS"]
    assert run.counts["projects"]["gone"] == 1
    assert await proofs(copied) == {}
    report = await copied.census()
    extra = [each for each in report.findings if each.kind == "issues"]
    assert len(extra) == len(lost)
    assert {each.difference for each in extra} == {Difference.EXTRA}
    repaired = await copied.census(repair=True)
    assert repaired.findings == []
    assert (await copied.census()).match_percent == 100.0


async def test_a_site_that_shows_no_project_at_all_changes_nothing(copied: Copy) -> None:
    before = await copied.totals()

    async def nothing(_jira: Jira) -> list[Project]:
        return []

    blind = jira_with(copied.open_jira, projects=nothing)
    run = await copied.backfill(open_jira=blind)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "no project any more" in run.error
    assert await copied.totals() == before


def move(site: Site, issue: Issue, key: str) -> Issue:
    """Move an issue to another project, as Jira does: new key, later ``updated``, same id."""
    project = site.find_project(key)
    assert project is not None
    instant = site.now()
    fields = msgspec.json.decode(issue.fields)
    fields |= {"project": wire.project(project), "updated": wire.timestamp(instant, site.zone)}
    moved = dataclasses.replace(
        issue,
        key=f"{key}-9001",
        project_id=project.id,
        updated=instant,
        fields=msgspec.json.encode(fields),
        old_keys=(*issue.old_keys, issue.key),
    )
    site.put_issue(moved)
    return moved


@pytest.mark.parametrize(("origin", "target"), [("SUP", "DEMO"), ("DEMO", "SUP")])
async def test_a_moved_issue_is_rewritten_not_buried(copied: Copy, origin: str, target: str) -> None:
    issue = issues_of(copied.site, origin)[2]
    moved = move(copied.site, issue, target)
    run = await copied.backfill()
    assert (run.state, run.skips) == (RunState.SUCCEEDED, [])
    assert await proofs(copied) == {}
    async with copied.open_uow(copied.tenant.id) as uow:
        bundle = (await uow.mirror.bundles(copied.instance.id, [issue.id]))[issue.id]
    assert (bundle.issue.key, str(bundle.issue.project_id)) == (moved.key, moved.project_id)
    assert (await copied.census()).match_percent == 100.0


async def test_issues_that_the_index_forgot_for_a_moment_are_kept(copied: Copy) -> None:
    """An already seen issue may briefly vanish from the search; by id, Jira still shows it."""
    hidden = {issue.id for issue in issues_of(copied.site, "DEMO")[5:8]}

    def without(jira: Jira, project: Project, *, after: int, with_updated: bool) -> AsyncIterator[list[IssueRef]]:
        async def pages() -> AsyncIterator[list[IssueRef]]:
            async for page in jira.issue_refs(project, after=after, with_updated=with_updated):
                yield [ref for ref in page if ref.jira_id not in hidden]

        return pages()

    run = await copied.backfill(open_jira=jira_with(copied.open_jira, issue_refs=without))
    assert (run.state, run.skips) == (RunState.SUCCEEDED, [])
    assert run.issues_fetched == len(hidden)
    assert await proofs(copied) == {}


async def test_what_went_below_the_checkpoint_of_a_crashed_run_is_found_on_resuming(copied: Copy) -> None:
    """The resumed listing starts above the checkpoint; the ids below are compared all the same."""
    lost = issues_of(copied.site, "DEMO")[1]
    copied.site.remove_issue(lost)
    last = issues_of(copied.site, "SUP")[-1]
    copied.site.put_issue(later(last, copied.site))
    asked: list[int] = []

    async def crash(_ids: object) -> None:
        raise Crash

    run = await copied.start()
    broken = jira_with(copied.open_jira, issues=watching_issues(asked, crash))
    with pytest.raises(Crash):
        await copied.backfiller(open_jira=broken).run(copied.tenant.id, run.id)
    assert (await copied.run(run.id)).issues_done > 0
    assert await proofs(copied) == {}

    async def in_small_pages(
        jira: Jira, project: Project, *, after: int, with_updated: bool
    ) -> AsyncIterator[list[IssueRef]]:
        async for page in jira.issue_refs(project, after=after, with_updated=with_updated):
            for start in range(0, len(page), 7):
                yield page[start : start + 7]

    paged = jira_with(copied.open_jira, issue_refs=in_small_pages)
    await copied.backfiller(open_jira=paged).run(copied.tenant.id, run.id)
    ended = await copied.run(run.id)
    assert (ended.state, ended.skips) == (RunState.SUCCEEDED, [])
    assert set(await proofs(copied)) == {lost.id}
    assert (await copied.census()).match_percent == 100.0


async def test_a_resumed_listing_that_fails_buries_nothing(copied: Copy) -> None:
    lost = issues_of(copied.site, "DEMO")[1]
    copied.site.remove_issue(lost)
    run = await copied.start()
    async with copied.open_uow(copied.tenant.id) as uow:
        taken = await uow.runs.take(run.id, run.created_at + timedelta(seconds=1))
        position = max(issue.id for issue in issues_of(copied.site, "DEMO"))
        for project_id in copied.site.projects:
            await uow.runs.set_watermark(copied.instance.id, f"backfill:{project_id}", position, run.id)
        await uow.commit()
    assert taken.epoch == 1

    def unreadable_from_the_start(
        jira: Jira, project: Project, *, after: int, with_updated: bool
    ) -> AsyncIterator[list[IssueRef]]:
        if after == 0:
            return RefusedPages(UnreadableAnswer("no JSON"))
        return jira.issue_refs(project, after=after, with_updated=with_updated)

    broken = jira_with(copied.open_jira, issue_refs=unreadable_from_the_start)
    await copied.backfiller(open_jira=broken).run(copied.tenant.id, run.id)
    ended = await copied.run(run.id)
    assert ended.state is RunState.SUCCEEDED
    assert "missing issues of project DEMO" in {skip["what"] for skip in ended.skips}
    assert await proofs(copied) == {}


async def test_a_project_whose_ids_are_refused_is_a_named_skip(copied: Copy) -> None:
    demo = copied.site.find_project("DEMO")
    assert demo is not None

    def refuse_demo(jira: Jira, project: Project, *, after: int, with_updated: bool) -> AsyncIterator[list[IssueRef]]:
        if project.key == "DEMO":
            return RefusedPages(Invalid("The value 'DEMO' does not exist for the field 'project'."))
        return jira.issue_refs(project, after=after, with_updated=with_updated)

    broken = jira_with(copied.open_jira, issue_refs=refuse_demo, count_issues=refusing(Invalid("no such project")))
    run = await copied.backfill(open_jira=broken)
    assert run.state is RunState.SUCCEEDED
    assert [skip["what"] for skip in run.skips] == ["issues of project DEMO"]
    assert await proofs(copied) == {}
    assert run.issues_total == run.issues_done == len(copied.site.issues) - len(issues_of(copied.site, "DEMO"))


async def test_projects_are_marked_as_gone_and_come_back(copied: Copy) -> None:
    project = remove_project(copied.site, "OPS")
    await copied.backfill()

    async def gone() -> list[str]:
        absent = sa.select(projects.c.key).where(projects.c.gone_proof == GoneProof.ABSENT)
        return [row.key for row in await copied.rows(absent)]

    assert await gone() == [project.key]
    copied.site.projects[project.id] = project
    await copied.backfill()
    assert await gone() == []
