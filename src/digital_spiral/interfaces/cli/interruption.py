"""Commands that stay in the foreground: signals end them in order, and one home has one of them."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from digital_spiral.domain.errors import Conflict
from digital_spiral.interfaces.cli.output import INTERRUPTED

T = TypeVar("T")

LOCK_FILE = "up.lock"
LONGEST_NAME = 100


async def interruptible(work: Coroutine[object, object, int], interrupted: int = INTERRUPTED) -> int:
    """Run ``work`` so that SIGINT, SIGTERM and SIGHUP end it in order; a second signal does not disturb that.

    A signal cancels the work once. Returns what the work does, or ``interrupted`` when it did not end by itself.
    """
    task = asyncio.ensure_future(work)
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup(1) asks to survive it
        loop.add_signal_handler(signal.SIGHUP, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        return interrupted


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work to its end, so that what follows an interruption never overlaps with it."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


@contextmanager
def only_one(home: Path, command: str) -> Iterator[None]:
    """Hold the home's lock for a command that starts the processes of an installation.

    The lock is the kernel's and goes with the process; the file's text only says who holds it.

    Raises:
        Conflict: Another such command holds it; the message names it.
    """
    with _locked(home) as descriptor:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"`digital-spiral {command}` (process {os.getpid()})".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)


def refuse_while_up(home: Path) -> None:
    """Refuse what would take the servers away from a running `up` or `demo`.

    Raises:
        Conflict: One runs in this home.
    """
    if (home / LOCK_FILE).exists():
        with _locked(home):
            return


@contextmanager
def _locked(home: Path) -> Iterator[int]:
    descriptor = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, LONGEST_NAME, 0).decode(errors="replace") or "Another command"
            raise Conflict(f"{holder} runs in {home}. Stop it first, or choose another home with --home.") from error
        yield descriptor
    finally:
        os.close(descriptor)
