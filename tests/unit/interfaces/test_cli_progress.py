"""What a watcher of a run is shown."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from digital_spiral.domain.entities.sync import CensusReport, Difference, Finding, RunState, Skip, SyncRun
from digital_spiral.interfaces.cli import progress
from digital_spiral.interfaces.cli.census import census_payload, describe_census
from digital_spiral.interfaces.cli.demo import Dataset
from digital_spiral.interfaces.cli.demo_api import DemoApi
from digital_spiral.interfaces.cli.demo_report import DemoResult, demo_payload, describe_demo
from digital_spiral.interfaces.cli.sync import run_payload, run_seconds

START = datetime(2026, 1, 1, tzinfo=UTC)


def make_run(**values: object) -> SyncRun:
    run = SyncRun(tenant_id=uuid4(), id=uuid4(), instance_id=uuid4(), state=RunState.RUNNING, created_at=START)
    for name, value in values.items():
        setattr(run, name, value)
    return run


def rendered(*parts: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    for part in parts:
        console.print(part, markup=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rate_and_time_left_follow_from_what_is_done() -> None:
    run = make_run(started_at=START, issues_done=500, issues_total=2000, requests=14)
    assert progress.describe(run, START + timedelta(seconds=5)) == "100 issues/s, 15 s left, 14 requests"


def test_a_queued_run_has_no_rate() -> None:
    assert progress.describe(make_run(state=RunState.QUEUED), START) == "0 requests"


def test_a_finished_run_has_no_time_left() -> None:
    run = make_run(
        state=RunState.SUCCEEDED,
        started_at=START,
        finished_at=START + timedelta(seconds=4),
        issues_done=400,
        issues_total=900,
    )
    assert progress.describe(run, START + timedelta(hours=1)) == "100 issues/s, 0 requests"
    assert run_seconds(run) == 4.0


@pytest.mark.parametrize("terminal", [True, False])
async def test_following_ends_with_the_run(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 0)
    states = [
        make_run(state=RunState.QUEUED),
        make_run(phase="issues", started_at=START, issues_done=3, issues_total=9),
        make_run(state=RunState.SUCCEEDED, phase="done", started_at=START, finished_at=START, issues_done=9),
    ]

    async def read() -> SyncRun:
        return states.pop(0)

    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    run = await progress.follow_run(read, console)
    assert run.state is RunState.SUCCEEDED
    assert states == []
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "done" in shown
    if not terminal:
        assert shown.splitlines()[:2] == ["queued: 0/?, 0 requests", shown.splitlines()[1]]
        assert shown.splitlines()[1].startswith("issues: 3/9, ")


async def test_a_run_that_nobody_takes_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 0)
    monkeypatch.setattr(progress, "QUEUED_HINT_SECONDS", -1)
    states = [make_run(state=RunState.QUEUED), make_run(state=RunState.FAILED, error="x")]

    async def read() -> SyncRun:
        return states.pop(0)

    console = Console(file=io.StringIO(), width=120)
    await progress.follow_run(read, console)
    assert isinstance(console.file, io.StringIO)
    assert "digital-spiral worker" in console.file.getvalue()


def test_run_payload_is_in_seconds_and_megabytes() -> None:
    run = make_run(started_at=START, finished_at=START + timedelta(seconds=2.5), worker_peak_rss=123_400_000)
    payload = run_payload(run)
    assert payload["seconds"] == 2.5
    assert payload["worker_peak_rss_mb"] == 123.4


def test_a_census_lists_each_difference() -> None:
    report = CensusReport(
        compared={"issues": 10, "comments": 20},
        findings=[Finding("comments", Difference.MISSING, "7", "DEMO-1")],
        unreadable=[Skip("issue 9", "no fields")],
    )
    payload = census_payload(report)
    assert payload["differences"] == 2
    assert payload["compared"] == 30
    assert payload["findings"] == [{"kind": "comments", "difference": "missing", "jira_id": "7", "issue_key": "DEMO-1"}]
    shown = rendered(*describe_census(report))
    assert "Differs: comments 7 of DEMO-1: missing" in shown
    assert "Unreadable: issue 9: no fields" in shown
    assert "--repair" in shown


def test_many_differences_are_cut_with_a_word() -> None:
    findings = [Finding("issues", Difference.CHANGED, str(number), "A-1") for number in range(60)]
    shown = rendered(*describe_census(CensusReport(compared={"issues": 60}, findings=findings)))
    assert "... and 10 more; all of them with --json" in shown


def result_of(census: CensusReport) -> DemoResult:
    run = make_run(
        state=RunState.SUCCEEDED,
        started_at=START,
        finished_at=START + timedelta(seconds=4),
        requests=50,
        skipped=1,
        skips=[{"what": "issue 3", "reason": "no fields"}],
    )
    return DemoResult(
        run=run,
        totals={"issues": 2000, "issue_links": 5, "comments": 7},
        census=census,
        load_seconds=1.25,
        census_seconds=2.5,
        worker_peak_rss=200_000_000,
        psql_command="psql here",
        api=DemoApi("http://127.0.0.1:1", "ds_key", 200, "DEMO-1", "A summary [draft]", 0.0123),
    )


def test_demo_figures_are_of_the_backfill_alone() -> None:
    payload = demo_payload(result_of(CensusReport(compared={"issues": 2000})), stays=False)
    assert payload["issues_per_second"] == 500.0
    assert payload["jira_requests_per_1000_issues"] == 25.0
    assert payload["links"] == 5
    assert payload["worklogs"] == 0
    assert payload["census"] == {"match_percent": 100.0, "compared": 2000, "differences": 0}


def test_demo_is_proven_only_without_differences() -> None:
    assert result_of(CensusReport(compared={"issues": 1})).proven
    finding = Finding("issues", Difference.EXTRA, "1", "A-1")
    assert not result_of(CensusReport(compared={"issues": 1}, findings=[finding])).proven
    assert not result_of(CensusReport(compared={"issues": 1}, unreadable=[Skip("a", "b")])).proven


def test_demo_shows_rows_pace_skips_and_a_psql_line() -> None:
    shown = rendered(*describe_demo(result_of(CensusReport(compared={"issues": 2000})), stays=True))
    for text in ("2,000", "500.0 issues/s", "issue 3: no fields", "100.00 %", "psql here"):
        assert text in shown


def test_only_a_demo_that_stays_up_tells_address_and_key() -> None:
    result = result_of(CensusReport(compared={"issues": 2000}))
    asked = {"request": "GET /v1/issues?limit=1", "status": 200, "issue": "DEMO-1", "seconds": 0.012}
    once, stays = demo_payload(result, stays=False), demo_payload(result, stays=True)
    assert once["api"] == stays["api"] == asked
    assert "api_key" not in once
    assert (stays["api_url"], stays["api_key"]) == ("http://127.0.0.1:1", "ds_key")
    curl = "curl -s -H 'Authorization: Bearer ds_key' 'http://127.0.0.1:1/v1/issues?limit=1'"
    assert curl in rendered(*describe_demo(result, stays=True))
    shown = rendered(*describe_demo(result, stays=False))
    assert "with 200 in 12 ms: DEMO-1, A summary [draft]" in shown
    assert "ds_key" not in shown


def test_dataset_defaults_to_generated_issues() -> None:
    assert Dataset([], None, None, synthesise_history=False).arguments() == ["--issues", "5000"]
    assert Dataset([Path("a")], None, None, synthesise_history=True).arguments() == [
        "--data",
        "a",
        "--synthesise-history",
    ]
    assert Dataset([Path("a")], 3, 7, synthesise_history=False).arguments() == [
        "--data",
        "a",
        "--issues",
        "3",
        "--seed",
        "7",
    ]
