"""What one worker process keeps between tasks: an event loop and the use cases on it."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from digital_spiral.application.services import Services
from digital_spiral.domain.errors import SpiralError

log = logging.getLogger(__name__)

BuildServices = Callable[[], Services]

GC_THRESHOLDS = (10_000, 20, 50)
"""Reading issues makes objects by the thousand that live as long as their batch. Looking for cycles among them after
every 700, as Python does by default, took a tenth of a worker's time."""


class WorkerProcess:
    """Runs use cases in a worker process.

    Connections and event loops do not survive a fork, so nothing is built before ``start``, which each process calls
    for itself.
    """

    def __init__(self, build: BuildServices) -> None:
        self._build = build
        self._runner: asyncio.Runner | None = None
        self._services: Services | None = None

    def start(self) -> None:
        """Make the event loop and the use cases."""
        self._runner = asyncio.Runner(loop_factory=_loop_factory())
        self._services = self._build()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def run(self, work: Callable[[Services], Coroutine[object, object, object]]) -> None:
        """Run a use case to its end.

        A refusal that has a sentence for the user is logged as that sentence; there is nobody to raise it to. Any
        other error is a bug and goes up to Celery, which logs it with its traceback.
        """
        if self._runner is None or self._services is None:
            raise RuntimeError("start() was not called in this process")
        with _ended_by_sigterm():
            try:
                self._runner.run(work(self._services))
            except SpiralError as error:
                log.warning("%s (%s)", error, error.code)

    def stop(self) -> None:
        """Close connections and the event loop."""
        if self._runner is not None and self._services is not None:
            self._runner.run(_close(self._services))
            self._runner.close()
        self._runner = self._services = None


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the process at once, as a crash would, which whatever runs here survives.

    The pool's own handler raises SystemExit wherever the code just is; inside an event loop that may be swallowed.
    """
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _close(services: Services) -> None:
    await services.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
