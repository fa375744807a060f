"""What one worker process keeps between tasks: an event loop and the use cases on it."""

import asyncio
import contextvars
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext

from digital_spiral.application.services import Services
from digital_spiral.domain.errors import SpiralError
from digital_spiral.infrastructure.garbage import collect_seldom
from digital_spiral.infrastructure.queue.message import Message, MessageTracing
from digital_spiral.infrastructure.queue.refusals import Refusals

log = logging.getLogger(__name__)

Build = Callable[[], tuple[Services, MessageTracing | None]]


class WorkerProcess:
    """Runs use cases in a worker process.

    Connections, event loops and threads do not survive a fork, so nothing is built before ``start``, which each
    process calls for itself.

    Args:
        build: Builds the use cases, and what makes spans of messages where tracing is wanted.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._tracing: MessageTracing | None = None
        self._runner: asyncio.Runner | None = None
        self._services: Services | None = None
        self._refusals = Refusals(log)

    def start(self) -> None:
        """Make the event loop and the use cases."""
        self._runner = asyncio.Runner(loop_factory=_loop_factory())
        self._services, self._tracing = self._build()
        collect_seldom()

    def run(
        self, work: Callable[[Services], Coroutine[object, object, object]], message: Message | None = None
    ) -> None:
        """Run a use case to its end, for a message.

        A refusal that has a sentence for the user is logged as that sentence; there is nobody to raise it to. Any
        other error is a bug and goes up to Celery, which logs it with its traceback.
        """
        if self._runner is None or self._services is None:
            raise RuntimeError("start() was not called in this process")
        traced = self._tracing.running(message) if self._tracing and message else nullcontext()
        with _ended_by_sigterm(), traced:
            try:
                # The runner would use the context of its first task for all of them.
                self._runner.run(work(self._services), context=contextvars.copy_context())
            except SpiralError as error:
                self._refusals.tell(f"{error} ({error.code})")

    def stop(self) -> None:
        """Close connections and the event loop, and send the last spans."""
        if self._runner is not None and self._services is not None:
            self._runner.run(_close(self._services))
            self._runner.close()
        if self._tracing is not None:
            self._tracing.shutdown()
        self._runner = self._services = self._tracing = None


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
