"""The program below the commands, bound to one home: what the CLI receives."""

import asyncio
import shlex
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from digital_spiral.application.services import Services
from digital_spiral.bootstrap import telemetry
from digital_spiral.bootstrap.doctor import diagnose
from digital_spiral.bootstrap.readiness import build_readiness
from digital_spiral.bootstrap.services import application_role, build_services, check_database, owner_url
from digital_spiral.bootstrap.supervision import begin_log, embedded_servers, make_usable_home
from digital_spiral.bootstrap.telemetry import metrics_folder
from digital_spiral.domain.errors import Conflict, NotFound
from digital_spiral.infrastructure.config.settings import Settings, load_settings
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.repositories.tenants import find_tenant
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.embedded.folder import home_errors
from digital_spiral.infrastructure.embedded.postgres import postgres_status
from digital_spiral.infrastructure.embedded.redis import redis_status
from digital_spiral.infrastructure.embedded.servers import Servers, ensure_servers, stop_servers
from digital_spiral.infrastructure.observability.metric_files import clear_metric_files
from digital_spiral.infrastructure.queue.celery_app import create_celery
from digital_spiral.infrastructure.queue.worker import run_beat, run_worker
from digital_spiral.interfaces.cli.runtime import Revision, Runtime, Session

if TYPE_CHECKING:
    from digital_spiral.infrastructure.observability.tracing import Tracing

ERASED = ("postgres", "redis", "logs", "metrics", "up.lock")


def open_runtime(home: Path | None) -> Runtime:
    """Bind the program to ``home``, or to the configured one.

    Raises:
        Misconfigured: The environment holds an impossible setting.
    """
    settings = load_settings(home)
    # A command answers on its own; only a process that runs on for itself tells of its everyday work.
    level = settings.log_level if settings.log_level in {"debug", "error"} else "warning"
    telemetry.configure_logging(level, "cli", json=False, redaction=telemetry.redaction_of(settings))
    token = settings.jira_token.get_secret_value() if settings.jira_token else None
    return Runtime(
        home=settings.home,
        jira_token=token,
        make_home=lambda: make_usable_home(settings),
        open_session=lambda: open_session(settings),
        start_servers=lambda: start_servers(settings),
        embedded_servers=lambda: embedded_servers(settings),
        stop_servers=lambda: stop_servers(settings.home),
        erase=lambda: erase(settings),
        upgrade=lambda revision: upgrade(settings, revision),
        downgrade=lambda revision: downgrade(settings, revision),
        revision=lambda: revision(settings),
        work=lambda concurrency: work(settings, concurrency),
        beat=lambda: beat(settings),
        serve=lambda host, port, processes, ready: serve_api(settings, host, port, processes, ready),
        diagnose=lambda: diagnose(settings),
        begin_log=lambda service: begin_log(settings, service),
        clear_metrics=lambda: clear_metric_files(metrics_folder(settings)),
    )


@asynccontextmanager
async def open_session(settings: Settings) -> AsyncIterator[Session]:
    """Start the servers if need be, check role and schema, and open the use cases.

    Raises:
        SpiralError: A server, its role or its schema is not fit.
    """
    servers = ensure_servers(settings)
    await check_database(servers)
    services = build_services(settings, servers)
    try:
        yield Session(
            services=services,
            find_tenant=lambda name_or_id: find_tenant_id(services, servers, name_or_id),
            psql_command=lambda tenant_id: psql_command(servers, tenant_id),
            readiness=build_readiness(servers),
        )
    finally:
        await services.close()


async def find_tenant_id(services: Services, servers: Servers, name_or_id: str | None) -> UUID:
    """Return the id of a tenant; names are known to the owner role only, so it is asked for them.

    Raises:
        NotFound: There is no such tenant, or none at all.
        Conflict: None was named and there are several.
    """
    ids = await services.tenant_ids()
    if name_or_id is None:
        if len(ids) == 1:
            return ids[0]
        if not ids:
            raise NotFound("There is no tenant yet. Make one with `digital-spiral tenants create NAME`.")
        raise Conflict(f"There are {len(ids)} tenants. Say which one with --tenant NAME_OR_ID.")
    for tenant_id in ids:
        if str(tenant_id) == name_or_id.lower():
            return tenant_id
    tenant = await find_tenant(create_single_engine(owner_url(servers)), name_or_id)
    if tenant is None:
        raise NotFound(f"No tenant is called {name_or_id!r}. Make it with `digital-spiral tenants create NAME`.")
    return tenant.id


def psql_command(servers: Servers, tenant_id: UUID) -> str:
    """Return a shell line that opens psql with the rows of one tenant in sight."""
    setting = {SETTING: str(tenant_id)}
    if servers.postgres is not None:
        return servers.postgres.psql_command(setting)
    url = sa.make_url(servers.database_url)
    parts = {"-h": url.host, "-p": url.port, "-U": url.username, "-d": url.database}
    options = [part for name, value in parts.items() if value is not None for part in (name, str(value))]
    return f"PGOPTIONS='-c {SETTING}={tenant_id}' {shlex.join(['psql', *options])}"


def start_servers(settings: Settings) -> bool:
    """Start the embedded servers; return whether this call started all of them.

    When one fails, the others that this call started are stopped.
    """
    make_usable_home(settings)
    running = [] if settings.database_url else [postgres_status(settings.home) is not None]
    running += [] if settings.redis_url else [redis_status(settings.home) is not None]
    all_down = bool(running) and not any(running)
    started = False
    try:
        ensure_servers(settings)
        started = True
    finally:
        if all_down and not started:
            stop_servers(settings.home)
    return all_down


def erase(settings: Settings) -> list[Path]:
    """Stop the embedded servers and delete their data; return what was deleted. The master key stays.

    Raises:
        Conflict: The database is external.
    """
    if settings.database_url is not None:
        raise Conflict(
            "DATABASE_URL names an external database, and `reset` deletes embedded data only. Unset it to reset the "
            "home, or take the external schema down with `digital-spiral db downgrade base`."
        )
    stop_servers(settings.home)
    deleted = []
    with home_errors(settings.home):
        for path in (settings.home / name for name in ERASED):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
            else:
                continue
            deleted.append(path)
    return deleted


def upgrade(settings: Settings, target: str) -> None:
    """Bring the schema to a revision."""
    servers = ensure_servers(settings)
    migrate.upgrade(owner_url(servers), target, app_role=application_role(servers))


def downgrade(settings: Settings, target: str) -> None:
    """Take the schema back to a revision."""
    servers = ensure_servers(settings)
    migrate.downgrade(owner_url(servers), target, app_role=application_role(servers))


def revision(settings: Settings) -> Revision:
    """Read where the schema stands."""
    return Revision(current=migrate.current(ensure_servers(settings).database_url), head=migrate.head())


def work(settings: Settings, concurrency: int | None) -> int:
    """Run a worker until it is told to stop; return its exit status."""
    telemetry.begin_log(settings, "worker")
    servers = ensure_servers(settings)
    asyncio.run(check_database(servers))

    def build() -> tuple[Services, "Tracing | None"]:
        metrics = telemetry.open_metrics(metrics_folder(settings), "worker")
        metrics.note_memory()
        tracing = telemetry.open_tracing(settings, "worker")
        return build_services(settings, servers, metrics, tracing), tracing

    return run_worker(create_celery(servers.broker_url), build, concurrency or settings.worker_concurrency)


def serve_api(
    settings: Settings, host: str | None, port: int | None, processes: int | None, ready: Callable[[str], None]
) -> None:
    """Serve the API until told to stop."""
    # The web framework takes half a second to import, and only this command needs it.
    from digital_spiral.bootstrap.rest import serve

    address = (host or settings.api_host, settings.api_port if port is None else port)
    serve(settings, address, processes or settings.api_processes, ready)


def beat(settings: Settings) -> None:
    """Ask for the sweep for abandoned runs until told to stop."""
    telemetry.begin_log(settings, "beat")
    servers = ensure_servers(settings)
    run_beat(create_celery(servers.broker_url, sweep_seconds=settings.lease_sweep_seconds))
