"""What every kind of test shares: where real data lies, seeds, closed sockets, and one pair of servers per run."""

import os
import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Protocol

import pytest
import pytest_socket
from hypothesis import settings as hypothesis_settings

from digital_spiral.infrastructure.embedded.folder import file_lock
from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.process import is_alive
from digital_spiral.infrastructure.embedded.redis import RedisServer, start_redis
from digital_spiral.infrastructure.embedded.servers import stop_servers

ROOT = Path(__file__).resolve().parent.parent
HOME_PREFIX = "ds-tests-"
SERVER_HOME = pytest.StashKey[Path]()
# A crash of the machine may take the test data with it; tests that kill servers do not use these.
FAST_POSTGRES = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

hypothesis_settings.register_profile("project", deadline=None, print_blob=True)
hypothesis_settings.load_profile("project")


class WorkerNode(Protocol):
    """What is used of xdist's handle on a worker; xdist has no types."""

    config: pytest.Config
    workerinput: dict[str, str]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash", "kills at random moments")
    group.addoption("--crash-seeds", type=int, default=3, metavar="N", help="run seeds 1 to N (default: 3)")
    group.addoption("--crash-seed", type=int, default=None, metavar="S", help="run this seed alone")


def _worker_input(config: pytest.Config) -> dict[str, str] | None:
    """Return what the controlling process handed to this xdist worker, None in that process itself."""
    return getattr(config, "workerinput", None)


def _remove_home(home: Path) -> None:
    stop_servers(home)
    shutil.rmtree(home)


def _remove_stale_homes(temporary: Path) -> None:
    """Stop the servers of runs that were killed before they could do it."""
    with file_lock(temporary / f".ds-tests-{os.geteuid()}.lock"):
        for home in temporary.glob(f"{HOME_PREFIX}*"):
            owner = int(home.name.removeprefix(HOME_PREFIX).partition("-")[0])
            if not is_alive(owner) and home.stat().st_uid == os.geteuid():
                _remove_home(home)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    handed_over = _worker_input(config)
    if handed_over is not None:
        config.stash[SERVER_HOME] = Path(handed_over["server_home"])
        config.option.hypothesis_seed = handed_over["hypothesis_seed"]
        return
    # Whoever ends the run by a signal finds the servers stopped as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    temporary = Path(tempfile.gettempdir())
    _remove_stale_homes(temporary)
    home = Path(tempfile.mkdtemp(prefix=f"{HOME_PREFIX}{os.getpid()}-", dir=temporary))
    home.chmod(0o755)  # PostgreSQL runs as another account when the tests run as root
    config.stash[SERVER_HOME] = home
    if config.getoption("hypothesis_seed") is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerNode) -> None:
    """Hand the servers' home to an xdist worker: whichever first needs a server starts it, the controller stops it."""
    node.workerinput["server_home"] = str(node.config.stash[SERVER_HOME])
    node.workerinput["hypothesis_seed"] = node.config.getoption("hypothesis_seed")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _worker_input(config) is None and SERVER_HOME in config.stash:
        _remove_home(config.stash[SERVER_HOME])


def pytest_report_header(config: pytest.Config) -> str:
    return f"hypothesis seed: {config.getoption('hypothesis_seed')}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each seed of the crash test met; its tests leave a line in their reports."""
    lines: list[tuple[str, str]] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                lines += [(str(line), outcome) for name, line in report.user_properties if name == "crash"]
    if lines:
        terminalreporter.section("kills at random moments; repeat one with --crash-seed S")
        for line, outcome in sorted(lines):
            terminalreporter.write_line(f"{line}  {outcome}", red=outcome == "failed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close network sockets to unit tests."""
    if "unit" in item.path.relative_to(ROOT / "tests").parts:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared real data, which is no part of the project; tests that need it are skipped without it."""
    folder = Path(os.environ.get("DIGITAL_SPIRAL_SHARED") or ROOT.parent / "shared")
    if not (folder / "jira-data").is_dir():
        pytest.skip("real data is absent: neither DIGITAL_SPIRAL_SHARED nor ../shared names its folder")
    return folder


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """The embedded PostgreSQL that all workers of this run share; make a database of your own in it."""
    return start_postgres(request.config.stash[SERVER_HOME], overrides=FAST_POSTGRES)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> RedisServer:
    """The embedded Redis that all workers of this run share; use key prefixes or databases of your own."""
    return start_redis(request.config.stash[SERVER_HOME])
