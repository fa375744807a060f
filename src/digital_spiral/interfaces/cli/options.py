"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from digital_spiral.interfaces.cli.runtime import OpenRuntime, Runtime

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="Folder of the embedded servers' data and the master key. Default: DIGITAL_SPIRAL_HOME, else the user's "
        "data folder.",
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
TenantName = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME_OR_ID", help="Which tenant. Not needed while there is only one."),
]
InstanceName = Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, address or id of a connected Jira site.")]


class Context:
    """What the options before the command's name say."""

    def __init__(self, open_runtime: OpenRuntime) -> None:
        self._open_runtime = open_runtime
        self.home: Path | None = None

    def runtime(self, home: Path | None) -> Runtime:
        """Bind the program to the home given after the command's name, else before it, else the configured one."""
        return self._open_runtime(home or self.home)


def context_of(ctx: typer.Context) -> Context:
    """Return the context object of this run."""
    context = ctx.obj
    assert isinstance(context, Context)  # noqa: S101 - `build_app` is the only maker of the command tree
    return context
