"""`up` as a user runs it: started, used, robbed of each of its processes, and stopped."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg
import httpx2
import psutil
import pytest

from digital_spiral.bootstrap.runtime import open_runtime
from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.domain.errors import Conflict
from digital_spiral.infrastructure.embedded.postgres import postgres_status
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from digital_spiral.infrastructure.embedded.redis import redis_status
from digital_spiral.infrastructure.embedded.servers import stop_servers
from digital_spiral.interfaces.cli.interruption import refuse_while_up
from digital_spiral.interfaces.cli.supervisor import REFUSED_STARTS
from tests.e2e.installation import serve_site

pytestmark = pytest.mark.process

T = TypeVar("T")

ISSUES = 40
LATENCY_MS = 150
SERVICES = ("api", "worker", "beat")
SERVERS = ("postgres", "redis")
BACK_SECONDS = 60.0
STOP_SECONDS = 30.0
EXTERNAL = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


@dataclass
class Up:
    """A running `up`, its log in a file."""

    home: Path
    process: subprocess.Popen[str]
    log: Path

    def child(self, service: str) -> psutil.Process | None:
        """The process of a service, as long as it lives."""
        if service in SERVERS:
            server = postgres_status(self.home) if service == "postgres" else redis_status(self.home)
            return psutil.Process(server.pid) if server else None
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess):
                    if child.cmdline()[1:4] == ["-m", "digital_spiral", service]:
                        return child
        return None

    def everything(self) -> list[psutil.Process]:
        """All processes of the installation."""
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def entries(self) -> list[dict[str, object]]:
        """The log, each line of which is an entry."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    async def eventually(self, probe: Callable[[], Awaitable[T | None]], seconds: float = BACK_SECONDS) -> T:
        """The first answer of ``probe`` that is not None."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (answer := await probe()) is not None:
                return answer
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not happen within {seconds} s\n{self.log.read_text('utf-8')[-8000:]}")

    def finished(self, seconds: float) -> int:
        """Its exit status, when it has ended within a time."""
        status = self.process.wait(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def ready(self) -> dict[str, object]:
        """What it prints when everything works."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text("utf-8")
        answer: dict[str, object] = json.loads(line)
        return answer


def start_up(home: Path, *arguments: str, **environment: str) -> Up:
    log = home / f"up-{uuid.uuid4().hex[:8]}.log"
    kept = {name: value for name, value in os.environ.items() if name not in EXTERNAL}
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "digital_spiral", "--home", str(home), "up", "--json", *(arguments or FREE_PORT)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**kept, "DIGITAL_SPIRAL_LEASE_SWEEP_SECONDS": "0.5", **environment},
        )
    return Up(home, process, log)


FREE_PORT = ("--port", "0", "--concurrency", "1")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account can reach, too, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ds-up-"))
    folder.chmod(0o755)
    yield folder
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or []) and "postgres" not in process.name():
            with suppress(psutil.NoSuchProcess):
                process.kill()
    stop_servers(folder)
    shutil.rmtree(folder)


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[dict[str, str]]:
    """An empty database, as an external one that the environment names."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name)
    yield {"DATABASE_URL": postgres.url(APP_ROLE, name), "DATABASE_OWNER_URL": postgres.url(OWNER_ROLE, name)}
    postgres.drop_database(name)


@dataclass
class Client:
    """A user of the API, with a key."""

    up: Up
    http: httpx2.AsyncClient
    instance_id: UUID

    async def issues(self) -> int | None:
        """How many issues a page of all issues has; None while the API does not answer so."""
        try:
            answer = await self.http.get("/v1/issues", params={"limit": 100})
        except httpx2.HTTPError:
            return None
        return len(answer.json()["items"]) if answer.status_code == 200 else None

    async def start_copy(self) -> str:
        """Start a run and return its id; what does not answer for the moment is asked again."""

        async def start() -> str | None:
            with suppress(httpx2.HTTPError):
                answer = await self.http.post(self.runs, json={"kind": "backfill"})
                return str(answer.json()["id"]) if answer.status_code == 202 else None
            return None

        return await self.up.eventually(start)

    async def until(self, run_id: str, state: str) -> None:
        """Wait until a run is in a state."""

        async def reached() -> bool | None:
            with suppress(httpx2.HTTPError):
                answer = await self.http.get(f"{self.runs}/{run_id}")
                if answer.status_code == 200:
                    assert answer.json()["state"] != "failed", answer.text
                    return answer.json()["state"] == state or None
            return None

        await self.up.eventually(reached)

    @property
    def runs(self) -> str:
        """Path of the runs of the site."""
        return f"/v1/instances/{self.instance_id}/sync-runs"


@asynccontextmanager
async def client_of(up: Up, api_url: str, site_url: str) -> AsyncIterator[Client]:
    """Make a tenant with a site and a key, as the commands do."""
    async with open_runtime(up.home).open_session() as session:
        services = session.services
        tenant = await services.create_tenant.create("acme", "tester")
        connection = await services.connect_instance.connect(
            tenant.id,
            base_url=site_url,
            credentials=Credentials("admin@example.com", "emulator-token"),
            name="acme",
            actor="tester",
        )
        made = await services.create_key.create(
            tenant.id, name="test", scopes=list(Scope), expires_at=None, actor="tester"
        )
    headers = {"Authorization": f"Bearer {made.token}"}
    async with httpx2.AsyncClient(base_url=api_url, headers=headers, timeout=30) as http:
        yield Client(up, http, connection.instance.id)


async def kill_and_see_it_come_back(client: Client, service: str) -> None:
    killed = client.up.child(service)
    assert killed is not None
    killed.kill()

    async def back() -> psutil.Process | None:
        found = await asyncio.to_thread(client.up.child, service)
        return found if found is not None and found.pid != killed.pid else None

    await client.up.eventually(back)
    assert await client.up.eventually(client.issues) == ISSUES


async def stop_with_a_request_in_flight(client: Client) -> None:
    """SIGTERM, twice, while a request waits for a lock: it is answered, later ones are refused, all ends in time."""
    up = client.up
    processes = up.everything()
    server = postgres_status(up.home)
    assert server is not None
    owner = await asyncpg.connect(server.owner_url.replace("+asyncpg", ""))
    await owner.execute("BEGIN; LOCK TABLE issues IN ACCESS EXCLUSIVE MODE")
    in_flight = asyncio.create_task(client.http.get("/v1/issues"))

    async def waiting() -> bool | None:
        found = await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(found) or None

    await up.eventually(waiting)
    asked = time.monotonic()
    for _ in range(2):
        up.process.send_signal(signal.SIGTERM)

    async def refused() -> bool | None:
        with suppress(httpx2.HTTPError):
            async with httpx2.AsyncClient(base_url=client.http.base_url) as other:
                await other.get("/health")
                return None
        return True

    await up.eventually(refused)
    assert not in_flight.done()
    await owner.execute("ROLLBACK")
    await owner.close()
    assert (await in_flight).status_code == 200
    assert await asyncio.to_thread(up.finished, STOP_SECONDS) == 0
    assert time.monotonic() - asked < STOP_SECONDS
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []
    assert (postgres_status(up.home), redis_status(up.home)) == (None, None)


async def kill_up_while_it_copies(up: Up, client: Client) -> str:
    """Kill `up` in the middle of a run; return the run's id when everything but the servers has died with it."""
    run_id = await client.start_copy()
    await client.until(run_id, "running")
    servers = [server.pid for server in map(up.child, SERVERS) if server]
    orphans = [process for process in up.everything() if process.pid not in (up.process.pid, *servers)]
    orphans = [process for process in orphans if process.parent() is None or process.ppid() not in servers]
    assert len(orphans) > len(SERVICES), "the worker has a process of its own for the run"
    up.process.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, orphans, 10)
    assert alive == []
    return run_id


async def test_the_life_of_an_installation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTERNAL:
        monkeypatch.delenv(name, raising=False)
    up = start_up(home)
    told = await asyncio.to_thread(up.ready)
    assert set(told) == {"api_url", "home", "pid"}
    assert told["pid"] == up.process.pid
    with pytest.raises(Conflict, match="digital-spiral up"):
        refuse_while_up(home)
    second = start_up(home)
    assert await asyncio.to_thread(second.finished, 60) == 1
    assert f"(process {up.process.pid}) runs in {home}" in second.log.read_text("utf-8")

    with serve_site(issues=ISSUES, seed=3, latency_ms=LATENCY_MS) as site:
        async with client_of(up, str(told["api_url"]), site.address) as client:
            run_id = await kill_up_while_it_copies(up, client)
            await asyncio.to_thread(up.finished, 10)
            stop_servers(home)

            client.up = up = start_up(home)
            client.http.base_url = str((await asyncio.to_thread(up.ready))["api_url"])
            await client.until(run_id, "succeeded")
            for service in (*SERVICES, *SERVERS):
                await kill_and_see_it_come_back(client, service)
            await client.until(await client.start_copy(), "succeeded")
            await stop_with_a_request_in_flight(client)

    entries = up.entries()
    assert {"up", *SERVICES, *SERVERS} <= {entry["service"] for entry in entries}
    assert all({"timestamp", "level", "event", "service", "pid"} <= set(entry) for entry in entries)


def test_a_port_that_is_taken_ends_it_with_a_sentence(home: Path, database: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        up = start_up(home, "--port", str(port), **database)
        stdout, _ = up.process.communicate(timeout=120)
    assert up.process.returncode == 1
    error = json.loads(stdout.splitlines()[-1])["error"]
    assert "`api` cannot be started (status 1)" in error["message"]
    assert f"cannot listen on 127.0.0.1, port {port}" in error["message"]
    assert up.log.read_text("utf-8").count("api has ended") == REFUSED_STARTS - 1
    left = [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []
