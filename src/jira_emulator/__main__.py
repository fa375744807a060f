"""``jira-emulator serve``: the emulator as a program of its own."""

import gc
import resource
import socket
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
import uvicorn
from starlette.applications import Starlette

from jira_emulator.app import create_app
from jira_emulator.generate import generate
from jira_emulator.load import DataNotFoundError, LoadReport, load_issues
from jira_emulator.site import Site

cli = typer.Typer(
    name="jira-emulator",
    help="A stateful Jira Cloud stand-in: the same paths, answers, limits and mistakes, from memory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@cli.callback()
def _program() -> None:
    """A stateful Jira Cloud stand-in: the same paths, answers, limits and mistakes, from memory."""


@cli.command()
def serve(  # noqa: PLR0913
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8090,
    email: Annotated[str, typer.Option(help="E-mail address of Basic authentication.")] = "admin@example.com",
    token: Annotated[str, typer.Option(help="API token that goes with it.")] = "emulator-token",  # noqa: S107
    data: Annotated[
        list[Path] | None, typer.Option(help="Issues to load: .jsonl or .jsonl.gz files, or folders of them.")
    ] = None,
    issues: Annotated[int, typer.Option(min=0, help="How many issues to generate.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the generated issues.")] = 0,
    synthesise_history: Annotated[
        bool, typer.Option("--synthesise-history", help="Make up histories for loaded issues that have none.")
    ] = False,
    timezone: Annotated[str, typer.Option(help="The site's default time zone.")] = "UTC",
    latency: Annotated[float, typer.Option(min=0, help="Milliseconds to hold each answer back.")] = 0,
    control_token: Annotated[str | None, typer.Option(help="Bearer token that opens /_emulator/.")] = None,
) -> None:
    """Serve one Jira site until interrupted.

    Prints one line with the base URL when ready, everything else goes to standard error.

    Example: jira-emulator serve --port 0 --issues 500 --seed 1
    """
    site = Site(zone=_zone(timezone))

    def populate(target: Site) -> None:
        if data:
            _tell(load_issues(target, data, synthesise_history=synthesise_history))
        if issues:
            generate(target, issues=issues, seed=seed)

    with closing(_listen(host, port)) as listener:
        try:
            populate(site)
        except DataNotFoundError as error:
            raise _failure(str(error)) from error
        # What was just made stays: the garbage collector need not look at it again and again.
        gc.freeze()
        typer.echo(f"{len(site.issues)} issues in memory, {_memory_mb()} MB at most so far", err=True)
        app = create_app(
            site, email=email, token=token, control_token=control_token, latency_ms=latency, populate=populate
        )
        _run(app, listener)


def main() -> None:
    """The console script."""
    cli()


class _Server(uvicorn.Server):
    """A server that says on standard output when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"jira-emulator ready: http://{shown}:{port}")
        sys.stdout.flush()


def _run(app: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
    try:
        _Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        typer.echo("jira-emulator stopped", err=True)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as undo:
            listener = undo.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Listening already while data is loaded: otherwise a second emulator could take the same port.
            listener.listen()
            undo.pop_all()
    except OSError as error:
        raise _failure(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port") from error
    return listener


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _failure(f"no such time zone: {name}; give a name such as Europe/Prague") from error


def _failure(message: str) -> typer.Exit:
    typer.echo(f"jira-emulator: {message}", err=True)
    return typer.Exit(1)


def _tell(report: LoadReport) -> None:
    typer.echo(
        f"loaded {report.loaded} of {report.lines} issues from {len(report.files)} files in {report.seconds:.1f} s: "
        f"{report.comments} comments, {report.worklogs} worklogs, {report.histories} histories, "
        f"{report.links} links, {report.projects} projects, {report.users} users",
        err=True,
    )
    for bad in report.bad_lines:
        typer.echo(f"left out: {bad}", err=True)
    for what, count in report.left_out.items():
        typer.echo(f"left out of loaded issues: {what} ({count} times)", err=True)


def _memory_mb() -> int:
    """The largest resident size of this process; Linux counts it in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak // (1024 if sys.platform != "darwin" else 1024 * 1024))


if __name__ == "__main__":
    main()
