"""What a demo prints when the census is taken."""

from dataclasses import dataclass

from rich.table import Column, Table

from digital_spiral.domain.entities.sync import CensusReport, SyncRun
from digital_spiral.interfaces.cli.census import census_payload, describe_census
from digital_spiral.interfaces.cli.demo_api import PATH, DemoApi
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
    api: DemoApi

    @property
    def proven(self) -> bool:
        """Whether every compared thing is equal on both sides."""
        return not self.census.findings and not self.census.unreadable


def demo_payload(result: DemoResult, *, stays: bool) -> dict[str, object]:
    """Return the object that ``demo --json`` prints.

    ``seconds``, ``issues_per_second``, ``jira_requests`` and ``jira_requests_per_1000_issues`` are of the backfill
    alone, from the start of its task to the last commit, retries counted. ``api`` is one request to the API; its
    address and key are told by a demo that ``stays`` up.
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
        "api": {
            "request": f"GET {PATH}",
            "status": result.api.status,
            "issue": result.api.issue_key,
            "seconds": round(result.api.seconds, 3),
        },
        **({"api_url": result.api.url, "api_key": result.api.key} if stays else {}),
    }


def describe_demo(result: DemoResult, *, stays: bool) -> list[object]:
    """Return the outcome for people: rows by table, the pace, the proof, and how to look at the rows.

    A demo that ``stays`` up also tells how to ask its API.
    """
    table = Table("Table", Column("Rows", justify="right"), title="Copied into PostgreSQL", title_justify="left")
    for name, rows in sorted(result.totals.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{rows:,}")
    payload = demo_payload(result, stays=stays)
    skipped = [f"{skip['what']}: {skip['reason']}" for skip in result.run.skips]
    lines: list[object] = [
        table,
        f"Backfill: {payload['issues']} issues in {payload['seconds']} s ({payload['issues_per_second']} issues/s), "
        f"{payload['jira_requests']} requests ({payload['jira_requests_per_1000_issues']} per 1,000 issues), "
        f"worker memory at most {payload['worker_peak_rss_mb']} MB.",
        *([f"{result.run.skipped} things were set aside:", *skipped] if skipped else []),
        *describe_census(result.census),
        f"The API answered GET {PATH} with {result.api.status} in {result.api.seconds * 1000:.0f} ms"
        + (f": {result.api.issue_key}, {result.api.summary}" if result.api.issue_key else "."),
    ]
    if result.psql_command:
        lines += ["Look at the rows:", result.psql_command]
    if stays:
        lines += ["Ask the API (the key is good until the next demo in this home):", result.api.curl]
    return lines
