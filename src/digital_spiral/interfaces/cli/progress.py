"""Live progress: a bar in a terminal, plain lines elsewhere."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from digital_spiral.domain.entities.sync import RunState, SyncRun

POLL_SECONDS = 0.2
PLAIN_LINE_SECONDS = 5.0
QUEUED_HINT_SECONDS = 10.0

Report = Callable[[str, int, int, str], None]
"""Shows a phase, the number done, the number in all (0: unknown), and a text for the end of the line."""


async def follow_run(read: Callable[[], Awaitable[SyncRun]], console: Console) -> SyncRun:
    """Show a run until it has ended, and return it as it ended."""
    began = time.monotonic()
    hinted = False
    with reporting(console) as report:
        while True:
            run = await read()
            report(run.phase, run.issues_done, run.issues_total, describe(run, datetime.now(UTC)))
            if run.state.finished:
                return run
            if run.state is RunState.QUEUED and not hinted and time.monotonic() - began > QUEUED_HINT_SECONDS:
                hinted = True
                console.print("No worker has taken the run yet. Are `digital-spiral worker` and `beat` running?")
            await asyncio.sleep(POLL_SECONDS)


def describe(run: SyncRun, now: datetime) -> str:
    """Return rate, time left and requests of a run, e.g. ``1042 issues/s, 12 s left, 310 requests``."""
    parts = []
    seconds = ((run.finished_at or now) - run.started_at).total_seconds() if run.started_at else 0.0
    if seconds > 0 and run.issues_done:
        rate = run.issues_done / seconds
        parts.append(f"{rate:.0f} issues/s")
        if not run.state.finished and run.issues_total > run.issues_done:
            parts.append(f"{(run.issues_total - run.issues_done) / rate:.0f} s left")
    parts.append(f"{run.requests} requests")
    return ", ".join(parts)


@contextmanager
def reporting(console: Console) -> Iterator[Report]:
    """Show progress for as long as the context lasts, in the way the console allows."""
    if console.is_terminal:
        with _bar(console) as report:
            yield report
    else:
        yield _plain(console)


@contextmanager
def _bar(console: Console) -> Iterator[Report]:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), TextColumn("{task.completed}/{task.fields[all]}"))
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
        task = progress.add_task("", total=None, all="?", note="")

        def report(phase: str, done: int, total: int, note: str) -> None:
            shown = max(done, total) if total else None
            progress.update(task, description=phase, completed=done, total=shown, all=str(shown or "?"), note=note)

        yield report


def _plain(console: Console) -> Report:
    last_phase = ""
    last_at = -PLAIN_LINE_SECONDS

    def report(phase: str, done: int, total: int, note: str) -> None:
        nonlocal last_phase, last_at
        now = time.monotonic()
        if phase != last_phase or now - last_at >= PLAIN_LINE_SECONDS:
            last_phase, last_at = phase, now
            line = f"{phase}: {done}/{total or '?'}" + (f", {note}" if note else "")
            console.print(line, markup=False, soft_wrap=True)

    return report
