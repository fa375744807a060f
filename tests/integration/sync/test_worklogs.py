"""Worklogs arrive embedded, by Jira's feeds, or issue by issue where neither brings them."""

from typing import Any

import sqlalchemy as sa

from digital_spiral.application.ports import Jira
from digital_spiral.domain.entities.mirror import GoneProof
from digital_spiral.domain.entities.sync import RunState, Skip
from digital_spiral.domain.errors import Forbidden, Invalid
from digital_spiral.infrastructure.database.tables import worklogs
from jira_emulator.model import Issue
from tests.integration.sync.conftest import Copy, log_work, utc_now
from tests.integration.sync.meddling import jira_with, mirror_with, refusing

MANY = 30
"""More worklogs than Jira embeds in an issue."""


def quiet_issue(copy: Copy) -> Issue:
    """An issue that nobody has logged work on."""
    return next(issue for issue in copy.site.issues.values() if not issue.worklogs)


async def test_worklogs_logged_since_the_last_run_come_by_the_feed(copied: Copy) -> None:
    issue = quiet_issue(copied)
    made = await log_work(copied, issue.id, 3)
    run = await copied.backfill()
    assert run.issues_fetched == 0
    assert run.counts["worklogs"]["created"] == 3
    assert (await copied.requests())["/rest/api/3/worklog/list"] == 1
    stored = sa.select(worklogs.c.jira_id).where(worklogs.c.issue_id == issue.id)
    assert sorted(row.jira_id for row in await copied.rows(stored)) == made
    assert (await copied.census()).match_percent == 100.0


async def test_the_feed_completes_lists_that_were_cut_in_a_first_run(copy: Copy) -> None:
    issue = quiet_issue(copy)
    await log_work(copy, issue.id, MANY)
    run = await copy.backfill()
    assert (run.state, run.skips) == (RunState.SUCCEEDED, [])
    assert (await copy.requests())["/rest/api/3/issue/{issueIdOrKey}/worklog"] == 0
    assert (await copy.census()).match_percent == 100.0


async def test_a_list_that_neither_embedding_nor_feed_completes_is_fetched_by_issue(copied: Copy) -> None:
    """An issue that comes into sight later brings worklogs which the feed told of long ago."""
    issue = quiet_issue(copied)
    await log_work(copied, issue.id, MANY)
    copied.site.remove_issue(issue)
    await copied.backfill()
    moved_on = await copied.backfill()
    assert moved_on.state is RunState.SUCCEEDED
    async with copied.open_uow(copied.tenant.id) as uow:
        await uow.runs.set_watermark(copied.instance.id, "worklogs", copied.site.now() + 1, None)
        await uow.commit()
    copied.site.put_issue(issue)
    await copied.control("DELETE", "requests")
    refused = await copied.backfill(
        open_jira=jira_with(copied.open_jira, complete_worklogs=refusing(Forbidden("not today")))
    )
    assert [(skip["what"], skip["reason"]) for skip in refused.skips] == [(f"worklogs of {issue.key}", "not today")]
    async with copied.open_uow(copied.tenant.id) as uow:
        await uow.mirror.mark_issues_gone(copied.instance.id, [issue.id], GoneProof.UNREACHABLE, utc_now())
        await uow.commit()
    run = await copied.backfill()
    assert (run.state, run.skips, run.issues_fetched) == (RunState.SUCCEEDED, [], 1)
    assert (await copied.census()).match_percent == 100.0


async def test_deleted_worklogs_become_tombstones_with_jiras_own_word(copied: Copy) -> None:
    issue = next(issue for issue in copied.site.issues.values() if issue.worklogs)
    lost = issue.worklogs[0].id
    await copied.control("POST", "drift", {"issue": issue.key, "worklog": {"delete": lost}})
    run = await copied.backfill()
    assert run.counts["worklogs"]["gone"] == 1
    gone = sa.select(worklogs.c.jira_id, worklogs.c.gone_proof).where(worklogs.c.gone_at.is_not(None))
    assert [(row.jira_id, row.gone_proof) for row in await copied.rows(gone)] == [(lost, GoneProof.DELETED)]
    assert (await copied.census()).match_percent == 100.0


async def test_worklogs_of_issues_that_the_copy_lacks_are_named(copy: Copy) -> None:
    issue = quiet_issue(copy)
    made = await log_work(copy, issue.id, 2)
    await copy.control("POST", "break", {"issues": [issue.id]})
    run = await copy.backfill()
    assert run.state is RunState.SUCCEEDED
    named = {skip["what"]: skip["reason"] for skip in run.skips}
    assert set(named) == {f"issue {issue.id}"} | {f"worklog {each}" for each in made}
    assert str(issue.id) in named[f"worklog {made[0]}"]


async def test_unreadable_and_refused_worklogs_are_named_and_the_others_arrive(copied: Copy) -> None:
    issue = quiet_issue(copied)
    unreadable, refused, *fine = await log_work(copied, issue.id, 6)

    async def losing_one(jira: Jira, ids: list[int]) -> object:
        found, skips = await jira.worklogs(ids)
        return [each for each in found if each.jira_id != unreadable], [*skips, Skip(f"worklog {unreadable}", "bad")]

    async def upsert(mirror: Any, instance_id: Any, rows: list[Any], read_at: Any) -> object:  # noqa: ANN401
        if any(row.jira_id == refused for row in rows):
            raise Invalid("out of range")
        return await mirror.upsert_worklogs(instance_id, rows, read_at)

    run = await copied.backfill(
        open_jira=jira_with(copied.open_jira, worklogs=losing_one),
        open_uow=mirror_with(copied.open_uow, upsert_worklogs=upsert),
    )
    assert run.state is RunState.SUCCEEDED
    assert {skip["what"]: skip["reason"] for skip in run.skips} == {
        f"worklog {unreadable}": "bad",
        f"worklog {refused}": "out of range",
    }
    assert run.counts["worklogs"]["created"] == len(fine)
