"""`digital-spiral connect` and `digital-spiral instances`: Jira sites of a tenant."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from digital_spiral.application.use_cases.instances.connect_instance import Connection
from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.entities.sync import SyncRun
from digital_spiral.interfaces.cli.options import Home, Json, TenantName, context_of
from digital_spiral.interfaces.cli.output import Output, actor, read_token, reported
from digital_spiral.interfaces.cli.runtime import Runtime


@reported
def connect(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the site, e.g. https://acme.atlassian.net.")],
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="The Atlassian account the token belongs to.")],
    token_stdin: Annotated[
        bool,
        typer.Option(
            "--token-stdin", help="Read the API token from stdin. Else DIGITAL_SPIRAL_JIRA_TOKEN, else a prompt."
        ),
    ] = False,
    name: Annotated[str | None, typer.Option("--name", help="What to call the site. Default: its host name.")] = None,
    tenant: TenantName = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Connect a Jira Cloud site, or replace the token of a connected one.

    The token is tried before it is stored, and stored encrypted. Plain http is accepted for this machine only.
    """
    output = Output(as_json=as_json)
    runtime = context_of(ctx).runtime(home)
    token = read_token(runtime.jira_token, from_stdin=token_stdin)
    made = asyncio.run(_connect(runtime, tenant, url, Credentials(email, token), name))
    instance, missing = made.instance, made.missing_permissions
    output.answer(
        {
            "instance_id": instance.id,
            "name": instance.name,
            "base_url": instance.base_url,
            "created": made.created,
            "account_id": made.account.account_id,
            "time_zone": made.account.time_zone,
            "missing_permissions": missing,
        },
        f"{'Connected' if made.created else 'Replaced the token of'} {instance.name} ({instance.base_url}).",
        f"The account is {made.account.display_name}; its time zone is {made.account.time_zone}.",
        f"It lacks {', '.join(missing)}; what these show will not be in the copy."
        if missing
        else "It has every permission that a complete copy needs.",
        f"Next: digital-spiral sync backfill {instance.name}",
    )


async def _connect(
    runtime: Runtime, tenant: str | None, url: str, credentials: Credentials, name: str | None
) -> Connection:
    async with runtime.open_session() as session:
        return await session.services.connect_instance.connect(
            await session.find_tenant(tenant), base_url=url, credentials=credentials, name=name, actor=actor()
        )


@reported
def instances(ctx: typer.Context, tenant: TenantName = None, home: Home = None, as_json: Json = False) -> None:
    """List the connected Jira sites and the newest run of each."""
    output = Output(as_json=as_json)
    found = asyncio.run(_list(context_of(ctx).runtime(home), tenant))
    table = Table("Name", "Address", "Time zone", "Newest run", "Id")
    for instance, run in found:
        state = f"{run.state}, {run.issues_done} issues" if run else "none"
        table.add_row(instance.name, instance.base_url, instance.time_zone, state, str(instance.id))
    output.answer(
        {
            "instances": [
                {
                    "instance_id": instance.id,
                    "name": instance.name,
                    "base_url": instance.base_url,
                    "account_id": instance.account_id,
                    "time_zone": instance.time_zone,
                    "newest_run": {"run_id": run.id, "state": run.state} if run else None,
                }
                for instance, run in found
            ]
        },
        table if found else "No Jira site is connected. Next: digital-spiral connect URL --email EMAIL",
    )


async def _list(runtime: Runtime, tenant: str | None) -> list[tuple[JiraInstance, SyncRun | None]]:
    async with runtime.open_session() as session:
        tenant_id = await session.find_tenant(tenant)
        found = await session.services.instances.list(tenant_id)
        return [(each, await session.services.run_status.latest(tenant_id, each.id)) for each in found]


def add_to(app: typer.Typer) -> None:
    """Add both commands to the program."""
    app.command(
        epilog="Example: digital-spiral connect https://acme.atlassian.net --email me@acme.example --token-stdin <token"
    )(connect)
    app.command(epilog="Example: digital-spiral instances --json")(instances)
