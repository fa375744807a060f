"""`digital-spiral demo`: a whole Jira site into PostgreSQL, with a proof, by one command."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.errors import NotFound, Unavailable
from digital_spiral.interfaces.cli.api import READY as API_READY
from digital_spiral.interfaces.cli.children import Children
from digital_spiral.interfaces.cli.demo_api import ask_api, make_key
from digital_spiral.interfaces.cli.demo_report import DemoResult, demo_payload, describe_demo
from digital_spiral.interfaces.cli.interruption import in_thread, interruptible, only_one
from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import FAILURE, SUCCESS, Output, actor, reported
from digital_spiral.interfaces.cli.progress import follow_run, reporting
from digital_spiral.interfaces.cli.runtime import Runtime, Session

NAME = "demo"
"""Name of the tenant and of the instance that a demo uses."""
DEFAULT_ISSUES = 5000
EMULATOR_READY = "jira-emulator ready: "
# The emulator's own defaults; it listens on this machine only.
CREDENTIALS = Credentials("admin@example.com", "emulator-token")


@dataclass(frozen=True)
class Dataset:
    """What the emulator shall hold: files of issues, generated issues, or both."""

    data: list[Path]
    issues: int | None
    seed: int | None
    synthesise_history: bool

    def arguments(self) -> list[str]:
        """Return the emulator's options."""
        issues = DEFAULT_ISSUES if self.issues is None and not self.data else self.issues
        arguments = [part for path in self.data for part in ("--data", str(path))]
        arguments += ["--issues", str(issues)] if issues is not None else []
        arguments += ["--seed", str(self.seed)] if self.seed is not None else []
        return arguments + (["--synthesise-history"] if self.synthesise_history else [])


@reported
def demo(
    ctx: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="PATH", exists=True, help="A file or folder of issues to load; may be repeated."
        ),
    ] = None,
    issues: Annotated[
        int | None,
        typer.Option("--issues", metavar="N", min=1, help="Generate N issues. Default without --data: 5000."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="S", help="Seed of the generated issues.")] = None,
    synthesise_history: Annotated[
        bool,
        typer.Option(
            "--synthesise-history/--no-synthesise-history", help="Give loaded issues histories that fit their dates."
        ),
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Stop after the census.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Copy a whole Jira site, served by the emulator, into PostgreSQL and prove that the copy is right.

    Starts the embedded servers, an emulator, a worker, the sweep and the API; shows the backfill; takes the census;
    asks the API for an issue; stays up until Ctrl-C. The copy that an earlier demo made in this home is deleted first.
    Exit status 0 only when the census is 100 %.
    """
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    dataset = Dataset(data or [], issues, seed, synthesise_history)
    status = asyncio.run(interruptible(_demo(runtime, dataset, output, once=once)))
    if status:
        raise typer.Exit(status)


async def _demo(runtime: Runtime, dataset: Dataset, output: Output, *, once: bool) -> int:
    """Run the demo and return the exit status."""
    started: list[bool] = []
    runtime.make_home()
    with only_one(runtime.home, "demo"):
        try:
            output.say(f"Starting the servers in {runtime.home} ...")
            # The outcome is kept even when the wait for it is interrupted.
            await in_thread(lambda: started.append(runtime.start_servers()))
            await in_thread(lambda: runtime.upgrade("head"))
            async with Children(runtime.home / "logs") as children:
                return await _with_children(runtime, dataset, output, children, once=once)
        finally:
            if any(started):
                output.say("Stopping the servers ...")
                await in_thread(runtime.stop_servers)


async def _with_children(runtime: Runtime, dataset: Dataset, output: Output, children: Children, *, once: bool) -> int:
    processes = await _start_processes(runtime, dataset, output, children)
    base_url = processes.emulator_url
    async with runtime.open_session() as session:
        result = await children.unless_one_ends(_copy(session, children, processes, output))
    output.answer(demo_payload(result, stays=not once), *describe_demo(result, stays=not once))
    if once:
        output.say("Any command on this home, such as `digital-spiral doctor`, starts the servers again.")
    else:
        output.say(
            f"The site is at {base_url} (e-mail {CREDENTIALS.email}, token {CREDENTIALS.token}). Change something in "
            "it, then run `digital-spiral census demo --tenant demo` in another terminal. Ctrl-C stops everything."
        )
        await _stay_up(children)
    return SUCCESS if result.proven else FAILURE


@dataclass(frozen=True)
class Processes:
    """Where the demo's processes answer, and the seconds until the emulator did."""

    emulator_url: str
    api_url: str
    load_seconds: float


async def _start_processes(runtime: Runtime, dataset: Dataset, output: Output, children: Children) -> Processes:
    """Start emulator, worker, sweep and API, and wait until those that answer requests do."""
    output.say("Starting the Jira emulator ...")
    began = time.monotonic()
    emulator = await children.start_talking("emulator", ["jira_emulator", "serve", "--port", "0", *dataset.arguments()])
    home = ["--home", str(runtime.home)]
    for name in ("worker", "beat"):
        await children.start(name, ["digital_spiral", name, *home])
    api = await children.start_talking("api", ["digital_spiral", "api", *home, "--port", "0"])
    with output.console.status("Loading the site ..."):
        emulator_url = await _told(children, "emulator", emulator, EMULATOR_READY)
    seconds = time.monotonic() - began
    for message in children.log("emulator").read_text(encoding="utf-8", errors="replace").splitlines():
        output.say(f"  {message}")
    output.say(f"The emulator answers at {emulator_url} after {seconds:.1f} s.")
    return Processes(emulator_url, await _told(children, "api", api, API_READY), seconds)


async def _told(children: Children, name: str, output: asyncio.StreamReader, ready: str) -> str:
    """Return the address that a child tells when it accepts requests."""
    line = (await children.unless_one_ends(output.readline())).decode().strip()
    if not line.startswith(ready):
        raise await children.failure(name)
    return line.removeprefix(ready)


async def _copy(session: Session, children: Children, processes: Processes, output: Output) -> DemoResult:
    services = session.services
    tenant_id, instance = await _connect(session, processes.emulator_url)
    queued = await services.start_backfill.start(tenant_id, instance.id, actor())
    run = await follow_run(lambda: services.run_status.run(tenant_id, queued.id), output.console)
    if run.state is RunState.FAILED:
        raise Unavailable(f"The backfill failed: {run.error}")
    began = time.monotonic()
    with reporting(output.console) as report:
        census = await services.census.take(
            tenant_id,
            instance.id,
            actor=actor(),
            progress=lambda done, total: report("census", done, total, ""),
        )
    census_seconds = time.monotonic() - began
    return DemoResult(
        run=run,
        totals=await services.totals.totals(tenant_id, instance.id),
        census=census,
        load_seconds=processes.load_seconds,
        census_seconds=census_seconds,
        worker_peak_rss=max(run.worker_peak_rss, children.peak_memory("worker")),
        psql_command=session.psql_command(tenant_id),
        api=await ask_api(processes.api_url, await make_key(services, tenant_id)),
    )


async def _connect(session: Session, base_url: str) -> tuple[UUID, JiraInstance]:
    """Connect the emulator under the demo's name, in place of the site of an earlier demo."""
    services = session.services
    try:
        tenant_id = await session.find_tenant(NAME)
    except NotFound:
        tenant_id = (await services.create_tenant.create(NAME, actor())).id
    for former in await services.instances.list(tenant_id):
        await services.remove_instance.remove(tenant_id, former.id, actor())
    made = await services.connect_instance.connect(
        tenant_id, base_url=base_url, credentials=CREDENTIALS, name=NAME, actor=actor()
    )
    return tenant_id, made.instance


async def _stay_up(children: Children) -> None:
    try:
        await children.unless_one_ends(asyncio.Event().wait())
    except asyncio.CancelledError:
        return  # Ctrl-C is how this phase is meant to end


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: digital-spiral demo --issues 500 --once --json")(demo)
