"""Several processes that do the same work, each on a socket of its own, watched by the one that forked them."""

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from digital_spiral.domain.errors import SpiralError, Unavailable
from digital_spiral.infrastructure.orphans import die_with
from digital_spiral.interfaces.cli.supervisor import Restarts

log = logging.getLogger(__name__)

GRACE_SECONDS = 10
"""Time that requests in progress get to end when the process is told to stop."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_LAST_SECONDS = 0.5

_fork = multiprocessing.get_context("fork")

Work = Callable[[socket.socket, Callable[[], None]], None]
"""Works on a socket until told to stop; calls the function once it accepts connections."""


class _Worker:
    """One of the processes. Its socket stays open while it is replaced, so connections wait for the successor."""

    def __init__(self, work: Work, listener: socket.socket) -> None:
        self._work = work
        self._listener = listener
        self._restarts = Restarts()
        self.begun_at = 0.0

    def start(self) -> None:
        """Fork."""
        self.ready, told = _fork.Pipe(duplex=False)
        self.process: ForkProcess = _fork.Process(target=self._run, args=(told, os.getpid()))
        self.begun_at = time.monotonic()
        self.process.start()
        told.close()

    def _run(self, told: Connection, parent: int) -> None:
        die_with(parent)
        signal.set_wakeup_fd(-1)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        try:
            self._work(self._listener, lambda: told.send_bytes(b"ready"))
        except Exception as error:  # unlogged, it would be printed as it is
            log.error("A process of the API cannot go on: %s", error, exc_info=not isinstance(error, SpiralError))
            raise SystemExit(os.EX_SOFTWARE) from None

    def pause(self) -> float:
        """Seconds to wait before the next start of a process that has just ended."""
        # As of a death by a signal, after which it is always tried again: it could start once.
        return self._restarts.pause_after(-signal.SIGKILL, time.monotonic() - self.begun_at) or 0.0


def run_processes(listeners: Sequence[socket.socket], work: Work, ready: Callable[[], None]) -> None:
    """Do ``work`` on each socket, in a process each, until SIGTERM or SIGINT; what dies is started again.

    It forks, so the caller has no threads and no event loop.

    Args:
        listeners: The sockets.
        work: What each process does.
        ready: Called once, when all processes accept connections.

    Raises:
        Unavailable: A process ended before it was ready.
    """
    workers = [_Worker(work, listener) for listener in listeners]
    with _stop_signal() as stop:
        started: list[_Worker] = []
        try:
            for worker in workers:
                worker.start()
                started.append(worker)
            if all(_await_ready(worker, stop) for worker in workers):
                ready()
                _watch(workers, stop)
        finally:
            _end([worker.process for worker in started])


def _await_ready(worker: _Worker, stop: int) -> bool:
    """Wait until a process is ready; False when all shall stop before."""
    found = wait([stop, worker.ready, worker.process.sentinel])
    if stop in found:
        return False
    if worker.ready in found and worker.ready.poll():
        try:
            return worker.ready.recv_bytes() == b"ready"
        except EOFError:
            worker.process.join()
    raise Unavailable(
        f"A process of the API ended before it was ready (status {worker.process.exitcode}). The log says why."
    )


def _watch(workers: Sequence[_Worker], stop: int) -> None:
    """Start again what ends, until all shall stop."""
    due: dict[_Worker, float] = {}
    while True:
        running = {worker.process.sentinel: worker for worker in workers if worker not in due}
        soonest = min(due.values(), default=None)
        found = wait([stop, *running], None if soonest is None else max(0.0, soonest - time.monotonic()))
        if stop in found:
            return
        for sentinel in found:
            assert isinstance(sentinel, int)  # noqa: S101 - as it was given
            worker = running[sentinel]
            worker.process.join()
            due[worker] = time.monotonic() + (pause := worker.pause())
            log.error(
                "A process of the API (%s) has ended (status %s) and is started again in %.1f s",
                worker.process.pid,
                worker.process.exitcode,
                pause,
            )
        for worker in [worker for worker, moment in due.items() if moment <= time.monotonic()]:
            del due[worker]
            worker.start()


def _end(processes: Sequence[ForkProcess]) -> None:
    """End the processes in order; those that take too long are killed."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS + _LAST_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()
        process.join()


@contextmanager
def _stop_signal() -> Iterator[int]:
    """A descriptor that can be read from once one of the signals has come."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, lambda *_: None) for number in STOP_SIGNALS}
    woken = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
