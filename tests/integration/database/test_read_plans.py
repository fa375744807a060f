"""How PostgreSQL answers the lists of a large site: by which index, and without going through the table."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.domain.entities.issue_views import UNASSIGNED, IssueFilter, IssueSort
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.infrastructure.database.repositories.issue_reads import IssueReadsRepository
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.database.tables import issue_field_values, issues, jira_instances, projects
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from tests.integration.conftest import Database
from tests.integration.database.conftest import NOON, Rows, set_tenant

ISSUES = 20_000
PAGE = 51
MANY_LABELLED = 2_000
UPDATED = "issues_tenant_id_jira_updated_at_instance_id_jira_id_idx"
CREATED = "issues_tenant_id_created_at_instance_id_jira_id_idx"
LABELS = "issue_field_values_labels_idx"


@dataclass(frozen=True)
class Site:
    """A database with one large site."""

    database: Database
    tenant: Tenant
    instance_id: uuid.UUID


def large_site(rows: Rows) -> Iterator[sa.Insert]:
    """Statements that make the site, each row in the database itself."""
    number = sa.func.generate_series(1, ISSUES).column_valued("n")
    minutes = sa.func.make_interval(0, 0, 0, 0, 0, (number * 7919) % ISSUES)
    changes = {
        "jira_id": number,
        "key": sa.literal("A-") + sa.cast(number, sa.Text),
        "project_id": sa.case((number % 1000 == 3, 2), else_=1),
        "status_id": sa.case((number % 2000 == 5, "rare"), (number % 10 == 0, "open"), else_="done"),
        "issue_type_id": sa.case((number % 2000 == 7, "rare"), else_="task"),
        "assignee_id": sa.case((number % 5 == 0, None), (number % 2000 == 9, "new"), else_="busy"),
        "created_at": NOON + minutes,
        "jira_updated_at": NOON + minutes,
        "gone_at": None,
    }
    yield sa.insert(jira_instances).values(rows.sample(jira_instances))
    for jira_id, key in ((1, "BIG"), (2, "SMALL")):
        yield sa.insert(projects).values(rows.sample(projects, jira_id=jira_id, key=key, gone_at=None))
    yield _from(issues, rows, changes)
    few = {"issue_id": number, "field_id": "labels", "position": 0}
    text = sa.case((number % 2000 == 11, "few"), (number <= MANY_LABELLED, "many"), else_="other")
    yield _from(issue_field_values, rows, few | {"value_text": text})


def _from(table: sa.Table, rows: Rows, changes: Mapping[str, object]) -> sa.Insert:
    values = rows.sample(table, **changes)
    columns = [
        value if isinstance(value, sa.ColumnElement) else sa.literal(value, table.c[name].type)
        for name, value in values.items()
    ]
    return sa.insert(table).from_select(list(values), sa.select(*columns))


async def build(database: Database) -> Site:
    tenant = await create_tenant(create_single_engine(database.owner_url), "Acme")
    rows = Rows(tenant.id, uuid.uuid4())
    async with create_single_engine(database.app_url).begin() as connection:
        await set_tenant(connection, tenant.id)
        for statement in large_site(rows):
            await connection.execute(statement)
    async with create_single_engine(database.admin_url).connect() as admin:
        await admin.execution_options(isolation_level="AUTOCOMMIT")
        await admin.execute(sa.text("VACUUM (ANALYZE)"))
    return Site(database, tenant, rows.instance_id)


@pytest.fixture(scope="module")
def site(postgres: PostgresServer, template: str) -> Iterator[Site]:
    """Built once; the tests of the module only read."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name, template)
    yield asyncio.run(build(Database(postgres, name)))
    postgres.drop_database(name)


@pytest.fixture
async def open_site(site: Site) -> AsyncIterator[OpenUnitOfWork]:
    pool = create_engine(site.database.app_url)
    yield open_unit_of_work(pool)
    await pool.dispose()


@dataclass(frozen=True)
class Plan:
    """How the queries of one read are answered, and how many rows it gave."""

    rows: int
    text: str

    @property
    def indexes(self) -> set[str]:
        """Names of the indexes, those of the primary keys left out."""
        used = re.findall(r"(?:using|on) (\w+_idx)\b", self.text)
        return set(used)


async def plan_of(
    open_site: OpenUnitOfWork, site: Site, wanted: IssueFilter, sort: IssueSort, *, deep: bool = False
) -> Plan:
    """Read a page, then have each of its queries over issues explained as it was sent."""
    sent: list[tuple[str, tuple[object, ...]]] = []
    after = (NOON + timedelta(minutes=ISSUES // 2), site.instance_id, 1) if deep else None
    async with open_site(site.tenant.id) as uow:
        assert isinstance(uow.reads, IssueReadsRepository)
        driver = await uow.reads._driver()
        with driver.query_logger(lambda record: sent.append((record.query, record.args))):
            found = await uow.reads.issues(wanted, sort, PAGE, after)
            await asyncio.sleep(0)  # the driver tells of a query in the loop's next turn
        lines = [
            row[0]
            for query, parameters in sent
            if "FROM issues i" in query or "issue_field_values" in query
            for row in await driver.fetch(f"EXPLAIN {query}", *parameters)
        ]
    return Plan(len(found), "\n".join(lines))


ORDERS = pytest.mark.parametrize(
    ("sort", "index"),
    [
        (IssueSort.UPDATED, UPDATED),
        (IssueSort.UPDATED_DESC, UPDATED),
        (IssueSort.CREATED, CREATED),
        (IssueSort.CREATED_DESC, CREATED),
    ],
)


COMMON = (
    IssueFilter(),
    IssueFilter(projects=["BIG"]),
    IssueFilter(statuses=["done"]),
    IssueFilter(statuses=["open", "done"]),
    IssueFilter(status_categories=["1"]),
    IssueFilter(types=["task"]),
    IssueFilter(assignees=["busy"]),
    IssueFilter(assignees=[UNASSIGNED]),
    IssueFilter(assignees=[UNASSIGNED, "new"]),
    IssueFilter(projects=["BIG"], statuses=["open"], types=["task"], assignees=[UNASSIGNED]),
)
RARE = (
    (IssueFilter(statuses=["rare"]), "issues_tenant_id_status_id_idx"),
    (IssueFilter(statuses=["exists nowhere"]), "issues_tenant_id_status_id_idx"),
    (IssueFilter(types=["RARE", "rare"]), "issues_tenant_id_issue_type_id_idx"),
    (IssueFilter(assignees=["new"]), "issues_tenant_id_assignee_id_idx"),
    (IssueFilter(projects=["SMALL"]), "issues_tenant_id_instance_id_project_id_jira_id_idx"),
    (IssueFilter(statuses=["rare"], types=["task"]), "issues_tenant_id_status_id_idx"),
)


@ORDERS
@pytest.mark.parametrize("deep", [False, True])
async def test_what_many_issues_pass_is_read_off_the_order(
    open_site: OpenUnitOfWork, site: Site, sort: IssueSort, index: str, deep: bool
) -> None:
    direction = "Backward " if sort.startswith("-") else ""
    for wanted in COMMON:
        plan = await plan_of(open_site, site, wanted, sort, deep=deep)
        assert (plan.rows, plan.indexes) == (PAGE, {index}), f"{wanted}: {plan.text}"
        assert f"Index Only Scan {direction}using {index}" in plan.text
        if deep:
            moment = "created_at" if index == CREATED else "jira_updated_at"
            assert re.search(rf"Index Cond: .*ROW\({moment}, instance_id, jira_id\) [<>] ROW", plan.text), plan.text


@ORDERS
async def test_what_few_issues_pass_is_found_first(
    open_site: OpenUnitOfWork, site: Site, sort: IssueSort, index: str
) -> None:
    for wanted, rare in RARE:
        plan = await plan_of(open_site, site, wanted, sort)
        assert plan.rows < PAGE
        assert plan.indexes == {rare}, f"{wanted}: {plan.text}"


@ORDERS
async def test_a_label_of_few_issues(open_site: OpenUnitOfWork, site: Site, sort: IssueSort, index: str) -> None:
    plan = await plan_of(open_site, site, IssueFilter(labels=["few"]), sort)
    assert (plan.rows, plan.indexes) == (ISSUES // 2000, {LABELS}), plan.text
    assert (await plan_of(open_site, site, IssueFilter(labels=["none"]), sort)).rows == 0


@ORDERS
@pytest.mark.parametrize("status", [[], ["done"]])
async def test_a_label_of_many_issues(
    open_site: OpenUnitOfWork, site: Site, sort: IssueSort, index: str, status: list[str]
) -> None:
    plan = await plan_of(open_site, site, IssueFilter(labels=["many"], statuses=status), sort)
    assert (plan.rows, plan.indexes) == (PAGE, {LABELS, index}), plan.text
    assert "hashed SubPlan" in plan.text


async def test_a_range_of_time(open_site: OpenUnitOfWork, site: Site) -> None:
    begin = NOON + timedelta(minutes=5000)
    wanted = IssueFilter(updated_from=begin, updated_to=begin + timedelta(minutes=30))
    for sort in (IssueSort.UPDATED, IssueSort.CREATED_DESC):
        plan = await plan_of(open_site, site, wanted, sort)
        assert plan.rows == 30
        assert plan.indexes == {UPDATED}


async def test_nothing_reads_the_whole_table(open_site: OpenUnitOfWork, site: Site) -> None:
    for sort in IssueSort:
        for wanted in (
            IssueFilter(statuses=["rare"], types=["rare"], assignees=["new"]),
            IssueFilter(labels=["many"], statuses=["rare"]),
            IssueFilter(labels=["few"], projects=["SMALL"], assignees=[UNASSIGNED]),
        ):
            assert "Seq Scan on issues" not in (await plan_of(open_site, site, wanted, sort)).text
