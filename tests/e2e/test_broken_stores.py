"""A full disk, a read-only database, a Redis without memory: a run waits, says so, and ends well by itself.

Nobody restarts a run here. What a supervisor does for dead processes, the tests' keeper does.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest
import redis.asyncio

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.embedded.provisioning import SUPERUSER
from digital_spiral.infrastructure.embedded.servers import ensure_servers
from tests.e2e.crash import Keeper, Kind
from tests.e2e.installation import (
    Backfill,
    Installation,
    Site,
    installed,
    serve_site,
    start_backfill,
    temporary_home,
)

pytestmark = pytest.mark.process

ISSUES = 2_000
LATENCY_MS = 100
BATCH = 100
IN_FLIGHT = 400
JIRA_CONCURRENCY = 2
DISK_MB = 600
WINDOW_SECONDS = 8.0
"""How long an outage is looked at. A run that waits tries after 1, 2 and 4 seconds in that time."""
MOST_ATTEMPTS = 4
MOST_LOG_LINES = 30
MOST_REQUESTS = MOST_ATTEMPTS * (40 + IN_FLIGHT // 20)
"""For each attempt the lists before the issues, and what is in flight, with its long comments and histories."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve_site(issues=ISSUES, seed=7, latency_ms=LATENCY_MS) as served:
        yield served


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("DIGITAL_SPIRAL_IN_FLIGHT_ISSUES", str(IN_FLIGHT))
    monkeypatch.setenv("DIGITAL_SPIRAL_JIRA_CONCURRENCY", str(JIRA_CONCURRENCY))


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture
async def installation(home: Path, site: Site, small_batches: None) -> AsyncIterator[Installation]:
    async with running(home, site) as made:
        yield made


@asynccontextmanager
async def running(home: Path, site: Site) -> AsyncIterator[Installation]:
    """An installation with a worker, beat and the API, all of them kept running."""
    async with installed(home, site) as made:
        assert made.servers.owner_url is not None
        await asyncio.to_thread(migrate.upgrade, made.servers.owner_url)
        made.start("api", "--port", "0")
        async with Keeper(made, concurrency=2).keeping():
            yield made


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A file system of its own for PostgreSQL's data."""
    folder = home / "postgres"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0711", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system is needed, and this account may not mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@dataclass(frozen=True)
class Outage:
    """What happened while a store was broken."""

    requests: int
    attempts: int
    log_lines: int

    def assert_quiet(self) -> None:
        """Neither Jira nor the log was hammered."""
        assert self.requests <= MOST_REQUESTS
        assert self.attempts <= MOST_ATTEMPTS
        assert self.log_lines <= MOST_LOG_LINES


async def watch(installation: Installation) -> Outage:
    """Look at an outage for a while; entries differ at least in their time."""
    requests, known = await installation.site.requests(), set(installation.logs().splitlines())
    await asyncio.sleep(WINDOW_SECONDS)
    said = [line for line in installation.logs().splitlines() if line not in known]
    attempts = sum("tries again in" in line for line in said)
    return Outage(await installation.site.requests() - requests, attempts, len(said))


async def logged(installation: Installation, pattern: str) -> None:
    """Wait until a process logs something."""

    async def probe() -> bool | None:
        return True if re.search(pattern, installation.logs()) else None

    await installation.eventually(probe, 60.0)


async def status(installation: Installation) -> str:
    """What ``sync status`` shows."""
    command = [sys.executable, "-m", "digital_spiral", "--home", str(installation.home), "sync", "status", "acme"]
    shown = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return " ".join((shown.stdout + shown.stderr).split())


async def said_to_wait(installation: Installation) -> bool | None:
    """Whether a user is told; what cannot be written into the run itself is known by its standing still."""
    return True if re.search("It waits: |No space left on", await status(installation)) else None


async def readiness(installation: Installation) -> dict[str, tuple[bool, str]]:
    """What the API says at ``/healthz``: whether each part is well, and how it fares."""
    await logged(installation, "api ready: ")
    found = re.search(r"api ready: (\S+)", installation.logs())
    assert found is not None
    async with httpx2.AsyncClient(timeout=20) as client:
        answer = await client.get(f"{found.group(1)}/healthz")
    content = json.loads(answer.content)
    checks = {check["name"]: (bool(check["ok"]), str(check["detail"])) for check in content["checks"]}
    assert answer.status_code == (200 if all(ok for ok, _ in checks.values()) else 503)
    return checks


async def assert_recovered(backfill: Backfill) -> None:
    """The run ended well, under its own power, and the copy is whole."""
    run = await backfill.ended()
    assert (run.state, run.error, run.skips) == (RunState.SUCCEEDED, None, [])
    assert run.issues_done == run.issues_total == ISSUES
    await backfill.assert_whole()
    assert {name: ok for name, (ok, _) in (await readiness(backfill.installation)).items()} == {
        "database": True,
        "migrations": True,
        "redis": True,
    }


async def as_superuser(installation: Installation, *statements: str) -> None:
    """Run statements outside any transaction."""
    assert installation.servers.postgres is not None
    connection = await asyncpg.connect(installation.servers.postgres.url(SUPERUSER).replace("+asyncpg", "", 1))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_run_waits_for_a_database_that_is_read_only(installation: Installation) -> None:
    backfill = await start_backfill(installation)
    await backfill.fetched(BATCH)
    read_only = "ALTER SYSTEM SET default_transaction_read_only = on"
    await as_superuser(installation, read_only, "SELECT pg_reload_conf()")
    await logged(installation, "tries again in .*PostgreSQL takes no writes just now")
    outage = await watch(installation)
    assert (await backfill.status()).state is RunState.RUNNING
    assert "It waits: database: It takes no writes." in await status(installation)
    assert (await readiness(installation))["database"] == (False, "It takes no writes.")
    await as_superuser(
        installation,
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )
    await assert_recovered(backfill)
    outage.assert_quiet()


async def test_a_run_waits_for_space_on_the_disk_of_postgresql(
    home: Path, site: Site, small_batches: None, small_disk: Path
) -> None:
    """PostgreSQL refuses rows, or stops altogether when it cannot write its own log; both are waited for."""
    async with running(home, site) as installation:
        backfill = await start_backfill(installation)
        await backfill.fetched(BATCH)
        filler = small_disk / "filler"
        fill(filler)
        await logged(installation, "tries again in .*disk is full|PostgreSQL cannot be reached|closed the connection")
        outage = await watch(installation)
        await installation.eventually(lambda: said_to_wait(installation), 60.0)
        filler.unlink()
        await assert_recovered(backfill)
    outage.assert_quiet()


def fill(path: Path) -> None:
    """Write a file until no space is left."""
    block = bytes(64 * 1024)
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(block)
            except OSError:
                return


async def test_a_worker_that_could_not_acknowledge_a_message_takes_the_next(
    home: Path, site: Site, small_batches: None
) -> None:
    """Both servers die, so the run's task ends while there is no Redis to tell."""
    async with installed(home, site) as installation:
        assert installation.servers.owner_url is not None
        await asyncio.to_thread(migrate.upgrade, installation.servers.owner_url)
        keeper = Keeper(installation, concurrency=1)
        installation.start("beat")
        installation.start("worker", "--concurrency", "1")
        backfill = await start_backfill(installation)
        await backfill.fetched(BATCH)
        for pid in (*keeper.victims(Kind.POSTMASTER), *keeper.victims(Kind.REDIS)):
            os.kill(pid, signal.SIGKILL)
        await logged(installation, "Connection to broker lost|Couldn't ack")
        await asyncio.to_thread(ensure_servers, installation.settings)
        run = await backfill.ended(60.0)
        assert (run.state, run.epoch) == (RunState.SUCCEEDED, 2)
        await backfill.assert_whole()


@asynccontextmanager
async def without_memory(installation: Installation) -> AsyncIterator[None]:
    """A Redis that takes nothing for as long as the context lasts."""
    client = redis.asyncio.from_url(installation.servers.redis_url)
    await client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await client.config_set("maxmemory", 0)
        await client.aclose()


async def test_a_run_outlasts_a_redis_without_memory(installation: Installation) -> None:
    backfill = await start_backfill(installation)
    await backfill.fetched(BATCH)
    async with without_memory(installation):
        await logged(installation, "takes no messages")
        outage = await watch(installation)
        assert (await readiness(installation))["redis"] == (False, "It takes no writes.")
    await assert_recovered(backfill)
    assert outage.log_lines <= MOST_LOG_LINES


async def test_a_run_that_is_asked_for_while_redis_has_no_memory_begins_later(installation: Installation) -> None:
    async with without_memory(installation):
        backfill = await start_backfill(installation)
        outage = await watch(installation)
        assert (await backfill.status()).state is RunState.QUEUED
        shown = await status(installation)
        assert "is queued" in shown
        assert "It waits: redis: It takes no writes." in shown
    await assert_recovered(backfill)
    outage.assert_quiet()
    assert outage.requests == 0
