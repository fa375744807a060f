"""Runs that are interrupted, taken over, or begun twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
import sqlalchemy as sa

from digital_spiral.application.ports import UnitOfWork
from digital_spiral.application.use_cases.sync import run_backfill
from digital_spiral.application.use_cases.sync.run_backfill import MAX_TAKES
from digital_spiral.application.use_cases.sync.run_session import FURTHEST
from digital_spiral.application.use_cases.sync.sweep import SweepRuns
from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.errors import Conflict, NotFound, Unavailable
from digital_spiral.infrastructure.database.session import create_single_engine
from tests.integration.conftest import Database
from tests.integration.sync.conftest import BATCH, IN_FLIGHT, Copy, Queue, utc_now
from tests.integration.sync.meddling import Crash, jira_with, store_with, watching_issues


@pytest.mark.parametrize("batches", [1, 3, 5])
async def test_a_crashed_run_resumes_and_asks_for_at_most_what_was_in_flight(copy: Copy, batches: int) -> None:
    asked: list[int] = []

    async def crash(_ids: Sequence[int]) -> None:
        if len(asked) > batches * BATCH:
            raise Crash

    run = await copy.start()
    with pytest.raises(Crash):
        await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, crash))).run(
            copy.tenant.id, run.id
        )
    stopped = await copy.run(run.id)
    assert stopped.state is RunState.RUNNING
    assert stopped.issues_done <= stopped.issues_fetched < len(copy.site.issues)

    async def go_on(_ids: Sequence[int]) -> None:
        return

    await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, go_on))).run(
        copy.tenant.id, run.id
    )
    ended = await copy.run(run.id)
    total = len(copy.site.issues)
    assert (ended.state, ended.epoch, ended.skips) == (RunState.SUCCEEDED, 2, [])
    assert ended.issues_done == ended.issues_total == total
    assert len(asked) <= total + IN_FLIGHT
    assert (await copy.census()).match_percent == 100.0


async def test_batches_that_ended_out_of_order_are_not_asked_for_again(copy: Copy) -> None:
    """The first batch never ends; what later ones committed above the checkpoint is compared, not fetched."""
    asked: list[int] = []
    first: set[int] = set()
    others_done = asyncio.Event()

    async def hold_the_first(ids: Sequence[int]) -> None:
        if not first:
            first.update(ids)
            async with asyncio.timeout(30):
                await others_done.wait()
            raise Crash
        if len(asked) == 5 * BATCH:
            others_done.set()

    run = await copy.start()
    with pytest.raises(Crash):
        await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, hold_the_first))).run(
            copy.tenant.id, run.id
        )
    stopped = await copy.run(run.id)
    assert stopped.issues_fetched == 3 * BATCH
    assert stopped.issues_done < stopped.issues_fetched

    async def go_on(_ids: Sequence[int]) -> None:
        return

    await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, go_on))).run(
        copy.tenant.id, run.id
    )
    ended = await copy.run(run.id)
    assert ended.issues_done == ended.issues_total == len(copy.site.issues)
    assert len(asked) == len(copy.site.issues) + 2 * BATCH


async def test_at_most_so_many_issues_are_in_flight(copy: Copy) -> None:
    """In flight is what was asked for and is not committed."""
    asked: list[int] = []
    most = 0

    async def count(_ids: Sequence[int]) -> None:
        nonlocal most
        committed = (await copy.run(run.id)).issues_fetched
        most = max(most, len(asked) - committed)

    run = await copy.start()
    await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, count))).run(
        copy.tenant.id, run.id
    )
    assert BATCH < most <= IN_FLIGHT


async def test_a_worker_that_lost_the_run_commits_nothing_more(copy: Copy, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    async def take_over(_ids: Sequence[int]) -> None:
        if len(asked) == BATCH:
            async with copy.open_uow(copy.tenant.id) as uow:
                await uow.runs.take(run.id, utc_now())
                await uow.commit()

    run = await copy.start()
    await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, take_over))).run(
        copy.tenant.id, run.id
    )
    taken = await copy.run(run.id)
    assert (taken.state, taken.epoch, taken.issues_fetched) == (RunState.RUNNING, 2, 0)
    assert (await copy.totals())["issues"] == 0
    assert "Another worker has taken" in caplog.text


async def test_a_worker_without_the_lease_leaves_the_run_alone(copy: Copy) -> None:
    run = await copy.start()
    async with copy.lease.hold(copy.instance.id) as had:
        assert had
        await copy.backfiller().run(copy.tenant.id, run.id)
    assert (await copy.run(run.id)).state is RunState.QUEUED


async def test_a_run_that_has_ended_is_not_run_again(copy: Copy) -> None:
    ended = await copy.backfill()
    await copy.backfiller().run(copy.tenant.id, ended.id)
    assert await copy.run(ended.id) == ended


async def test_a_run_that_ended_while_its_lease_was_waited_for_is_not_run_again(copy: Copy) -> None:
    run = await copy.start()

    @asynccontextmanager
    async def late(instance_id: UUID) -> AsyncIterator[bool]:
        await copy.backfiller().run(copy.tenant.id, run.id)
        yield True

    class LateLease:
        hold = staticmethod(late)

    await copy.backfiller(lease=LateLease()).run(copy.tenant.id, run.id)
    ended = await copy.run(run.id)
    assert (ended.state, ended.epoch) == (RunState.SUCCEEDED, 1)


async def test_a_second_run_beside_an_unfinished_one_is_refused(copy: Copy) -> None:
    await copy.start()
    with pytest.raises(Conflict, match="under way"):
        await copy.start()


async def test_a_run_that_keeps_killing_its_workers_is_given_up(copy: Copy) -> None:
    run = await copy.start()
    for _ in range(MAX_TAKES):
        async with copy.open_uow(copy.tenant.id) as uow:
            await uow.runs.take(run.id, utc_now())
            await uow.commit()
    await copy.backfiller().run(copy.tenant.id, run.id)
    ended = await copy.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert f"{MAX_TAKES} workers" in ended.error


def failing_store(after: int, times: int) -> Callable[[UnitOfWork], UnitOfWork]:
    """A database that after so many transactions refuses some."""
    opened = 0

    def meddle(uow: UnitOfWork) -> UnitOfWork:
        nonlocal opened
        opened += 1
        if after < opened <= after + times:
            raise Unavailable("PostgreSQL is away.")
        return uow

    return meddle


def waits(caplog: pytest.LogCaptureFixture) -> int:
    """How often a run waited for its database."""
    return sum("waits, and tries again" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("after", [1, 5, 20, 27])
async def test_a_run_waits_for_a_database_that_takes_nothing(
    copy: Copy, after: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it tries, that is one take: what waits must not be given up as what kills its workers."""
    monkeypatch.setattr(run_backfill, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(run_backfill, "LONGEST_PAUSE_SECONDS", 0.002)
    run = await copy.start()
    store = store_with(copy.open_uow, failing_store(after, times=2 * MAX_TAKES))
    await copy.backfiller(open_uow=store).run(copy.tenant.id, run.id)
    ended = await copy.run(run.id)
    assert (ended.state, ended.epoch) == (RunState.SUCCEEDED, 1)
    assert waits(caplog) > MAX_TAKES / 2
    assert (await copy.census()).match_percent == 100.0


async def test_the_pauses_of_a_waiting_run_grow_and_are_spent_with_the_lease(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    queue = Queue()

    async def tenant_ids() -> list[UUID]:
        return [copy.tenant.id]

    async def watched(seconds: float) -> None:
        pauses.append(seconds)
        assert await SweepRuns(tenant_ids, copy.open_uow, copy.lease, queue).sweep() == 0

    run = await copy.start()
    store = store_with(copy.open_uow, failing_store(after=1, times=8))
    backfiller = copy.backfiller(open_uow=store)
    monkeypatch.setattr(run_backfill, "pause_for", watched)
    await backfiller.run(copy.tenant.id, run.id)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert queue.sent == []
    assert (await copy.run(run.id)).state is RunState.SUCCEEDED


async def test_a_waiting_run_says_what_it_waits_for(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str | None] = []

    async def look(_seconds: float) -> None:
        said.append((await copy.run(run.id)).error)

    run = await copy.start()
    monkeypatch.setattr(run_backfill, "pause_for", look)
    store = store_with(copy.open_uow, failing_store(after=20, times=1))
    await copy.backfiller(open_uow=store).run(copy.tenant.id, run.id)
    ended = await copy.run(run.id)
    assert said == ["PostgreSQL is away."]
    assert (ended.state, ended.error) == (RunState.SUCCEEDED, None)


async def test_progress_is_no_reason_to_give_up(copy: Copy) -> None:
    """Only attempts in a row that got no further count, however many workers a long run has outlived."""
    run = await copy.start()
    async with copy.open_uow(copy.tenant.id) as uow:
        for _ in range(MAX_TAKES):
            await uow.runs.take(run.id, utc_now())
        await uow.runs.set_watermark(copy.instance.id, FURTHEST, 1, run.id)
        await uow.commit()
    await copy.backfiller().run(copy.tenant.id, run.id)
    ended = await copy.run(run.id)
    assert (ended.state, ended.epoch) == (RunState.SUCCEEDED, MAX_TAKES + 1)
    async with copy.open_uow(copy.tenant.id) as uow:
        assert await uow.runs.watermark(copy.instance.id, FURTHEST, run.id) == MAX_TAKES + 1


async def test_another_worker_takes_the_run_whose_connections_the_server_ends(
    copy: Copy, database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease goes with its connection, so another worker need not wait for the first one to notice."""
    asked: list[int] = []
    admin = create_single_engine(database.admin_url)

    async def end_connections(_ids: Sequence[int]) -> None:
        if len(asked) == 3 * BATCH:
            async with admin.connect() as connection:
                await connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

    async def taken_over(_seconds: float) -> None:
        assert await copy.lease.is_free(copy.instance.id)
        await copy.backfiller().run(copy.tenant.id, run.id)

    run = await copy.start()
    monkeypatch.setattr(run_backfill, "pause_for", taken_over)
    await copy.backfiller(open_jira=jira_with(copy.open_jira, issues=watching_issues(asked, end_connections))).run(
        copy.tenant.id, run.id
    )
    assert waits(caplog) == 1
    ended = await copy.run(run.id)
    assert (ended.state, ended.epoch) == (RunState.SUCCEEDED, 2)
    assert (await copy.census()).match_percent == 100.0


async def test_an_unknown_run_is_an_error(copy: Copy) -> None:
    with pytest.raises(NotFound):
        await copy.backfiller().run(copy.tenant.id, copy.instance.id)
