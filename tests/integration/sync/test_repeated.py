"""What a repeated backfill asks: ids, and what changed since the copy was last known to be whole."""

from datetime import datetime, timedelta

from digital_spiral.domain.entities.sync import RunState
from tests.integration.sync.conftest import Copy, later, utc_now


def days_on() -> datetime:
    """A moment far beyond the margin by which a repeated backfill looks back."""
    return utc_now() + timedelta(days=3)


async def test_a_change_is_found_by_asking_what_changed(copied: Copy) -> None:
    changed = copied.site.issues[min(copied.site.issues)]
    copied.site.put_issue(later(changed, copied.site))
    run = await copied.backfill()
    assert (run.state, run.issues_fetched, run.skips) == (RunState.SUCCEEDED, 1, [])
    assert (await copied.census()).match_percent == 100.0


async def test_a_changed_issue_that_was_set_aside_is_tried_again_however_late(copied: Copy) -> None:
    """The copy does not count as whole while something is missing, so the look back does not shorten."""
    changed = copied.site.issues[min(copied.site.issues)]
    copied.site.put_issue(later(changed, copied.site))
    await copied.control("POST", "break", {"issues": [changed.id], "kind": "no-fields"})
    run = await copied.backfill(clock=days_on)
    assert (run.state, run.skipped, run.issues_fetched) == (RunState.SUCCEEDED, 1, 0)

    await copied.control("DELETE", "break")
    healed = await copied.backfill(clock=days_on)
    assert (healed.skips, healed.issues_fetched) == ([], 1)
    assert (await copied.census()).match_percent == 100.0
