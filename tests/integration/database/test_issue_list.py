"""Lists of issues: whatever is asked for, the pages hold what a plain filter over all rows finds, in order and once."""

import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.paging import encode_cursor
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.issues.list_issues import ListIssues
from digital_spiral.application.use_cases.issues.list_projects import ListProjects
from digital_spiral.domain.entities.issue_views import UNASSIGNED, IssueFilter, IssueSort, IssueSummary
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Invalid
from digital_spiral.infrastructure.database.repositories import issue_search
from digital_spiral.infrastructure.database.tables import (
    issue_field_values,
    issue_types,
    issues,
    jira_instances,
    projects,
    statuses,
)
from tests.integration.database.conftest import NOON, Rows, set_tenant

ISSUES = 70
MOMENTS = [NOON + timedelta(days=day) for day in range(5)]
FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)
# The same id and the same name stand for different things on the two sites, and one name is an id elsewhere.
STATUSES = {
    FIRST: {"1": "To Do", "2": "Done", "3": "Straße"},
    SECOND: {"1": "Done", "2": "Closed", "3": "to do", "4": "1"},
}
TYPES = {FIRST: {"1": "Bug", "2": "Task"}, SECOND: {"1": "Task", "2": "Epic"}}
GONE = "LAB"
PROJECTS = {FIRST: {1: "OPS", 2: "WEB"}, SECOND: {1: "WEB", 2: GONE}}
UNLISTED = "9"
LABELS = ["api", "ux", "größe", "x" * 255, "y" * 5000]
PEOPLE = ["ada", "bob", None]
CATEGORIES = ["new", "indeterminate", "done"]

Row = dict[str, Any]


@dataclass
class World:
    """Two sites of one tenant; another tenant has the same ids, keys and values."""

    tenant: Tenant
    rows: list[Row] = field(default_factory=list)

    def expected(self, wanted: IssueFilter, sort: IssueSort) -> list[tuple[uuid.UUID, int]]:
        """Instance and id of each wanted issue, in order."""
        moment = "jira_updated_at" if sort in (IssueSort.UPDATED, IssueSort.UPDATED_DESC) else "created_at"
        found = [(row[moment], row["instance_id"], row["jira_id"]) for row in self.rows if matches(wanted, row)]
        return [(instance, number) for _, instance, number in sorted(found, reverse=sort.startswith("-"))]


def matches(wanted: IssueFilter, row: Row) -> bool:
    """The filter as its description says it."""
    site = row["instance_id"]

    def named(values: list[str], identity: str, names: dict[str, str]) -> bool:
        name = names.get(identity, "").casefold()
        return not values or any(value == identity or value.casefold() == name for value in values)

    return (
        row["gone_at"] is None
        and wanted.instance_id in (None, site)
        and (not wanted.projects or PROJECTS[site][row["project_id"]] in set(wanted.projects) - {GONE})
        and named(wanted.statuses, row["status_id"], STATUSES[site])
        and named(wanted.types, row["issue_type_id"], TYPES[site])
        and (not wanted.status_categories or row["status_category"] in wanted.status_categories)
        and (not wanted.assignees or (row["assignee_id"] or UNASSIGNED) in wanted.assignees)
        and (not wanted.labels or not set(wanted.labels).isdisjoint(row["labels"]))
        and (wanted.updated_from is None or row["jira_updated_at"] >= wanted.updated_from)
        and (wanted.updated_to is None or row["jira_updated_at"] < wanted.updated_to)
    )


def make_rows(tenant: Tenant, site: uuid.UUID) -> list[Row]:
    """Issues of a site, many of them updated or created at the same instant."""
    chance = random.Random(site.int)  # noqa: S311 - test data
    rows = Rows(tenant.id, site)
    return [
        rows.sample(
            issues,
            jira_id=number,
            key=f"{chance.choice('AB')}-{number}",
            project_id=chance.choice([1, 2]),
            status_id=chance.choice([*STATUSES[site], UNLISTED]),
            issue_type_id=chance.choice(list(TYPES[site])),
            status_category=chance.choice(CATEGORIES),
            assignee_id=chance.choice(PEOPLE),
            labels=chance.sample(LABELS, chance.choice([0, 0, 1, 2])),
            created_at=chance.choice(MOMENTS),
            jira_updated_at=chance.choice(MOMENTS),
            gone_at=chance.choice([None, None, None, NOON]),
        )
        for number in range(1, ISSUES + 1)
    ]


async def insert_site(engine: AsyncEngine, tenant: Tenant, site: uuid.UUID, rows: list[Row]) -> None:
    """Store a site with its vocabulary and issues."""
    samples = Rows(tenant.id, site)
    labels = [
        samples.sample(issue_field_values, issue_id=row["jira_id"], field_id="labels", position=at, value_text=label)
        for row in rows
        for at, label in enumerate(row["labels"])
    ]
    # A custom field that holds the text of a label is no label.
    labels += [
        samples.sample(issue_field_values, issue_id=n, field_id="customfield_1", value_text="ux") for n in (1, 2)
    ]
    async with engine.begin() as connection:
        await set_tenant(connection, tenant.id)
        await connection.execute(
            sa.insert(jira_instances), [samples.sample(jira_instances, name=str(site), base_url=str(site))]
        )
        for table, named in ((statuses, STATUSES), (issue_types, TYPES)):
            await connection.execute(
                sa.insert(table),
                [samples.sample(table, jira_id=one, name=name, gone_at=None) for one, name in named[site].items()],
            )
        await connection.execute(
            sa.insert(projects),
            [samples.sample(projects, jira_id=one, key=key, gone_at=None) for one, key in PROJECTS[site].items()],
        )
        await connection.execute(sa.insert(issues), rows)
        await connection.execute(sa.insert(issue_field_values), labels)


@pytest.fixture
async def world(engine: AsyncEngine, two_tenants: tuple[Tenant, Tenant]) -> World:
    own, other = two_tenants
    built = World(own)
    for site in (FIRST, SECOND):
        rows = make_rows(own, site)
        built.rows += rows
        await insert_site(engine, own, site, rows)
        await insert_site(engine, other, site, [row | {"tenant_id": other.id, "gone_at": None} for row in rows])
    async with engine.begin() as connection:
        await set_tenant(connection, own.id)
        gone = sa.and_(projects.c.instance_id == SECOND, projects.c.key == GONE)
        await connection.execute(sa.update(projects).where(gone).values(gone_at=NOON))
    return built


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3)


INSTANTS = st.builds(
    lambda moment, hours: moment + timedelta(hours=hours), st.sampled_from(MOMENTS), st.integers(-1, 1)
)
CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "instance_id": st.sampled_from([FIRST, SECOND, uuid.UUID(int=3)]),
    "projects": some("OPS", "WEB", GONE, "ops", "NONE"),
    "statuses": some("1", "2", UNLISTED, "done", "TO DO", "strasse", "Closed", "nothing"),
    "status_categories": some(*CATEGORIES),
    "types": some("1", "task", "EPIC", "bug", "nothing"),
    "assignees": some("ada", "bob", "nobody", UNASSIGNED),
    "labels": some("api", "ux", "größe", "API", "x" * 255, "none"),
    "updated_from": INSTANTS,
    "updated_to": INSTANTS,
}
# Few conditions at a time, so that something is left to find.
FILTERS = (
    st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=3, unique=True)
    .flatmap(lambda names: st.fixed_dictionaries({name: CONDITIONS[name] for name in names}))
    .map(lambda conditions: IssueFilter(**conditions))
)


async def all_pages(
    open_uow: OpenUnitOfWork, world: World, wanted: IssueFilter, sort: IssueSort, limit: int
) -> list[IssueSummary]:
    """Every issue, page by page."""
    found: list[IssueSummary] = []
    cursor: str | None = None
    while True:
        page = await ListIssues(open_uow).page(world.tenant.id, wanted, sort, limit, cursor)
        found += page.items
        if page.next_cursor is None:
            return found
        assert len(page.items) == limit
        cursor = page.next_cursor


SEARCHES = (FILTERS, st.sampled_from(IssueSort), st.sampled_from([7, 40, 200]))
MANY = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@MANY
@given(*SEARCHES)
async def test_pages_hold_what_was_asked_for(
    open_uow: OpenUnitOfWork, world: World, wanted: IssueFilter, sort: IssueSort, limit: int
) -> None:
    found = await all_pages(open_uow, world, wanted, sort, limit)
    assert [(issue.instance_id, issue.id) for issue in found] == world.expected(wanted, sort)


@MANY
@given(st.lists(st.sampled_from(LABELS[:4]), min_size=1, max_size=3), *SEARCHES)
async def test_labels_that_many_issues_have(
    open_uow: OpenUnitOfWork, world: World, labels: list[str], wanted: IssueFilter, sort: IssueSort, limit: int
) -> None:
    wanted = replace(wanted, labels=labels)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(issue_search, "FEW_LABELLED", 0)
        found = await all_pages(open_uow, world, wanted, sort, limit)
    assert [(issue.instance_id, issue.id) for issue in found] == world.expected(wanted, sort)


@pytest.mark.parametrize("sort", list(IssueSort))
async def test_without_a_filter_every_issue_that_is_not_gone_is_listed(
    open_uow: OpenUnitOfWork, world: World, sort: IssueSort
) -> None:
    found = await all_pages(open_uow, world, IssueFilter(), sort, 10)
    assert {issue.instance_id for issue in found} == {FIRST, SECOND}
    assert len(found) == sum(row["gone_at"] is None for row in world.rows)
    moments = [issue.updated_at if "updated" in sort else issue.created_at for issue in found]
    assert moments == sorted(moments, reverse=sort.startswith("-"))


async def test_a_cursor_holds_while_rows_come_and_go(
    open_uow: OpenUnitOfWork, world: World, engine: AsyncEngine
) -> None:
    listing = ListIssues(open_uow)
    first = await listing.page(world.tenant.id, IssueFilter(), IssueSort.CREATED, 10, None)
    last = first.items[-1]
    async with engine.begin() as connection:
        await set_tenant(connection, world.tenant.id)
        here = sa.and_(issues.c.instance_id == last.instance_id, issues.c.jira_id == last.id)
        await connection.execute(sa.update(issues).where(here).values(gone_at=NOON))
    second = await listing.page(world.tenant.id, IssueFilter(), IssueSort.CREATED, 10, first.next_cursor)
    expected = world.expected(IssueFilter(), IssueSort.CREATED)
    assert [(issue.instance_id, issue.id) for issue in second.items] == expected[10:20]


async def test_a_cursor_of_another_order_is_refused(open_uow: OpenUnitOfWork, world: World) -> None:
    listing = ListIssues(open_uow)
    page = await listing.page(world.tenant.id, IssueFilter(), IssueSort.CREATED, 5, None)
    with pytest.raises(Invalid, match="another list or order"):
        await listing.page(world.tenant.id, IssueFilter(), IssueSort.UPDATED, 5, page.next_cursor)


EDGE = timezone(timedelta(hours=14))
BEYOND = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))


@pytest.mark.parametrize(
    "wanted",
    [
        IssueFilter(labels=["a\0b"]),
        IssueFilter(projects=["a\0b"]),
        IssueFilter(assignees=["a\0b"]),
        IssueFilter(assignees=["\ud800"]),
        IssueFilter(updated_to=BEYOND),
        IssueFilter(updated_from=datetime.min.replace(tzinfo=EDGE)),
        IssueFilter(updated_from=datetime(2026, 3, 29, 12)),
    ],
    ids=["label", "project", "assignee", "surrogate", "after all time", "before all time", "no offset"],
)
async def test_a_filter_that_nothing_can_be_compared_with(
    open_uow: OpenUnitOfWork, tenant: Tenant, wanted: IssueFilter
) -> None:
    with pytest.raises(Invalid):
        await ListIssues(open_uow).page(tenant.id, wanted, IssueSort.UPDATED, 5, None)


@pytest.mark.parametrize("place", [(NOON, FIRST, 2**63), (NOON, FIRST, -(2**70)), (BEYOND, FIRST, 1)])
async def test_a_cursor_that_was_tampered_with(
    open_uow: OpenUnitOfWork, tenant: Tenant, place: tuple[object, ...]
) -> None:
    with pytest.raises(Invalid):
        await ListIssues(open_uow).page(
            tenant.id, IssueFilter(), IssueSort.UPDATED, 5, encode_cursor("issues updated", place)
        )


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_projects_by_key(open_uow: OpenUnitOfWork, world: World, limit: int) -> None:
    listing = ListProjects(open_uow)
    found = []
    cursor = None
    while True:
        page = await listing.page(world.tenant.id, None, limit, cursor)
        found += [(project.key, project.instance_id, project.id) for project in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [("OPS", FIRST, 1), ("WEB", FIRST, 2), ("WEB", SECOND, 1)]
    only = await listing.page(world.tenant.id, SECOND, 50, None)
    assert [project.key for project in only.items] == ["WEB"]
    assert (await listing.page(world.tenant.id, uuid.UUID(int=3), 50, None)).items == []


async def test_a_cursor_of_projects_that_was_tampered_with(open_uow: OpenUnitOfWork, tenant: Tenant) -> None:
    for place in (("a\0b", FIRST, 1), ("A", FIRST, 2**63)):
        with pytest.raises(Invalid):
            await ListProjects(open_uow).page(tenant.id, None, 5, encode_cursor("projects", place))
