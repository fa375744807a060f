"""Wiring: settings and server addresses become use cases."""

import asyncio
import resource
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from digital_spiral.application.ports import OpenJira
from digital_spiral.application.services import Services
from digital_spiral.application.use_cases.instances.connect_instance import ConnectInstance
from digital_spiral.application.use_cases.instances.list_instances import ListInstances
from digital_spiral.application.use_cases.instances.remove_instance import RemoveInstance
from digital_spiral.application.use_cases.issues.list_issues import ListIssues
from digital_spiral.application.use_cases.issues.list_projects import ListProjects
from digital_spiral.application.use_cases.issues.read_issue import ReadIssue
from digital_spiral.application.use_cases.sync.run_backfill import RunBackfill
from digital_spiral.application.use_cases.sync.run_status import RunStatus
from digital_spiral.application.use_cases.sync.start_backfill import StartBackfill
from digital_spiral.application.use_cases.sync.sweep import SweepRuns
from digital_spiral.application.use_cases.sync.take_census import TakeCensus
from digital_spiral.application.use_cases.sync.totals import Totals
from digital_spiral.application.use_cases.tenants.authenticate import Authenticate
from digital_spiral.application.use_cases.tenants.create_key import CreateKey
from digital_spiral.application.use_cases.tenants.create_tenant import CreateTenant
from digital_spiral.application.use_cases.tenants.list_keys import ListKeys
from digital_spiral.application.use_cases.tenants.revoke_key import RevokeKey
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.secrets import MasterKey, load_master_key
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.lease import DatabaseLease
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant, tenant_ids
from digital_spiral.infrastructure.database.roles import DEFAULT_APP_ROLE, check_application_role
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.database.unit_of_work import open_unit_of_work
from digital_spiral.infrastructure.embedded.servers import Servers
from digital_spiral.infrastructure.external.jira.open import jira_opener, jira_prober
from digital_spiral.infrastructure.external.jira.watch import Watch, unwatched
from digital_spiral.infrastructure.queue.celery_app import CeleryRunQueue, create_celery

if TYPE_CHECKING:
    from digital_spiral.infrastructure.observability.metrics import Metrics
    from digital_spiral.infrastructure.observability.tracing import Tracing


def build_services(
    settings: Settings, servers: Servers, metrics: "Metrics | None" = None, tracing: "Tracing | None" = None
) -> Services:
    """Return the use cases on these servers. Connections are made when they are first needed.

    Args:
        settings: The settings.
        servers: Addresses of PostgreSQL and Redis.
        metrics: Counts what is done.
        tracing: Makes spans of what is done.

    Raises:
        Misconfigured: The master key or an address cannot be read.
    """
    key = load_master_key(settings)
    engine = create_engine(servers.database_url, watch=metrics, trace=tracing.statement if tracing else None)
    if tracing is not None:
        tracing.instrument_engine(engine)
    open_uow = open_unit_of_work(engine)
    lease = DatabaseLease(engine)
    celery = create_celery(servers.broker_url)
    queue = CeleryRunQueue(celery, tracing)
    watch = _watch_of_jira(metrics, tracing)
    open_jira = build_jira_opener(settings, key, watch)

    async def make_tenant(name: str) -> Tenant:
        return await create_tenant(create_single_engine(owner_url(servers)), name)

    async def all_tenant_ids() -> list[UUID]:
        return await tenant_ids(engine)

    async def close() -> None:
        await engine.dispose()
        celery.close()

    return Services(
        create_tenant=CreateTenant(make_tenant, open_uow, utc_now),
        create_key=CreateKey(open_uow, utc_now),
        keys=ListKeys(open_uow),
        revoke_key=RevokeKey(open_uow, utc_now),
        authenticate=Authenticate(open_uow, utc_now),
        connect_instance=ConnectInstance(open_uow, jira_prober(hash_email=key.hash_email, watch=watch), key, utc_now),
        instances=ListInstances(open_uow),
        remove_instance=RemoveInstance(open_uow, lease, utc_now),
        start_backfill=StartBackfill(open_uow, queue, utc_now),
        run_status=RunStatus(open_uow),
        run_backfill=RunBackfill(
            open_uow,
            open_jira,
            lease,
            utc_now,
            peak_memory,
            batch_size=settings.batch_size,
            in_flight=settings.in_flight_issues,
            meter=metrics,
        ),
        sweep=SweepRuns(all_tenant_ids, open_uow, lease, queue),
        census=TakeCensus(open_uow, open_jira, utc_now),
        totals=Totals(open_uow),
        projects=ListProjects(open_uow),
        issues=ListIssues(open_uow),
        issue=ReadIssue(open_uow),
        tenant_ids=all_tenant_ids,
        close=close,
    )


def build_jira_opener(settings: Settings, key: MasterKey, watch: Watch | None = None) -> OpenJira:
    """Return how stored instances are opened, under the settings' budget of requests."""
    return jira_opener(key, concurrency=settings.jira_concurrency, hash_email=key.hash_email, watch=watch)


def _watch_of_jira(metrics: "Metrics | None", tracing: "Tracing | None") -> Watch:
    return Watch(
        answered=metrics.jira_request if metrics else unwatched,
        retried=metrics.jira_retry if metrics else unwatched,
        instrument=tracing.instrument_client if tracing else unwatched,
    )


def owner_url(servers: Servers) -> str:
    """Return the address for the role that owns the tables.

    Raises:
        Misconfigured: The database is external and the owner's address was not given.
    """
    if servers.owner_url is None:
        raise Misconfigured(
            "This needs the role that owns the tables. Set DATABASE_OWNER_URL to the address of the same database for "
            "that role; DATABASE_URL alone is enough for everything but migrations and tenants."
        )
    return servers.owner_url


def application_role(servers: Servers) -> str:
    """Return the name of the role that DATABASE_URL logs in as."""
    return sa.make_url(servers.database_url).username or DEFAULT_APP_ROLE


async def check_database(servers: Servers) -> None:
    """Refuse a database on which the product must not, or cannot, run.

    Raises:
        Misconfigured: The application role has too many or too few rights, or the schema is not this version's.
        Unavailable: The server cannot be reached.
    """
    await check_application_role(create_single_engine(servers.database_url))
    current, head = await asyncio.to_thread(migrate.current, servers.database_url), migrate.head()
    if current != head:
        raise Misconfigured(
            f"The schema of the database is at revision {current or 'none'}, and this version needs {head}. "
            "Run `digital-spiral db upgrade`."
        )


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def peak_memory() -> int:
    """Return the largest resident set size of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
