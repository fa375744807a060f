"""What is counted in several processes is one sum, whoever dies; and a scrape answers whatever else does not."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.entities.mirror import WriteCounts
from digital_spiral.domain.entities.sync import Progress, RunState, SyncRun
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.infrastructure.database.run_lag import RunLag, read_run_lag
from digital_spiral.infrastructure.database.session import create_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.redis import RedisServer, broker_url
from digital_spiral.infrastructure.observability import scrape
from digital_spiral.infrastructure.observability.metrics import PREFIX, Metrics
from digital_spiral.infrastructure.queue.backlog import Backlog, read_backlog
from digital_spiral.infrastructure.queue.celery_app import CeleryRunQueue, create_celery
from tests.integration.conftest import Database

DOCS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
# A process that counts, says so, and waits to be killed.
COUNTING = """
import sys, time
from pathlib import Path
from digital_spiral.bootstrap.telemetry import open_metrics
from digital_spiral.domain.entities.mirror import WriteCounts
metrics = open_metrics(Path(sys.argv[1]), "worker")
metrics.rows_written({"issues": WriteCounts(created=3, unchanged=2)})
metrics.jira_request("/rest/api/3/search/jql", "200", 0.2)
metrics.pool(10, 4, 0)
print("counted", flush=True)
time.sleep(600)
"""
RENDERING = """
import sys
from pathlib import Path
from digital_spiral.bootstrap.telemetry import open_metrics
metrics = open_metrics(Path(sys.argv[1]), "api")
metrics.api_request("GET", "/v1/issues", 200, 0.004)
sys.stdout.buffer.write(metrics.render())
"""


def samples(text: bytes | str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by name and labels."""
    content = text.decode() if isinstance(text, bytes) else text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content)
        for sample in family.samples
    }


def value(text: bytes | str, name: str, **labels: str) -> float | None:
    return samples(text).get((PREFIX + name, tuple(sorted(labels.items()))))


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes that have counted."""
    started = [
        subprocess.Popen([sys.executable, "-c", COUNTING, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
    yield started
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def rendered(folder: Path) -> bytes:
    """What a further process shows."""
    done = subprocess.run([sys.executable, "-c", RENDERING, str(folder)], capture_output=True, check=True)
    return done.stdout


def test_the_sum_over_processes_survives_their_death(tmp_path: Path, counting: list[subprocess.Popen[bytes]]) -> None:
    before = rendered(tmp_path)
    assert value(before, "rows_written_total", table="issues", outcome="created") == 6
    assert value(before, "database_pool_in_use", service="worker") == 8
    assert value(before, "api_request_duration_seconds_count", method="GET", route="/v1/issues", status="200") == 1
    memory = value(before, "process_memory_bytes", service="worker")
    assert memory is not None
    assert memory > 10_000_000

    os.kill(counting[0].pid, signal.SIGKILL)
    counting[0].wait()
    after = rendered(tmp_path)
    assert value(after, "rows_written_total", table="issues", outcome="created") == 6
    assert value(after, "rows_written_total", table="issues", outcome="unchanged") == 4
    assert value(after, "jira_requests_total", endpoint="/rest/api/3/search/jql", status="200") == 2
    assert value(after, "database_pool_in_use", service="worker") == 4
    assert value(after, "api_request_duration_seconds_count", method="GET", route="/v1/issues", status="200") == 2


def test_a_file_that_a_dying_process_left_unfinished_is_left_out(
    tmp_path: Path, counting: list[subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "counter_999999.db").write_bytes(b"")
    (tmp_path / "histogram_999998.db").write_bytes(b"\xff\xff\x00\x00" + b"\x00" * 100)
    shown = rendered(tmp_path)
    assert value(shown, "rows_written_total", table="issues", outcome="created") == 6
    assert value(shown, "scrape_errors_total", source="files") == 1
    assert not list(tmp_path.glob("*_99999?.db"))
    assert value(rendered(tmp_path), "scrape_errors_total", source="files") == 1


def test_a_full_disk_costs_the_numbers_not_the_process(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
    program = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {limited}{RENDERING}"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=True)
    assert value(done.stdout, "api_request_duration_seconds_count", method="GET", route="/v1/issues", status="200") == 1
    assert b"cannot be written" in done.stderr


async def test_a_source_that_fails_takes_nothing_else_with_it(redis_server: RedisServer, database: Database) -> None:
    metrics = Metrics(None, "api")
    metrics.run_ended("succeeded", 12.0)
    gone = redis_server.url.replace(".sock", ".gone")
    content, content_type = await scrape.Scrape(metrics, scrape.sources_of(database.app_url, gone)).render()
    assert content_type.startswith("text/plain; version=0.0.4")
    assert value(content, "source_up", source="redis") == 0
    assert value(content, "source_up", source="database") == 1
    assert value(content, "scrape_errors_total", source="redis") == 1
    assert value(content, "scrape_errors_total", source="database") == 0
    assert value(content, "queue_messages") is None
    assert value(content, "runs_unfinished") == 0
    assert value(content, "runs_ended_total", outcome="succeeded") == 1
    assert value(content, "run_duration_seconds_bucket", outcome="succeeded", le="30.0") == 1


async def test_sources_are_asked_once_in_a_few_seconds_and_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def quick() -> list[Metric]:
        asked.append(1)
        return []

    async def never() -> list[Metric]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(scrape, "SOURCE_SECONDS", 0.05)
    shown = scrape.Scrape(Metrics(None, "api"), {"database": quick, "redis": never})
    answers = await asyncio.gather(*(shown.render() for _ in range(5)))
    assert asked == [1]
    assert {value(content, "source_up", source="redis") for content, _ in answers} == {0}
    assert value(answers[-1][0], "scrape_errors_total", source="redis") == 1


async def test_the_queue_is_measured_by_the_age_of_its_oldest_message(
    redis_server: RedisServer, worker_id: str
) -> None:
    number = 1 + int(worker_id.removeprefix("gw") or 0) % 14 if worker_id != "master" else 15
    address = redis_server.url.replace("db=0", f"db={number}")
    client = redis.from_url(address)
    client.flushdb()
    app = create_celery(broker_url(address))
    try:
        assert (await read_backlog(address, 2)).messages == 0
        await CeleryRunQueue(app).enqueue_run(uuid4(), uuid4())
        client.rpush("digital-spiral", b"a message of somebody else")
        strange = await read_backlog(address, 2)
        assert (strange.messages, strange.oldest_seconds) == (2, 0)
        client.rpop("digital-spiral")
        first = await read_backlog(address, 2)
        await CeleryRunQueue(app).enqueue_run(uuid4(), uuid4())
        second = await read_backlog(address, 2)
        assert (first.messages, second.messages) == (1, 2)
        assert 0 < first.oldest_seconds < second.oldest_seconds < 60
    finally:
        app.close()
        client.flushdb()
        client.close()


def instance_of(tenant: Tenant, name: str, connected: datetime) -> JiraInstance:
    return JiraInstance(
        tenant_id=tenant.id,
        id=uuid4(),
        name=name,
        base_url=f"https://{name}.example",
        account_id="a",
        time_zone="UTC",
        credentials=b"x",
        created_at=connected,
    )


async def test_lag_is_the_worst_of_all_tenants(
    open_uow: OpenUnitOfWork, engine: AsyncEngine, two_tenants: tuple[Tenant, Tenant]
) -> None:
    assert await read_run_lag(engine) == await read_run_lag(engine)
    now = datetime.now(UTC)
    for tenant, age in zip(two_tenants, (timedelta(hours=1), timedelta(hours=3)), strict=True):
        instance = instance_of(tenant, "acme", now - timedelta(days=2))
        done = SyncRun(
            tenant_id=tenant.id,
            id=uuid4(),
            instance_id=instance.id,
            state=RunState.SUCCEEDED,
            created_at=now - age * 2,
            finished_at=now - age,
        )
        waiting = SyncRun(
            tenant_id=tenant.id,
            id=uuid4(),
            instance_id=instance.id,
            state=RunState.QUEUED,
            created_at=now - age / 2,
        )
        async with open_uow(tenant.id) as uow:
            await uow.instances.add(instance)
            await uow.runs.add(done)
            await uow.runs.add(waiting)
            await uow.commit()
    lag = await read_run_lag(engine)
    assert lag.unfinished == 2
    assert lag.success_seconds == pytest.approx(3 * 3600, abs=60)
    assert lag.stalled_seconds == pytest.approx(1.5 * 3600, abs=60)

    for tenant in two_tenants:
        async with open_uow(tenant.id) as uow:
            (run,) = await uow.runs.unfinished()
            taken = await uow.runs.take(run.id, now)
            await uow.runs.advance(run.id, taken.epoch, Progress(phase="users"))
            await uow.instances.add(instance_of(tenant, "never", now - timedelta(days=1)))
            await uow.commit()
    lag = await read_run_lag(engine)
    assert lag.stalled_seconds < 60
    assert lag.success_seconds == pytest.approx(24 * 3600, abs=60)


async def test_the_pool_says_what_is_in_use(database: Database, tenant: Tenant) -> None:
    metrics = Metrics(None, "api")
    engine = create_engine(database.app_url, pool_size=2, max_overflow=1, watch=metrics)
    open_uow = open_unit_of_work(engine)
    async with open_uow(tenant.id), open_uow(tenant.id), open_uow(tenant.id):
        busy = metrics.render()
    idle = metrics.render()
    await engine.dispose()
    names = ("database_pool_size", "database_pool_in_use", "database_pool_overflow")
    assert [value(busy, name, service="api") for name in names] == [2, 3, 1]
    assert value(idle, "database_pool_in_use", service="api") == 0
    assert value(idle, "database_pool_wait_seconds_count", service="api") == 3


def everything() -> set[str]:
    """Names of all metrics, those included that are read at scrape time."""
    metrics = Metrics(None, "api")
    more = [*scrape.backlog_metrics(Backlog(0, 0)), *scrape.lag_metrics(RunLag())]
    shown = metrics.render(more).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", shown, re.MULTILINE))
    return {name for name in kinds if not name.endswith("_created")} | {PREFIX + "source_up"}


def test_every_metric_is_explained_and_nothing_else_is() -> None:
    explained = re.findall(r"^\| `(digital_spiral_\w+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(everything())


def test_every_metric_of_an_example_exists() -> None:
    used = set(re.findall(r"digital_spiral_\w+", DOCS.read_text(encoding="utf-8")))
    parts = {name + suffix for name in everything() for suffix in ("", "_bucket", "_count", "_sum")}
    assert {name for name in used if not name.startswith("digital_spiral_run_backfill")} <= parts


def test_no_label_tells_whose_data_it_is() -> None:
    metrics = Metrics(None, "api")
    metrics.api_request("BREW", "", 404, 0.1)
    metrics.jira_request("/rest/api/3/issue/{id}", "200", 0.1)
    metrics.rows_written({"issues": WriteCounts(gone=2)})
    labels = {name for _, pairs in samples(metrics.render()) for name, _ in pairs}
    of_requests = {"method", "route", "status", "endpoint", "reason"}
    assert labels <= of_requests | {"table", "outcome", "service", "source", "le", "version", "python"}
    assert (
        value(metrics.render(), "api_request_duration_seconds_count", method="other", route="none", status="404") == 1
    )
