"""The embedded Redis: shared by its callers, closed to others, back after a kill, gone after a stop."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from kombu.connection import Connection
from redis import Redis

from digital_spiral.infrastructure.embedded import redis as launcher
from digital_spiral.infrastructure.embedded.errors import BinaryMissing, DiskFull, HomeNotUsable, ServerFailed
from digital_spiral.infrastructure.embedded.process import is_alive, wait_until_gone
from digital_spiral.infrastructure.embedded.redis import (
    RedisServer,
    broker_url,
    find_redis,
    redis_status,
    start_redis,
    stop_redis,
)

START = (
    "import sys; from pathlib import Path; from digital_spiral.infrastructure.embedded.redis import *; "
    "print(start_redis(Path(sys.argv[1])))"
)


def answer(server: RedisServer, section: str, key: str) -> str:
    with Redis.from_url(server.url) as client:
        values: dict[str, object] = client.info(section)
    return str(values[key])


def test_both_clients_reach_it_and_nothing_is_persisted_or_evicted(home: Path) -> None:
    server = start_redis(home)
    assert answer(server, "server", "process_id") == str(server.pid)
    with Redis.from_url(server.url) as client:
        for name, value in {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "port": "0"}.items():
            assert client.config_get(name) == {name: value}
    with Connection(broker_url(server.url)) as connection:  # type: ignore[no-untyped-call]
        connection.ensure_connection(max_retries=1, timeout=5)
        assert connection.connected


def test_only_the_caller_can_reach_the_socket(home: Path) -> None:
    server = start_redis(home)
    folder = server.socket.parent.stat()
    assert (folder.st_uid, stat.S_IMODE(folder.st_mode)) == (os.geteuid(), 0o700)
    assert Path(f"/proc/{server.pid}").stat().st_uid == os.geteuid()


@pytest.mark.process
def test_callers_at_the_same_time_get_one_server(home: Path) -> None:
    callers = [
        subprocess.Popen([sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {caller.communicate()[0] for caller in callers}
    assert answers == {f"{redis_status(home)}\n"}
    assert f"{start_redis(home)}\n" in answers


@pytest.mark.process
def test_killed_server_is_replaced_at_the_same_address(home: Path) -> None:
    server = start_redis(home)
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until_gone([server.pid], 10) == []
    assert redis_status(home) is None
    again = start_redis(home)
    assert (again.pid != server.pid, again.url) == (True, server.url)
    assert answer(again, "server", "process_id") == str(again.pid)


@pytest.mark.process
def test_frozen_server_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_redis(home)
    monkeypatch.setattr(launcher, "ANSWER_SECONDS", 0.2)
    os.kill(server.pid, signal.SIGSTOP)
    again = start_redis(home)
    assert again.pid != server.pid
    assert not is_alive(server.pid)


@pytest.mark.process
def test_server_whose_pid_file_was_never_written_is_found(home: Path) -> None:
    server = start_redis(home)
    (home / "redis" / "redis.pid").unlink()
    again = start_redis(home)
    assert not is_alive(server.pid)
    (home / "redis" / "redis.pid").unlink()
    assert stop_redis(home)
    assert not is_alive(again.pid)


@pytest.mark.process
def test_stop_leaves_nothing(home: Path) -> None:
    server = start_redis(home)
    assert stop_redis(home)
    assert not is_alive(server.pid)
    assert not server.socket.exists()
    assert redis_status(home) is None
    assert not stop_redis(home)


def test_stop_and_status_of_an_unknown_home_do_not_make_it(home: Path) -> None:
    assert (stop_redis(home), redis_status(home), home.exists()) == (False, None, False)


@pytest.mark.process
def test_pid_file_that_names_a_stranger_does_not_mislead(home: Path) -> None:
    start_redis(home)
    stop_redis(home)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        (home / "redis" / "redis.pid").write_text(f"{sleeper.pid}\n")
        assert redis_status(home) is None
        assert start_redis(home).pid != sleeper.pid
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.process
def test_home_with_a_path_too_long_for_a_socket(home: Path) -> None:
    long_home = home / ("a folder with spaces and a long name " * 3)
    try:
        server = start_redis(long_home)
        assert answer(server, "server", "process_id") == str(server.pid)
    finally:
        assert stop_redis(long_home)
    assert not server.socket.parent.exists()


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotUsable, match=r"Cannot write to the home.*--home or DIGITAL_SPIRAL_HOME"):
        start_redis(tmp_path / "file" / "home")


@pytest.mark.parametrize(("message", "error"), [("No space left on device", DiskFull), ("broken", ServerFailed)])
def test_server_that_does_not_start_is_explained(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, error: type[Exception]
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{message}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(launcher, "find_redis", lambda: str(program))
    with pytest.raises(error):
        start_redis(home)


def test_program_is_taken_from_the_wheel_then_the_environment_then_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    (tmp_path / "wheel" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "path").mkdir()
    programs = [
        tmp_path / "wheel" / "bin" / "redis-server",
        tmp_path / "env" / "bin" / "redis-server",
        tmp_path / "path" / "valkey-server",
    ]
    for program in programs:
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path / "wheel")]})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for program in programs:
        found.append(find_redis())
        program.unlink()
    assert found == [str(program) for program in programs]
    with pytest.raises(BinaryMissing, match=r"`redis-server` or `valkey-server` on PATH.*REDIS_URL"):
        find_redis()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:///a/redis.sock?db=0", "redis+socket:///a/redis.sock?virtual_host=0"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("rediss://host:6380/0", "rediss://host:6380/0"),
    ],
)
def test_address_for_celery(address: str, expected: str) -> None:
    assert broker_url(address) == expected
