"""No output of any process holds a secret, however it runs: well, refused, failing, crashing, and at level debug."""

import asyncio
import base64
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.queue.celery_app import QUEUE, RUN_BACKFILL, create_celery
from tests.e2e.installation import Backfill, Installation, Site, serve_site
from tests.e2e.observers import Between, api_address, between, observed

pytestmark = pytest.mark.process

EMAIL = "planted.person@mail.example.com"
TOKEN = "planted-jira-token-7f3a91c2"
SHAPED = "ATATT3xFfGF0plantedShape_-x9=0A1B2C3D"
METRICS_TOKEN = "planted-metrics-token-55e0"
MASTER_KEY = base64.b64encode(bytes(range(100, 132))).decode()
WRONG_KEY = f"ds_{uuid.uuid4().hex}_abcd2345_{'wrongsecret' * 4}"[:88]
REQUEST = "planted-request-1"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve_site(issues=60, seed=12, latency_ms=0) as served:
        yield served


@pytest.fixture
def jira(site: Site) -> Iterator[Between]:
    """The site for the planted account, whose credentials it would gladly repeat."""
    with between(site.address) as door:
        door.account = ("admin@example.com", "emulator-token")
        yield door


@pytest.fixture
async def installation(
    tmp_path: Path, postgres: PostgresServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    monkeypatch.setenv("DIGITAL_SPIRAL_LOG_LEVEL", "debug")
    monkeypatch.setenv("DIGITAL_SPIRAL_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("DIGITAL_SPIRAL_METRICS_TOKEN", METRICS_TOKEN)
    async with observed(tmp_path / "home", postgres, site, monkeypatch) as made:
        yield made


def command(installation: Installation, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """Run a command of the product; its status and all that it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "digital_spiral", "--home", str(installation.home), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


async def connect(installation: Installation, jira: Between) -> tuple[uuid.UUID, uuid.UUID, str]:
    """Connect the site by the command line: refused, failing, and well. Gives tenant, instance, and all output."""
    tenant = await installation.services.create_tenant.create("Acme", "tester")
    arguments = ("connect", jira.address, "--email", EMAIL, "--name", "acme", "--token-stdin")
    said = []
    for failing, expected in ((401, 1), (500, 1), (None, 0)):
        jira.failing = failing
        status, output = await asyncio.to_thread(command, installation, *arguments, stdin=TOKEN)
        assert status == expected, output
        said.append(output)
    assert "refused the credentials" in said[0]
    assert "error 500" in said[1]
    (instance,) = await installation.services.instances.list(tenant.id)
    return tenant.id, instance.id, "".join(said)


async def wrong_keys(client: httpx2.AsyncClient, key: str) -> None:
    """Knock with everything but a key in its place."""
    for headers in (
        {},
        {"Authorization": f"Bearer {WRONG_KEY}"},
        {"Authorization": f"Bearer {key[:-1]}"},
        {"Authorization": f"Basic {base64.b64encode(f'{EMAIL}:{TOKEN}'.encode()).decode()}"},
        {"Authorization": key, "Cookie": f"session={key}", "X-Api-Key": key},
    ):
        assert (await client.get("/v1/projects", headers=headers)).status_code == 401
    good = {"Authorization": f"Bearer {key}"}
    assert (await client.get(f"/v1/issues?token={TOKEN}&email={EMAIL}", headers=good)).status_code == 422
    assert (await client.get("/metrics", headers=good)).status_code == 401


async def failing_run(installation: Installation, jira: Between, first: Backfill) -> None:
    """A run that Jira first fails, then refuses."""
    jira.failing = 500
    second = await first.repeated()

    async def retried() -> bool | None:
        return "stamina.retry_scheduled" in installation.logs() or None

    await installation.eventually(retried)
    jira.failing = 401
    ended = await second.ended()
    assert ended.state is RunState.FAILED
    assert "refused the credentials" in str(ended.error)


async def crash(installation: Installation) -> None:
    """A message that no version of the product sends."""
    celery = create_celery(installation.servers.broker_url)
    celery.send_task(RUN_BACKFILL, args=[f"{SHAPED} of {EMAIL}", f"Bearer {WRONG_KEY}"], queue=QUEUE)
    celery.close()

    async def crashed() -> bool | None:
        return "badly formed hexadecimal UUID string" in installation.logs() or None

    await installation.eventually(crashed)


def entries(text: str) -> list[dict[str, object]]:
    """The lines that are log entries."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


async def test_no_output_holds_a_planted_secret(installation: Installation, jira: Between) -> None:
    tenant_id, instance_id, said = await connect(installation, jira)
    made = await installation.services.create_key.create(
        tenant_id, name="k", scopes=list(Scope), expires_at=None, actor="tester"
    )
    address = await api_address(installation)
    for name in ("worker", "beat"):
        installation.start(name)
    async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
        await wrong_keys(client, made.token)
        answer = await client.post(
            f"/v1/instances/{instance_id}/sync-runs",
            json={"kind": "backfill"},
            headers={"Authorization": f"Bearer {made.token}", "X-Request-ID": REQUEST},
        )
        assert answer.status_code == 202, answer.text
        run = Backfill(installation, tenant_id, instance_id, uuid.UUID(answer.json()["id"]))
        assert (await run.ended()).state is RunState.SUCCEEDED
        await failing_run(installation, jira, run)
        await crash(installation)
        metrics = (await client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})).text
    for process in installation.running:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) == 0
    _, shown = await asyncio.to_thread(command, installation, "sync", "status", "acme", "--json")

    logs = {path.name: path.read_text(errors="replace") for path in sorted(installation.home.rglob("*.log"))}
    outputs = logs | {"connect": said, "metrics": metrics, "sync status": shown}
    addresses = (installation.servers.database_url, installation.servers.owner_url or "")
    passwords = [urlsplit(address).password for address in addresses]
    assert all(passwords)
    secrets = [EMAIL, TOKEN, SHAPED, METRICS_TOKEN, MASTER_KEY, WRONG_KEY, made.token, made.token[-43:], *passwords]
    secrets.append(base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode())
    hits = [(name, secret) for name, text in outputs.items() for secret in secrets if secret and secret in text]
    assert hits == []
    assert all(outputs[name] for name in ("api-0.log", "worker-1.log", "beat-2.log", "connect", "metrics"))
    assert_the_ids_are_there(logs["api-0.log"], logs["worker-1.log"], str(run.run_id))


def assert_the_ids_are_there(api: str, worker: str, run_id: str) -> None:
    """What is hidden is hidden among entries that say whose work they are of, from the API to the client of Jira."""
    in_worker = entries(worker)
    assert [line for line in worker.splitlines() if not line.startswith("{")] == ["Working until Ctrl-C."]
    requests = [entry for entry in entries(api) if entry.get("request_id") == REQUEST]
    assert [(entry["event"], entry["status"]) for entry in requests if entry["event"] == "request"] == [
        ("request", 202)
    ]
    own = [entry for entry in in_worker if entry.get("run_id") == run_id]
    assert {entry.get("request_id") for entry in own} == {REQUEST}
    of_client = [entry for entry in own if entry["logger"] == "digital_spiral.infrastructure.external.jira.client"]
    assert any("/rest/api/3/issue/bulkfetch with 200" in str(entry["event"]) for entry in of_client)
    assert all(entry["tenant_id"] and entry["instance_id"] for entry in of_client)
    retries = [entry for entry in in_worker if entry["event"] == "stamina.retry_scheduled"]
    assert retries
    assert all(entry["run_id"] != run_id and "[redacted]" in str(entry["caused_by"]) for entry in retries)
    crashes = [entry for entry in in_worker if "badly formed hexadecimal UUID" in str(entry.get("exception"))]
    assert crashes
    assert "Traceback" in str(crashes[0]["exception"])
