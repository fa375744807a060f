"""`digital-spiral sync`: start a copy and watch it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.domain.errors import NotFound
from digital_spiral.interfaces.cli.options import Home, InstanceName, Json, TenantName, context_of
from digital_spiral.interfaces.cli.output import FAILURE, Output, actor, reported
from digital_spiral.interfaces.cli.progress import follow_run
from digital_spiral.interfaces.cli.runtime import Runtime, Session

app = typer.Typer(no_args_is_help=True, help="Copy a Jira site and watch the copy.")

SHOWN_SKIPS = 20
STILL_SECONDS = 15.0
"""A run that has stored nothing for so long is said to stand still; its slowest step takes a few seconds."""


@app.command(epilog="Example: digital-spiral sync backfill acme --wait")
@reported
def backfill(
    ctx: typer.Context,
    instance: InstanceName,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show the progress until the run ends.")] = True,
    tenant: TenantName = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Copy a whole site, or bring an earlier copy up to date; a worker and `beat` must be running.

    Ctrl-C stops the watching, not the run. Exit status 1 when the run failed.
    """
    output = Output(as_json=as_json)
    run = asyncio.run(_backfill(context_of(ctx).runtime(home), tenant, instance, output, wait=wait))
    if wait:
        _answer_with(output, run)
    else:
        watch = f"Watch it with `digital-spiral sync status {instance}`."
        output.answer(run_payload(run), f"Queued run {run.id}. {watch}")
    if run.state is RunState.FAILED:
        raise typer.Exit(FAILURE)


async def _backfill(runtime: Runtime, tenant: str | None, name: str, output: Output, *, wait: bool) -> SyncRun:
    async with runtime.open_session() as session:
        tenant_id = await session.find_tenant(tenant)
        instance = await session.services.instances.find(tenant_id, name)
        run = await session.services.start_backfill.start(tenant_id, instance.id, actor())
        return await watch_run(session, tenant_id, run.id, output) if wait else run


async def watch_run(session: Session, tenant_id: UUID, run_id: UUID, output: Output) -> SyncRun:
    """Show a run's progress until it has ended, and return it as it ended."""
    return await follow_run(lambda: session.services.run_status.run(tenant_id, run_id), output.console)


@app.command(epilog="Example: digital-spiral sync status acme --json")
@reported
def status(
    ctx: typer.Context, instance: InstanceName, tenant: TenantName = None, home: Home = None, as_json: Json = False
) -> None:
    """Show the newest run of a site: state, progress, rows by table, and what was set aside with the reason."""
    output = Output(as_json=as_json)
    run, obstacles = asyncio.run(_latest(context_of(ctx).runtime(home), tenant, instance))
    _answer_with(output, run, obstacles)
    if run.state is RunState.FAILED:
        raise typer.Exit(FAILURE)


async def _latest(runtime: Runtime, tenant: str | None, name: str) -> tuple[SyncRun, list[str]]:
    """The newest run, and what stands in its way while it is unfinished."""
    async with runtime.open_session() as session:
        tenant_id = await session.find_tenant(tenant)
        instance = await session.services.instances.find(tenant_id, name)
        run = await session.services.run_status.latest(tenant_id, instance.id)
        if run is None:
            raise NotFound(f"{instance.name} has no run yet. Start one with `digital-spiral sync backfill {name}`.")
        return run, [] if run.state.finished else await _obstacles(session, run)


async def _obstacles(session: Session, run: SyncRun) -> list[str]:
    obstacles = [run.error] if run.error else []
    obstacles += [f"{check.name}: {check.detail}" for check in await session.readiness() if not check.ok]
    still = (datetime.now(UTC) - (run.progressed_at or run.created_at)).total_seconds()
    if still > STILL_SECONDS:
        obstacles.append(f"nothing was stored for {still:.0f} s; the log of the worker says why, if one is running")
    return obstacles


def run_seconds(run: SyncRun) -> float:
    """Seconds from the moment a worker first took the run to its last commit; 0 while it is not done."""
    if run.started_at is None or run.finished_at is None:
        return 0.0
    return (run.finished_at - run.started_at).total_seconds()


def run_payload(run: SyncRun) -> dict[str, object]:
    """Return a run in the form `--json` prints it."""
    return {
        "run_id": run.id,
        "instance_id": run.instance_id,
        "state": run.state,
        "phase": run.phase,
        "issues_total": run.issues_total,
        "issues_done": run.issues_done,
        "issues_fetched": run.issues_fetched,
        "jira_requests": run.requests,
        "seconds": round(run_seconds(run), 3),
        "counts": run.counts,
        "skipped": run.skipped,
        "skips": run.skips,
        "replaced_characters": run.replaced_characters,
        "worker_peak_rss_mb": round(run.worker_peak_rss / 1e6, 1),
        "error": run.error,
    }


def _answer_with(output: Output, run: SyncRun, obstacles: Sequence[str] = ()) -> None:
    kinds = ("created", "updated", "repaired", "unchanged", "gone")
    table = Table("Table", *(Column(kind.capitalize(), justify="right") for kind in kinds))
    for name, counts in sorted(run.counts.items()):
        table.add_row(name, *(f"{counts.get(kind, 0):,}" for kind in kinds))
    took = f" in {run_seconds(run):.1f} s" if run.finished_at else ""
    lines = [
        f"Run {run.id} is {run.state}{took}: {run.issues_done} of {run.issues_total} issues, {run.requests} requests."
    ]
    lines += [f"It failed: {run.error}"] if run.error and run.state is RunState.FAILED else []
    lines += [f"It waits: {obstacle}" for obstacle in obstacles]
    if run.replaced_characters:
        lines.append(f"{run.replaced_characters} characters that PostgreSQL cannot hold were replaced by U+FFFD.")
    if run.skipped:
        lines.append(f"{run.skipped} things were set aside:")
        lines += [f"  {skip['what']}: {skip['reason']}" for skip in run.skips[:SHOWN_SKIPS]]
        if run.skipped > SHOWN_SKIPS:
            lines.append("  ... more with --json")
    payload = run_payload(run) | {"waits_for": list(obstacles)}
    output.answer(payload, *lines, *([table] if run.counts else []))
