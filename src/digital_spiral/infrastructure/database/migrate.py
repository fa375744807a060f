"""Brings a database to a revision of the schema; the migrations ship inside the package.

Alembic is synchronous, so each call runs an event loop of its own: from asynchronous code, call these functions in a
thread (``asyncio.to_thread``).
"""

import asyncio
import time
from collections.abc import Callable

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.domain.errors import Misconfigured, Unavailable
from digital_spiral.infrastructure.database.roles import DEFAULT_APP_ROLE, DEFAULT_OWNER_ROLE, role_sql
from digital_spiral.infrastructure.database.session import connect, create_single_engine

LOCK_SECONDS = 600.0
_LOCK_POLL_SECONDS = 0.1
_LOCK_KEY = 0x6D69_6772_6174_6500  # "migrate" in ASCII; any number that nothing else in the database locks
_SCRIPTS = "digital_spiral.infrastructure.database:migrations"


def upgrade(owner_url: str, revision: str = "head", *, app_role: str = DEFAULT_APP_ROLE) -> None:
    """Bring the database up to ``revision``; two callers at once do it one after the other.

    Args:
        owner_url: Address for the role that owns the tables, or will.
        revision: The revision to reach.
        app_role: The role whose rights and policies new tables get: the one DATABASE_URL names.

    Raises:
        Misconfigured: The owner may not do it, or the application role does not exist.
        Unavailable: The server cannot be reached, or another process has been migrating for very long.
    """
    _migrate(owner_url, lambda config: command.upgrade(config, revision), app_role)


def downgrade(owner_url: str, revision: str, *, app_role: str = DEFAULT_APP_ROLE) -> None:
    """Take the database back to ``revision`` (``base``: before the first). Rows of dropped tables are lost.

    Raises:
        Misconfigured: The owner may not do it.
        Unavailable: As ``upgrade``.
    """
    _migrate(owner_url, lambda config: command.downgrade(config, revision), app_role)


def current(url: str) -> str | None:
    """The revision the database is at, None before the first; the application role may ask, too.

    Raises:
        Misconfigured: The server refuses the role, its password or the database.
        Unavailable: The server cannot be reached.
    """
    return asyncio.run(_current(url))


async def revision_of(connection: AsyncConnection) -> str | None:
    """The revision of the database that the connection leads to, None before the first."""
    return await connection.run_sync(lambda synchronous: MigrationContext.configure(synchronous).get_current_revision())


def head() -> str:
    """The newest revision that this version of the product knows."""
    revision = ScriptDirectory.from_config(_config(DEFAULT_APP_ROLE)).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations")
    return revision


def _config(app_role: str) -> Config:
    config = Config(attributes={"app_role": app_role})
    config.set_main_option("script_location", _SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config


def _migrate(owner_url: str, work: Callable[[Config], None], app_role: str) -> None:
    asyncio.run(_locked(owner_url, work, app_role))


async def _locked(owner_url: str, work: Callable[[Config], None], app_role: str) -> None:
    engine = create_single_engine(owner_url, application_name="digital-spiral migrations")

    def run(connection: sa.Connection) -> None:
        config = _config(app_role)
        config.attributes["connection"] = connection
        work(config)

    async with connect(engine) as connection:
        await _check_roles(connection, app_role)
        await _lock(connection)
        await connection.run_sync(run)


async def _check_roles(connection: AsyncConnection, app_role: str) -> None:
    """Refuse what would fail half-way or leave the application role with the owner's rights."""
    owner, database, exists = (
        await connection.execute(
            sa.text("SELECT current_user, current_database(), EXISTS (SELECT FROM pg_roles WHERE rolname = :role)"),
            {"role": app_role},
        )
    ).one()
    if owner == app_role:
        raise Misconfigured(
            f"DATABASE_URL and DATABASE_OWNER_URL name the same role, {app_role!r}. They must be two, or tenants are "
            f"not kept apart. Run as a superuser:\n\n{role_sql(database, DEFAULT_OWNER_ROLE, DEFAULT_APP_ROLE)}"
        )
    if not exists:
        raise Misconfigured(
            f"The application role {app_role!r} does not exist. Run as a superuser:\n\n"
            f"{role_sql(database, owner, app_role)}"
        )


async def _lock(connection: AsyncConnection) -> None:
    """Take the migration lock for as long as the session lasts.

    It asks again and again instead of waiting inside one statement, because a waiting statement holds a snapshot,
    on which ``CREATE INDEX CONCURRENTLY`` of the lock's holder would wait in turn.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK_KEY))):
        await connection.commit()
        if time.monotonic() > deadline:
            raise Unavailable(f"Another process has been migrating this database for {LOCK_SECONDS / 60:.0f} minutes.")
        await asyncio.sleep(_LOCK_POLL_SECONDS)
    await connection.commit()


async def _current(url: str) -> str | None:
    engine = create_single_engine(url, application_name="digital-spiral migrations")
    async with connect(engine) as connection:
        return await revision_of(connection)
