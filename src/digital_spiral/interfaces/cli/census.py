"""`digital-spiral census`: compare the copy with the site, thing by thing."""

import asyncio
from typing import Annotated

import typer
from rich.table import Column, Table

from digital_spiral.domain.entities.sync import CensusReport, Finding
from digital_spiral.interfaces.cli.options import Home, InstanceName, Json, TenantName, context_of
from digital_spiral.interfaces.cli.output import FAILURE, Output, actor, reported
from digital_spiral.interfaces.cli.progress import reporting
from digital_spiral.interfaces.cli.runtime import Runtime

SHOWN_FINDINGS = 50


@reported
def census(
    ctx: typer.Context,
    instance: InstanceName,
    project: Annotated[str | None, typer.Option("--project", metavar="KEY", help="Compare this project only.")] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Compare N issues drawn at random.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Fetch what differs and write it into the copy.")] = False,
    tenant: TenantName = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Compare the copy with the site: issues, comments, worklogs, links and histories, by id and by content.

    What differs is read once more before it is reported, because the site may move meanwhile. Exit status 1 when
    anything differs; with --repair, when anything still does.
    """
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    report = asyncio.run(_take(runtime, tenant, instance, project, sample, output, repair=repair))
    output.answer(census_payload(report), *describe_census(report))
    if report.findings or report.unreadable:
        raise typer.Exit(FAILURE)


async def _take(
    runtime: Runtime,
    tenant: str | None,
    name: str,
    project: str | None,
    sample: int | None,
    output: Output,
    *,
    repair: bool,
) -> CensusReport:
    async with runtime.open_session() as session:
        tenant_id = await session.find_tenant(tenant)
        instance = await session.services.instances.find(tenant_id, name)
        with reporting(output.console) as report:
            return await session.services.census.take(
                tenant_id,
                instance.id,
                project_key=project,
                sample=sample,
                repair=repair,
                actor=actor(),
                progress=lambda done, total: report("census", done, total, ""),
            )


def census_payload(report: CensusReport) -> dict[str, object]:
    """Return a census in the form `--json` prints it."""
    return {
        "match_percent": report.match_percent,
        "compared": report.total,
        "differences": len(report.findings) + len(report.unreadable),
        "compared_by_kind": report.compared,
        "findings": [_finding_payload(finding) for finding in report.findings],
        "repaired": [_finding_payload(finding) for finding in report.repaired],
        "unreadable": [{"what": skip.what, "reason": skip.reason} for skip in report.unreadable],
    }


def describe_census(report: CensusReport) -> list[object]:
    """Return a census for people: the share that matches, things compared by kind, and every difference."""
    numbers = (Column(title, justify="right") for title in ("Compared", "Missing", "Extra", "Changed"))
    table = Table("Kind", *numbers)
    for kind, compared in report.compared.items():
        counts = [
            sum(1 for finding in report.findings if finding.kind == kind and finding.difference == difference)
            for difference in ("missing", "extra", "changed")
        ]
        table.add_row(kind, f"{compared:,}", *(str(count) for count in counts))
    shown = _shown("Differs", report.findings) + _shown("Repaired", report.repaired)
    unreadable = [f"Unreadable: {skip.what}: {skip.reason}" for skip in report.unreadable[:SHOWN_FINDINGS]]
    differing = len(report.findings) + len(report.unreadable)
    verdict = f"{report.match_percent:.2f} % of {report.total:,} things match; {differing} differ."
    if report.findings and not report.repaired:
        verdict += " `--repair` fetches what differs."
    return [table, *shown, *unreadable, verdict]


def _shown(title: str, findings: list[Finding]) -> list[str]:
    lines = [f"{title}: {each.kind} {each.jira_id} of {each.issue_key}: {each.difference}" for each in findings]
    hidden = len(lines) - SHOWN_FINDINGS
    return lines if hidden <= 0 else [*lines[:SHOWN_FINDINGS], f"... and {hidden} more; all of them with --json"]


def _finding_payload(finding: Finding) -> dict[str, str]:
    return {
        "kind": finding.kind,
        "difference": str(finding.difference),
        "jira_id": finding.jira_id,
        "issue_key": finding.issue_key,
    }


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: digital-spiral census acme --project DEMO --repair")(census)
