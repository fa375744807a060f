"""Child processes: in groups of their own, and gone when this program is, however it ends."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from digital_spiral.domain.errors import Unavailable

T = TypeVar("T")

PR_SET_PDEATHSIG = 1  # prctl(2)
GRACE_SECONDS = 5.0
LOG_TAIL_LINES = 12


async def start_child(arguments: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]) -> Process:
    """Start ``python -m ARGUMENTS`` as the leader of a group; the kernel kills it when this program dies."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
    )


async def start_piped(arguments: Sequence[str], *, stderr: IO[bytes] | None = None) -> tuple[Process, "Output"]:
    """Start a child as ``start_child`` does; what it writes to stdout, and to stderr unless that is given, is read.

    The pipe is no part of the process: waiting for the process's end does not wait for those who inherited the pipe.
    """
    reading, writing = os.pipe()
    output = await Output.open(reading)
    try:
        return await start_child(arguments, stdout=writing, stderr=stderr or writing), output
    except BaseException:
        output.close()
        raise
    finally:
        os.close(writing)


@dataclass(frozen=True)
class Output:
    """The reading end of a pipe that children write into."""

    reader: asyncio.StreamReader
    _transport: asyncio.ReadTransport

    @classmethod
    async def open(cls, descriptor: int) -> "Output":
        """Take over a descriptor."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        return cls(reader, transport)

    def close(self) -> None:
        """Close the descriptor; who writes into the pipe from then on is told so by the system."""
        self._transport.close()


async def end_children(processes: Collection[Process], grace: float) -> bool:
    """End children: SIGTERM, and after at most ``grace`` seconds SIGKILL for what is left of their groups.

    Returns whether all of them ended by themselves.
    """
    for process in processes:
        with suppress(ProcessLookupError):
            process.terminate()
    waits = [asyncio.create_task(process.wait()) for process in processes]
    _, late = await asyncio.wait(waits, timeout=grace) if waits else (set(), set())
    for process in processes:
        kill_group(process)
    if late:
        await asyncio.wait(late)
    return not late


def kill_group(process: Process) -> None:
    """Kill a child with whatever it started; a leader that has ended may have left members of its group behind."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of dead processes
        os.killpg(process.pid, signal.SIGKILL)


class Children:
    """The processes that a demo starts. Their output goes to ``<name>.log`` in one folder.

    Used as an asynchronous context manager: leaving it ends them all.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Process] = {}
        self._outputs: list[Output] = []

    async def __aenter__(self) -> "Children":
        """Make the folder of the logs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *error: object) -> None:
        """End every child."""
        await end_children(self._running.values(), GRACE_SECONDS)
        for output in self._outputs:
            output.close()

    def log(self, name: str) -> Path:
        """Return the file that a child's output goes to."""
        return self._folder / f"{name}.log"

    async def start(self, name: str, arguments: Sequence[str]) -> Process:
        """Start ``python -m ARGUMENTS``; its output goes to the log."""
        with self.log(name).open("wb") as log:
            process = await start_child(arguments, stdout=log, stderr=log)
        self._running[name] = process
        return process

    async def start_talking(self, name: str, arguments: Sequence[str]) -> asyncio.StreamReader:
        """Start ``python -m ARGUMENTS``; its stderr goes to the log, its stdout to the caller."""
        with self.log(name).open("wb") as log:
            self._running[name], output = await start_piped(arguments, stderr=log)
        self._outputs.append(output)
        return output.reader

    async def unless_one_ends(self, work: Awaitable[T]) -> T:
        """Await ``work``; when a child ends meanwhile, stop waiting and say which and why.

        Raises:
            Unavailable: A child ended; the message ends with the tail of its log.
        """
        task = asyncio.ensure_future(work)
        ends = {asyncio.create_task(process.wait()): name for name, process in self._running.items()}
        try:
            done, _ = await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if task in done:
                return task.result()
            raise await self.failure(next(name for ended, name in ends.items() if ended in done))
        finally:
            for each in (task, *ends):
                each.cancel()
            await asyncio.gather(task, *ends, return_exceptions=True)

    async def failure(self, name: str) -> Unavailable:
        """Wait for a child's end and return the error that tells of it."""
        status = await self._running[name].wait()
        log = self.log(name)
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])
        return Unavailable(f"The {name} process has ended (status {status}). {log} ends:\n{tail}")

    def peak_memory(self, name: str) -> int:
        """Largest resident set size, in bytes, of any living process of a child's group; 0 where there is no /proc."""
        group = self._running[name].pid
        return max((_peak(entry) for entry in Path("/proc").glob("[0-9]*") if _group(entry) == group), default=0)


def _die_with_parent() -> Callable[[], None]:
    """Return what a child runs before its program: the kernel shall kill it when its parent is killed.

    The library is loaded here, because between fork and exec nothing may be imported.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def _group(entry: Path) -> int:
    try:
        return os.getpgid(int(entry.name))
    except ProcessLookupError:
        return 0


def _peak(entry: Path) -> int:
    try:
        status = (entry / "status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes[0]) * 1024 if kilobytes else 0
