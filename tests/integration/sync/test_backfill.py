"""A backfill copies a whole site, and a second one finds nothing to do."""

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.errors import Forbidden
from tests.integration.sync.conftest import PEAK, Copy
from tests.integration.sync.meddling import jira_with, refusing


def written(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """Rows inserted, rewritten or buried, by table, where there are any."""
    sums = {
        table: sum(each[key] for key in ("created", "updated", "repaired", "gone")) for table, each in counts.items()
    }
    return {table: count for table, count in sums.items() if count}


async def test_a_whole_site_arrives_and_the_census_proves_it(copy: Copy) -> None:
    run = await copy.backfill()
    assert (run.state, run.error, run.skips, run.phase) == (RunState.SUCCEEDED, None, [], "done")
    assert run.issues_total == run.issues_done == run.issues_fetched == len(copy.site.issues)
    assert run.requests == sum((await copy.requests()).values()) - 3  # connecting took the rest
    assert run.worker_peak_rss == PEAK
    assert run.replaced_characters > 0
    site, totals = copy.site, await copy.totals()
    issues = site.issues.values()
    assert totals["issues"] == len(site.issues)
    assert totals["comments"] == sum(len(issue.comments) for issue in issues)
    assert totals["worklogs"] == sum(len(issue.worklogs) for issue in issues)
    assert totals["projects"] == len(site.projects)
    assert totals["sprints"] == len(site.sprints)
    assert totals["boards"] == len(site.boards)
    assert totals["users"] >= len(site.users)
    assert totals["issue_links"] > 0
    assert totals["custom_fields"] > 0
    report = await copy.census()
    assert (report.match_percent, report.findings, report.unreadable, report.repaired) == (100.0, [], [], [])
    kinds = ("issues", "comments", "worklogs", "issue_links", "attachments", "projects")
    assert {kind: report.compared[kind] for kind in kinds} == {kind: totals[kind] for kind in kinds}
    assert report.compared["changelogs"] == sum(len(issue.histories) for issue in issues)


async def test_a_second_backfill_rewrites_nothing_and_asks_little(copied: Copy) -> None:
    run = await copied.backfill()
    assert run.state is RunState.SUCCEEDED
    assert written(run.counts) == {}
    assert run.issues_fetched == 0
    assert run.issues_done == run.issues_total == len(copied.site.issues)
    needless = ("bulkfetch", "approximate-count")
    assert [path for path in await copied.requests() if path.endswith(needless)] == []


async def test_a_site_that_will_not_count_is_copied_all_the_same(copy: Copy) -> None:
    run = await copy.backfill(open_jira=jira_with(copy.open_jira, count_issues=refusing(Forbidden("no"))))
    assert (run.state, run.skips) == (RunState.SUCCEEDED, [])
    assert run.issues_total == run.issues_done == len(copy.site.issues)
