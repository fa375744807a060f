"""`worker`, `beat`, `doctor`, `down` and `reset`: the processes and servers of an installation."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from digital_spiral.domain.errors import Invalid
from digital_spiral.interfaces.cli.interruption import refuse_while_up
from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import FAILURE, Output, reported


@reported
def worker(
    ctx: typer.Context,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", min=1, max=64, help="Processes. Default: DIGITAL_SPIRAL_WORKER_CONCURRENCY."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Run a worker that copies sites, until Ctrl-C or SIGTERM. Log entries go to stderr."""
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    output.say("Working until Ctrl-C.")
    status = runtime.work(concurrency)
    output.answer({"stopped": "worker", "status": status})
    if status:
        raise typer.Exit(FAILURE)


@reported
def beat(ctx: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Run the sweep that hands abandoned runs to another worker, until Ctrl-C or SIGTERM. One per installation."""
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    output.say("Sweeping until Ctrl-C.")
    runtime.beat()
    output.answer({"stopped": "beat"})


@reported
def doctor(ctx: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Look at everything a working installation needs; exit status 1 when something is wrong."""
    output = Output(as_json=as_json)
    checks = asyncio.run(context_of(ctx).runtime(home).diagnose())
    table = Table("", "Check", "Found", "What to do")
    for check in checks:
        table.add_row("ok" if check.ok else "WRONG", check.name, check.detail, check.advice)
    healthy = all(check.ok for check in checks)
    listed = [{"name": check.name, "ok": check.ok, "detail": check.detail, "advice": check.advice} for check in checks]
    output.answer({"ok": healthy, "checks": listed}, table)
    if not healthy:
        raise typer.Exit(FAILURE)


@reported
def down(ctx: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Stop the embedded servers of the home. Their data stays; the next command starts them again."""
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    refuse_while_up(runtime.home)
    stopped = runtime.stop_servers()
    output.answer(
        {"stopped": stopped},
        f"Stopped {' and '.join(stopped)}." if stopped else f"No embedded server of {runtime.home} was running.",
    )


@reported
def reset(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Stop the embedded servers of the home and delete their data. The master key stays.

    External databases are never touched.
    """
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    if not yes:
        raise Invalid(f"This deletes all embedded data in {runtime.home}. Repeat the command with --yes to do so.")
    refuse_while_up(runtime.home)
    deleted = [str(path) for path in runtime.erase()]
    output.answer(
        {"deleted": deleted}, f"Deleted {', '.join(deleted)}." if deleted else f"{runtime.home} holds no embedded data."
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: digital-spiral worker --concurrency 2")(worker)
    app.command(epilog="Example: digital-spiral beat")(beat)
    app.command(epilog="Example: digital-spiral doctor")(doctor)
    app.command(epilog="Example: digital-spiral down")(down)
    app.command(epilog="Example: digital-spiral reset --yes")(reset)
