"""Workers that are killed, stopped or never told: every run ends all the same, and the copy is right."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import redis.asyncio

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from digital_spiral.infrastructure.embedded.servers import ensure_servers
from digital_spiral.infrastructure.queue.celery_app import CeleryRunQueue, create_celery
from tests.e2e.installation import Backfill, Installation, Site, installed, kill_group, serve_site, start_backfill

pytestmark = pytest.mark.process

ISSUES = 2_000
LATENCY_MS = 100
JIRA_CONCURRENCY = 2
"""With so few requests at a time a run takes long enough to be met in the middle, on any machine."""
BATCH = 250
IN_FLIGHT = 1_000
SWEEP_PROMISE_SECONDS = 5.0
STOP_SECONDS = 10.0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve_site(issues=ISSUES, seed=7, latency_ms=LATENCY_MS) as served:
        yield served


@pytest.fixture
async def installation(
    tmp_path: Path, postgres: PostgresServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """A home with a Redis of its own, and a database of its own on the shared server."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name)
    await asyncio.to_thread(migrate.upgrade, postgres.url(OWNER_ROLE, name))
    monkeypatch.setenv("DATABASE_URL", postgres.url(APP_ROLE, name))
    monkeypatch.setenv("DATABASE_OWNER_URL", postgres.url(OWNER_ROLE, name))
    monkeypatch.setenv("DIGITAL_SPIRAL_JIRA_CONCURRENCY", str(JIRA_CONCURRENCY))
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("DIGITAL_SPIRAL_IN_FLIGHT_ISSUES", str(IN_FLIGHT))
    monkeypatch.delenv("REDIS_URL", raising=False)
    async with installed(tmp_path / "home", site) as made:
        yield made
    postgres.drop_database(name)


async def assert_complete(backfill: Backfill, asked_before: int) -> None:
    """The run ended well, the copy is right, and no more was fetched twice than may be."""
    run = await backfill.ended()
    assert (run.state, run.error, run.skips) == (RunState.SUCCEEDED, None, [])
    assert run.issues_done == run.issues_total == ISSUES
    interruptions = run.epoch - 1
    assert run.issues_fetched <= ISSUES + interruptions * IN_FLIGHT
    assert await backfill.installation.site.issues_asked() - asked_before <= ISSUES + interruptions * IN_FLIGHT
    await backfill.assert_whole()


async def test_a_killed_worker_is_replaced_and_the_run_resumes(installation: Installation) -> None:
    asked_before = await installation.site.issues_asked()
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
    await assert_complete(backfill, asked_before)


async def test_a_lost_message_and_a_stopped_worker_cost_time_only(installation: Installation) -> None:
    asked_before = await installation.site.issues_asked()
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
    await assert_complete(backfill, asked_before)


async def test_a_killed_redis_costs_time_only(installation: Installation) -> None:
    asked_before = await installation.site.issues_asked()
    installation.start("beat")
    installation.start("worker", "--concurrency", "1")
    backfill = await start_backfill(installation)
    await backfill.fetched(300)
    assert installation.servers.redis is not None
    psutil.Process(installation.servers.redis.pid).kill()
    await asyncio.to_thread(ensure_servers, installation.settings)
    await assert_complete(backfill, asked_before)


async def test_the_first_worker_ever_finds_a_run_that_waited(installation: Installation) -> None:
    backfill = await start_backfill(installation)
    broker = redis.asyncio.from_url(installation.servers.redis_url)
    await broker.flushall()
    await broker.aclose()
    installation.start("beat")
    installation.start("worker", "--concurrency", "1")
    run = await backfill.ended()
    assert (run.state, run.epoch, run.issues_fetched) == (RunState.SUCCEEDED, 1, ISSUES)
    assert run.worker_peak_rss > 20_000_000


async def test_of_workers_asked_for_one_instance_at_once_one_runs(installation: Installation) -> None:
    """Two workers of two processes each, and a message for every process: the lease lets one of them have the run."""
    asked_before = await installation.site.issues_asked()
    backfill = await start_backfill(installation)
    celery = create_celery(installation.servers.broker_url)
    queue = CeleryRunQueue(celery)
    await asyncio.gather(*(queue.enqueue_run(backfill.tenant_id, backfill.run_id) for _ in range(3)))
    celery.close()
    installation.start("beat")
    for _ in range(2):
        installation.start("worker", "--concurrency", "2")
    run = await backfill.ended()
    assert (run.state, run.epoch, run.issues_fetched) == (RunState.SUCCEEDED, 1, ISSUES)
    assert await installation.site.issues_asked() - asked_before == ISSUES
    assert "another worker has it" in installation.logs()
    await backfill.assert_whole()
