"""The command tree of `digital-spiral`."""

from importlib.metadata import version
from typing import Annotated

import typer

from digital_spiral.interfaces.cli import api, census, database, demo, instances, keys, servers, sync, tenants, up
from digital_spiral.interfaces.cli.options import Context, Home, context_of
from digital_spiral.interfaces.cli.runtime import OpenRuntime


def build_app(open_runtime: OpenRuntime) -> typer.Typer:
    """Return the program; each command reaches the rest of the product through ``open_runtime``."""
    app = typer.Typer(
        name="digital-spiral",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"obj": Context(open_runtime), "help_option_names": ["-h", "--help"]},
        help="A live, provably correct copy of your Jira Cloud sites in your own PostgreSQL.",
        epilog="Example: digital-spiral demo",
    )
    app.callback()(_before_command)
    demo.add_to(app)
    up.add_to(app)
    instances.add_to(app)
    app.add_typer(sync.app, name="sync")
    census.add_to(app)
    app.add_typer(tenants.app, name="tenants")
    app.add_typer(keys.app, name="keys")
    app.add_typer(database.app, name="db")
    api.add_to(app)
    servers.add_to(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("digital-spiral"))
        raise typer.Exit


def _before_command(
    ctx: typer.Context,
    home: Home = None,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    context_of(ctx).home = home
