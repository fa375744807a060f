"""Children of the demo: none outlives it, and none dies unseen."""

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from digital_spiral.domain.errors import Conflict, Unavailable
from digital_spiral.interfaces.cli import children as children_module
from digital_spiral.interfaces.cli.children import Children
from digital_spiral.interfaces.cli.interruption import only_one, refuse_while_up

pytestmark = pytest.mark.process

# A child that starts a child of its own, says so, and waits.
WAITING = """
import os, signal, subprocess, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(os.getpid(), below.pid, flush=True)
signal.pause()
"""
FAILING = """
import sys
print("the port is taken", file=sys.stderr)
sys.exit(3)
"""
PARENT = """
import asyncio, sys
from pathlib import Path
from digital_spiral.interfaces.cli.children import Children

async def main():
    async with Children(Path(sys.argv[1])) as children:
        output = await children.start_talking("waiting", ["waiting"])
        print((await output.readline()).decode().split()[0], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that `python -m` finds."""
    (tmp_path / "waiting.py").write_text(WAITING)
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "parent.py").write_text(PARENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


async def start_waiting(children: Children, *arguments: str) -> list[psutil.Process]:
    """Start a waiting child and return it with its own child."""
    output = await children.start_talking("waiting", ["waiting", *arguments])
    return [psutil.Process(int(pid)) for pid in (await output.readline()).split()]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []


async def test_leaving_ends_children_and_what_they_started(tmp_path: Path) -> None:
    async with Children(tmp_path / "logs") as children:
        processes = await start_waiting(children)
    assert_gone(processes)


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children_module, "GRACE_SECONDS", 0.1)
    async with Children(tmp_path / "logs") as children:
        processes = await start_waiting(children, "stubborn")
    assert_gone(processes)


async def test_children_end_when_the_work_fails(tmp_path: Path) -> None:
    processes: list[psutil.Process] = []

    async def failing_work() -> None:
        async with Children(tmp_path / "logs") as children:
            processes.extend(await start_waiting(children))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_work()
    assert_gone(processes)


async def test_the_end_of_a_child_ends_the_work_and_shows_its_log(tmp_path: Path) -> None:
    async with Children(tmp_path / "logs") as children:
        await children.start("failing", ["failing"])
        with pytest.raises(Unavailable, match=r"failing process has ended \(status 3\)") as caught:
            await children.unless_one_ends(asyncio.Event().wait())
    assert "the port is taken" in str(caught.value)


async def test_work_gives_its_result_while_children_live(tmp_path: Path) -> None:
    async def work() -> int:
        return 7

    async with Children(tmp_path / "logs") as children:
        await start_waiting(children)
        assert await children.unless_one_ends(work()) == 7


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
async def test_peak_memory_is_of_the_largest_process(tmp_path: Path) -> None:
    async with Children(tmp_path / "logs") as children:
        await start_waiting(children)
        assert 1_000_000 < children.peak_memory("waiting") < 500_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_die_with_a_killed_demo(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "parent", str(tmp_path / "logs")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    below = child.children()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert_gone([child])
    finally:
        for process in below:
            process.kill()


def test_one_home_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path, "up"):
        second = only_one(tmp_path, "demo")
        with pytest.raises(Conflict, match=rf"`digital-spiral up` \(process \d+\) runs in {tmp_path}"), second:
            pytest.fail("two of them hold one home")
        with pytest.raises(Conflict, match="Stop it first"):
            refuse_while_up(tmp_path)
    refuse_while_up(tmp_path)
    with only_one(tmp_path, "demo"):
        assert "demo" in (tmp_path / "up.lock").read_text()


def test_nothing_is_made_to_see_that_nothing_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    refuse_while_up(home)
    assert list(home.iterdir()) == []
