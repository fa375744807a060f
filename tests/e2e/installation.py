"""An installation whose parts a test can kill: an emulator, a home with its servers, its processes, a run to watch."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx2

from digital_spiral.application.services import Services
from digital_spiral.bootstrap.services import build_services
from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.entities.sync import SyncRun
from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.config.settings import Settings, load_settings
from digital_spiral.infrastructure.embedded.servers import Servers, ensure_servers, stop_servers

T = TypeVar("T")

CONTROL = "control"
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Site:
    """An emulator in a process of its own."""

    address: str

    async def control(self, method: str, door: str, body: object = None) -> dict[str, object]:
        """Ask the control door."""
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {CONTROL}"}) as client:
            answer = await client.request(method, f"{self.address}/_emulator/{door}", json=body)
        answer.raise_for_status()
        content: dict[str, object] = answer.json()
        return content

    async def issues_asked(self) -> int:
        """How many issues were asked for so far, each as often as it was."""
        asked = (await self.control("GET", "requests"))["issues_asked"]
        assert isinstance(asked, int)
        return asked

    async def requests(self) -> int:
        """How many requests were answered so far."""
        total = (await self.control("GET", "requests"))["total"]
        assert isinstance(total, int)
        return total


@contextmanager
def serve_site(*, issues: int, seed: int, latency_ms: float) -> Iterator[Site]:
    """Serve a generated site for as long as the context lasts."""
    arguments = ("--issues", str(issues), "--seed", str(seed), "--latency", str(latency_ms), "--control-token", CONTROL)
    process = subprocess.Popen(
        [sys.executable, "-m", "jira_emulator", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Site(process.stdout.readline().split()[-1].strip())
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home that PostgreSQL's account can reach, too, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ds-e2e-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@dataclass
class Installation:
    """A home, the servers it uses, and the processes started on them."""

    settings: Settings
    servers: Servers
    services: Services
    site: Site
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The home folder, which holds the logs, too."""
        return self.settings.home

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start one of the product's long-running commands, in a process group of its own."""
        with (self.home / f"{command[0]}-{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "digital_spiral", "--home", str(self.home), *command],
                stdout=log,
                stderr=log,
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
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(f"it did not happen within {seconds} s\n{self.logs()}")


@asynccontextmanager
async def installed(home: Path, site: Site) -> AsyncIterator[Installation]:
    """Start the servers that the environment does not name in ``home``; everything ends with the context."""
    settings = load_settings(home)
    servers = await asyncio.to_thread(ensure_servers, settings)
    services = build_services(settings, servers)
    made = Installation(settings, servers, services, site)
    try:
        yield made
    finally:
        for process in made.running:
            kill_group(process)
            process.wait(timeout=10)
        await services.close()
        await asyncio.to_thread(stop_servers, settings.home)


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
        """The run as it is stored."""
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

    async def ended(self, seconds: float = 180.0) -> SyncRun:
        """The run as it ended, looked at through whatever happens to the database."""

        async def probe() -> SyncRun | None:
            with suppress(Unavailable):
                run = await self.status()
                return run if run.state.finished else None
            return None

        return await self.installation.eventually(probe, seconds)

    async def repeated(self) -> "Backfill":
        """A further run of the same instance."""
        services = self.installation.services
        run = await services.start_backfill.start(self.tenant_id, self.instance_id, "tester")
        return Backfill(self.installation, self.tenant_id, self.instance_id, run.id)

    async def assert_whole(self) -> None:
        """The copy holds exactly what the site holds."""
        report = await self.installation.services.census.take(self.tenant_id, self.instance_id, actor="tester")
        assert (report.match_percent, report.findings) == (100.0, [])


async def start_backfill(installation: Installation) -> Backfill:
    """Make a tenant, connect its site, and ask for the first copy."""
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
