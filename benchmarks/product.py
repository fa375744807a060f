"""The product's own commands and processes, as a user would type them, each home with servers of its own.

Emulator, worker, PostgreSQL and Redis share the machine, as they do in the demo.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.provisioning import SUPERUSER

SITE = "bench"
TENANT = "bench"
_TOKEN = "bench-token"  # noqa: S105 - the emulator's, on loopback, for the length of the run
_EMAIL = "bench@example.com"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Dataset:
    """What the emulator serves: files of ``real`` issues, or ``generated`` ones."""

    kind: str
    emulator_arguments: tuple[str, ...]


def generated(issues: int) -> Dataset:
    """Issues that the emulator makes up; the same ones every time."""
    return Dataset("generated", ("--issues", str(issues)))


@dataclass(frozen=True)
class Commands:
    """Runs commands of the product in one home, for its one tenant."""

    home: Path

    def __call__(self, *arguments: str, answer: type[Answer], stdin: str = "") -> Answer:
        """Run a command and read the JSON object that it prints last.

        Raises:
            RuntimeError: It failed; the message ends with what it said.
        """
        command = [sys.executable, "-m", "digital_spiral", *arguments, "--home", str(self.home), "--json"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"`{' '.join(arguments)}` failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=answer)

    def connect(self, url: str) -> None:
        """Make schema and tenant and connect the emulator at ``url``."""
        self("db", "upgrade", answer=object)
        self("tenants", "create", TENANT, answer=object)
        self("connect", url, "--email", _EMAIL, "--token-stdin", "--name", SITE, answer=object, stdin=_TOKEN)


@dataclass(frozen=True)
class Process:
    """A running child: its address, where it serves one, and its size."""

    process: subprocess.Popen[bytes]
    url: str = ""

    def peak_mb(self) -> float:
        """The largest resident size so far in MB (10^6 bytes); 0 where there is no /proc."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return 0.0
        found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
        return int(found[1]) * 1024 / 1e6 if found else 0.0


@contextmanager
def emulator(dataset: Dataset, logs: Path) -> Iterator[Process]:
    """A running emulator of the dataset."""
    arguments = ["jira_emulator", "serve", "--port", "0", "--email", _EMAIL, "--token", _TOKEN]
    with _serving([*arguments, *dataset.emulator_arguments], logs / "emulator.log") as process:
        yield process


@contextmanager
def api(home: Path) -> Iterator[Process]:
    """The API of a home, as its own process."""
    with _serving(["digital_spiral", "api", "--port", "0", "--home", str(home)], home / "api.log") as process:
        yield process


@contextmanager
def background(home: Path, command: str) -> Iterator[Process]:
    """A long-running command of the product that says nothing when it is ready."""
    arguments = ["digital_spiral", command, "--home", str(home)]
    with _started(arguments, home / f"{command}.log", stdout=subprocess.DEVNULL) as process:
        yield Process(process)


@asynccontextmanager
async def superuser(home: Path) -> AsyncIterator[AsyncConnection]:
    """The home's database as the role that row security does not bind; each statement is a transaction."""
    server = start_postgres(home)
    engine = create_single_engine(server.url(SUPERUSER)).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection


@contextmanager
def _serving(arguments: Sequence[str], log: Path) -> Iterator[Process]:
    """A child that prints one line with its address when it is ready."""
    with _started(arguments, log, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        line = process.stdout.readline().decode()
        if "http" not in line:
            raise RuntimeError(f"`{arguments[0]} {arguments[1]}` did not start:\n{_tail(log)}")
        yield Process(process, line[line.index("http") :].strip())


@contextmanager
def _started(arguments: Sequence[str], log: Path, *, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    """A child process in a group of its own, ended with the block."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=stdout, stderr=stderr, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
