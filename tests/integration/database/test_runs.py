"""Runs: one unfinished run per instance, progress that adds up, and fencing by epoch."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from digital_spiral.application.paging import encode_cursor
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.sync.run_status import RunStatus
from digital_spiral.domain.entities.mirror import WriteCounts
from digital_spiral.domain.entities.sync import MAX_SKIPS, Progress, RunState, Skip, SyncRun
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, Invalid, LeaseLost, NotFound
from digital_spiral.infrastructure.database.session import create_single_engine
from tests.integration.conftest import Database
from tests.integration.database.test_instances import instance

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def new_run(tenant: Tenant, instance_id: uuid.UUID, created_at: datetime = NOON) -> SyncRun:
    return SyncRun(
        tenant_id=tenant.id, id=uuid.uuid4(), instance_id=instance_id, state=RunState.QUEUED, created_at=created_at
    )


@pytest.fixture
async def instance_id(open_uow: OpenUnitOfWork, tenant: Tenant) -> uuid.UUID:
    site = instance(tenant)
    async with open_uow(tenant.id) as uow:
        await uow.instances.add(site)
        await uow.commit()
    return site.id


@pytest.fixture
async def run(open_uow: OpenUnitOfWork, tenant: Tenant, instance_id: uuid.UUID) -> SyncRun:
    """A queued run."""
    queued = new_run(tenant, instance_id)
    await add(open_uow, queued)
    return queued


async def add(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    async with open_uow(run.tenant_id) as uow:
        await uow.runs.add(run)
        await uow.commit()


async def take(open_uow: OpenUnitOfWork, run: SyncRun, now: datetime = NOON) -> SyncRun:
    async with open_uow(run.tenant_id) as uow:
        taken = await uow.runs.take(run.id, now)
        await uow.commit()
    return taken


async def advance(open_uow: OpenUnitOfWork, run: SyncRun, progress: Progress) -> None:
    async with open_uow(run.tenant_id) as uow:
        await uow.runs.advance(run.id, run.epoch, progress)
        await uow.commit()


async def finish(open_uow: OpenUnitOfWork, run: SyncRun, error: str | None = None) -> None:
    async with open_uow(run.tenant_id) as uow:
        await uow.runs.finish(run.id, run.epoch, NOON, error)
        await uow.commit()


async def stored(open_uow: OpenUnitOfWork, run: SyncRun) -> SyncRun:
    async with open_uow(run.tenant_id) as uow:
        return await uow.runs.get(run.id)


async def test_what_was_added_is_read_back(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    read = await stored(open_uow, run)
    assert read == run
    assert isinstance(read.state, RunState)
    async with open_uow(run.tenant_id) as uow:
        assert await uow.runs.unfinished() == [run]
        assert await uow.runs.latest(run.instance_id) == run
        assert await uow.runs.latest(uuid.uuid4()) is None


async def test_a_second_unfinished_run_is_refused(open_uow: OpenUnitOfWork, tenant: Tenant, run: SyncRun) -> None:
    with pytest.raises(Conflict, match="under way already"):
        await add(open_uow, new_run(tenant, run.instance_id))
    running = await take(open_uow, run)
    with pytest.raises(Conflict, match="under way already"):
        await add(open_uow, new_run(tenant, run.instance_id))
    await finish(open_uow, running)
    later = new_run(tenant, run.instance_id, NOON + timedelta(minutes=1))
    await add(open_uow, later)
    async with open_uow(tenant.id) as uow:
        assert await uow.runs.unfinished() == [later]
        assert await uow.runs.latest(run.instance_id) == later


async def test_of_two_runs_added_at_once_one_wins(
    open_uow: OpenUnitOfWork, tenant: Tenant, instance_id: uuid.UUID
) -> None:
    outcomes = await asyncio.gather(
        *(add(open_uow, new_run(tenant, instance_id)) for _ in range(4)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 3
    assert outcomes.count(None) == 1


async def test_taking_a_run_starts_a_new_epoch_each_time(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    first = await take(open_uow, run, NOON)
    second = await take(open_uow, run, NOON + timedelta(hours=1))
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.state is second.state is RunState.RUNNING
    assert first.started_at == second.started_at == NOON


async def test_an_ended_run_cannot_be_taken(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    await finish(open_uow, await take(open_uow, run))
    with pytest.raises(Conflict, match=r"has ended already \(succeeded\)"):
        await take(open_uow, run)
    async with open_uow(run.tenant_id) as uow:
        with pytest.raises(NotFound, match="There is no run"):
            await uow.runs.take(uuid.uuid4(), NOON)
        with pytest.raises(NotFound, match="There is no run"):
            await uow.runs.get(uuid.uuid4())


async def test_progress_adds_up(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    taken = await take(open_uow, run)
    step = Progress(
        phase="issues",
        issues_total=500,
        issues_done=100,
        issues_fetched=101,
        requests=7,
        counts={"issues": WriteCounts(created=99, unchanged=1), "comments": WriteCounts(created=3)},
        skips=[Skip("issue 17", "it has no fields")],
        replaced_characters=2,
        worker_peak_rss=300,
    )
    await advance(open_uow, taken, step)
    await advance(
        open_uow,
        taken,
        Progress(
            issues_done=50, counts={"issues": WriteCounts(updated=5), "users": WriteCounts(gone=1)}, worker_peak_rss=200
        ),
    )
    after = await stored(open_uow, run)
    assert (after.phase, after.issues_total, after.issues_done, after.issues_fetched) == ("issues", 500, 150, 101)
    assert (after.requests, after.replaced_characters, after.worker_peak_rss) == (7, 2, 300)
    assert {name: WriteCounts(**counts) for name, counts in after.counts.items()} == {
        "issues": WriteCounts(created=99, unchanged=1, updated=5),
        "comments": WriteCounts(created=3),
        "users": WriteCounts(gone=1),
    }
    assert after.skips == [{"what": "issue 17", "reason": "it has no fields"}]
    assert after.skipped == 1


async def test_progress_at_once_from_two_connections_is_all_counted(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    taken = await take(open_uow, run)
    step = Progress(issues_done=1, counts={"issues": WriteCounts(created=1)})
    await asyncio.gather(*(advance(open_uow, taken, step) for _ in range(8)))
    after = await stored(open_uow, run)
    assert (after.issues_done, after.counts["issues"]["created"]) == (8, 8)


async def test_the_first_skips_are_kept_and_all_are_counted(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    taken = await take(open_uow, run)
    await advance(open_uow, taken, Progress(skips=[Skip(f"issue {n}", "bad") for n in range(MAX_SKIPS - 1)]))
    await advance(open_uow, taken, Progress(skips=[Skip("the last kept", "bad"), Skip("one too many", "bad")]))
    after = await stored(open_uow, run)
    assert (after.skipped, len(after.skips)) == (MAX_SKIPS + 1, MAX_SKIPS)
    assert after.skips[-1]["what"] == "the last kept"


async def test_an_old_epoch_loses_and_its_transaction_leaves_nothing(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    old = await take(open_uow, run)
    new = await take(open_uow, run)

    async def batch(run: SyncRun) -> None:
        async with open_uow(run.tenant_id) as uow:
            await uow.runs.set_watermark(run.instance_id, "issues", run.epoch, run.id)
            await uow.runs.advance(run.id, run.epoch, Progress(issues_done=10))
            await uow.commit()

    await batch(new)
    with pytest.raises(LeaseLost, match="Another worker has taken the run"):
        await batch(old)
    with pytest.raises(LeaseLost):
        await finish(open_uow, old)
    after = await stored(open_uow, run)
    assert (after.issues_done, after.state) == (10, RunState.RUNNING)
    async with open_uow(run.tenant_id) as uow:
        assert await uow.runs.watermark(run.instance_id, "issues", run.id) == new.epoch


async def blocked_transactions(database: Database) -> int:
    """Sessions of the database that wait for a lock another one holds."""
    async with create_single_engine(database.admin_url).connect() as admin:
        waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND wait_event_type = 'Lock'")
        return await admin.scalar(waiting, {"name": database.name}) or 0


async def test_a_batch_in_flight_holds_the_run_until_it_is_durable(
    open_uow: OpenUnitOfWork, run: SyncRun, database: Database
) -> None:
    """Taking a run over waits for the old worker's open batch, or makes that batch fail: never both, never neither."""
    old = await take(open_uow, run)
    async with open_uow(run.tenant_id) as uow:
        await uow.runs.advance(old.id, old.epoch, Progress(issues_done=10))
        taking = asyncio.create_task(take(open_uow, run))
        while not await blocked_transactions(database):
            assert not taking.done()
        await uow.commit()
    taken = await taking
    assert (taken.epoch, taken.issues_done) == (old.epoch + 1, 10)


@pytest.mark.parametrize(("error", "state"), [(None, RunState.SUCCEEDED), ("Jira is down", RunState.FAILED)])
async def test_a_finished_run_takes_nothing_more(
    open_uow: OpenUnitOfWork, run: SyncRun, error: str | None, state: RunState
) -> None:
    taken = await take(open_uow, run)
    await finish(open_uow, taken, error)
    after = await stored(open_uow, run)
    assert (after.state, after.error, after.finished_at) == (state, error, NOON)
    for late in (advance(open_uow, taken, Progress(issues_done=1)), finish(open_uow, taken)):
        with pytest.raises(LeaseLost):
            await late
    assert await stored(open_uow, run) == after


async def test_a_queued_run_cannot_be_advanced(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    with pytest.raises(LeaseLost):
        await advance(open_uow, run, Progress(issues_done=1))


async def test_runs_of_another_tenant_do_not_exist(
    open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant]
) -> None:
    site = instance(two_tenants[0])
    async with open_uow(site.tenant_id) as uow:
        await uow.instances.add(site)
        await uow.runs.add(run := new_run(two_tenants[0], site.id))
        await uow.commit()
    async with open_uow(two_tenants[1].id) as uow:
        assert await uow.runs.unfinished() == []
        assert await uow.runs.latest(site.id) is None
        with pytest.raises(NotFound):
            await uow.runs.take(run.id, NOON)
        with pytest.raises(LeaseLost):
            await uow.runs.advance(run.id, 0, Progress())


async def test_watermarks(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    site = run.instance_id
    async with open_uow(run.tenant_id) as uow:
        assert await uow.runs.watermark(site, "worklogs", None) == 0
        await uow.runs.set_watermark(site, "worklogs", 1_800_000_000_000, None)
        await uow.runs.set_watermark(site, "issues:10000", 5, run.id)
        await uow.runs.set_watermark(site, "issues:10000", 6, run.id)
        await uow.commit()
    async with open_uow(run.tenant_id) as uow:
        assert await uow.runs.watermark(site, "worklogs", None) == 1_800_000_000_000
        assert await uow.runs.watermark(site, "worklogs", run.id) == 0
        assert await uow.runs.watermark(site, "issues:10000", run.id) == 6
        assert await uow.runs.watermark(site, "issues:10000", None) == 6
        assert await uow.runs.watermark(site, "issues:10000", uuid.uuid4()) == 0
        assert await uow.runs.watermark(uuid.uuid4(), "issues:10000", None) == 0


async def ended(
    open_uow: OpenUnitOfWork, tenant: Tenant, instance_id: uuid.UUID, hours: Sequence[int]
) -> list[SyncRun]:
    """Runs that ended, each created at noon plus some hours; the newest first, and of equal ones the greater id."""
    runs = []
    for hour in hours:
        run = new_run(tenant, instance_id, NOON + timedelta(hours=hour))
        await add(open_uow, run)
        taken = await take(open_uow, run)
        async with open_uow(tenant.id) as uow:
            await uow.runs.finish(run.id, taken.epoch, NOON, None)
            await uow.commit()
        runs.append(run)
    return sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_runs_page_by_page(open_uow: OpenUnitOfWork, tenant: Tenant, instance_id: uuid.UUID, limit: int) -> None:
    other = instance(tenant, "other")
    async with open_uow(tenant.id) as uow:
        await uow.instances.add(other)
        await uow.commit()
    runs = await ended(open_uow, tenant, instance_id, [3, 1, 1, 1, 2, 0])
    elsewhere = await ended(open_uow, tenant, other.id, [1, 5])
    status = RunStatus(open_uow)
    found: list[uuid.UUID] = []
    cursor = None
    while True:
        page = await status.page(tenant.id, instance_id, limit, cursor)
        found += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.items) == limit
    assert found == [run.id for run in runs]
    latest = await status.latest(tenant.id, other.id)
    assert latest is not None
    assert latest.id == elsewhere[0].id


async def test_a_run_is_one_of_its_instance_only(open_uow: OpenUnitOfWork, two_tenants: tuple[Tenant, Tenant]) -> None:
    own, stranger = two_tenants
    sites = [instance(own), instance(own, "other"), instance(stranger)]
    for site in sites:
        async with open_uow(site.tenant_id) as uow:
            await uow.instances.add(site)
            await uow.commit()
    run = new_run(own, sites[0].id)
    await add(open_uow, run)
    status = RunStatus(open_uow)
    assert await status.of_instance(own.id, sites[0].id, run.id) == run
    for tenant_id, instance_id, run_id in (
        (own.id, sites[1].id, run.id),
        (own.id, sites[0].id, uuid.uuid4()),
        (own.id, sites[2].id, run.id),
        (stranger.id, sites[0].id, run.id),
        (stranger.id, sites[2].id, run.id),
    ):
        with pytest.raises(NotFound):
            await status.of_instance(tenant_id, instance_id, run_id)
    for tenant_id, instance_id in ((own.id, sites[2].id), (stranger.id, sites[0].id), (own.id, uuid.uuid4())):
        with pytest.raises(NotFound, match="no Jira instance"):
            await status.page(tenant_id, instance_id, 5, None)


async def test_a_cursor_of_runs_that_was_tampered_with(
    open_uow: OpenUnitOfWork, tenant: Tenant, instance_id: uuid.UUID
) -> None:
    beyond = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
    for cursor in ("nonsense", encode_cursor("sync-runs", (beyond, instance_id)), encode_cursor("projects", (NOON,))):
        with pytest.raises(Invalid):
            await RunStatus(open_uow).page(tenant.id, instance_id, 5, cursor)


async def test_what_a_run_waits_for_is_noted_until_it_writes_rows(open_uow: OpenUnitOfWork, run: SyncRun) -> None:
    async def note(epoch: int, reason: str) -> str | None:
        async with open_uow(run.tenant_id) as uow:
            await uow.runs.note_wait(run.id, epoch, reason)
            await uow.commit()
        return (await stored(open_uow, run)).error

    running = await take(open_uow, run)
    assert await note(running.epoch, "The disk is full.") == "The disk is full."
    await advance(open_uow, running, Progress(phase="issues"))
    assert (await stored(open_uow, run)).error == "The disk is full."
    await advance(open_uow, running, Progress(counts={"issues": WriteCounts(created=1)}))
    assert (await stored(open_uow, run)).error is None
    assert await note(running.epoch - 1, "Another worker's.") is None
    await finish(open_uow, running)
    assert await note(running.epoch, "Too late.") is None
