"""`digital-spiral tenants`: the companies that share one installation."""

import asyncio

import typer

from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.interfaces.cli.options import Home, Json, context_of
from digital_spiral.interfaces.cli.output import Output, actor, reported
from digital_spiral.interfaces.cli.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="Tenants: companies whose rows never meet.")


@app.command(epilog="Example: digital-spiral tenants create acme")
@reported
def create(
    ctx: typer.Context,
    name: str = typer.Argument(metavar="NAME", help="A name that no other tenant has."),
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Create a tenant. Jira sites are connected to a tenant, and each row belongs to one."""
    output = Output(as_json=as_json)
    tenant = asyncio.run(_create(context_of(ctx).runtime(home), name))
    output.answer(
        {"tenant_id": tenant.id, "name": tenant.name},
        f"Created tenant {tenant.name} ({tenant.id}).",
        "Next: digital-spiral connect URL --email EMAIL",
    )


async def _create(runtime: Runtime, name: str) -> Tenant:
    async with runtime.open_session() as session:
        return await session.services.create_tenant.create(name, actor())
