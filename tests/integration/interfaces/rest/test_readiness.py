"""What `/healthz` and the routes say when a server behind them is not well."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import redis
import sqlalchemy as sa

from digital_spiral.bootstrap import readiness
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.embedded.redis import start_redis, stop_redis
from digital_spiral.infrastructure.embedded.servers import Servers
from tests.integration.conftest import Database
from tests.integration.interfaces.rest.conftest import ServeApi

NOBODY = "postgresql+asyncpg://role:the-password@127.0.0.1:1/nowhere"


async def _checks(client: httpx2.AsyncClient) -> dict[str, bool]:
    answer = await client.get("/healthz")
    body = answer.json()
    checks = {check["name"]: check["ok"] for check in body["checks"]}
    assert body["ready"] == all(checks.values())
    assert answer.status_code == (200 if body["ready"] else 503)
    for secret in ("the-password", "127.0.0.1", "redis.sock", "/tmp"):  # noqa: S108 - the home's place, shown nowhere
        assert secret not in answer.text
    return checks


async def test_all_is_well(client: httpx2.AsyncClient) -> None:
    assert await _checks(client) == {"database": True, "migrations": True, "redis": True}


async def test_a_database_that_is_down(serve_api: ServeApi, servers: Servers) -> None:
    async with serve_api(replace(servers, database_url=NOBODY)) as client:
        assert await _checks(client) == {"database": False, "migrations": False, "redis": True}
        answer = await client.get("/v1/instances")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "the-password" not in answer.text
        assert "127.0.0.1" not in answer.text
        assert (await client.get("/health")).status_code == 200


@asynccontextmanager
async def _silence() -> AsyncIterator[int]:
    """A port on which connections are taken and nothing is answered."""
    stop = asyncio.Event()

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        stop.set()


async def test_servers_that_do_not_answer_are_not_waited_for(
    serve_api: ServeApi, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.3)
    async with _silence() as port:
        silent = replace(
            servers,
            database_url=f"postgresql+asyncpg://role:the-password@127.0.0.1:{port}/nowhere",
            redis_url=f"redis://127.0.0.1:{port}/0",
        )
        async with serve_api(silent) as client:
            began = time.monotonic()
            assert await _checks(client) == {"database": False, "migrations": False, "redis": False}
            assert time.monotonic() - began < 3


async def test_a_database_that_takes_no_writes(serve_api: ServeApi, servers: Servers, database: Database) -> None:
    admin = create_single_engine(database.admin_url)
    async with admin.begin() as connection:
        await connection.execute(sa.text(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on"))
    async with serve_api(servers) as client:
        assert await _checks(client) == {"database": False, "migrations": True, "redis": True}
        # Reading goes on: only the key's last use cannot be noted.
        assert (await client.get("/v1/instances")).status_code == 200


async def test_a_schema_that_is_not_this_versions(serve_api: ServeApi, servers: Servers, database: Database) -> None:
    await asyncio.to_thread(migrate.downgrade, database.owner_url, "-1")
    async with serve_api(servers) as client:
        assert await _checks(client) == {"database": True, "migrations": False, "redis": True}


async def test_a_redis_that_takes_no_writes_and_one_that_is_down(
    serve_api: ServeApi, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    home = tmp_path / "redis-home"
    own = await asyncio.to_thread(start_redis, home)
    try:
        async with serve_api(replace(servers, redis_url=own.url)) as client:
            assert (await _checks(client))["redis"]
            with redis.Redis.from_url(own.url) as connection:
                connection.config_set("maxmemory-policy", "noeviction")
                connection.config_set("maxmemory", 1)
            assert await _checks(client) == {"database": True, "migrations": True, "redis": False}
            await asyncio.to_thread(stop_redis, home)
            assert await _checks(client) == {"database": True, "migrations": True, "redis": False}
            assert (await client.get("/v1/instances")).status_code == 200
    finally:
        await asyncio.to_thread(stop_redis, home)


async def test_an_answer_is_kept_for_a_moment(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = readiness._database

    async def counted(*arguments: object) -> object:
        looks.append(arguments)
        return await look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(readiness, "_database", counted)
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 60.0)
    await asyncio.gather(*(client.get("/healthz") for _ in range(5)))
    assert len(looks) == 1
