"""``kill -9`` of every process at random moments: the run resumes by itself, and the copy is right.

Repeat one seed with ``pytest tests/e2e/test_crash.py --crash-seed 7``; ``make crash`` runs twenty.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.embedded.postgres import postgres_status
from digital_spiral.infrastructure.embedded.provisioning import SUPERUSER
from tests.e2e.crash import Blow, Keeper, Kind, Plan, plan, strike
from tests.e2e.installation import (
    Backfill,
    Installation,
    Site,
    installed,
    serve_site,
    start_backfill,
    temporary_home,
)

pytestmark = pytest.mark.process

ISSUES = 2_000
BATCH = 250
IN_FLIGHT = 1_000
JIRA_CONCURRENCY = 2
END_SECONDS = 130.0
SETTLE_SECONDS = 20.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the seeds that the command line asks for."""
    if "crash_seed" in metafunc.fixturenames:
        alone = metafunc.config.getoption("crash_seed")
        seeds = [alone] if alone is not None else range(1, metafunc.config.getoption("crash_seeds") + 1)
        metafunc.parametrize("crash_seed", seeds)


@pytest.fixture
def planned(crash_seed: int) -> Plan:
    return plan(crash_seed)


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture
def site(planned: Plan) -> Iterator[Site]:
    with serve_site(issues=ISSUES, seed=planned.seed, latency_ms=planned.latency_ms) as served:
        yield served


@pytest.fixture
async def installation(home: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """A home with servers of its own, which write to disk as they do for a user."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("DIGITAL_SPIRAL_IN_FLIGHT_ISSUES", str(IN_FLIGHT))
    monkeypatch.setenv("DIGITAL_SPIRAL_JIRA_CONCURRENCY", str(JIRA_CONCURRENCY))
    async with installed(home, site) as made:
        assert made.servers.owner_url is not None
        await asyncio.to_thread(migrate.upgrade, made.servers.owner_url)
        yield made


@dataclass
class Outcome:
    """What a seed's line in the report says."""

    planned: Plan
    blows: list[Blow] = field(default_factory=list)
    takes: int = 0
    asked: int = 0
    seconds: float = math.nan

    @property
    def limit(self) -> int:
        """Issues that may be asked for at most."""
        return ISSUES + IN_FLIGHT * len(self.blows)

    def line(self) -> str:
        """The line."""
        kills = " ".join(f"{blow.kind}@{blow.seconds:.1f}" for blow in self.blows)
        return (
            f"seed {self.planned.seed:>3}: {self.seconds:5.1f} s, {self.takes:>2} takes, {self.asked:>4} issues "
            f"requested (at most {self.limit}), {len(self.blows)} kills at second: {kills}"
        )


def test_three_seeds_hold_every_kind_of_kill() -> None:
    for first in range(20):
        kinds = {kill.kind for seed in range(first, first + 3) for kill in plan(seed).kills}
        assert kinds == set(Kind)
        assert plan(first) == plan(first)


async def test_a_run_survives_kills(
    installation: Installation, planned: Plan, record_property: Callable[[str, object], None]
) -> None:
    keeper = Keeper(installation, planned.concurrency)
    outcome = Outcome(planned)
    try:
        async with keeper.keeping():
            backfill = await start_backfill(installation)
            began = time.monotonic()
            run = await struck_and_ended(keeper, backfill, outcome)
            outcome.takes, outcome.seconds = run.epoch, time.monotonic() - began
            outcome.asked = await installation.site.issues_asked()
            await installation.site.control("POST", "latency", {"ms": 0})
            assert_well_ended(run, outcome)
            await assert_nothing_is_left(backfill, keeper)
            await backfill.assert_whole()
            await assert_no_row_twice(backfill)
            await assert_nothing_to_do(backfill)
    finally:
        record_property("crash", outcome.line())


async def struck_and_ended(keeper: Keeper, backfill: Backfill, outcome: Outcome) -> SyncRun:
    """The run as it ended, after the kills of its plan."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await strike(keeper, backfill, outcome.planned, outcome.blows)
    except TimeoutError:
        raise AssertionError(
            f"the kills of the plan took over {END_SECONDS} s\n{backfill.installation.logs()}"
        ) from None
    return await backfill.ended(END_SECONDS)


def assert_well_ended(run: SyncRun, outcome: Outcome) -> None:
    """The run succeeded, set nothing aside, and asked for no more than the kills made it lose."""
    assert (run.state, run.error, run.skips) == (RunState.SUCCEEDED, None, [])
    assert run.issues_done == run.issues_total == ISSUES
    assert outcome.asked <= outcome.limit


async def assert_nothing_is_left(backfill: Backfill, keeper: Keeper) -> None:
    """No run is unfinished, nobody holds the lease, and no process outlives a worker that was killed."""

    async def probe() -> bool | None:
        locks, unfinished = await _counts(
            backfill,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
            "SELECT count(*) FROM sync_runs WHERE state IN ('queued', 'running')",
        )
        return True if (locks, unfinished, keeper.orphans()) == (0, 0, []) else None

    await backfill.installation.eventually(probe, SETTLE_SECONDS)


async def assert_no_row_twice(backfill: Backfill) -> None:
    """The tables hold as many rows as the site holds things; tombstones count, for nothing was ever deleted."""
    totals = await backfill.installation.site.control("GET", "totals")
    issues, comments, worklogs, histories, items = await _counts(
        backfill,
        "SELECT count(*) FROM issues",
        "SELECT count(*) FROM comments",
        "SELECT count(*) FROM worklogs",
        "SELECT count(DISTINCT (issue_id, jira_id)) FROM changelogs",
        "SELECT count(*) FROM changelogs",
    )
    held = {"issues": issues, "comments": comments, "worklogs": worklogs, "histories": histories, "items": items}
    assert held == totals
    assert issues == ISSUES


async def assert_nothing_to_do(backfill: Backfill) -> None:
    """A second run writes no row."""
    repeated = await backfill.repeated()
    run = await repeated.ended(END_SECONDS)
    assert (run.state, run.epoch, run.skips) == (RunState.SUCCEEDED, 1, [])
    written = {
        (table, outcome): rows
        for table, counts in run.counts.items()
        for outcome, rows in counts.items()
        if outcome != "unchanged" and rows
    }
    assert written == {}


async def _counts(backfill: Backfill, *queries: str) -> list[int]:
    """One number for each query, seen by the superuser, to whom every tenant's rows are visible."""
    server = postgres_status(backfill.installation.home)
    assert server is not None
    connection = await asyncpg.connect(server.url(SUPERUSER).replace("+asyncpg", "", 1))
    try:
        return [int(await connection.fetchval(query)) for query in queries]
    finally:
        await connection.close()
