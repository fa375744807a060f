"""No index without a query: each secondary index is really chosen by the repository method that it was made for."""

import asyncio
import uuid

import sqlalchemy as sa

from digital_spiral.domain.entities.issue_views import IssueFilter, IssueSort
from digital_spiral.domain.entities.sync import RunState
from digital_spiral.domain.entities.tenancy import ApiKey, Tenant
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.tables import (
    api_keys,
    attachments,
    comments,
    issue_field_values,
    issue_links,
    issues,
    jira_instances,
    metadata,
    sync_runs,
    worklogs,
)
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from tests.integration.conftest import Database
from tests.integration.database.conftest import Rows, set_tenant

ISSUES = 300
PROJECTS = 10
CHILDREN = (comments, worklogs, attachments)


def issue_of_its_own(number: int) -> dict[str, object]:
    """What tells an issue from all others."""
    text = str(number)
    names = {"key": f"A-{number}", "status_id": text, "issue_type_id": text, "assignee_id": text}
    return {"jira_id": number, "project_id": number % PROJECTS, "gone_at": None, **names}


async def fill(database: Database, rows: Rows) -> None:
    """A site with enough of everything for the planner to tell a good index from a bad one."""
    numbers = range(1, ISSUES + 1)
    async with create_single_engine(database.app_url).begin() as connection:
        await set_tenant(connection, rows.tenant_id)
        await connection.execute(sa.insert(jira_instances), [rows.sample(jira_instances)])
        await connection.execute(sa.insert(issues), [rows.sample(issues, **issue_of_its_own(n)) for n in numbers])
        await connection.execute(
            sa.insert(issue_field_values),
            [rows.sample(issue_field_values, issue_id=n, field_id="labels", value_text=str(n)) for n in numbers],
        )
        for table in CHILDREN:
            await connection.execute(
                sa.insert(table), [rows.sample(table, jira_id=n, issue_id=ISSUES + 1 - n) for n in numbers]
            )
        await connection.execute(
            sa.insert(issue_links),
            [rows.sample(issue_links, jira_id=n, source_id=n, target_id=ISSUES + 1 - n) for n in numbers],
        )
        await connection.execute(
            sa.insert(sync_runs),
            [rows.sample(sync_runs, id=uuid.uuid4(), state=RunState.FAILED) for _ in numbers],
        )
    async with create_single_engine(database.admin_url).connect() as admin:
        await admin.execution_options(isolation_level="AUTOCOMMIT")
        await admin.execute(sa.text("ANALYZE"))


async def scans(database: Database) -> dict[str, int]:
    """How often each index was used, as far as ended sessions have reported."""
    async with create_single_engine(database.admin_url).connect() as admin:
        found = await admin.execute(sa.text("SELECT indexrelname AS name, idx_scan AS scans FROM pg_stat_user_indexes"))
        return {row.name: row.scans for row in found}


async def test_every_index_is_used(database: Database, tenant: Tenant) -> None:
    rows = Rows(tenant.id, uuid.uuid4())
    await fill(database, rows)
    indexes = {index.name for table in metadata.tables.values() for index in table.indexes}
    before = await scans(database)
    # Tables this small would be read as a whole; the question is which index is right, not whether one is.
    engine = create_single_engine(database.app_url, settings={"enable_seqscan": "off"})
    unrevoked = ApiKey(**rows.sample(api_keys, revoked_at=None))  # type: ignore[arg-type] # a row of sample values
    async with open_unit_of_work(engine)(tenant.id) as uow:
        await uow.runs.latest(rows.instance_id)
        assert await uow.runs.unfinished() == []
        assert len(await uow.mirror.issue_versions(rows.instance_id, 3, ISSUES - 100)) == 100 // PROJECTS
        assert set(await uow.mirror.bundles(rows.instance_id, [17, 18])) == {17, 18}
        await uow.api_keys.add(unrevoked)
        assert await uow.reads.locate("A-17", None) == (rows.instance_id, 17)
        for sort in IssueSort:
            assert len(await uow.reads.issues(IssueFilter(), sort, 5, None)) == 5
        for wanted in (
            IssueFilter(statuses=["17"]),
            IssueFilter(types=["17"]),
            IssueFilter(assignees=["17"]),
            IssueFilter(labels=["17"]),
        ):
            found = await uow.reads.issues(wanted, IssueSort.UPDATED, 5, None)
            assert [issue.id for issue in found] == [17]
    async with asyncio.timeout(10):
        unused = indexes
        while unused:
            after = await scans(database)
            unused = {name for name in unused if after[str(name)] <= before[str(name)]}
