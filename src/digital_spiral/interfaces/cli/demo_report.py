"""What a demo prints when the census is taken."""

from dataclasses import dataclass

from rich.table import Column, Table

from digital_spiral.domain.entities.sync import CensusReport, SyncRun
from digital_spiral.interfaces.cli.census import census_payload, describe_census
from digital_spiral.interfaces.cli.sync import run_seconds


@dataclass(frozen=True)
class DemoResult:
    """Outcome of a demo. Times are in seconds, ``worker_peak_rss`` is in bytes."""

    run: SyncRun
    totals: dict[str, int]
    census: CensusReport
    load_seconds: float
    census_seconds: float
    worker_peak_rss: int
    psql_command: str | None

    @property
    def proven(self) -> bool:
        """Whether every compared thing is equal on both sides."""
        return not self.census.findings and not self.census.unreadable


def demo_payload(result: DemoResult) -> dict[str, object]:
    """Return the object that ``demo --json`` prints.

    ``seconds``, ``issues_per_second``, ``jira_requests`` and ``jira_requests_per_1000_issues`` are of the backfill
    alone, from the start of its task to the last commit, retries counted.
    """
    issues = result.totals.get("issues", 0)
    seconds = run_seconds(result.run)
    census = census_payload(result.census)
    return {
        "issues": issues,
        "comments": result.totals.get("comments", 0),
        "changelogs": result.totals.get("changelogs", 0),
        "worklogs": result.totals.get("worklogs", 0),
        "links": result.totals.get("issue_links", 0),
        "projects": result.totals.get("projects", 0),
        "users": result.totals.get("users", 0),
        "seconds": round(seconds, 3),
        "issues_per_second": round(issues / seconds, 1) if seconds else 0.0,
        "jira_requests": result.run.requests,
        "jira_requests_per_1000_issues": round(1000 * result.run.requests / issues, 2) if issues else 0.0,
        "load_seconds": round(result.load_seconds, 3),
        "census_seconds": round(result.census_seconds, 3),
        "worker_peak_rss_mb": round(result.worker_peak_rss / 1e6, 1),
        "census": {key: census[key] for key in ("match_percent", "compared", "differences")},
    }


def describe_demo(result: DemoResult) -> list[object]:
    """Return the outcome for people: rows by table, the pace, the proof, and how to look at the rows."""
    table = Table("Table", Column("Rows", justify="right"), title="Copied into PostgreSQL", title_justify="left")
    for name, rows in sorted(result.totals.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{rows:,}")
    payload = demo_payload(result)
    skipped = [f"{skip['what']}: {skip['reason']}" for skip in result.run.skips]
    lines: list[object] = [
        table,
        f"Backfill: {payload['issues']} issues in {payload['seconds']} s ({payload['issues_per_second']} issues/s), "
        f"{payload['jira_requests']} requests ({payload['jira_requests_per_1000_issues']} per 1,000 issues), "
        f"worker memory at most {payload['worker_peak_rss_mb']} MB.",
        *([f"{result.run.skipped} things were set aside:", *skipped] if skipped else []),
        *describe_census(result.census),
    ]
    if result.psql_command:
        lines += ["Look at the rows:", result.psql_command]
    return lines
