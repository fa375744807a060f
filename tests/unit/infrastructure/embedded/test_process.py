"""Processes: recognised by more than their number, ended for certain."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_spiral.infrastructure.embedded import process as module
from digital_spiral.infrastructure.embedded.errors import HomeNotUsable
from digital_spiral.infrastructure.embedded.folder import Account
from digital_spiral.infrastructure.embedded.process import (
    end,
    is_alive,
    is_server,
    launch,
    log_tail,
    processes_working_in,
    wait_until_gone,
)

pytestmark = pytest.mark.process
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(params=["proc", "ps"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the system is asked about processes: /proc, or ps as on macOS."""
    if request.param == "ps":
        if not shutil.which("ps", path="/bin"):
            pytest.skip("this system has no /bin/ps")
        monkeypatch.setattr(module, "_has_proc", lambda: False)
    return str(request.param)


@pytest.mark.usefixtures("source")
def test_living_dead_and_unknown_processes(sleeper: subprocess.Popen[bytes]) -> None:
    assert is_alive(sleeper.pid)
    assert is_server(sleeper.pid, Path("/elsewhere"), Path("sleep"))
    assert not is_server(sleeper.pid, Path("/elsewhere"))
    sleeper.send_signal(signal.SIGKILL)
    assert wait_until_gone([sleeper.pid], 10) == []
    assert sleeper.returncode is None, "the test wants a process that waits to be reaped"
    assert not is_server(sleeper.pid, Path("sleep"))
    sleeper.wait()
    assert not is_alive(sleeper.pid)
    assert end([sleeper.pid], [(signal.SIGTERM, 1.0)]) == []


def test_process_without_a_command_line_is_no_server() -> None:
    kernel_thread = 2
    if Path(f"/proc/{kernel_thread}/cmdline").exists() and not Path(f"/proc/{kernel_thread}/cmdline").read_bytes():
        assert not is_server(kernel_thread, Path("/"))
    assert not is_server(2**22 + 1, Path("/"))


def test_launched_process_is_detached_and_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret-word@host/spiral")
    log = tmp_path / "log"
    code = "import os; print(os.getsid(0) == os.getpid(), os.getcwd(), sorted(os.environ))"
    process = launch([sys.executable, "-c", code], None, log)
    assert process.wait() == 0
    assert not is_alive(process.pid)
    line = log_tail(log)
    assert line.startswith("True / ")
    assert "DATABASE_URL" not in line


def test_program_that_may_not_be_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    program.chmod(0o600)
    with pytest.raises(HomeNotUsable, match=r"Cannot start .*program.*DATABASE_URL and REDIS_URL"):
        launch([str(program)], None, tmp_path / "log")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may change to any account")
def test_a_normal_user_cannot_start_a_server_as_another(tmp_path: Path) -> None:
    with pytest.raises(HomeNotUsable, match="as stranger"):
        launch(["/bin/true"], Account("stranger", 4_000_001, 4_000_001), tmp_path / "log")


def test_stubborn_process_is_ended_by_the_last_signal(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, cwd=tmp_path)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end([process.pid], [(signal.SIGTERM, 0.1)]) == [process.pid]
        assert end([process.pid], [(signal.SIGTERM, 0.1), (signal.SIGKILL, 10.0)]) == []


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="this system has no /proc")
def test_processes_are_found_by_folder_and_program(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert processes_working_in(tmp_path, "sleep") == [sleeper.pid]
    assert processes_working_in(tmp_path, "postgres") == []
    assert processes_working_in(tmp_path / "other", "sleep") == []


def test_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_tail(log) == ""
    log.write_bytes(b"\n".join(b"line %d \xff" % number for number in range(20)))
    assert log_tail(log, lines=2).splitlines() == ["line 18 \ufffd", "line 19 \ufffd"]
