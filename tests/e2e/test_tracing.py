"""One trace from a request to the API over queue and worker to Jira and SQL; and none unless it is asked for."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from tests.e2e.installation import Backfill, Installation, Site, serve_site
from tests.e2e.observers import Between, Collector, Span, api_address, between, collecting, observed

pytestmark = pytest.mark.process

ISSUES = 60
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{CALLER}-01"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve_site(issues=ISSUES, seed=11, latency_ms=0) as served:
        yield served


@pytest.fixture
def jira(site: Site) -> Iterator[Between]:
    with between(site.address) as door:
        yield door


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
async def installation(
    tmp_path: Path, postgres: PostgresServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    async with observed(tmp_path / "home", postgres, site, monkeypatch) as made:
        yield made


async def run_by_api(installation: Installation, jira: Between, headers: dict[str, str]) -> Backfill:
    """Connect a site, and ask the API for a copy of it."""
    services = installation.services
    tenant = await services.create_tenant.create("Acme", "tester")
    connection = await services.connect_instance.connect(
        tenant.id,
        base_url=jira.address,
        credentials=Credentials("admin@example.com", "emulator-token"),
        name="acme",
        actor="tester",
    )
    jira.seen.clear()
    key = await services.create_key.create(tenant.id, name="k", scopes=list(Scope), expires_at=None, actor="tester")
    address = await api_address(installation)
    installation.start("worker", "--concurrency", "1")
    headers = {"Authorization": f"Bearer {key.token}", **headers}
    async with httpx2.AsyncClient(base_url=address, timeout=30, headers=headers) as client:
        refused = await client.get("/v1/projects?note=secret-in-query")
        answer = await client.post(f"/v1/instances/{connection.instance.id}/sync-runs", json={"kind": "backfill"})
    assert refused.status_code == 422, refused.text
    assert answer.status_code == 202, answer.text
    run_id = uuid.UUID(answer.json()["id"])
    return Backfill(installation, tenant.id, connection.instance.id, run_id)


async def test_one_trace_from_the_request_to_the_last_statement(
    installation: Installation, jira: Between, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITAL_SPIRAL_OTLP_ENDPOINT", collector.address)
    run = await run_by_api(installation, jira, {"traceparent": TRACEPARENT, "X-Request-ID": "traced-1"})
    assert (await run.ended()).state is RunState.SUCCEEDED

    async def work_arrived() -> Span | None:
        return next((span for span in collector.of_trace(TRACE_ID) if span.name.startswith("run ")), None)

    work = await installation.eventually(work_arrived, 30)
    trace = collector.of_trace(TRACE_ID)
    by_id = {span.span_id: span for span in trace}

    def above(span: Span) -> list[str]:
        found = []
        while span.parent_id in by_id:
            span = by_id[span.parent_id]
            found.append(span.span_id)
        return found

    servers = {span.name: span for span in trace if span.kind == "SERVER"}
    assert set(servers) == {"GET /v1/projects", "POST /v1/instances/{instance_id}/sync-runs"}
    server = servers["POST /v1/instances/{instance_id}/sync-runs"]
    assert (server.service, server.parent_id) == ("digital-spiral-api", CALLER)
    publish = next(span for span in trace if span.kind == "PRODUCER")
    assert publish.name == "publish digital_spiral.run_backfill"
    assert publish.parent_id == server.span_id
    assert (work.kind, work.service, work.parent_id) == ("CONSUMER", "digital-spiral-worker", publish.span_id)
    assert work.attributes["digital_spiral.run_id"] == str(run.run_id)
    assert work.attributes["digital_spiral.request_id"] == "traced-1"

    requests = [span for span in trace if span.kind == "CLIENT" and "http.url" in span.attributes]
    assert any("/rest/api/3/issue/bulkfetch" in str(span.attributes["http.url"]) for span in requests)
    assert all(work.span_id in above(span) for span in requests)
    assert requests
    in_api = [span for span in trace if span.is_sql and span.service == "digital-spiral-api"]
    in_worker = [span for span in trace if span.is_sql and span.service == "digital-spiral-worker"]
    assert any("INSERT INTO sync_runs" in str(span.attributes["db.statement"]) for span in in_api)
    assert any("UPDATE sync_runs" in str(span.attributes["db.statement"]) for span in in_worker)
    assert any(span.attributes["db.statement"] == "COPY stage_issues FROM STDIN" for span in in_worker)
    assert any("INSERT INTO issues" in str(span.attributes["db.statement"]) for span in in_worker)
    assert all({found.span_id for found in servers.values()} & set(above(span)) for span in in_api)
    assert all(work.span_id in above(span) for span in in_worker)

    assert_no_secret_leaves(run, jira, requests, collector)


def assert_no_secret_leaves(run: Backfill, jira: Between, requests: list[Span], collector: Collector) -> None:
    # Jira gets the trace's id, with the span of the very request.
    sent = {headers["traceparent"] for headers in jira.seen}
    assert sent == {f"00-{TRACE_ID}-{span.span_id}-01" for span in requests}
    assert {headers.get("baggage") for headers in jira.seen} == {None}
    for secret in ("secret-in-query", "emulator-token", "admin@example.com", "Bearer", "ds_"):
        assert not [span for span in collector.spans if secret in span.text], secret
    assert str(run.tenant_id) not in "".join(str(span.attributes.get("db.statement")) for span in collector.spans)
    # The API's own look at the queue, the sweep and the like begin no traces.
    assert {span.kind for span in collector.spans if not span.parent_id} <= {"SERVER", "PRODUCER"}
    assert f'"trace_id":"{TRACE_ID}"' in run.installation.logs()


async def test_without_an_endpoint_nothing_is_sent(
    installation: Installation, jira: Between, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What OpenTelemetry itself would read, if it were there.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    run = await run_by_api(installation, jira, {"traceparent": TRACEPARENT})
    assert (await run.ended()).state is RunState.SUCCEEDED
    for process in installation.running:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
    assert collector.requests == 0
    assert not [headers for headers in jira.seen if "traceparent" in headers]
    assert "trace_id" not in installation.logs()


def test_tracing_that_is_off_loads_nothing() -> None:
    program = (
        "import sys; import digital_spiral.bootstrap.runtime; import digital_spiral.bootstrap.rest;"
        "print([name for name in sys.modules if name.startswith("
        "('opentelemetry.exporter', 'opentelemetry.instrumentation', 'opentelemetry.sdk.trace'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
