"""The use cases on the real database and the real gateway, with the emulator mounted in process."""

import asyncio
import functools
import pickle
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import OpenJira, OpenUnitOfWork, ProbeJira
from digital_spiral.application.use_cases.instances.connect_instance import ConnectInstance
from digital_spiral.application.use_cases.sync.run_backfill import RunBackfill
from digital_spiral.application.use_cases.sync.start_backfill import StartBackfill
from digital_spiral.application.use_cases.sync.take_census import TakeCensus
from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.entities.sync import CensusReport, RunState, SyncRun
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.infrastructure.config.secrets import MasterKey
from digital_spiral.infrastructure.database.lease import DatabaseLease
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.external.jira.failures import Patience
from digital_spiral.infrastructure.external.jira.open import jira_opener, jira_prober
from jira_emulator import wire
from jira_emulator.app import create_app
from jira_emulator.generate import generate
from jira_emulator.limits import Limits
from jira_emulator.model import Entry, Issue, Project
from jira_emulator.site import Site
from tests.integration.conftest import Database

ADDRESS = "http://127.0.0.1:8090"
CREDENTIALS = Credentials("admin@example.com", "emulator-token")
CONTROL = "control"
QUICK = Patience(attempts=2, unreadable_attempts=2, first=0.001, most=0.002, longest=0.01)
ISSUES = 130
BATCH = 20
IN_FLIGHT = 40
PEAK = 123_456_789


def utc_now() -> datetime:
    return datetime.now(UTC)


@functools.cache
def _generated(issues: int) -> bytes:
    site = Site()
    generate(site, issues=issues, seed=5)
    return pickle.dumps(site)


def make_site() -> Site:
    """A generated site: three projects, worklogs, links, boards, heavy tails."""
    site: Site = pickle.loads(_generated(ISSUES))  # noqa: S301 - made by this module
    return site


def mount(site: Site) -> httpx2.AsyncBaseTransport:
    """The emulator of a site, with a feed of worklogs that does not hold back what was just logged."""
    limits = Limits(search_plain_page=30, worklog_feed_lag=0)
    app = create_app(site, email=CREDENTIALS.email, token=CREDENTIALS.token, control_token=CONTROL, limits=limits)
    return httpx2.ASGITransport(app)


@pytest.fixture
def site() -> Site:
    """A site of its own for each test, the same each time."""
    return make_site()


@pytest.fixture
def transport(site: Site) -> httpx2.AsyncBaseTransport:
    return mount(site)


@dataclass
class Queue:
    """A queue that remembers what was sent."""

    sent: list[tuple[UUID, UUID]] = field(default_factory=list)

    async def enqueue_run(self, tenant_id: UUID, run_id: UUID) -> None:
        self.sent.append((tenant_id, run_id))


@dataclass
class Copy:
    """A connected site and the use cases that keep its copy."""

    tenant: Tenant
    instance: JiraInstance
    site: Site
    open_uow: OpenUnitOfWork
    open_jira: OpenJira
    lease: DatabaseLease
    transport: httpx2.AsyncBaseTransport
    engine: AsyncEngine
    queue: Queue = field(default_factory=Queue)

    def backfiller(self, **changes: object) -> RunBackfill:
        """The use case, with parts of it replaced."""
        parts: dict[str, object] = {
            "open_uow": self.open_uow,
            "open_jira": self.open_jira,
            "lease": self.lease,
            "clock": utc_now,
            "peak_memory": lambda: PEAK,
            "batch_size": BATCH,
            "in_flight": IN_FLIGHT,
        }
        return RunBackfill(**(parts | changes))  # type: ignore[arg-type]

    async def start(self) -> SyncRun:
        """Queue a run."""
        use_case = StartBackfill(self.open_uow, self.queue, utc_now)
        return await use_case.start(self.tenant.id, self.instance.id, "tester")

    async def backfill(self, **changes: object) -> SyncRun:
        """Run a backfill to its end and return it."""
        run = await self.start()
        await self.backfiller(**changes).run(self.tenant.id, run.id)
        return await self.run(run.id)

    async def run(self, run_id: UUID) -> SyncRun:
        """A run as it is stored."""
        async with self.open_uow(self.tenant.id) as uow:
            return await uow.runs.get(run_id)

    async def census(self, **options: object) -> CensusReport:
        """Take a census."""
        census = TakeCensus(self.open_uow, self.open_jira, utc_now, batch_size=BATCH)
        return await census.take(self.tenant.id, self.instance.id, actor="tester", **options)  # type: ignore[arg-type]

    async def rows(self, statement: sa.Select[Any]) -> list[Any]:
        """Rows of the tenant, straight from the tables."""
        async with self.engine.connect() as connection:
            await connection.execute(sa.select(sa.func.set_config("app.tenant_id", str(self.tenant.id), True)))
            return list(await connection.execute(statement))

    async def totals(self) -> dict[str, int]:
        """Rows of the copy."""
        async with self.open_uow(self.tenant.id) as uow:
            return await uow.mirror.totals(self.instance.id)

    async def control(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Ask the emulator's control door."""
        headers = {"Authorization": f"Bearer {CONTROL}"}
        async with httpx2.AsyncClient(transport=self.transport, base_url=ADDRESS, headers=headers) as client:
            answer = await client.request(method, f"/_emulator/{path}", json=body)
            answer.raise_for_status()
            content: dict[str, object] = answer.json()
            return content

    async def requests(self) -> Counter[str]:
        """Requests that the emulator has answered, by endpoint."""
        counted: Counter[str] = Counter()
        for line in (await self.control("GET", "requests"))["requests"]:  # type: ignore[attr-defined]
            counted[line["endpoint"]] += line["count"]
        return counted


def later(issue: Issue, site: Site) -> Issue:
    """The issue as if it had changed just now."""
    instant = site.now()
    fields = msgspec.json.decode(issue.fields) | {"updated": wire.timestamp(instant, site.zone)}
    return replace(issue, updated=instant, fields=msgspec.json.encode(fields))


def remove_project(site: Site, key: str) -> Project:
    """Remove a project with its boards; its issues stay where they are, out of every list."""
    project = site.find_project(key)
    assert project is not None
    for board in [board for board in site.boards.values() if board.project_id == project.id]:
        del site.boards[board.id]
    return site.projects.pop(project.id)


async def log_work(copy: Copy, issue_id: int, count: int) -> list[int]:
    """Log work on an issue as its account would just now; the ids of the new worklogs."""
    issue = copy.site.issues[issue_id]
    author = wire.user(copy.site.users[copy.site.account_id])
    made = []
    for _ in range(count):
        number, now = copy.site.next_id(), copy.site.now()
        moment = wire.timestamp(now, copy.site.zone)
        body: wire.Json = {
            "self": f"{wire.BASE}/rest/api/3/issue/{issue_id}/worklog/{number}",
            "author": author,
            "updateAuthor": author,
            "created": moment,
            "updated": moment,
            "started": moment,
            "timeSpent": "1h",
            "timeSpentSeconds": 3600,
            "id": str(number),
            "issueId": str(issue_id),
        }
        issue.worklogs.append(Entry(number, now, now, msgspec.json.encode(body)))
        made.append(number)
    return made


KEY = MasterKey(bytes(range(32)))


@pytest.fixture
def key() -> MasterKey:
    return KEY


@pytest.fixture
def open_jira(transport: httpx2.AsyncBaseTransport) -> OpenJira:
    return jira_opener(KEY, hash_email=KEY.hash_email, patience=QUICK, transport=transport)


@pytest.fixture
def probe_jira(transport: httpx2.AsyncBaseTransport) -> ProbeJira:
    return jira_prober(hash_email=KEY.hash_email, transport=transport)


async def connect_site(
    tenant: Tenant,
    site: Site,
    engine: AsyncEngine,
    transport: httpx2.AsyncBaseTransport,
    *,
    name: str = "acme",
    address: str = ADDRESS,
) -> Copy:
    """Connect the site behind ``transport``; nothing is copied yet."""
    open_uow = open_unit_of_work(engine)
    prober = jira_prober(hash_email=KEY.hash_email, transport=transport)
    connection = await ConnectInstance(open_uow, prober, KEY, utc_now).connect(
        tenant.id, base_url=address, credentials=CREDENTIALS, name=name, actor="tester"
    )
    opener = jira_opener(KEY, hash_email=KEY.hash_email, patience=QUICK, transport=transport)
    return Copy(tenant, connection.instance, site, open_uow, opener, DatabaseLease(engine), transport, engine)


@pytest.fixture
async def copy(tenant: Tenant, site: Site, engine: AsyncEngine, transport: httpx2.AsyncBaseTransport) -> Copy:
    """The site, connected; nothing is copied yet."""
    return await connect_site(tenant, site, engine, transport)


@dataclass(frozen=True)
class Template:
    """A database that holds one finished copy of the generated site, to be copied itself."""

    name: str
    tenant: Tenant
    instance: JiraInstance


@pytest.fixture(scope="session")
def copied_template(postgres: PostgresServer, template: str) -> Template:
    """Copy the site once for all tests that start from a copy."""
    name = f"template_{uuid.uuid4().hex}"
    postgres.create_database(name, template)
    return asyncio.run(_copy_into(Database(postgres, name)))


async def _copy_into(database: Database) -> Template:
    engine = create_engine(database.app_url)
    tenant = await create_tenant(create_single_engine(database.owner_url), "Acme")
    site = make_site()
    copy = await connect_site(tenant, site, engine, mount(site))
    run = await copy.backfill()
    assert run.state is RunState.SUCCEEDED, run.error
    await engine.dispose()
    return Template(database.name, tenant, copy.instance)


@pytest.fixture
async def copied(
    postgres: PostgresServer,
    copied_template: Template,
    make_database: Callable[[str | None], str],
    site: Site,
    transport: httpx2.AsyncBaseTransport,
    open_jira: OpenJira,
) -> AsyncIterator[Copy]:
    """The site, connected and copied once, in a database of its own."""
    database = Database(postgres, make_database(copied_template.name))
    engine = create_engine(database.app_url)
    copy = Copy(
        copied_template.tenant,
        copied_template.instance,
        site,
        open_unit_of_work(engine),
        open_jira,
        DatabaseLease(engine),
        transport,
        engine,
    )
    yield copy
    await engine.dispose()
