"""What the superuser does inside the embedded PostgreSQL: roles, the database, and databases for tests."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import asyncpg

SUPERUSER = "postgres"
OWNER_ROLE = "digital_spiral_owner"
APP_ROLE = "digital_spiral_app"
DATABASE = "digital_spiral"
CONNECT_SECONDS = 10.0

# Keeps the text of the next statements of a session, which hold passwords, out of statistics and log.
UNRECORDED = ("SET pg_stat_statements.track_utility = off", "SET log_min_error_statement = panic")

T = TypeVar("T")


class Readiness(Enum):
    """How far a server is."""

    DOWN = "does not accept connections yet"
    BARE = "accepts connections, but roles or database are missing"
    READY = "lets the application role into its database"


def socket_url(role: str, password: str, database: str, socket_dir: Path, port: int) -> str:
    """Return an address over a unix socket, in the form SQLAlchemy takes; without `+asyncpg` psql takes it too."""
    return f"postgresql+asyncpg://{role}:{password}@/{database}?host={quote(str(socket_dir))}&port={port}"


def readiness(app_url: str) -> Readiness:
    """Find out how far the server is, by logging in as the application role."""
    return _run(_readiness(app_url))


def provision(admin_url: str, database_url: str, owner_password: str, app_password: str) -> None:
    """Make what is missing of roles, rights, database and extensions.

    Safe to repeat after an interruption: the application role may log in only when all the rest is there, which
    is what `readiness` looks at.

    Args:
        admin_url: Address for the superuser, maintenance database.
        database_url: Address for the superuser, the product's database.
        owner_password: Password the owner role gets.
        app_password: Password the application role gets.
    """
    _run(_provision(admin_url, database_url, owner_password, app_password))


def create_database(admin_url: str, database_url: str, name: str, template: str | None) -> None:
    """Create a database with the rights of the product's own; `template` must have no connections.

    Args:
        admin_url: Address for the superuser, maintenance database.
        database_url: Address for the superuser, the new database.
        name: Its name.
        template: The database to copy, None for an empty one.
    """
    _run(_create_database(admin_url, database_url, name, template))


def drop_database(admin_url: str, name: str) -> None:
    """Drop a database if it exists, ending its connections."""
    _run(_execute(admin_url, [f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)"]))


def _run(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end in a thread of its own, so that callers inside an event loop may wait for it too."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(lambda: asyncio.run(_typed(work))).result()


async def _typed(work: Coroutine[object, object, T]) -> T:
    return await work


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=CONNECT_SECONDS)


async def _execute(url: str, statements: list[str]) -> None:
    connection = await _connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _readiness(app_url: str) -> Readiness:
    try:
        connection = await _connect(app_url)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        return Readiness.BARE
    except asyncpg.TooManyConnectionsError:
        return Readiness.READY
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return Readiness.DOWN
    await connection.close()
    return Readiness.READY


async def _provision(admin_url: str, database_url: str, owner_password: str, app_password: str) -> None:
    connection = await _connect(admin_url)
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()
    rights = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    await _execute(
        admin_url,
        [
            *UNRECORDED,
            *(f"CREATE ROLE {role} NOLOGIN" for role in (OWNER_ROLE, APP_ROLE) if role not in roles),
            f"ALTER ROLE {OWNER_ROLE} LOGIN {rights} PASSWORD '{owner_password}'",
        ],
    )
    if DATABASE not in databases:
        await _create_database(admin_url, database_url, DATABASE, None)
    await _execute(database_url, [*_database_rights(DATABASE), "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"])
    await _execute(admin_url, [*UNRECORDED, f"ALTER ROLE {APP_ROLE} LOGIN {rights} PASSWORD '{app_password}'"])


async def _create_database(admin_url: str, database_url: str, name: str, template: str | None) -> None:
    copied = f" TEMPLATE {_quoted(template)}" if template else ""
    await _execute(admin_url, [f"CREATE DATABASE {_quoted(name)} OWNER {OWNER_ROLE}{copied}"])
    await _execute(database_url, _database_rights(name))


def _database_rights(name: str) -> list[str]:
    """Return the grants of one database, to be run inside it: what a role may do is only what stands here."""
    return [
        f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC",
        # The bulk writer copies into temporary tables.
        f"GRANT CONNECT, TEMPORARY ON DATABASE {_quoted(name)} TO {APP_ROLE}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER_ROLE}",
    ]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
