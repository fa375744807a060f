"""The census finds every kind of drift, names it, and mends it."""

import dataclasses
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import sqlalchemy as sa

from digital_spiral.application.ports import Jira
from digital_spiral.domain.entities.issue import IssueRef
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import Difference, Finding
from digital_spiral.domain.errors import Forbidden, NotFound, UnreadableAnswer
from digital_spiral.infrastructure.database.tables import audit_log, comments
from jira_emulator import model
from tests.integration.sync.conftest import BATCH, Copy, log_work, remove_project
from tests.integration.sync.meddling import RefusedPages, jira_with, refusing, refusing_issue


def link_ids(issue: model.Issue) -> list[int]:
    return [int(link["id"]) for link in msgspec.json.decode(issue.fields).get("issuelinks", [])]


def first(copy: Copy, child: str) -> model.Issue:
    """The first issue that has such children."""
    return next(issue for issue in copy.site.issues.values() if getattr(issue, child))


async def drift(copy: Copy) -> list[Finding]:
    """Drift one issue for each kind of thing, without moving ``updated``; the findings to expect."""
    commented, logged = first(copy, "comments"), first(copy, "worklogs")
    changed = first(copy, "histories")
    linked = next(issue for issue in copy.site.issues.values() if link_ids(issue))
    link = link_ids(linked)[0]
    edited, logged_id, entry = commented.comments[0].id, logged.worklogs[0].id, changed.histories[0].id
    key = copy.site.issues[max(copy.site.issues)].key
    await copy.control("POST", "drift", {"issue": key, "change": {"summary": "Drifted"}})
    await copy.control("POST", "drift", {"issue": commented.key, "comment": {"edit": edited}})
    await copy.control("POST", "drift", {"issue": logged.key, "worklog": {"edit": logged_id, "seconds": 77}})
    await copy.control("POST", "drift", {"issue": linked.key, "link": {"remove": link}})
    await copy.control("POST", "drift", {"issue": changed.key, "history": {"remove": entry}})
    return [
        Finding("issues", Difference.CHANGED, str(max(copy.site.issues)), key),
        Finding("comments", Difference.CHANGED, str(edited), commented.key),
        Finding("worklogs", Difference.CHANGED, str(logged_id), logged.key),
        Finding("issue_links", Difference.EXTRA, str(link), linked.key),
        Finding("changelogs", Difference.EXTRA, str(entry), changed.key),
    ]


def identities(findings: list[Finding]) -> set[tuple[str, Difference, str]]:
    return {(each.kind, each.difference, each.jira_id) for each in findings}


async def test_every_kind_of_drift_is_found_and_mended(copied: Copy) -> None:
    expected = await drift(copied)
    run = await copied.backfill()
    assert run.issues_fetched == 0
    report = await copied.census()
    assert identities(report.findings) == identities(expected)
    assert len(report.findings) == len(expected)
    assert 99.0 < report.match_percent < 100.0
    mended = await copied.census(repair=True)
    assert identities(mended.repaired) == identities(expected)
    assert (mended.findings, mended.match_percent) == ([], 100.0)
    assert (await copied.census()).findings == []


async def test_a_copy_of_nothing_misses_everything_and_is_filled_by_repair(copy: Copy) -> None:
    report = await copy.census()
    assert report.match_percent == 0.0
    assert {each.difference for each in report.findings} == {Difference.MISSING}
    assert len(report.findings) == report.total
    mended = await copy.census(repair=True)
    assert (mended.findings, mended.unreadable, mended.match_percent) == ([], [], 100.0)
    assert (await copy.totals())["issues"] == len(copy.site.issues)


async def test_one_project_alone(copied: Copy) -> None:
    await drift(copied)
    demo = copied.site.find_project("DEMO")
    assert demo is not None
    report = await copied.census(project_key="demo")
    assert report.compared["issues"] == len(copied.site.issue_ids(demo.id))
    assert report.compared["projects"] == 1
    assert {each.issue_key.partition("-")[0] for each in report.findings} <= {"DEMO"}


async def test_an_unknown_project_is_an_error_that_names_the_known_ones(copied: Copy) -> None:
    with pytest.raises(NotFound, match=r"has a project NOPE\. Known are DEMO, "):
        await copied.census(project_key="NOPE")


@pytest.mark.parametrize(("asked", "compared"), [(7, 7), (10_000, None)])
async def test_a_sample_is_as_large_as_wanted_where_there_is_so_much(
    copied: Copy, asked: int, compared: int | None
) -> None:
    report = await copied.census(sample=asked)
    assert report.compared["issues"] == (compared or len(copied.site.issues))
    assert report.match_percent == 100.0


async def test_progress_is_told_batch_by_batch(copied: Copy) -> None:
    told: list[tuple[int, int]] = []
    await copied.census(progress=lambda done, total: told.append((done, total)))
    total = len(copied.site.issues)
    assert sorted(told) == told
    assert told[-1] == (total, total)
    assert len(told) == -(-total // BATCH)


async def test_a_difference_that_goes_away_on_the_second_look_is_not_reported(copied: Copy) -> None:
    issue = first(copied, "comments")
    reads = 0

    async def drifting(jira: Jira, ids: list[int]) -> object:
        nonlocal reads
        page = await jira.issues(ids)
        for bundle in page.bundles:
            if bundle.issue.jira_id == issue.id:
                reads += 1
                if reads == 1:
                    bundle.comments.pop()
        return page

    report = await seen_through(copied, issues=drifting).census()
    assert (report.match_percent, reads) == (100.0, 2)


def seen_through(copy: Copy, **methods: Callable[..., object]) -> Copy:
    """The same copy of a site that answers some questions in another way."""
    return dataclasses.replace(copy, open_jira=jira_with(copy.open_jira, **methods))


async def test_issues_that_cannot_be_read_are_named_and_the_others_compared(copied: Copy) -> None:
    broken = min(copied.site.issues)
    await copied.control("POST", "break", {"issues": [broken]})
    report = await copied.census(repair=True)
    assert [skip.what for skip in report.unreadable] == [f"issue {broken}"]
    assert (report.findings, report.repaired) == ([], [])
    assert report.compared["issues"] == len(copied.site.issues) - 1
    assert report.match_percent < 100.0


async def test_cut_worklogs_that_cannot_be_read_are_named(copied: Copy) -> None:
    busy = max(copied.site.issues.values(), key=lambda issue: len(issue.worklogs))
    await log_work(copied, busy.id, 25)
    await copied.backfill()
    report = await seen_through(copied, complete_worklogs=refusing(Forbidden("no"))).census()
    assert [skip.what for skip in report.unreadable] == [f"worklogs of {busy.key}"]
    assert (await copied.census()).match_percent == 100.0


async def test_projects_are_compared_by_id_and_key(copied: Copy) -> None:
    demo, ops = copied.site.find_project("DEMO"), copied.site.find_project("OPS")
    assert demo is not None
    assert ops is not None
    ops.key = "OPERATIONS"
    copied.site.projects["77777"] = dataclasses.replace(demo, id="77777", key="NEW", name="New")
    expected = {
        ("projects", Difference.CHANGED, ops.id),
        ("projects", Difference.MISSING, "77777"),
    }
    report = await copied.census()
    assert {each for each in identities(report.findings) if each[0] == "projects"} == expected
    assert report.compared["projects"] == len(copied.site.projects)
    mended = await copied.census(repair=True)
    assert expected <= identities(mended.repaired)
    assert mended.findings == []


async def test_nothing_is_repaired_from_a_site_that_shows_no_project(copied: Copy) -> None:
    async def nothing(_jira: Jira) -> list[Project]:
        return []

    before = await copied.totals()
    blind = seen_through(copied, projects=nothing)
    with pytest.raises(Forbidden, match="no project"):
        await blind.census(repair=True)
    assert await copied.totals() == before
    report = await blind.census()
    assert report.findings[0].difference is Difference.EXTRA


async def test_a_project_that_only_the_copy_has_can_be_compared(copied: Copy) -> None:
    project = remove_project(copied.site, "SUP")
    report = await copied.census(project_key="SUP")
    assert ("projects", Difference.EXTRA, project.id) in identities(report.findings)


async def test_a_project_whose_ids_are_refused_is_named_and_its_known_issues_compared(copied: Copy) -> None:
    def refuse(_jira: Jira, _project: Project, **_named: object) -> AsyncIterator[list[IssueRef]]:
        return RefusedPages(UnreadableAnswer("no JSON"))

    report = await seen_through(copied, issue_refs=refuse).census()
    assert len(report.unreadable) == len(copied.site.projects)
    assert report.compared["issues"] == len(copied.site.issues)
    assert report.findings == []


async def test_a_repair_is_audited_and_a_look_is_not(copied: Copy) -> None:
    await copied.census(project_key="DEMO")
    await copied.census(project_key="DEMO", sample=3, repair=True)
    await copied.census(repair=True)
    repairs = sa.select(audit_log).where(audit_log.c.action == "census.repair").order_by(audit_log.c.at)
    entries = [(row.actor, row.target, row.details) for row in await copied.rows(repairs)]
    target = str(copied.instance.id)
    assert entries == [
        ("tester", target, {"instance": "acme", "project": "DEMO", "sample": "3"}),
        ("tester", target, {"instance": "acme", "project": "all"}),
    ]


async def test_a_row_that_was_spoiled_in_the_copy_is_found_though_its_digest_is_right(copied: Copy) -> None:
    async with copied.engine.begin() as connection:
        await connection.execute(sa.select(sa.func.set_config("app.tenant_id", str(copied.tenant.id), True)))
        spoiled = await connection.execute(
            sa.update(comments)
            .where(comments.c.jira_id == sa.select(sa.func.min(comments.c.jira_id)).scalar_subquery())
            .values(author_id="somebody else")
            .returning(comments.c.jira_id)
        )
        jira_id = spoiled.scalar_one()
    assert identities((await copied.census()).findings) == {("comments", Difference.CHANGED, str(jira_id))}
    mended = await copied.census(repair=True)
    assert (len(mended.repaired), mended.findings) == (1, [])


async def test_an_issue_that_the_database_refuses_is_named_and_the_others_mended(copied: Copy) -> None:
    expected = await drift(copied)
    stuck = next(int(each.jira_id) for each in expected if each.kind == "issues")
    refusing_one = dataclasses.replace(copied, open_uow=refusing_issue(copied.open_uow, stuck))
    mended = await refusing_one.census(repair=True)
    assert [skip.what for skip in mended.unreadable] == [f"issue {copied.site.issues[stuck].key}"]
    assert identities(mended.findings) == {("issues", Difference.CHANGED, str(stuck))}
    assert len(mended.repaired) == len(expected) - 1
