"""The API in this process, on the real database and a copied site."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.use_cases.tenants.create_key import CreateKey
from digital_spiral.bootstrap.readiness import build_readiness
from digital_spiral.bootstrap.services import build_services
from digital_spiral.domain.entities.tenancy import Scope, Tenant
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.redis import RedisServer
from digital_spiral.infrastructure.embedded.servers import Servers
from digital_spiral.interfaces.rest.app import build_api
from digital_spiral.interfaces.rest.operations import Operations
from tests.integration.conftest import Database

ServeApi = Callable[[Servers], AbstractAsyncContextManager[httpx2.AsyncClient]]
"""Serves the API on these servers, to a client that sends the tenant's key."""


@pytest.fixture
def servers(database: Database, redis_server: RedisServer) -> Servers:
    """The shared servers, with a database of the test's own."""
    return Servers(database.app_url, database.owner_url, redis_server.url, None, redis_server)


@pytest.fixture
async def token(tenant: Tenant, engine: AsyncEngine) -> str:
    """A key of the tenant with every scope."""
    use_case = CreateKey(open_unit_of_work(engine), lambda: datetime.now(UTC))
    created = await use_case.create(tenant.id, name="all", scopes=list(Scope), expires_at=None, actor="tester")
    return created.token


@pytest.fixture
def serve_api(token: str, tmp_path: Path) -> ServeApi:
    @asynccontextmanager
    async def serve(servers: Servers) -> AsyncIterator[httpx2.AsyncClient]:
        async def render_metrics() -> tuple[bytes, str]:
            return b"", "text/plain"

        services = build_services(Settings(home=tmp_path), servers)
        wiring = Operations(
            version="0",
            readiness=build_readiness(servers),
            render_metrics=render_metrics,
            metrics_token=None,
            observe_request=lambda method, route, status, seconds: None,
        )
        transport = httpx2.ASGITransport(build_api(services, wiring))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
            yield client
        await services.close()

    return serve


@pytest.fixture
async def client(serve_api: ServeApi, servers: Servers) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve_api(servers) as made:
        yield made
