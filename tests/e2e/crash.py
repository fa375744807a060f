"""Kills at random moments: the plan that a seed stands for, what carries it out, and what starts things again."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import psutil

from digital_spiral.domain.errors import SpiralError
from digital_spiral.infrastructure.embedded.errors import EmbeddedServerError
from digital_spiral.infrastructure.embedded.postgres import postgres_status
from digital_spiral.infrastructure.embedded.redis import redis_status
from digital_spiral.infrastructure.embedded.servers import ensure_servers
from tests.e2e.installation import POLL_SECONDS, Backfill, Installation

KEEP_SECONDS = 0.1
FEWEST_KILLS, MOST_KILLS = 3, 6
LAST_THRESHOLD = 1_700
"""Of 2,000 issues: what is left at that point takes longer than a look at the run."""


class Kind(StrEnum):
    """What is killed."""

    CHILD = "child"
    """A process of the worker that runs tasks, or one that a killed main process left behind."""
    MAIN = "main"
    """The worker's main process alone; its children are left."""
    BEAT = "beat"
    POSTMASTER = "postmaster"
    BACKEND = "backend"
    """A process of PostgreSQL that serves one connection; the server then ends all the others by itself."""
    REDIS = "redis"


@dataclass(frozen=True)
class Kill:
    """One blow: a delay in seconds after the blow before it, once so many issues are committed.

    No issue is committed at the moment a worker takes the run; ``-1`` does not wait for that.
    """

    kind: Kind
    issues: int
    delay: float


@dataclass(frozen=True)
class Plan:
    """Everything random about one seed."""

    seed: int
    concurrency: int
    latency_ms: int
    kills: tuple[Kill, ...]


def plan(seed: int) -> Plan:
    """The plan of a seed. Three seeds in a row hold every kind, since each begins with two of its own."""
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose
    kinds = list(Kind)
    chosen = [kinds[2 * seed % len(kinds)], kinds[(2 * seed + 1) % len(kinds)]]
    chosen += draw.choices(kinds, k=draw.randint(FEWEST_KILLS, MOST_KILLS) - len(chosen))
    draw.shuffle(chosen)
    kills: list[Kill] = []
    issues = 0
    for kind in chosen:
        chance = draw.random()
        delay = draw.uniform(0.0, 0.6)
        if not kills:
            # One in ten runs meets the first blow before a worker takes it, one in five in the lists before the issues.
            issues = -1 if chance < 0.1 else 0 if chance < 0.3 else draw.randint(1, 900)
        elif chance < 0.6:
            issues = min(LAST_THRESHOLD, max(0, issues) + draw.randint(1, 600))
        kills.append(Kill(kind, issues, delay))
    return Plan(seed, draw.choice((1, 2)), draw.randint(60, 140), tuple(kills))


@dataclass(frozen=True)
class Blow:
    """A kill that was carried out, so many seconds after the run was asked for."""

    kind: Kind
    seconds: float


@dataclass
class Keeper:
    """Starts again what does not start by itself: the worker's main process, beat, and the two servers."""

    installation: Installation
    concurrency: int
    worker: subprocess.Popen[bytes] | None = None
    beat: subprocess.Popen[bytes] | None = None
    mains: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep everything running for as long as the context lasts."""
        stopping = asyncio.Event()
        # Never cancelled: a server that is being started has to be there before it can be stopped.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_commands(stopping))
            group.create_task(self._keep_servers(stopping))
            try:
                yield
            finally:
                stopping.set()

    async def _keep_commands(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if self.beat is None or self.beat.poll() is not None:
                self.beat = self.installation.start("beat")
            if self.worker is None or self.worker.poll() is not None:
                self.worker = self.installation.start("worker", "--concurrency", str(self.concurrency))
                self.mains.append(self.worker.pid)
            await asyncio.sleep(KEEP_SECONDS)

    async def _keep_servers(self, stopping: asyncio.Event) -> None:
        home, settings = self.installation.home, self.installation.settings
        while not stopping.is_set():
            if not await asyncio.to_thread(lambda: postgres_status(home) and redis_status(home)):
                # One that is killed while it starts is started again, as the other things are.
                with suppress(EmbeddedServerError):
                    await asyncio.to_thread(ensure_servers, settings)
            await asyncio.sleep(KEEP_SECONDS)

    def task_processes(self) -> list[int]:
        """Processes that run tasks, of the present worker and of those that were killed."""
        pids = [process.pid for process in _processes() if process.pid not in self.mains]
        return [pid for pid in pids if _group(pid) in self.mains]

    def orphans(self) -> list[int]:
        """Processes of workers whose main process is gone."""
        present = None if self.worker is None else self.worker.pid
        return [pid for pid in self.task_processes() if _group(pid) != present]

    def victims(self, kind: Kind) -> list[int]:
        """Process ids of what can be killed just now."""
        match kind:
            case Kind.CHILD:
                return self.task_processes()
            case Kind.MAIN:
                return [] if self.worker is None or self.worker.poll() is not None else [self.worker.pid]
            case Kind.BEAT:
                return [] if self.beat is None or self.beat.poll() is not None else [self.beat.pid]
            case Kind.REDIS:
                redis = redis_status(self.installation.home)
                return [] if redis is None else [redis.pid]
        postgres = postgres_status(self.installation.home)
        if postgres is None:
            return []
        if kind is Kind.POSTMASTER:
            return [postgres.pid]
        with suppress(psutil.NoSuchProcess):
            served = psutil.Process(postgres.pid).children()
            return [process.pid for process in served if _serves_connection(process)]
        return []


async def strike(keeper: Keeper, backfill: Backfill, planned: Plan, blows: list[Blow]) -> None:
    """Carry out the kills of a plan and note them; those that the run's end overtakes are left out."""
    draw = random.Random(planned.seed)  # noqa: S311 - repeatable on purpose
    began = time.monotonic()
    for kill in planned.kills:
        struck, due = False, None
        while not struck:
            committed = await _committed(backfill)
            if committed is None:
                return
            if due is None and committed >= kill.issues:
                due = time.monotonic() + kill.delay
            if due is not None and time.monotonic() >= due:
                victims = await asyncio.to_thread(keeper.victims, kill.kind)
                struck = bool(victims) and _kill(draw.choice(sorted(victims)))
            await asyncio.sleep(POLL_SECONDS)
        blows.append(Blow(kill.kind, time.monotonic() - began))


def _kill(pid: int) -> bool:
    """Kill a process; whether it was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


async def _committed(backfill: Backfill) -> int | None:
    """How many issues are committed, -1 while nobody has taken the run or nobody can tell, None once it has ended."""
    try:
        run = await backfill.status()
    except SpiralError:
        return -1
    if run.state.finished:
        return None
    return run.issues_fetched if run.epoch else -1


def _processes() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _group(pid: int) -> int:
    """Process group, which in a worker is the process id of its main process; 0 for a process that is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _serves_connection(process: psutil.Process) -> bool:
    try:
        return "digital_spiral_app" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
