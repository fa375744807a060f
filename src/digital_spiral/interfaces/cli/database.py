"""`digital-spiral db`: the schema of the database."""

from typing import Annotated

import typer

from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import FAILURE, Output, reported

app = typer.Typer(no_args_is_help=True, help="The schema of the database.")

Target = Annotated[str, typer.Argument(metavar="REVISION", help="An Alembic revision, or `head`.")]


@app.command(epilog="Example: digital-spiral db upgrade")
@reported
def upgrade(ctx: typer.Context, revision: Target = "head", home: Home = None, as_json: Json = False) -> None:
    """Bring the schema to the newest revision, or to the one given. Safe to repeat."""
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    before = runtime.revision().current
    runtime.upgrade(revision)
    after = runtime.revision().current
    done = f"The schema is at revision {after}" + (
        " already." if before == after else f"; it was at {before or 'none'}."
    )
    output.answer({"before": before, "current": after}, done)


@app.command(epilog="Example: digital-spiral db current")
@reported
def current(ctx: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Show where the schema stands; exit status 1 when it is not the newest revision."""
    output = Output(as_json=as_json)
    revision = context_of(ctx).runtime(home).revision()
    newest = revision.current == revision.head
    advice = "It is the newest." if newest else f"The newest is {revision.head}. Run `digital-spiral db upgrade`."
    output.answer(
        {"current": revision.current, "head": revision.head},
        f"The schema is at revision {revision.current or 'none'}. {advice}",
    )
    if not newest:
        raise typer.Exit(FAILURE)


@app.command(epilog="Example: digital-spiral db downgrade base --yes")
@reported
def downgrade(
    ctx: typer.Context,
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="An Alembic revision, or `base`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; the rows of dropped tables are lost.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take the schema back to an older revision. Tables that it did not have are dropped with their rows."""
    output = Output(as_json=as_json)
    if not yes:
        typer.confirm(f"Take the schema back to {revision} and lose the rows of dropped tables?", abort=True, err=True)
    runtime = context_of(ctx).runtime(home)
    before = runtime.revision().current
    runtime.downgrade(revision)
    after = runtime.revision().current
    output.answer(
        {"before": before, "current": after}, f"The schema is at revision {after or 'none'}; it was at {before}."
    )
