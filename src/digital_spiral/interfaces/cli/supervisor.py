"""Keeps processes running: what dies is started again, what cannot start is given up, and all end in order."""

import asyncio
import logging
import signal
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from digital_spiral.domain.errors import SpiralError, Unavailable
from digital_spiral.interfaces.cli.children import LOG_TAIL_LINES, end_children, kill_group, start_piped
from digital_spiral.interfaces.cli.interruption import in_thread
from digital_spiral.interfaces.cli.log_stream import READ_BYTES, Lines, LogFile
from digital_spiral.interfaces.cli.runtime import EmbeddedServer

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
SETTLED_SECONDS = 10.0
"""The pause is short again for what has run for so long."""
STARTED_SECONDS = 60.0
"""What has run for so long can start: on a very busy machine a start takes half a minute."""
REFUSED_STARTS = 3
WATCH_SECONDS = 0.25
LAST_WORDS_SECONDS = 2.0

Hear = Callable[[str, int, bytes], None]
"""Takes a line that a process wrote: its service, its process id, the line without its end."""


@dataclass
class Restarts:
    """When something that has ended is started again, and when it is given up.

    Pauses double from 0.2 to 10 seconds and are short again after it ran for a while. It is given up when it has never
    run for a minute and has refused three starts in a row by ending itself with an error; a death by a signal is no
    refusal.
    """

    worked: bool = False
    quick: int = 0
    refusals: int = 0

    def pause_after(self, status: int, ran: float) -> float | None:
        """Return the seconds to wait before the next start, None to give up.

        Args:
            status: The exit status, or minus the number of the signal that ended it.
            ran: For how many seconds it ran.
        """
        self.worked = self.worked or ran >= STARTED_SECONDS
        self.refusals = self.refusals + 1 if status > 0 else 0
        if not self.worked and self.refusals >= REFUSED_STARTS:
            return None
        if ran >= SETTLED_SECONDS:
            self.quick = 0
        pause = min(FIRST_PAUSE_SECONDS * 2.0**self.quick, LONGEST_PAUSE_SECONDS)
        # Far enough for the longest pause, and no number without bounds.
        self.quick = min(self.quick + 1, 10)
        return pause


@dataclass
class Service:
    """A child process that shall always run.

    Attributes:
        name: What it is called in log entries.
        arguments: The command, asked for before each start.
        hear: Takes each line of its output.
    """

    name: str
    arguments: Callable[[], Sequence[str]]
    hear: Hear
    _process: Process | None = field(default=None, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_TAIL_LINES), init=False)

    async def keep(self) -> None:
        """Start the process, and again whenever it has ended, until ``stop`` is called.

        Raises:
            Unavailable: It cannot be started; the message says what it said last.
        """
        restarts = Restarts()
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._run()
            if self._stopping.is_set():
                return
            pause = restarts.pause_after(status, time.monotonic() - began)
            if pause is None:
                raise Unavailable(f"`{self.name}` cannot be started ({described(status)}):\n" + "\n".join(self._tail))
            log.warning("%s has ended (%s) and is started again in %.1f s", self.name, described(status), pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def stop(self, grace: float) -> None:
        """Let the process end and do not start it again; after ``grace`` seconds it is killed."""
        self._stopping.set()
        if self._process is not None and not await end_children([self._process], grace):
            log.warning("%s did not end within %.0f s and was killed", self.name, grace)

    async def _run(self) -> int:
        """Run the process once and return its status when it, and what it started, has ended."""
        self._tail.clear()
        process, output = await start_piped(self.arguments())
        self._process = process
        if self._stopping.is_set():  # asked to stop while it was being started
            kill_group(process)
        pump = asyncio.create_task(self._listen(process.pid, output.reader))
        try:
            return await process.wait()
        finally:
            # Members of its group that outlive it would work on unseen, and hold the pipe open.
            kill_group(process)
            self._process = None
            await asyncio.wait([pump], timeout=LAST_WORDS_SECONDS)
            pump.cancel()
            output.close()

    async def _listen(self, pid: int, reader: asyncio.StreamReader) -> None:
        """Hand on the lines that come through a pipe until its other end is closed."""
        lines = Lines()
        while data := await reader.read(READ_BYTES):
            for line in lines.feed(data):
                self._heard(pid, line)
        for line in lines.end():
            self._heard(pid, line)

    def _heard(self, pid: int, line: bytes) -> None:
        self._tail.append(line.decode("utf-8", errors="replace"))
        self.hear(self.name, pid, line)


async def watch(server: EmbeddedServer, hear: Hear) -> None:
    """Start an embedded server again when it dies, and hand on what it writes into its log file, until cancelled."""
    entries = LogFile(server.log)
    restarts, began = Restarts(), time.monotonic()
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        alive = server.is_alive()
        for line in entries.read():
            hear(server.name, server.pid, line)
        if alive:
            continue
        pause = restarts.pause_after(0, time.monotonic() - began) or 0.0
        log.error("%s (process %d) is gone and is started again in %.1f s", server.name, server.pid, pause)
        await asyncio.sleep(pause)
        began = time.monotonic()
        try:
            server = await in_thread(server.restart)
        except SpiralError as error:
            log.error("%s could not be started: %s", server.name, error)
        else:
            entries.begun_anew()


def described(status: int) -> str:
    """Return an exit status in words."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has a number but no name
        return f"killed by signal {-status}"


async def supervise(
    stages: Sequence[Sequence[tuple[Service, float]]], others: Sequence[Coroutine[object, object, None]]
) -> None:
    """Keep services running until cancelled, or until one cannot be started; then stop them in order.

    Args:
        stages: Which services end together, in the order in which they end, each with its seconds of grace.
        others: What runs beside them for as long, and is cancelled when all have ended.

    Raises:
        Unavailable: A service cannot be started; the others have been stopped.
    """
    services = [service for stage in stages for service, _ in stage]
    kept = [asyncio.create_task(service.keep()) for service in services]
    beside = [asyncio.create_task(other) for other in others]
    try:
        done, _ = await asyncio.wait([*kept, *beside], return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for stage in stages:
            log.info("Stopping %s", " and ".join(service.name for service, _ in stage))
            await asyncio.gather(*(service.stop(grace) for service, grace in stage))
        for task in beside:
            task.cancel()
        await asyncio.gather(*kept, *beside, return_exceptions=True)
