"""`digital-spiral api`: serve the copy over HTTP."""

from typing import Annotated

import typer

from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import Output, reported

READY = "digital-spiral api ready: "
"""What the line begins with that says the API accepts requests; its address follows."""


@reported
def api(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. Default: DIGITAL_SPIRAL_API_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Port to listen on; 0 takes a free one. Default: DIGITAL_SPIRAL_API_PORT."
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, max=64, help="Processes. Default: DIGITAL_SPIRAL_API_PROCESSES."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM; `keys create` makes the keys to it. Log entries go to stderr.

    It speaks plain HTTP: to serve other machines, put a proxy that speaks TLS before it.
    """
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    runtime.serve(host, port, processes, lambda address: typer.echo(f"{READY}{address}"))
    output.answer({"stopped": "api"})


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: digital-spiral api --port 8080")(api)
