"""Databases for the tests that need the real server, copied from a migrated template."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE, SUPERUSER


@dataclass(frozen=True)
class Database:
    """A database of its own on the shared server, with an address for each role."""

    server: PostgresServer
    name: str

    @property
    def app_url(self) -> str:
        """Address for the application role."""
        return self.server.url(APP_ROLE, self.name)

    @property
    def owner_url(self) -> str:
        """Address for the role that owns the tables."""
        return self.server.url(OWNER_ROLE, self.name)

    @property
    def admin_url(self) -> str:
        """Address for the superuser."""
        return self.server.url(SUPERUSER, self.name)


@pytest.fixture
def make_database(postgres: PostgresServer) -> Iterator[Callable[[str | None], str]]:
    """A function that makes a database, empty or copied from a template, and gives its name; dropped after the test."""
    made: list[str] = []

    def make(template: str | None = None) -> str:
        name = f"test_{uuid.uuid4().hex}"
        postgres.create_database(name, template)
        made.append(name)
        return name

    yield make
    for name in made:
        postgres.drop_database(name)


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """Name of a migrated database without rows; nothing may stay connected to it."""
    name = f"template_{uuid.uuid4().hex}"
    postgres.create_database(name)
    migrate.upgrade(postgres.url(OWNER_ROLE, name))
    return name


@pytest.fixture
def empty_database(postgres: PostgresServer, make_database: Callable[[str | None], str]) -> Database:
    """A database without any table, for this test alone."""
    return Database(postgres, make_database(None))


@pytest.fixture
def database(postgres: PostgresServer, template: str, make_database: Callable[[str | None], str]) -> Database:
    """A migrated database without rows, for this test alone."""
    return Database(postgres, make_database(template))


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The pool of the application role."""
    pool = create_engine(database.app_url)
    yield pool
    await pool.dispose()


@pytest.fixture
def owner_engine(database: Database) -> AsyncEngine:
    """Connections of the role that owns the tables, each opened for its use and closed after it."""
    return create_single_engine(database.owner_url)


@pytest.fixture
def open_uow(engine: AsyncEngine) -> OpenUnitOfWork:
    """Opens units of work of the application role."""
    return open_unit_of_work(engine)


@pytest.fixture
async def tenant(owner_engine: AsyncEngine) -> Tenant:
    """A tenant without rows."""
    return await create_tenant(owner_engine, "Acme")


@pytest.fixture
async def two_tenants(owner_engine: AsyncEngine) -> tuple[Tenant, Tenant]:
    """Two tenants without rows."""
    return await create_tenant(owner_engine, "Acme"), await create_tenant(owner_engine, "Globex")
