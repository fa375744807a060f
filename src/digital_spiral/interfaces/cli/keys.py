"""`digital-spiral keys`: what a tenant's programs show to the API."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from digital_spiral.application.use_cases.tenants.create_key import CreatedKey
from digital_spiral.domain.entities.tenancy import ApiKey, Scope
from digital_spiral.interfaces.cli.options import Home, Json, TenantName, context_of
from digital_spiral.interfaces.cli.output import Output, actor, reported
from digital_spiral.interfaces.cli.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="API keys: what a tenant's programs show to the API.")

MOST_DAYS = 36_500


@app.command(epilog="Example: digital-spiral keys create reports --scope issues:read --expires-in 90")
@reported
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that no other key in use has.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help=f"What it may be used for: {', '.join(Scope)}. Repeatable. Default: all."
        ),
    ] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(
            "--expires-in", metavar="DAYS", min=1, max=MOST_DAYS, help="Days until it is refused. Default: never."
        ),
    ] = None,
    tenant: TenantName = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Create an API key and print it, this once: only a hash of it is stored."""
    output = Output(as_json=as_json)
    expires_at = None if expires_in is None else datetime.now(UTC) + timedelta(days=expires_in)
    made = asyncio.run(_create(context_of(ctx).runtime(home), tenant, name, scope or list(Scope), expires_at))
    key = made.key
    expiry = f"expires at {_shown(key.expires_at, 'never')} UTC" if key.expires_at else "does not expire"
    output.answer(
        {**_payload(key), "token": made.token},
        f"Created the API key {key.name} for {', '.join(key.scopes)}. It {expiry}.",
        "Keep it now; it cannot be shown again:",
        made.token,
        "Next: send it to the API as `Authorization: Bearer <key>`.",
    )


async def _create(
    runtime: Runtime, tenant: str | None, name: str, scopes: list[Scope], expires_at: datetime | None
) -> CreatedKey:
    async with runtime.open_session() as session:
        return await session.services.create_key.create(
            await session.find_tenant(tenant), name=name, scopes=scopes, expires_at=expires_at, actor=actor()
        )


@app.command("list", epilog="Example: digital-spiral keys list --json")
@reported
def list_keys(ctx: typer.Context, tenant: TenantName = None, home: Home = None, as_json: Json = False) -> None:
    """List the API keys of a tenant, oldest first, expired and revoked ones included. Times are UTC."""
    output = Output(as_json=as_json)
    keys = asyncio.run(_list(context_of(ctx).runtime(home), tenant))
    now = datetime.now(UTC)
    table = Table("Name", "Prefix", "State", "Scopes", "Created", "Expires", "Last used")
    for key in keys:
        table.add_row(
            key.name,
            key.prefix,
            key.state(now),
            "\n".join(key.scopes),
            _shown(key.created_at, ""),
            _shown(key.expires_at, "never"),
            _shown(key.last_used_at, "never"),
        )
    output.answer(
        {"keys": [{**_payload(key), "state": key.state(now)} for key in keys]},
        table if keys else "There is no API key. Next: digital-spiral keys create NAME",
    )


async def _list(runtime: Runtime, tenant: str | None) -> list[ApiKey]:
    async with runtime.open_session() as session:
        return await session.services.keys.list(await session.find_tenant(tenant))


@app.command(epilog="Example: digital-spiral keys revoke reports")
@reported
def revoke(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="NAME_OR_PREFIX", help="Name or prefix of a key that is not revoked.")],
    tenant: TenantName = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Revoke an API key. The next request with it is refused; its name is free again."""
    output = Output(as_json=as_json)
    revoked = asyncio.run(_revoke(context_of(ctx).runtime(home), tenant, key))
    output.answer(_payload(revoked), f"Revoked the API key {revoked.name} ({revoked.prefix}).")


async def _revoke(runtime: Runtime, tenant: str | None, name_or_prefix: str) -> ApiKey:
    async with runtime.open_session() as session:
        return await session.services.revoke_key.revoke(await session.find_tenant(tenant), name_or_prefix, actor())


def _payload(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def _shown(moment: datetime | None, without: str) -> str:
    return without if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
