"""The API in several processes: one that is killed is replaced, and all end in order."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from digital_spiral.infrastructure.database import migrate
from digital_spiral.interfaces.cli.api import READY
from tests.e2e.installation import Installation, Site, installed, temporary_home

pytestmark = pytest.mark.process

PROCESSES = 2
STOP_SECONDS = 15.0


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture
async def installation(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    async with installed(home, Site("http://127.0.0.1:9")) as made:
        assert made.servers.owner_url is not None
        await asyncio.to_thread(migrate.upgrade, made.servers.owner_url)
        yield made


async def test_a_killed_process_is_replaced_and_all_end_in_order(installation: Installation) -> None:
    api = installation.start("api", "--port", "0", "--processes", str(PROCESSES))
    main = psutil.Process(api.pid)

    async def address() -> str | None:
        return next((line.removeprefix(READY) for line in installation.logs().splitlines() if READY in line), None)

    url = await installation.eventually(address, 60.0)
    answering = main.children()
    assert len(answering) == PROCESSES

    async with httpx2.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).status_code == 200
    answering[0].kill()

    async def replaced() -> list[psutil.Process] | None:
        living = [child for child in main.children() if child.status() != psutil.STATUS_ZOMBIE]
        return living if len(living) == PROCESSES and answering[0] not in living else None

    now_answering = await installation.eventually(replaced, 30.0)
    assert answering[1] in now_answering
    # Connections are shared out by the kernel; whichever process gets one, it is answered, if need be by the successor.
    for _ in range(10):
        async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
            assert (await client.get("/health")).json()["status"] == "ok"

    asked = time.monotonic()
    api.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(api.wait, STOP_SECONDS) == os.EX_OK
    assert time.monotonic() - asked < STOP_SECONDS
    assert not any(child.is_running() for child in now_answering)
    assert "is started again" in installation.logs()


async def test_processes_end_with_the_one_that_watches_them(installation: Installation) -> None:
    api = installation.start("api", "--port", "0", "--processes", str(PROCESSES))
    main = psutil.Process(api.pid)

    async def forked() -> list[psutil.Process] | None:
        return main.children() if READY in installation.logs() else None

    answering = await installation.eventually(forked, 60.0)
    assert len(answering) == PROCESSES
    main.kill()
    await asyncio.to_thread(api.wait, STOP_SECONDS)

    async def gone() -> bool | None:
        return None if any(child.is_running() for child in answering) else True

    assert await installation.eventually(gone, 10.0)
