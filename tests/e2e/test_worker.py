"""Workers that are killed, stopped or never told: every run ends all the same, and the copy is right."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx2
import psutil
import pytest
import redis.asyncio

from digital_spiral.application.services import Services
from digital_spiral.bootstrap.services import build_services
from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.infrastructure.config.settings import load_settings
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from digital_spiral.infrastructure.embedded.servers import Servers, ensure_servers, stop_servers

pytestmark = pytest.mark.process

T = TypeVar("T")

ISSUES = 2_000
LATENCY_MS = 30
BATCH = 250
IN_FLIGHT = 1_000
SWEEP_PROMISE_SECONDS = 5.0
STOP_SECONDS = 10.0
CONTROL = "control"


@dataclass
class Site:
    """An emulator in a process of its own."""

    process: subprocess.Popen[str]
    address: str

    async def bulk_requests(self) -> int:
        """How often issues were fetched so far."""
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {CONTROL}"}) as client:
            log = (await client.get(f"{self.address}/_emulator/requests")).json()
        return sum(line["count"] for line in log["requests"] if line["endpoint"].endswith("/issue/bulkfetch"))


@dataclass
class Installation:
    """A home with a Redis of its own, a database of its own, and the processes started on them."""

    home: Path
    environment: dict[str, str]
    servers: Servers
    services: Services
    site: Site
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start one of the product's long-running commands, in a process group of its own."""
        with (self.home / f"{command[0]}-{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "digital_spiral", "--home", str(self.home), *command],
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def logs(self) -> str:
        """What the processes said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.glob("*.log")))

    async def eventually(self, probe: Callable[[], Awaitable[T | None]], seconds: float = 180.0) -> T:
        """The first answer of ``probe`` that is not None."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = await probe()
            if answer is not None:
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError(f"it did not happen within {seconds} s\n{self.logs()}")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    arguments = ("--issues", str(ISSUES), "--seed", "7", "--latency", str(LATENCY_MS), "--control-token", CONTROL)
    process = subprocess.Popen(
        [sys.executable, "-m", "jira_emulator", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1].strip()
    yield Site(process, address)
    process.terminate()
    process.wait(timeout=10)
    process.stdout.close()


@pytest.fixture
async def installation(
    tmp_path: Path, postgres: PostgresServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name)
    await asyncio.to_thread(migrate.upgrade, postgres.url(OWNER_ROLE, name))
    monkeypatch.setenv("DATABASE_URL", postgres.url(APP_ROLE, name))
    monkeypatch.setenv("DATABASE_OWNER_URL", postgres.url(OWNER_ROLE, name))
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("DIGITAL_SPIRAL_IN_FLIGHT_ISSUES", str(IN_FLIGHT))
    monkeypatch.delenv("REDIS_URL", raising=False)
    settings = load_settings(tmp_path / "home")
    servers = await asyncio.to_thread(ensure_servers, settings)
    services = build_services(settings, servers)
    made = Installation(settings.home, dict(os.environ), servers, services, site)
    yield made
    for process in made.running:
        kill_group(process)
        process.wait(timeout=10)
    await services.close()
    await asyncio.to_thread(stop_servers, settings.home)
    postgres.drop_database(name)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Backfill:
    """A run to watch."""

    installation: Installation
    tenant_id: UUID
    instance_id: UUID
    run_id: UUID

    async def status(self) -> SyncRun:
        return await self.installation.services.run_status.run(self.tenant_id, self.run_id)

    async def fetched(self, issues: int) -> SyncRun:
        """The run as soon as so many issues are committed."""

        async def probe() -> SyncRun | None:
            run = await self.status()
            assert not run.state.finished, run
            return run if run.issues_fetched >= issues else None

        return await self.installation.eventually(probe)

    async def taken(self, epoch: int, seconds: float) -> SyncRun:
        """The run as soon as a worker has taken it for the time of this number."""

        async def probe() -> SyncRun | None:
            run = await self.status()
            return run if run.epoch >= epoch else None

        return await self.installation.eventually(probe, seconds)

    async def ended(self) -> SyncRun:
        async def probe() -> SyncRun | None:
            run = await self.status()
            return run if run.state.finished else None

        return await self.installation.eventually(probe)


async def start_backfill(installation: Installation) -> Backfill:
    services = installation.services
    tenant = await services.create_tenant.create("Acme", "tester")
    connection = await services.connect_instance.connect(
        tenant.id,
        base_url=installation.site.address,
        credentials=Credentials("admin@example.com", "emulator-token"),
        name="acme",
        actor="tester",
    )
    run = await services.start_backfill.start(tenant.id, connection.instance.id, "tester")
    return Backfill(installation, tenant.id, connection.instance.id, run.id)


async def assert_complete(backfill: Backfill, requests_before: int) -> None:
    """The run ended well, the copy is right, and no more was fetched twice than may be."""
    run = await backfill.ended()
    assert (run.state, run.error, run.skips) == (RunState.SUCCEEDED, None, [])
    assert run.issues_done == run.issues_total == ISSUES
    interruptions = run.epoch - 1
    assert run.issues_fetched <= ISSUES + interruptions * IN_FLIGHT
    # A batch of 250 takes three requests of up to 100 issues; the last batch of the run may be smaller.
    batches = (await backfill.installation.site.bulk_requests() - requests_before) / 3
    assert batches * BATCH <= ISSUES + interruptions * IN_FLIGHT + BATCH
    report = await backfill.installation.services.census.take(backfill.tenant_id, backfill.instance_id, actor="tester")
    assert (report.match_percent, report.findings) == (100.0, [])


async def test_a_killed_worker_is_replaced_and_the_run_resumes(installation: Installation) -> None:
    requests_before = await installation.site.bulk_requests()
    installation.start("beat")
    worker = installation.start("worker", "--concurrency", "1")
    backfill = await start_backfill(installation)

    await backfill.fetched(300)
    for child in psutil.Process(worker.pid).children():
        child.kill()
    killed = time.monotonic()
    resumed = await backfill.taken(2, SWEEP_PROMISE_SECONDS)
    assert time.monotonic() - killed < SWEEP_PROMISE_SECONDS
    assert resumed.state is RunState.RUNNING

    successor = installation.start("worker", "--concurrency", "1")
    await backfill.fetched(resumed.issues_fetched + 300)
    kill_group(worker)
    await backfill.taken(3, 30.0)
    assert successor.poll() is None
    await assert_complete(backfill, requests_before)


async def test_a_lost_message_and_a_stopped_worker_cost_time_only(installation: Installation) -> None:
    requests_before = await installation.site.bulk_requests()
    backfill = await start_backfill(installation)
    broker = redis.asyncio.from_url(installation.servers.redis_url)
    assert await broker.llen("digital-spiral") == 1
    await broker.flushall()
    await broker.aclose()

    installation.start("beat")
    worker = installation.start("worker", "--concurrency", "1")
    stopped = await backfill.fetched(300)
    worker.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    await asyncio.to_thread(worker.wait, STOP_SECONDS)
    assert time.monotonic() - asked < STOP_SECONDS
    run = await backfill.status()
    assert run.state is RunState.RUNNING
    assert stopped.issues_fetched <= run.issues_fetched < ISSUES

    installation.start("worker", "--concurrency", "2")
    await assert_complete(backfill, requests_before)


async def test_a_killed_redis_costs_time_only(installation: Installation) -> None:
    requests_before = await installation.site.bulk_requests()
    installation.start("beat")
    installation.start("worker", "--concurrency", "1")
    backfill = await start_backfill(installation)
    await backfill.fetched(300)
    assert installation.servers.redis is not None
    psutil.Process(installation.servers.redis.pid).kill()
    await asyncio.to_thread(ensure_servers, load_settings(installation.home))
    await assert_complete(backfill, requests_before)


async def test_the_first_worker_ever_finds_a_run_that_waited(installation: Installation) -> None:
    """Two workers, one run: the lease lets one of them have it."""
    backfill = await start_backfill(installation)
    installation.start("beat")
    for _ in range(2):
        installation.start("worker", "--concurrency", "1")
    run = await backfill.ended()
    assert (run.state, run.epoch, run.issues_fetched) == (RunState.SUCCEEDED, 1, ISSUES)
    assert run.worker_peak_rss > 20_000_000
